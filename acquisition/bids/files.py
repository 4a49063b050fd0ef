"""Private files (0600, in folders 0700) that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from config.errors import JournalError


def make_folder(folder: Path) -> None:
    """A folder, and those above it that are missing, for this user alone."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def create(file: Path) -> BinaryIO:
    """A new file to write to, in place of one that is there."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "wb", buffering=1 << 20)


def keep(stream: BinaryIO) -> None:
    """Close a file once the disk has it."""
    with stream:
        stream.flush()
        os.fsync(stream.fileno())


def write(file: Path, text: str) -> None:
    """A text file as a whole, by way of another name; nothing is done where it says this already."""
    data = text.encode()
    if file.is_file() and file.read_bytes() == data:
        return
    beside = file.with_name(f".{file.name}.new")
    stream = create(beside)
    stream.write(data)
    keep(stream)
    beside.replace(file)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(folder: Path) -> None:
    """A folder and what is in it, where it is there."""
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else works on this session's recording meanwhile; a lock that dies with its process.

    Raises
    ------
    JournalError
        Somebody does.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(
                f"the recording of '{folder}' is being made by another process; wait until it is done, and try again"
            ) from error
        yield
    finally:
        os.close(fd)


def in_use(file: Path) -> bool:
    """Whether a running session is writing this journal."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False

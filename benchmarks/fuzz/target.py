"""What is fuzzed: a reader, valid files for it, and how it is watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.mutate import Mutation

Read = Callable[[bytes], None]
Seeds = Callable[[Path], list[bytes]]
Open = Callable[[Path], Read]

OURS, THEIRS = 100_000, 2_000
"""Damaged files for each parser of ours, and for each of a library."""
SHORT_OURS, SHORT_THEIRS = 1_000, 40


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    name
        As ``--only`` takes it.
    seeds
        Makes valid files, in a folder of its own for what it writes on the way.
    open
        Gives the reader, which may keep files in a folder: called with the bytes of a damaged file.
    library
        Whose code parses, where it is not ours; its memory errors, turned into ours, are no finding then.
    tokens, shaped
        Words and mutations of the format.
    count, short
        Damaged files in a full and in a short run.
    memory_mb
        That a reader may take beyond what it has when all valid files have been read.
    batch
        Files for one child process.
    guided
        Whether a coverage-guided fuzzer can follow it: it is pure Python of ours.
    foreign
        There are no valid files: others stand under a name that is not theirs.
    """

    name: str
    seeds: Seeds
    open: Open
    library: str = ""
    tokens: tuple[bytes, ...] = ()
    shaped: tuple[Mutation, ...] = ()
    count: int = OURS
    short: int = SHORT_OURS
    memory_mb: int = 256
    batch: int = 50_000
    guided: bool = False
    foreign: bool = False

"""What a session leaves behind is for its user alone: modes of files and folders."""

from __future__ import annotations

import os
import stat
from pathlib import Path

UMASK = 0o077
"""Takes every right from group and others."""


def keep_private() -> None:
    """Make every file and folder of this process and its children readable by this user alone, from here on.

    The entries of all processes that write session data call this: recordings, reports, traces, logs and settings are
    personal data, whichever library writes them.
    """
    os.umask(UMASK)


def private_folder(folder: Path) -> Path:
    """A folder that only this user can look into, made if it is not there.

    Raises
    ------
    OSError
        It cannot be made, or belongs to somebody else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if open_to_others(folder):
        folder.chmod(0o700)
    return folder


def open_to_others(path: Path) -> bool:
    """Whether anybody but this user may read or write a path, or owns it; where there are no modes (Windows): no.

    Raises
    ------
    OSError
        The path is not there.
    """
    if os.name == "nt":
        # folders of a user's profile are closed to other users by the system's access lists
        return False
    found = path.stat()
    return found.st_uid != os.getuid() or bool(stat.S_IMODE(found.st_mode) & 0o077)

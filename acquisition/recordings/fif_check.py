"""Whether the tags of a ``.fif`` file lead from its beginning to its end.

MNE follows where each tag says that the next one is, for ever where that leads round in a circle.
"""

from __future__ import annotations

import struct
from pathlib import Path

from config.errors import RecordingError

TAG = struct.Struct(">iiii")  # kind, type, bytes of data, place of the next
SEQUENTIAL, LAST = 0, -1


def check_fif(file: Path) -> None:
    """Follow the tags of a file that is not packed.

    Raises
    ------
    RecordingError
        A tag has a size below zero, or leads to one that was before.
    """
    seen, at = set(), 0
    with file.open("rb") as stream:
        while len(head := stream.read(TAG.size)) == TAG.size:
            _, _, size, following = TAG.unpack(head)
            if size < 0 or following < LAST or at in seen:
                raise RecordingError(f"'{file}' is damaged: its tags lead nowhere, or in a circle; copy it again")
            if following == LAST:
                return
            seen.add(at)
            at = at + TAG.size + size if following == SEQUENTIAL else following
            stream.seek(at)

"""What a dataset is made of: one recording of one session of one person, of one part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import RecordingError

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, order=True)
class Piece:
    """A recording of a dataset.

    Attributes
    ----------
    dataset
        Its name, such as ``things-eeg2``.
    subject, session
        Numbers as the dataset writes them, such as ``08``; ``session`` is empty where there is only one.
    part
        ``training`` or ``test``, a block, or empty.
    path
        The file.
    """

    dataset: str
    subject: str
    session: str
    part: str
    path: Path

    @property
    def name(self) -> str:
        """As shown to people, such as ``sub-08 ses-01 test``."""
        return " ".join(self._words)

    @property
    def slug(self) -> str:
        """Name of a folder."""
        return "_".join(self._words)

    @property
    def _words(self) -> list[str]:
        session = [f"ses-{self.session}"] if self.session else []
        return [f"sub-{self.subject}", *session, *([self.part] if self.part else [])]


Stimuli = Callable[[str], bool]
"""Whether a marker's label is of a part."""
Finder = Callable[[Path], tuple[Piece, ...]]


def same_number(one: str, other: str) -> bool:
    """Whether two ways of writing a subject or session mean the same: ``8``, ``08``, ``sub-08``."""
    left, right = (_DIGITS.findall(text) for text in (one, other))
    return int(left[-1]) == int(right[-1]) if left and right else one == other


def select(
    pieces: Iterable[Piece],
    subjects: Sequence[str] = (),
    sessions: Sequence[str] = (),
    parts: Sequence[str] = (),
) -> tuple[Piece, ...]:
    """Those of some subjects, sessions and parts; empty: all.

    Raises
    ------
    RecordingError
        One that is asked for is not there; says which are.
    """
    left = tuple(pieces)
    wishes = (("subject", subjects), ("session", sessions), ("part", parts))
    for field, wanted in wishes:
        there = sorted({getattr(piece, field) for piece in left})
        for one in wanted:
            if not any(same_number(one, other) for other in there):
                has = ", ".join(f"'{other}'" for other in there) or "none"
                raise RecordingError(f"there is no {field} '{one}'; the {field}s here are {has}")
        if wanted:
            left = tuple(p for p in left if any(same_number(one, getattr(p, field)) for one in wanted))
    return left

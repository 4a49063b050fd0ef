"""Which journals of a session have no run yet. Light: a supervisor looks every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from acquisition.bids import files
from acquisition.bids.layout import Layout
from acquisition.journal_files import part_path, path, segments
from acquisition.journal_format import FILE_HEAD, Header
from acquisition.journal_read import read_file
from config.errors import JournalError

HOLD_S = 15.0
"""A run is finished when so much has been read of what follows it: late markers, verdicts and answers have come."""
SETTLED_S = HOLD_S + 5.0
"""The part before one that is being written is whole after this."""

Wanted = frozenset[tuple[int, int, int]]
"""Segment, part and bytes of journals without a run."""


@dataclass(frozen=True)
class Work:
    """What is to be done in a segment.

    Attributes
    ----------
    segment, parts
        Its number, and its files that are there, from 1.
    wanted
        Parts to make a run of.
    live
        A running session writes the last one.
    """

    segment: int
    parts: tuple[int, ...]
    wanted: frozenset[int]
    live: bool


def pending(folder: Path) -> Wanted:
    """Journals in a session's folder that a run could be made of now; none where the folder cannot be read."""
    try:
        layout = layout_of(folder)
        if layout is None:
            return frozenset()
        return frozenset(
            (one.segment, part, part_path(path(folder, one.segment), part).stat().st_size)
            for one in survey(layout)
            for part in one.wanted
        )
    except (OSError, JournalError):
        return frozenset()


def busy(folder: Path) -> bool:
    """Whether a running session writes a journal in this folder."""
    return any(files.in_use(part_path(path(folder, one), parts[-1])) for one, parts in segments(folder).items())


def survey(layout: Layout, force: bool = False) -> list[Work]:
    """What there is, and what is to be done, segment by segment.

    Parameters
    ----------
    layout
        Of the session.
    force
        Runs that are there are to be made again.
    """
    found = []
    for segment, parts in segments(layout.session).items():
        first = path(layout.session, segment)
        names = {part: part_path(first, part) for part in parts}
        live = files.in_use(names[parts[-1]])
        wanted = {part for part, file in names.items() if _wanted(layout, segment, part, file, force)}
        if live:
            wanted.discard(parts[-1])
            if len(parts) > 1 and time.time() - names[parts[-2]].stat().st_mtime < SETTLED_S:
                wanted.discard(parts[-2])
        found.append(Work(segment, tuple(parts), frozenset(wanted), live))
    return found


def layout_of(folder: Path) -> Layout | None:
    """By the name in the first header that can be read: the session's, whatever its folder is called now."""
    for segment, parts in segments(folder).items():
        for part in parts:
            try:
                first = next(read_file(part_path(path(folder, segment), part)), None)
            except JournalError:
                continue
            if isinstance(first, Header):
                return Layout(folder, first.session)
    return None


def _wanted(layout: Layout, segment: int, part: int, file: Path, force: bool) -> bool:
    size = file.stat().st_size
    return size > FILE_HEAD.size and (force or not layout.complete(segment, part, size))

"""All segments of a session: which have no run yet, and making them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from acquisition.bids import files, sidecars
from acquisition.bids.layout import Layout
from acquisition.bids.segment import Outcome, SegmentExport
from acquisition.bids.survey import Work, layout_of, survey
from acquisition.journal_files import part_path, path, segments
from acquisition.space import free_bytes
from config.errors import JournalError

SPARE_BYTES = 20_000_000
"""Left free where BIDS is made."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """What became of a session's journals.

    Attributes
    ----------
    folder
        Of the session.
    outcomes
        Of each file that was worked on.
    kept
        Runs that were there already.
    live
        A running session writes to it; its last journal was left alone.
    errors
        What could not be read or written, in sentences.
    """

    folder: Path
    outcomes: tuple[Outcome, ...] = ()
    kept: int = 0
    live: bool = False
    errors: tuple[str, ...] = field(default=())


def recover(folder: Path, *, force: bool = False, progress: Progress | None = None) -> Report:
    """Make the runs that a session's journals have and its BIDS folder lacks.

    Parameters
    ----------
    folder
        Of the session.
    force
        Make those again that are there.
    progress
        Told of bytes read, and of bytes to read.

    Raises
    ------
    JournalError
        The folder holds no journal, is worked on by another process, or its disk is full.
    """
    if not segments(folder):
        raise JournalError(f"'{folder}' holds no journal (segment-0000.esj); give the folder of a session")
    try:
        with files.alone(folder):
            layout = layout_of(folder)
            if layout is None:
                raise JournalError(f"no journal in '{folder}' has a header that can be read; nothing can be recovered")
            try:
                return _recover(layout, force, progress)
            finally:
                files.remove(layout.partial)
                with contextlib.suppress(OSError):  # there is something in it, or no folder
                    layout.root.rmdir()
    except OSError as error:
        raise JournalError(
            f"the recording of '{folder}' cannot be made ({error.strerror or error}); see that the disk has room and "
            "the folder can be written, and use 'eegseek recover' again: the journals are untouched"
        ) from error


def _recover(layout: Layout, force: bool, progress: Progress | None) -> Report:
    files.remove(layout.partial)
    todo = survey(layout, force)
    _check_room(layout, todo)
    total = sum(_bytes(layout, one) for one in todo if one.wanted)
    done = 0

    def count(read: int) -> None:
        nonlocal done
        done = min(total, done + read)
        if progress is not None:
            progress(done, total)

    outcomes: list[Outcome] = []
    errors: list[str] = []
    for one in todo:
        if not one.wanted:
            continue
        export = SegmentExport(layout, one.segment, one.parts, one.wanted, live=one.live, progress=count)
        try:
            outcomes += export.run()
        except JournalError as error:
            errors.append(str(error))
            outcomes += export.outcomes
    _write_dataset(layout, todo)
    kept = sum(len(one.parts) - len(one.wanted) - one.live for one in todo)
    return Report(layout.session, tuple(outcomes), kept, any(one.live for one in todo), tuple(errors))


def _bytes(layout: Layout, one: Work) -> int:
    first = path(layout.session, one.segment)
    return sum(part_path(first, part).stat().st_size for part in one.parts)


def _check_room(layout: Layout, todo: list[Work]) -> None:
    first = {one.segment: path(layout.session, one.segment) for one in todo}
    needed = sum(part_path(first[one.segment], part).stat().st_size for one in todo for part in one.wanted)
    free = free_bytes(layout.session)
    if needed and free < needed + SPARE_BYTES:
        raise JournalError(
            f"BIDS of '{layout.session}' needs about {(needed + SPARE_BYTES) / 1e6:.0f} MB, but {free / 1e6:.0f} MB "
            "are free; free space and use 'eegseek recover'; the journals are safe and hold everything"
        )


def _write_dataset(layout: Layout, todo: list[Work]) -> None:
    """What belongs to the dataset as a whole, where it has a run."""
    lines = []
    for one in todo:
        for part in one.parts:
            facts = layout.facts(one.segment, part)
            if facts is not None:
                name = f"eeg/{layout.stem(one.segment, part)}_eeg.vhdr"
                lines.append(f"{name}\t{_utc(str(facts.get('EegseekBegan', 'n/a')))}\n")
    if not lines:
        return
    for name, text in sidecars.dataset(layout, metadata.version("eegseek")).items():
        files.write(layout.root / name, text)
    files.write(layout.scans, "filename\tacq_time\n" + "".join(lines))


def _utc(moment: str) -> str:
    return moment.replace("+00:00", "Z")

"""After a restart: running averages as the former segments of the session left them, from their journals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acquisition import journal
from acquisition.averages import Averages
from acquisition.delivery_account import ASIDE
from acquisition.journal_format import PacketRecord
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Epoch, Output
from config.errors import EegseekError
from wire.clock import boot
from wire.packets import Rejected
from wire.streams import TOPIC_OF

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rebuilt:
    """Averages, and from how many windows and segments they were rebuilt.

    Attributes
    ----------
    last_s
        Stamp of the last sample before this segment; None where there is none, or it is on another clock: of another
        machine, or from before this one was started.
    """

    averages: Averages
    windows: int = 0
    segments: int = 0
    last_s: float | None = None


def rebuild(folder: Path, segment: int, session: str, plan: Plan, stopping: Callable[[], bool]) -> Rebuilt:
    """Run the former segments' raw samples through the same pipeline.

    A segment that cannot be read, or is of another session or montage, is left out with a warning.

    Parameters
    ----------
    folder, segment
        All segments before this one are taken.
    stopping
        Ends the work early.
    """
    averages = Averages(plan.max_stimuli)
    windows = segments = 0
    last_s: float | None = None
    for number in range(segment):
        file = journal.path(folder, number)
        if not file.exists():
            continue
        try:
            added, ended_s = _add(file, session, plan, averages, stopping)
            windows += added
            last_s = last_s if ended_s is None else ended_s
            segments += 1
        except EegseekError as error:
            _log.warning("averages are not continued from '%s': %s", file.name, error)
    return Rebuilt(averages, windows, segments, last_s)


def _add(
    file: Path, session: str, plan: Plan, averages: Averages, stopping: Callable[[], bool]
) -> tuple[int, float | None]:
    """Windows of one journal, added to the averages; how many, and the stamp of its last sample on this clock."""
    paused = _aside(file)
    source = journal.JournalSource(file)
    pipeline = Pipeline(source.open(), plan.whole)
    count = 0
    last_s: float | None = None
    try:
        header = source.header
        if header is None or header.session != session:
            return 0, None
        final = False
        while not final and not stopping():
            chunk = source.read(0.0)
            final = chunk.final
            last_s = float(chunk.stamps[-1]) if chunk.stamps.size else last_s
            count += _take(pipeline.feed(chunk), paused, averages)
        count += _take(pipeline.finish(), paused, averages)
    finally:
        source.close()
    # stamps of before the machine was started count from another zero
    return count, last_s if header.boot and header.boot == boot() else None


def _take(outputs: list[Output], paused: set[int], averages: Averages) -> int:
    epochs = [o for o in outputs if isinstance(o, Epoch) and o.sequence not in paused]
    for epoch in epochs:
        averages.add(epoch.stimulus, epoch.data[0])
    return len(epochs)


def _aside(file: Path) -> set[int]:
    """Sequence numbers of windows that were good, but rejected because the run was paused, or had no encoder yet."""
    topic = TOPIC_OF[Rejected]
    packets = (r.packet for r in journal.read(file) if isinstance(r, PacketRecord) and r.frames[0] == topic)
    return {p.sequence for p in packets if isinstance(p, Rejected) and p.reasons in ASIDE}

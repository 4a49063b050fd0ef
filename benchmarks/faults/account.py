"""What a journal says became of the windows of its segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acquisition import journal
from acquisition.types import Chunk, Gap
from config.errors import JournalError
from wire.packets import Failure, Key, Rejected, Result


@dataclass(frozen=True)
class Account:
    """Of one segment.

    Attributes
    ----------
    begin_s, end_s
        Stamps of its first and last sample.
    samples
        How many.
    onsets
        Stamps of its stimuli.
    answered, refused
        Whole windows.
    gaps
        As written.
    whole, closed
        Nothing in it is torn; it was closed in order.
    """

    begin_s: float
    end_s: float
    samples: int
    onsets: tuple[float, ...]
    answered: int
    refused: int
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    whole: bool
    closed: bool

    @property
    def open(self) -> int:
        """Stimuli whose windows have no end."""
        return len(self.onsets) - self.answered - self.refused

    def open_since(self, seconds: float) -> int:
        """Of those the ones that are not among the stimuli of the last seconds: they should have had one."""
        recent = sum(onset > self.end_s - seconds for onset in self.onsets)
        return max(0, self.open - recent)


def read(file: Path) -> Account:
    """Account of a journal whose every event is a stimulus.

    Raises
    ------
    JournalError
        It cannot be read, or holds no samples.
    """
    stamps: list[float] = []
    onsets: list[float] = []
    answered: set[Key] = set()
    refused: set[Key] = set()
    gaps: list[Gap] = []
    notes: list[str] = []
    samples, whole, closed = 0, True, False
    for record in journal.read(file):
        match record:
            case Chunk():
                samples += len(record.stamps)
                stamps += [float(record.stamps[k]) for k in (0, -1) if len(record.stamps)]
                onsets += [event.stamp for event in record.events]
            case journal.PacketRecord():
                match record.packet:
                    case Result(final=True) as packet:
                        answered.add(packet.key)
                    case Rejected() | Failure() as packet:
                        refused.add(packet.key)
            case Gap():
                gaps.append(record)
            case journal.Note():
                notes.append(record.text)
            case journal.Torn():
                whole = False
            case journal.End():
                closed = True
    if not stamps:
        raise JournalError(f"journal '{file}' holds no samples")
    return Account(
        stamps[0], stamps[-1], samples, tuple(onsets), len(answered), len(refused), tuple(gaps), tuple(notes), whole,
        closed,
    )  # fmt: skip

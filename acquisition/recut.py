"""The raw samples of a journal once more through the pipeline, as the run did it: paused windows apart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from acquisition.averages import Averages
from acquisition.journal_format import Header
from acquisition.packing import Packer
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Early, Epoch, Missed, Output, Refused
from config.errors import JournalError
from wire.packets import Rejected, Window


@dataclass(frozen=True)
class Batch:
    """What one chunk decided.

    Attributes
    ----------
    windows
        As they would be sent; those of a part too, also where the run was paused then: nothing says so of parts.
    rejected
        Refused and missed stimuli.
    paused
        Sequence numbers of windows that were good, and not sent because the run was paused.
    """

    windows: list[Window] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)


class Recut:
    """Windows of a segment, cut again. What a chunk decided stays open until it is known whether the run was paused.

    Parameters
    ----------
    header
        Of the journal.
    plan
        Of the run.
    averages
        As the segment began with.
    chunks
        How many will come: after the last the stream has ended.

    Attributes
    ----------
    open
        (sequence, part) of what is open; the whole window is the last part.
    """

    def __init__(self, header: Header, plan: Plan, averages: Averages, chunks: int) -> None:
        self.header = header
        self.averages = averages
        # its averages would hold paused windows too
        self.pipeline = Pipeline(header.info, plan, Averages(1))
        self.parts = len(plan.window.parts_s)
        self.open: set[tuple[int, int]] = set()
        self._left = chunks
        self._ended = False
        self._outputs: list[Output] = []
        info = header.info
        self._packer = Packer(
            header.session,
            header.segment,
            self.pipeline.channels,
            plan.window.rate_hz,
            info.simulated,
            info.replayed,
            self.parts,
        )

    def feed(self, chunk: Chunk) -> None:
        """Take a chunk; what the one before decided must have been taken.

        Raises
        ------
        JournalError
            It has other channels than the header names.
        """
        wanted = len(self.header.info.channels)
        if chunk.samples.shape[0] != wanted:
            raise JournalError(
                f"the journal holds a chunk of {chunk.samples.shape[0]} channels, its header names {wanted}; another "
                "program wrote it"
            )
        self._left -= 1
        self._hold(self.pipeline.feed(chunk))

    def take(self, paused: Collection[int]) -> Batch:
        """What is open, decided; after the last chunk the end of the stream is what is open next.

        Parameters
        ----------
        paused
            Sequence numbers that were rejected because the run was paused.
        """
        batch = Batch()
        for output in self._outputs:
            match output:
                case Epoch() if output.sequence in paused:
                    batch.paused.append(output.sequence)
                case Epoch():
                    mean = self.averages.add(output.stimulus, output.data[0])
                    batch.windows.append(self._packer.window(_with(output, *mean), 0.0))
                case Early():
                    mean = self.averages.peek(output.epoch.stimulus, output.epoch.data[0])
                    batch.windows.append(self._packer.window(_with(output.epoch, *mean), 0.0, output.part))
                case Refused():
                    batch.rejected.append(self._packer.rejected(output, output.reasons))
                case Missed():
                    batch.rejected.append(self._packer.rejected(output, (f"missed: {output.reason}",)))
        self._hold([])
        if self._left <= 0 and not self._ended:
            self._ended = True
            self._hold(self.pipeline.finish())
        return batch

    def _hold(self, outputs: list[Output]) -> None:
        self._outputs = outputs
        whole = (Epoch, Refused, Missed)
        self.open = {(o.sequence, self.parts) for o in outputs if isinstance(o, whole)}
        self.open |= {(o.epoch.sequence, o.part) for o in outputs if isinstance(o, Early)}


def _with(epoch: Epoch, mean: NDArray[np.float32], repeats: int) -> Epoch:
    return replace(epoch, data=np.stack([epoch.data[0], mean]), repeats=repeats)

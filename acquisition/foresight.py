"""What is about to come, and what can be done before it does: told, begun and rehearsed, and slept until."""

from __future__ import annotations

from acquisition.bursts import Bursts
from acquisition.pipeline import Pipeline
from acquisition.types import Chunk, Epoch, Expected
from wire.packets import Due

BLOCK_S = 0.02
"""Samples taken at once while no window is about to be complete: so long, and up to twice as long."""
NEAR_S = 0.006
"""So long before a window is complete the work on it is rehearsed."""
TOLD_S = 0.05
"""So long before it is complete, or a burst before, everybody is told when it will be."""


class Foresight:
    """The windows that a live pipeline is waiting for.

    Parameters
    ----------
    pipeline
        Of the run.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        rate_hz = pipeline.info.rate_hz
        self._block, self._near = max(1, int(BLOCK_S * rate_hz)), max(1, int(NEAR_S * rate_hz))
        self._bursts = Bursts(rate_hz)
        self._expected: list[Expected] = []
        self._reads = 0
        self._rehearsed = False

    def add(self, chunk: Chunk) -> None:
        """A chunk has come."""
        if chunk.stamps.size:
            self._bursts.add(chunk.stamps.size, float(chunk.stamps[-1]), chunk.arrived)

    def expect(self, one: Expected) -> None:
        """A window will be complete with a sample that is yet to come."""
        self._expected.append(one)

    def due(self) -> list[Due]:
        """Windows that are about to be complete, each told once, with the burst that will bring their last sample."""
        if not self._expected:
            return []
        bursts = self._bursts
        until = bursts.stamp + max(TOLD_S, bursts.length_s)
        near = [one for one in self._expected if one.due_s <= until]
        self._expected = [one for one in self._expected if one.due_s > until]
        return [Due(sequence=one.sequence, due_s=bursts.arrival(one.due_s)) for one in near if one.due_s > bursts.stamp]

    def prepare(self, *, drafts: bool) -> tuple[int, Epoch | None]:
        """What is to be done before the next samples are read.

        A processor that is woken for each chunk has less time for what matters, and no result depends on chunks: so
        samples that complete no window are slept through, its first samples are given out while it is not complete,
        the work on it is rehearsed, and then its very last sample is waited for.

        Parameters
        ----------
        drafts
            A worker can begin with a window's first samples.

        Returns
        -------
        least
            Samples to wait for.
        draft
            First samples of a window to give out now, or None.
        """
        # never the same number twice: multiples of one burst would look like one burst
        self._reads += 1
        block = self._block + self._reads % self._block
        needed, near = self._pipeline.needed(), self._near
        if needed is None:
            return block, None
        early = max(self._pipeline.draft_samples, near) if drafts else near
        if needed > early:
            self._rehearsed = False
            return min(block, needed - early), None
        draft = self._pipeline.draft() if early > near else None
        if needed > near:
            return needed - near, draft
        if not self._rehearsed:
            self._rehearsed = True
            self._pipeline.rehearse()
        return needed, draft

"""What those get who look on: the filtered signal with its markers, for drawing. Nothing waits for it."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np

from acquisition.pipeline import Pipeline
from acquisition.types import Chunk
from wire.packets import Mark, Preview

EVERY_S = 0.1
"""A preview is made so often ..."""
LATER_S = 0.05
"""... or up to so much later, where a window is about to be complete: that goes first."""
NEAR_S = 0.02
AWAY_S = 5.0
"""Not asked for so long, nobody was looking on."""
MOST_MARKS, LONGEST_LABEL = 500, 200
"""A storm of markers, or one as long as a book, must not make a preview that cannot be read."""


class Onlookers:
    """Makes previews of what a pipeline has filtered. It reads the ring and changes nothing.

    Parameters
    ----------
    pipeline
        Of the run.
    session, segment
        Of the run.
    """

    def __init__(self, pipeline: Pipeline, session: str, segment: int) -> None:
        self._pipeline = pipeline
        self._session = session
        self._segment = segment
        self._rule = re.compile(pipeline.plan.markers.stimulus)
        self._marks: list[Mark] = []
        self._next = 0
        self._made_s = self._looked_s = -math.inf

    def look(self, chunk: Chunk, at: float) -> tuple[Preview, ...]:
        """Note the chunk's markers, after the pipeline was fed with it; what is to be sent now, in order.

        One preview, or one for each run of samples without a gap. After a while in which nobody looked on, it begins
        with the newest tenth of a second.

        Parameters
        ----------
        chunk
            As the pipeline got it.
        at
            Acquisition's clock, seconds.
        """
        ring = self._pipeline.ring
        if at - self._looked_s > AWAY_S:
            self._marks, self._made_s = [], -math.inf
            self._next = max(self._next, ring.end - math.ceil(EVERY_S * self._pipeline.info.rate_hz))
        self._looked_s = at
        for event in chunk.events:
            self._mark(event.stamp + self._pipeline.plan.markers.delay_s, event.label)
        since = at - self._made_s
        if since < EVERY_S or (since < EVERY_S + LATER_S and self._near()):
            return ()
        begin, end = max(self._next, ring.start, 0), ring.end
        if begin >= end:
            return ()
        self._made_s, self._next = at, end
        edges = [begin, *(run for run in ring.runs if begin < run < end), end]
        return tuple(self._preview(a, b) for a, b in pairwise(edges) if math.isfinite(ring.stamp(a)))

    def _near(self) -> bool:
        needed = self._pipeline.needed()
        return needed is not None and needed < NEAR_S * self._pipeline.info.rate_hz

    def _mark(self, time_s: float, label: str) -> None:
        if len(self._marks) < MOST_MARKS and math.isfinite(time_s):
            stimulus = self._rule.fullmatch(label) is not None
            self._marks.append(Mark(time_s=time_s, label=label[:LONGEST_LABEL], stimulus=stimulus))

    def _preview(self, begin: int, end: int) -> Preview:
        pipeline = self._pipeline
        marks, self._marks = tuple(self._marks), []
        return Preview(
            session=self._session,
            segment=self._segment,
            sequence=begin,
            first_s=pipeline.ring.stamp(begin),
            rate_hz=pipeline.info.rate_hz,
            channels=pipeline.channels,
            times=end - begin,
            marks=marks,
            simulated=pipeline.info.simulated,
            data=pipeline.ring.filtered(begin, end).astype(np.float32, order="C"),
        )

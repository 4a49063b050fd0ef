"""A segment's journal, file by file, into its runs. Each record is read once; memory does not grow with the journal.

A marker, a gap or an answer may stand in the file after the one that holds its samples: a run is finished once the
journal is some seconds past it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.bids import answers
from acquisition.bids.arrivals import Arrivals
from acquisition.bids.axis import Axis, Placed
from acquisition.bids.layout import Layout
from acquisition.bids.run import Mark, Run
from acquisition.bids.survey import HOLD_S
from acquisition.journal_files import part_path, path
from acquisition.journal_format import Bad, End, Header, Note, PacketRecord, Torn
from acquisition.journal_read import read_file
from acquisition.types import Chunk, Gap
from config.errors import JournalError, WireError
from config.settings import MarkerSettings, Settings
from wire.states import Change

BATCH_S, BATCH = 0.5, 256
"""Chunks are gathered for so long, and so many at most, before their clock is told."""
REMEMBERED = 4096
"""Latest stimuli whose answers find their onsets."""
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one file of a journal.

    Attributes
    ----------
    file
        The journal.
    run
        Name of the run; empty where none was made.
    samples, seconds
        In it.
    torn
        Why the journal's end could not be read; empty where all was.
    torn_bytes
        How much of it.
    damaged
        More than the last record is lost: the disk, or somebody, changed the file.
    """

    file: Path
    run: str = ""
    samples: int = 0
    seconds: float = 0.0
    torn: str = ""
    torn_bytes: int = 0
    damaged: bool = False


@dataclass
class _Part:
    """A file being read or awaiting what follows it; ``run`` is None where it is not wanted."""

    file: Path
    header: Header
    run: Run | None
    samples: int = 0
    torn: Torn | None = None


class SegmentExport:
    """Reads a segment and writes the runs that are wanted of it.

    Parameters
    ----------
    layout, segment
        Which.
    parts
        Its files that are there, from 1, in order.
    wanted
        Those to make a run of.
    live
        The last one is being written: it is read only as far as the one before it needs.
    progress
        Told of bytes read.
    """

    def __init__(
        self,
        layout: Layout,
        segment: int,
        parts: Sequence[int],
        wanted: Collection[int],
        *,
        live: bool = False,
        progress: Progress = lambda _: None,
    ) -> None:
        self.layout = layout
        self.segment = segment
        self.parts = parts
        self.wanted = wanted
        self.live = live
        self.progress = progress
        self.outcomes: list[Outcome] = []
        self._open: list[_Part] = []
        self._axis: Axis | None = None
        self._received = 0
        self._markers = MarkerSettings()
        self._batch: list[Chunk] = []
        self._batched = 0
        self._gaps: set[int] = set()
        self._arrivals = Arrivals()
        self._onsets: OrderedDict[object, tuple[int | None, float]] = OrderedDict()

    def run(self) -> list[Outcome]:
        """Write the runs.

        Raises
        ------
        JournalError
            A journal cannot be read, or a run not be written.
        """
        try:
            for part in self.parts:
                if self.live and part == self.parts[-1] and not self._open:
                    break
                self._read(part)
                if self.live and part == self.parts[-1]:
                    return self.outcomes  # what is open waits for more
            self._settle(last=True)
            while self._open:
                self._finish(self._open.pop(0))
        finally:
            for one in self._open:
                if one.run is not None:
                    one.run.abandon()
        return self.outcomes

    def _read(self, part: int) -> None:
        file = part_path(path(self.layout.session, self.segment), part)
        live = self.live and part == self.parts[-1]
        header = None
        for record in read_file(file):
            match record:
                case Header():
                    header = record
                    self._begin(file, record, wanted=part in self.wanted)
                case Chunk():
                    self._chunk(record)
                case Gap():
                    self._settle()
                    self._gap(record)
                case Note():
                    self._here("note", record.time_s, "Note", record.text, ("Note", record.text[:200]))
                case Bad():
                    self._bad(record)
                case Change():
                    state = f"{record.role}/{record.state}"
                    words = f"{record.name}: {record.message}" if record.message else record.name
                    self._here("state", record.time_s, f"State/{state}", words, ("State", state))
                case PacketRecord():
                    self._settle()
                    self._packet(record)
                case Torn() if self._open and not live:
                    self._open[-1].torn = record
                case End() | _:
                    pass
            if live and len(self._open) == 1:
                return
        if header is None and not live:
            self.outcomes.append(Outcome(file, torn="it was cut off before its first samples"))

    def _begin(self, file: Path, header: Header, *, wanted: bool) -> None:
        self._settle()
        continues = self._axis is not None and header.first_sample == self._received
        begun = self._axis is not None
        if not continues:  # the first file, or one after a file that is missing or torn
            if self._axis is not None:
                self._settle(last=True)
            self._markers = _markers(header)
            self._axis = Axis(header.info, self._markers, header.first_sample)
            missing = header.first_sample - self._received
            self._received = header.first_sample
        run = Run(self.layout, self.segment, header) if wanted else None
        self._open.append(_Part(file, header, run))
        if run is not None:
            run.open()
        if not continues and begun:
            words = f"gap {1000.0 * missing / header.info.rate_hz:.1f} ms: a part of the journal is missing"
            self._mark(_gap_mark(header.first_sample, math.nan, words, header.info.rate_hz))

    def _chunk(self, chunk: Chunk) -> None:
        part, times = self._open[-1], chunk.samples.shape[1]
        if times and chunk.samples.shape[0] != len(part.header.info.channels):
            raise JournalError(
                f"journal '{part.file}' holds a chunk of {chunk.samples.shape[0]} channels, its header names "
                f"{len(part.header.info.channels)}; another program wrote it"
            )
        if times and not self._received and not part.samples:
            self._first(float(chunk.stamps[0]))
        if part.run is not None:
            part.run.chunk(chunk, self._received)
        if times:
            self._arrivals.add(chunk.arrived, self._received)
        part.samples += times
        self._received += times
        self.progress(chunk.samples.nbytes + 16 * times + 64)
        self._batch.append(chunk)
        self._batched += times
        if self._batched >= BATCH_S * part.header.info.rate_hz or len(self._batch) >= BATCH:
            self._settle()

    def _first(self, stamp: float) -> None:
        """The beginning of the segment."""
        words = f"segment {self.segment}"
        cells: dict[str, object] = {
            "duration": 0, "trial_type": "New Segment", "kind": "segment", "stamp": stamp, "text": words,
        }  # fmt: skip
        self._mark(Mark(self._received, 0.0, cells))

    def _settle(self, last: bool = False) -> None:
        """Feed what was gathered to the clock, and write what it tells."""
        axis, batch = self._axis, self._batch
        self._batch, self._batched = [], 0
        if axis is None:
            return
        if batch:
            counters = [chunk.counter for chunk in batch if chunk.samples.shape[1]]
            counted = [counter for counter in counters if counter is not None]
            axis.feed(
                np.concatenate([chunk.stamps for chunk in batch]),
                np.concatenate(counted) if counted and len(counted) == len(counters) else None,
                tuple(event for chunk in batch for event in chunk.events),
            )
        if last:
            axis.finish()
        begun = axis.settled
        placed, gaps, clock = axis.take()
        self._clock(begun - clock.size, clock)
        for gap in gaps:
            self._gap(gap)
        for one in placed:
            self._event(one)
        while len(self._open) > 1 and self._past(self._open[1]):
            self._finish(self._open.pop(0))

    def _past(self, after: _Part) -> bool:
        return self._received - after.header.first_sample >= HOLD_S * after.header.info.rate_hz

    def _clock(self, first: int, stamps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        for one, end in self._spans():
            count = min(max(0, end - first), stamps.size)
            if one.run is not None:
                one.run.clock(stamps[:count])
            first, stamps = first + count, stamps[count:]

    def _spans(self) -> list[tuple[_Part, int]]:
        """Open parts, and the running number after the last sample of each."""
        return [(one, one.header.first_sample + one.samples) for one in self._open]

    def _at(self, number: int | None) -> Run | None:
        """The run that a sample is in; the newest where it is in none."""
        for one, end in self._spans():
            if number is not None and number < end:
                return one.run
        return self._open[-1].run if self._open else None

    def _mark(self, mark: Mark) -> None:
        run = self._at(mark.number)
        if run is not None:
            run.mark(mark)

    def _gap(self, gap: Gap) -> None:
        if gap.index in self._gaps or not self._open:
            return
        self._gaps.add(gap.index)
        rate = self._open[-1].header.info.rate_hz
        words = f"gap {1000.0 * (gap.missing_s or gap.missing / rate):.1f} ms"
        run = self._at(gap.index)
        if run is not None:
            run.gaps += 1
            run.mark(_gap_mark(gap.index, gap.stamp, words, rate))

    def _event(self, one: Placed) -> None:
        types = {"stimulus": "Stimulus", "duplicate": "Duplicate", "marker": "Comment"}
        cells: dict[str, object] = {
            "trial_type": f"{types[one.kind]}/{one.label}",
            "kind": one.kind,
            "label": one.label,
            "stamp": one.stamp,
            "sequence": one.sequence,
        }
        self._mark(Mark(one.number, one.shift_s, cells, ((types[one.kind], one.label),)))
        if one.kind == "stimulus":
            self._onsets[one.label, one.onset_s] = self._onsets[one.sequence] = one.number, one.shift_s
            while len(self._onsets) > 2 * REMEMBERED:
                self._onsets.popitem(last=False)

    def _here(self, kind: str, time_s: float, trial_type: str, words: str, marker: tuple[str, str]) -> None:
        """Something that stands in the journal after the samples that had come by then."""
        cells: dict[str, object] = {"duration": 0, "trial_type": trial_type, "kind": kind, "stamp": time_s}
        number = self._received - 1 if self._received else None
        self._mark(Mark(number, 0.0, {**cells, "text": words}, (marker,)))

    def _bad(self, bad: Bad) -> None:
        """A stretch that a person marked: what arrived in it, in each run that holds some of it."""
        begin = min(self._arrivals.since(bad.time_s - bad.seconds, self._received), self._received - 1)
        for one, end in self._spans():
            first, last = max(begin, one.header.first_sample), min(self._received, end)
            if one.run is None or last <= first:
                continue
            cells: dict[str, object] = {
                "duration": (last - first) / one.header.info.rate_hz, "trial_type": "BAD_marked", "kind": "bad",
                "stamp": bad.time_s - bad.seconds, "text": bad.text,
            }  # fmt: skip
            one.run.mark(Mark(first, 0.0, cells, (("BAD_marked", bad.text[:200]),), last - first))

    def _packet(self, record: PacketRecord) -> None:
        try:
            packet = record.packet
        except WireError:  # of another version of the protocol: it stays in the journal
            return
        for cells in answers.rows(packet):
            key = (cells.get("stimulus"), cells.get("onset_s"))
            found = self._onsets.get(key) or self._onsets.get(cells.get("sequence"))
            run = self._at(found[0] if found else None)
            if run is not None:
                run.answer(cells, run.onset(*found) if found else math.nan)

    def _finish(self, part: _Part) -> None:
        if part.run is None:
            return
        rate = part.header.info.rate_hz
        torn = part.torn
        words, lost = (torn.reason, torn.lost_bytes) if torn else ("", 0)
        damaged = bool(torn) and "ends inside" not in words
        if not part.samples:
            part.run.abandon()
            self.outcomes.append(Outcome(part.file, torn=words or "it holds no samples", torn_bytes=lost))
            return
        facts: dict[str, Any] = {"File": part.file.name, "Bytes": part.file.stat().st_size, "TornBytes": lost}
        part.run.finish(facts)
        stem = part.run.stem
        self.outcomes.append(Outcome(part.file, stem, part.samples, part.samples / rate, words, lost, damaged))


def _gap_mark(number: int, stamp: float, words: str, rate_hz: float) -> Mark:
    cells: dict[str, object] = {
        "duration": 1.0 / rate_hz, "trial_type": "BAD_boundary", "kind": "gap", "stamp": stamp, "text": words,
    }  # fmt: skip
    return Mark(number, 0.0, cells, (("New Segment", words), ("BAD_boundary", words)))


def _markers(header: Header) -> MarkerSettings:
    """Which markers were stimuli: as the run's settings said."""
    try:
        return Settings.model_validate_json(header.settings).markers
    except ValueError:  # settings of another version, or none
        return MarkerSettings()

"""One run of a recording, written as its samples come: under other names first, and there as a whole or not at all."""

from __future__ import annotations

import contextlib
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from acquisition.bids import answers, brainvision, files, sidecars
from acquisition.bids.axis import HELD_S
from acquisition.bids.layout import ENDINGS, JOURNAL_KEY, Layout
from acquisition.journal_format import Header
from acquisition.types import Chunk

_CHUNKS = np.dtype([("first", "<i8"), ("samples", "<i8"), ("arrived", "<f8"), ("offset_s", "<f8")])
_STAMPS = [("number", "<i8"), ("sent", "<f8"), ("stamp", "<f8"), ("clock", "<f8")]


@dataclass(frozen=True)
class Mark:
    """A row of the events, and the lines of the marker file that it makes.

    Attributes
    ----------
    number
        Running number of its sample in the segment; None where there is none.
    shift_s
        Onset minus the time of that sample; without one, minus that of sample 0 of the segment.
    cells
        Of the row, without ``onset``, ``sample`` and ``number``.
    markers
        Type and description of each line of the marker file.
    points
        Samples that they stand for.
    """

    number: int | None
    shift_s: float
    cells: dict[str, object]
    markers: tuple[tuple[str, str], ...] = ()
    points: int = 1


class Run:
    """A run that is being written. The constructor only stores.

    Parameters
    ----------
    layout
        Of the dataset.
    segment
        Its number.
    header
        Of the journal file.
    """

    def __init__(self, layout: Layout, segment: int, header: Header) -> None:
        self.layout = layout
        self.header = header
        self.first = header.first_sample
        self.stem = layout.stem(segment, header.part)
        self.segment = segment
        self.samples = 0
        self.gaps = 0
        self._rate = header.info.rate_hz
        self._names = brainvision.channel_names(header.info.channels)
        self._streams: dict[str, BinaryIO] = {}
        self._tables: dict[str, brainvision.Table] = {}
        self._rows: list[tuple[float, int, Mark]] = []
        self._ordered = 0
        self._markers = 1
        self._waiting: list[NDArray[np.void]] = []
        self._stamps: tuple[float, float] | None = None

    def open(self) -> None:
        """Make the files."""
        files.make_folder(self.layout.partial)
        for ending in ("_eeg.eeg", "_eeg.vmrk", "_events.tsv", "_answers.tsv"):
            self._streams[ending] = files.create(self.layout.partial / f"{self.stem}{ending}")
        counter = [("counter", "<i8")] if self.header.info.has_counter else []
        for ending, dtype in (("_stamps.npy", np.dtype(_STAMPS + counter)), ("_chunks.npy", _CHUNKS)):
            self._tables[ending] = brainvision.Table(self.layout.partial / f"{self.stem}{ending}", dtype)
        self._write("_events.tsv", "\t".join(sidecars.EVENT_COLUMNS) + "\n")
        self._write("_answers.tsv", "\t".join(answers.COLUMNS) + "\n")

    def chunk(self, chunk: Chunk, first: int) -> None:
        """Samples, the first of which has this running number, and their stamps but those without jitter."""
        times = chunk.samples.shape[1]
        if not times:
            return
        if self._stamps is None:
            self._write("_eeg.vmrk", brainvision.markers_head(self.stem, self._date(float(chunk.stamps[0]))))
        self._streams["_eeg.eeg"].write(brainvision.rows(chunk.samples, first))
        self._tables["_chunks.npy"].add(np.array([(first, times, chunk.arrived, chunk.offset_s)], dtype=_CHUNKS))
        records = np.zeros(times, dtype=self._tables["_stamps.npy"].dtype)
        records["number"] = np.arange(first, first + times)
        records["sent"] = chunk.raw_stamps if chunk.raw_stamps.size else math.nan
        records["stamp"] = chunk.stamps
        if "counter" in (records.dtype.names or ()):
            records["counter"] = -1 if chunk.counter is None else chunk.counter
        self._waiting.append(records)
        self.samples += times
        self._stamps = (self._stamps or (float(chunk.stamps[0]), 0.0))[0], float(chunk.stamps[-1])

    def clock(self, stamps: NDArray[np.float64]) -> None:
        """Stamps without jitter of the next samples."""
        while stamps.size and self._waiting:
            records = self._waiting[0]
            count = min(stamps.size, records.shape[0])
            records["clock"][:count] = stamps[:count]
            self._tables["_stamps.npy"].add(records[:count])
            stamps = stamps[count:]
            if count < records.shape[0]:
                self._waiting[0] = records[count:]
            else:
                self._waiting.pop(0)

    def mark(self, mark: Mark) -> None:
        """An event; events are sorted over the last minute."""
        onset = self.onset(mark.number, mark.shift_s)
        heapq.heappush(self._rows, (math.inf if math.isnan(onset) else onset, self._ordered, mark))
        self._ordered += 1
        now = self.samples / self._rate
        while self._rows and self._rows[0][0] < now - HELD_S:
            self._put(heapq.heappop(self._rows)[2])

    def answer(self, cells: dict[str, object], onset: float) -> None:
        """What became of a stimulus."""
        self._write("_answers.tsv", answers.line({**cells, "onset": onset}, answers.COLUMNS))

    def onset(self, number: int | None, shift_s: float) -> float:
        """Seconds on the time axis of this run."""
        if number is None:
            return shift_s - self.first / self._rate
        return (number - self.first) / self._rate + shift_s

    def finish(self, facts: dict[str, Any]) -> None:
        """Write what is left, wait for the disk, and give the files their names."""
        while self._rows:
            self._put(heapq.heappop(self._rows)[2])
        for waiting in self._waiting:  # a stream without stamps that a clock can be told from
            waiting["clock"] = waiting["stamp"]
            self._tables["_stamps.npy"].add(waiting)
        self._waiting = []
        for stream in self._streams.values():
            files.keep(stream)
        for table in self._tables.values():
            table.close()
        first, last = self._stamps or (math.nan, math.nan)
        data_bytes = 4 * self.samples * len(self._names)
        extra = {
            "EegseekSegment": self.segment,
            "EegseekPart": self.header.part,
            "EegseekFirstSample": self.first,
            "EegseekFirstStamp": first,
            "EegseekLastStamp": last,
            "EegseekBegan": self._moment(first).isoformat() if math.isfinite(first) else "n/a",
            "EegseekVersions": self.header.versions,
            JOURNAL_KEY: {"DataBytes": data_bytes, **facts},
        }
        texts = {
            "_channels.tsv": sidecars.channels(self._names, self._rate),
            "_events.json": sidecars.events(),
            "_eeg.json": sidecars.text(sidecars.eeg(self.header.info, self.samples, self.gaps, extra)),
            "_eeg.vhdr": brainvision.header(self.stem, self._names, self._rate),
        }
        for ending, text in texts.items():
            files.write(self.layout.partial / f"{self.stem}{ending}", text)
        self._name()

    def abandon(self) -> None:
        """Let go of everything; harmless after `finish`."""
        for stream in self._streams.values():
            with contextlib.suppress(OSError):  # a full disk does not take what was left to write
                stream.close()
        for table in self._tables.values():
            table.abandon()

    def _name(self) -> None:
        files.make_folder(self.layout.eeg)
        (self.layout.eeg / f"{self.stem}{ENDINGS[-1]}").unlink(missing_ok=True)  # an older one is no longer whole
        for ending in ENDINGS[:-1]:
            self._move(ending)
        files.sync_folder(self.layout.eeg)
        self._move(ENDINGS[-1])
        files.sync_folder(self.layout.eeg)

    def _move(self, ending: str) -> None:
        (self.layout.partial / f"{self.stem}{ending}").replace(self.layout.eeg / f"{self.stem}{ending}")

    def _put(self, mark: Mark) -> None:
        row = None if mark.number is None else mark.number - self.first
        cells: dict[str, object] = {
            **mark.cells,
            "onset": self.onset(mark.number, mark.shift_s),
            "sample": row,
            "number": mark.number,
        }
        self._write("_events.tsv", answers.line(cells, sidecars.EVENT_COLUMNS))
        self._lines(mark.markers if row is not None and 0 <= row < self.samples else (), row or 0, mark.points)

    def _lines(self, markers: Sequence[tuple[str, str]], row: int, points: int) -> None:
        for kind, description in markers:
            self._markers += 1
            self._write("_eeg.vmrk", brainvision.marker(self._markers, kind, description, row, points))

    def _write(self, ending: str, text: str) -> None:
        self._streams[ending].write(text.encode())

    def _moment(self, stamp: float) -> datetime:
        """Wall clock of a stamp: by that of the header, on the same clock."""
        created = datetime.fromisoformat(self.header.created) if self.header.created else datetime.fromtimestamp(0, UTC)
        away = stamp - self.header.clock_s
        # stamps of a former run, or of another clock, tell nothing
        return created + timedelta(seconds=away) if abs(away) < 60.0 and not self.header.info.replayed else created

    def _date(self, stamp: float) -> str:
        return self._moment(stamp).astimezone(UTC).strftime("%Y%m%d%H%M%S%f")

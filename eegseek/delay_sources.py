"""Where `eegseek calibrate-delay` takes a photodiode's channel and markers from: a recording, or live LSL streams."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.dejitter import Dejitter
from acquisition.recordings import read_recording
from acquisition.recordings.recording import Marker
from acquisition.sources.labels import END_LABEL, numeric_label, text_label
from acquisition.sources.lsl_inlet import Inlet
from acquisition.sources.lsl_resolve import Query, channels_of, find
from config.errors import SourceError, UnclearDelay
from config.settings import RecordingSource
from wire import lsl_scope
from wire.clock import now

ANSWER_S = 5.0
PULL_S = 0.2
MOST = 4096
AFTER_S = 1.0
"""Read on for so long after the last marker, so that its light is there."""
Progress = Callable[[float, int], None]


@dataclass(frozen=True)
class Light:
    """A photodiode's channel and markers, on one clock.

    Attributes
    ----------
    trace, stamps
        (times,) each; stamps in s, without jitter.
    markers
        (stamp in s, label) of each.
    rate_hz
        Of the channel.
    """

    trace: NDArray[np.float64]
    stamps: NDArray[np.float64]
    markers: tuple[tuple[float, str], ...]
    rate_hz: float

    def onsets(self, pattern: str) -> NDArray[np.float64]:
        """Stamps of the markers that a regular expression matches, (markers,) s."""
        wanted = re.compile(pattern)
        return np.array([stamp for stamp, label in self.markers if wanted.fullmatch(label) and label != END_LABEL])


def of_recording(settings: RecordingSource) -> Light:
    """Of a recording; ``settings.channels`` names the photodiode's channel.

    Raises
    ------
    RecordingError
        It cannot be read, has no such channel, or no markers.
    """
    recording = read_recording(settings)
    rows = recording.counter(0, recording.n_rows)
    stamps = rows / recording.rate_hz if recording.stamps is None else dejittered(recording.stamps, recording.rate_hz)
    markers = tuple((_stamp(marker, stamps, recording.rate_hz), marker.label) for marker in recording.events)
    return Light(recording.samples[0].astype(np.float64), stamps, markers, recording.rate_hz)


def of_lsl(
    name: str, channel: str, marker_name: str, *, seconds: float, wait_s: float = 10.0, progress: Progress | None = None
) -> Light:
    """Of live streams, until the presenter says that it is over, or the time is up.

    Parameters
    ----------
    name, channel
        Of the stream with the photodiode, and its channel there, by name or by number from 1.
    marker_name
        Of the stream of markers.
    seconds
        Longest time to listen.
    wait_s
        How long to look for the streams.
    progress
        Told seconds and markers so far.

    Raises
    ------
    StreamNotFound, AmbiguousStream, StreamLost
        A stream is not there, is there twice, or went away.
    SourceError
        It has no such channel.
    """
    lsl_scope.listen()
    queries = [
        Query("stream of the photodiode", name, "", "", ("--lsl", "", "")),
        Query("marker stream", marker_name, "", "", ("--stream", "", "")),
    ]
    signal, marks = (Inlet(info).connect() for info in find(queries, wait_s))
    with ExitStack() as stack:
        for inlet in (signal, marks):
            stack.callback(inlet.close)
        column = _column(signal, channel)
        for inlet in (signal, marks):
            inlet.start(ANSWER_S)
        for inlet in (signal, marks):
            inlet.wait_correction(ANSWER_S)
        return _listen(signal, marks, column, seconds, progress)


def dejittered(stamps: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Stamps as acquisition would correct them, losses told from jitter: (times,) s."""
    found = Dejitter(rate_hz).feed(stamps)
    corrected = found.stamps.copy()
    for verdict in found.verdicts:
        corrected[verdict.begin : verdict.begin + len(verdict.stamps)] = verdict.stamps
    return corrected


def _listen(signal: Inlet, marks: Inlet, column: int, seconds: float, progress: Progress | None) -> Light:
    begun, over = now(), np.inf
    trace: list[NDArray[np.float64]] = []
    stamps: list[NDArray[np.float64]] = []
    markers: list[tuple[float, str]] = []
    while now() < min(begun + seconds, over):
        rows, raw = signal.pull(PULL_S, MOST)
        if raw.size:
            trace.append(np.asarray(rows, dtype=np.float64)[:, column])
            stamps.append(raw + (signal.correction(now()) or 0.0))
        for label, stamp in _labelled(marks):
            if label == END_LABEL:
                over = min(over, now() + AFTER_S)
            else:
                markers.append((stamp, label))
        if progress is not None:
            progress(now() - begun, len(markers))
    if not trace:
        raise UnclearDelay(f"stream {signal.identity} sent no sample within {seconds:g} s; start the device")
    rate = signal.identity.rate_hz
    return Light(np.concatenate(trace), dejittered(np.concatenate(stamps), rate), tuple(markers), rate)


def _labelled(marks: Inlet) -> list[tuple[str, float]]:
    rows, raw = marks.pull(0.0, MOST)
    offset = marks.correction(now()) or 0.0
    text = marks.dtype is None
    labels = [text_label(row) if text else numeric_label(np.asarray(row)) for row in rows] if raw.size else []
    return [(label, float(stamp) + offset) for label, stamp in zip(labels, raw, strict=True) if label]


def _column(signal: Inlet, channel: str) -> int:
    identity = signal.identity
    if identity.rate_hz <= 0 or identity.format == "string":
        raise SourceError(f"stream {identity} carries no samples of a photodiode; name another with --lsl")
    labels = channels_of(signal.describe(ANSWER_S)).labels
    if channel in labels:
        return labels.index(channel)
    if channel.isdecimal() and 1 <= int(channel) <= identity.count:
        return int(channel) - 1
    there = ", ".join(label for label in labels if label) or "none with a name"
    raise SourceError(
        f"stream {identity} has no channel '{channel}'; it has: {there}; or give a number from 1 to {identity.count}"
    )


def _stamp(marker: Marker, stamps: NDArray[np.float64], rate_hz: float) -> float:
    """When a marker of a recording was, on the clock of its rows, s."""
    if marker.stamp is not None:
        return float(marker.stamp)
    rows = np.arange(len(stamps))
    inside = float(np.interp(marker.row, rows, stamps))
    return inside + (min(0.0, marker.row) + max(0.0, marker.row - len(stamps) + 1)) / rate_hz

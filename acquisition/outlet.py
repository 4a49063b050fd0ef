"""Play any source through two real LSL outlets, EEG and markers, as a headset and a stimulus program would.

Stamps are t0 + row / rate exactly. A block is pushed when its last sample is due, by absolute deadline; a marker when
its own stamp is due. After the last sample of the source the marker stream sends `END_LABEL`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from acquisition.lsl_outlets import Outlets
from acquisition.pacing import MarkerDue, SampleBlock, Timeline
from acquisition.sources.factory import make_source
from acquisition.sources.labels import END_LABEL
from acquisition.types import Source
from config.errors import EegseekError, SettingsError, SettingsFileError
from config.settings import AnySource, ParticipantSource, RecordingSource
from wire import lifeline, logs
from wire.clock import now

AHEAD_S = 1.0
"""How much is read from the source ahead of time, so that making a sample never delays one."""
_POLL_S = 0.1
Progress = Callable[[float, int], None]


@dataclass
class Played:
    """What was sent.

    Attributes
    ----------
    samples, markers
        How many.
    latest_s
        Longest delay of a push behind its deadline, seconds.
    push_s
        When each sample was pushed, shared monotonic clock, as (samples, time) runs; None: not kept, as hours of it
        need memory.
    """

    samples: int = 0
    markers: int = 0
    latest_s: float = 0.0
    push_s: list[tuple[int, float]] | None = None

    def push_times(self) -> NDArray[np.float64]:
        """When each sample was pushed: (samples,) seconds."""
        runs = self.push_s or []
        counts = np.array([count for count, _ in runs], dtype=np.int64)
        return np.repeat(np.array([time for _, time in runs], dtype=np.float64), counts)


def stream(
    source: Source,
    *,
    name: str,
    source_id: str,
    marker_name: str,
    lan: bool = False,
    wait_consumer_s: float | None = None,
    chunk: int | None = None,
    push_log: Path | None = None,
    speed: float = 1.0,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Played:
    """Play a source through LSL until it ends or ``stop`` is set.

    Parameters
    ----------
    source
        One that does not pace itself (``speed = 0``); the pacing is done here. It is opened and closed here.
    name, source_id
        Of the EEG stream; the marker stream's id is the same with ``-markers``.
    marker_name
        Of the marker stream.
    lan
        Let the local network see both (unencrypted); else this machine only.
    wait_consumer_s
        Longest wait until both streams have a consumer, seconds; None: without end; 0: do not wait.
    chunk
        Samples pushed at once; None: as the source gives them.
    push_log
        A ``.npy`` file for the moment each sample was pushed: float64 (samples,), the shared monotonic clock.
    speed
        Times real time. Stamps keep the nominal rate, so at 10 they run ahead of the clock.
    progress
        Called with seconds and markers sent.

    Raises
    ------
    ProcessError
        No consumer came in time.
    SettingsError
        ``speed`` is not above 0: LSL cannot hold a sender back.
    """
    if speed <= 0:
        raise SettingsError("a stream over LSL needs a speed above 0 (nothing holds it back); or play it directly")
    stop = stop or threading.Event()
    played = Played(push_s=None if push_log is None else [])
    info = source.open()
    outlets = Outlets(info, name=name, source_id=source_id, marker_name=marker_name, lan=lan)
    try:
        with outlets:
            outlets.wait_for_consumers(wait_consumer_s, stop)
            _Player(source, Timeline(info, chunk), outlets, speed, progress, stop).play(played)
            outlets.linger(stop)
    finally:
        source.close()
        if push_log is not None:
            np.save(push_log, played.push_times())
    return played


def stream_settings(
    settings: AnySource,
    *,
    name: str,
    source_id: str,
    marker_name: str | None = None,
    chunk: int | None = None,
    wait: bool = True,
    lan: bool = False,
    push_log: Path | None = None,
) -> None:
    """Play what settings describe, with a progress line on a terminal; SIGINT and SIGTERM end it cleanly."""
    if not isinstance(settings, RecordingSource | ParticipantSource):
        raise SettingsError(f"source.kind '{settings.kind}' is live already; stream a recording or a participant")
    if isinstance(settings, ParticipantSource) and settings.react_to:
        from acquisition.reacted import react

        with _stopping() as stop, _progress_line(name) as progress:
            react(settings, name=name, source_id=source_id, lan=lan, wait=wait, stop=stop, progress=progress)
        return
    source = make_source(settings.model_copy(update={"speed": 0.0}))
    with _stopping() as stop, _progress_line(name) as progress:
        played = stream(
            source,
            name=name,
            source_id=source_id,
            marker_name=marker_name or f"{name}-markers",
            lan=lan,
            wait_consumer_s=None if wait else 0.0,
            chunk=chunk,
            push_log=push_log,
            speed=settings.speed,
            progress=progress,
            stop=stop,
        )
    sys.stderr.write(
        f"streamed {played.samples} samples and {played.markers} markers as '{name}'; "
        f"latest push {played.latest_s * 1e3:.1f} ms behind its time\n"
    )


class _Player:
    """Read ahead, wait for each deadline, push."""

    def __init__(
        self,
        source: Source,
        timeline: Timeline,
        outlets: Outlets,
        speed: float,
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._timeline = timeline
        self._outlets = outlets
        self._speed = speed
        self._progress = progress
        self._stop = stop
        self._queue: deque[SampleBlock | MarkerDue] = deque()
        self._read_all = False

    def play(self, played: Played) -> None:
        self._fill(0.0)
        start = now()
        while self._queue and not self._stop.is_set():
            item = self._queue.popleft()
            deadline = start + item.due_s / self._speed
            self._wait_until(deadline)
            self._push(item, start, deadline, played)
            self._fill(item.due_s)
        if not self._stop.is_set():
            self._outlets.markers.push_sample([END_LABEL], start + self._timeline.length_s)

    def _fill(self, at_s: float) -> None:
        """Read until enough is waiting, or the source has ended."""
        while not self._read_all and not self._stop.is_set():
            if self._queue and self._queue[-1].due_s >= at_s + AHEAD_S:
                return
            chunk = self._source.read(_POLL_S)
            self._queue.extend(self._timeline.feed(chunk))
            self._read_all = chunk.final

    def _wait_until(self, deadline: float) -> None:
        while (left := deadline - now()) > 0 and not self._stop.is_set():
            time.sleep(min(left, _POLL_S))

    def _push(self, item: SampleBlock | MarkerDue, start: float, deadline: float, played: Played) -> None:
        if isinstance(item, MarkerDue):
            self._outlets.markers.push_sample([item.label], start + item.due_s)
            played.markers += 1
            return
        self._outlets.eeg.push_chunk(item.rows, item.stamps_s + start)
        pushed = now()
        played.samples += len(item.stamps_s)
        if played.push_s is not None:
            played.push_s.append((len(item.stamps_s), pushed))
        played.latest_s = max(played.latest_s, pushed - deadline)
        if self._progress is not None:
            self._progress(item.due_s, played.markers)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress_line(name: str) -> Iterator[Progress | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.description}")
    with Bar(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(f"'{name}' waits for a consumer")
        yield lambda seconds, markers: bar.update(task, description=f"'{name}' {seconds:.1f} s, {markers} markers")


def _read_settings(path: Path) -> AnySource:
    adapter: TypeAdapter[AnySource] = TypeAdapter(AnySource)
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsFileError(f"source file '{path}' cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise SettingsFileError(f"source file '{path}' describes no source: {where}: {first['msg']}") from error


def main(arguments: list[str] | None = None) -> int:
    """``python -m acquisition.outlet``: exit code 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="acquisition.outlet", description="Play a source through LSL.")
    parser.add_argument("--source", type=Path, required=True, help="JSON of a source, as in the settings")
    parser.add_argument("--name", required=True)
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--marker-name", help="of the marker stream; one that reacts to another stream has none")
    parser.add_argument("--chunk", type=int, help="samples pushed at once")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for consumers")
    parser.add_argument("--lan", action="store_true", help="let the local network see the streams (unencrypted)")
    parser.add_argument("--push-log", type=Path, help=".npy of when each sample was pushed")
    given = parser.parse_args(arguments)
    if given.chunk is not None and given.chunk < 1:
        parser.error("--chunk must be 1 or more")
    logs.begin("source")
    lifeline.watch()
    try:
        stream_settings(
            _read_settings(given.source),
            name=given.name,
            source_id=given.source_id,
            marker_name=given.marker_name,
            chunk=given.chunk,
            wait=not given.no_wait,
            lan=given.lan,
            push_log=given.push_log,
        )
    except EegseekError as error:
        logs.refused("eegseek", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

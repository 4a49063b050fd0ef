"""``python -m eegseek.session.looker``: look for the headset once, and say what was found as JSON.

A process of its own: a driver that hangs can be ended, and LSL is set up once in each process.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from acquisition.sources.factory import make_source
from config.errors import EegseekError, RecordingError
from config.load import load_settings
from config.settings import AnySource, BrainFlowSource, LslSource, RecordingSource
from eegseek.session.find import Found, Stream
from wire import lifeline
from wire.clock import now

LISTEN_S = 1.5
"""How long samples are counted for."""


def look(source: AnySource, others: list[Path] | None = None) -> Found:
    """Connect, listen for a moment, and let go. What is wrong stands in the answer.

    Parameters
    ----------
    source
        As the run will use it; markers are not looked for where the session sends them itself.
    others
        Further recordings.
    """
    try:
        return _recordings(source, others or []) if isinstance(source, RecordingSource) else _live(source)
    except EegseekError as error:
        from eegseek.doctor import of_source

        checks = of_source(source.kind)
        return Found(
            error=str(error),
            code=error.code,
            library=tuple(f"{check.what}: {check.seen}; {check.mend}" for check in checks if check.state != "ok"),
            streams=tuple(Stream(words=words, sets=sets) for words, sets in getattr(error, "choices", ())),
            works=tuple(check.what for check in checks if check.state == "ok"),
        )
    except ImportError as error:
        return Found(error=f"a library is missing: {error}", code="E300")


def _live(source: AnySource) -> Found:
    reader = make_source(source)
    try:
        info = reader.open()
        begin, count, alive = now(), 0, np.zeros(len(info.channels), dtype=bool)
        first: float | None = None
        last = begin
        while now() - begin < LISTEN_S:
            chunk = reader.read(0.1)
            if not chunk.samples.shape[1]:
                continue
            if first is None:
                # what had waited says nothing of the rate
                first = last = float(chunk.stamps[-1])
                continue
            count += chunk.samples.shape[1]
            last = float(chunk.stamps[-1])
            alive |= np.ptp(chunk.samples, axis=1) > 0
        span = last - (first or last)
        return Found(
            name=info.name,
            channels=info.channels,
            rate_hz=info.rate_hz,
            measured_hz=count / span if span > 0.5 else 0.0,
            dead=tuple(name for name, lives in zip(info.channels, alive, strict=True) if not lives),
            simulated=info.simulated,
            notes=info.notes,
        )
    finally:
        reader.close()


def _recordings(source: RecordingSource, others: list[Path]) -> Found:
    from acquisition.recordings import check_usable, read_recording

    events, found, seconds = [], Found(), 0.0
    for file in (source.file, *map(str, others)):
        recording = read_recording(source.model_copy(update={"file": file}))
        check_usable(recording)
        if found.channels and (recording.channels, recording.rate_hz) != (found.channels, found.rate_hz):
            raise RecordingError(f"'{file}' has other channels, or another rate, than '{source.file}': take them apart")
        events.append(tuple(event.label for event in recording.events))
        seconds += recording.n_rows / recording.rate_hz
        found = Found(
            name=Path(source.file).name,
            channels=recording.channels,
            rate_hz=recording.rate_hz,
            measured_hz=recording.rate_hz,
            simulated=found.simulated or recording.simulated,
            notes=tuple(dict.fromkeys((*found.notes, *recording.notes))),
        )
    return found.model_copy(update={"events": tuple(events), "seconds": seconds})


def without_markers(source: AnySource) -> AnySource:
    """The same source, for a look at its EEG alone."""
    if isinstance(source, LslSource) and source.markers == "stream":
        return source.model_copy(update={"markers": "none"})
    if isinstance(source, BrainFlowSource):
        return source.model_copy(update={"marker_lsl": ""})
    return source


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, whatever was found; 1 where the settings cannot be read."""
    parser = argparse.ArgumentParser(prog="eegseek.session.looker", description="Look for a headset once.")
    parser.add_argument("--config", type=Path, required=True, help="settings of the session (JSON)")
    parser.add_argument("--markers", action="store_true", help="its markers must be there, too")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="further recordings")
    given = parser.parse_args(arguments)
    lifeline.watch()
    try:
        source = load_settings(str(given.config)).source
    except EegseekError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = look(source if given.markers else without_markers(source), given.also)
    sys.stdout.write(found.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

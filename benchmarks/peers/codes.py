"""String markers as numbers, for readers that take no strings: each marker goes out again at once, with its own stamp.

A stimulus program that is used with mne-lsl would send numbers itself; so this is no part of the peer, and is not
charged to it. Markers come a window's length before they are needed, so its delay does not matter either.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from acquisition.sources.labels import END_LABEL

WAIT_S = 60.0


def relay(markers: str, codes: str, out: Path, stop: threading.Event) -> int:
    """Pass markers on until the last one or ``stop``; the exit code.

    Codes count from 1. Each is written as a JSON line: code, label, stamp; the end of the stream has code 0.
    """
    import pylsl

    from wire import lsl_scope

    lsl_scope.restrict()
    info = pylsl.StreamInfo(codes, "Codes", 1, pylsl.IRREGULAR_RATE, pylsl.cf_int32, f"{codes}-id")
    channel = info.desc().append_child("channels").append_child("channel")
    channel.append_child_value("label", "code")
    outlet = pylsl.StreamOutlet(info)
    found = pylsl.resolve_byprop("name", markers, timeout=WAIT_S)
    if not found:
        sys.stderr.write(f"codes: no marker stream '{markers}' within {WAIT_S:g} s\n")
        return 1
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=WAIT_S)
    count = 0
    with out.open("w") as log:
        while not stop.is_set():
            sample, stamp = inlet.pull_sample(timeout=0.2)
            if sample is None:
                continue
            last = sample[0] == END_LABEL
            count += not last
            if not last:
                outlet.push_sample([count], stamp)
            log.write(json.dumps({"code": 0 if last else count, "label": sample[0], "stamp": stamp}) + "\n")
            log.flush()
    inlet.close_stream()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """``python -m benchmarks.peers.codes``: until SIGTERM."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers.codes")
    parser.add_argument("--markers", required=True, help="name of the stream of string markers")
    parser.add_argument("--codes", required=True, help="name of the stream to make")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines of what was passed on")
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return relay(given.markers, given.codes, given.out, stop)


if __name__ == "__main__":
    sys.exit(main())

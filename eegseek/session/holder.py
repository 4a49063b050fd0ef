"""``python -m eegseek.session.holder``: keep the place of a marker stream until the presenter takes it.

Acquisition wants both streams when it starts, and the presenter comes minutes later. This announces the same stream
and sends nothing; when the presenter takes its place, acquisition finds that by name, type and source_id.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from types import FrameType

from wire import lifeline, lsl_scope


def main(arguments: list[str] | None = None) -> int:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser(prog="eegseek.session.holder", description="Hold a marker stream's place.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--lan", action="store_true")
    given = parser.parse_args(arguments)
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    lifeline.watch()
    lsl_scope.restrict(lan=given.lan)
    import pylsl

    info = pylsl.StreamInfo(given.name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, given.source_id)
    info.desc().append_child("eegseek").append_child_value("finite", "false")
    outlet = pylsl.StreamOutlet(info)
    if not given.lan:
        lsl_scope.seal(outlet)
    stop.wait()
    del outlet
    return 0


if __name__ == "__main__":
    sys.exit(main())

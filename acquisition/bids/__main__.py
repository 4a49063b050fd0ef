"""``python -m acquisition.bids FOLDER``: the recordings of a session, made behind a running one or after it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from acquisition.bids.progress import Line, failed, sentences
from acquisition.bids.recover import recover
from config.errors import EegseekError, told
from config.private import keep_private
from wire import logs


def main(argv: list[str] | None = None) -> int:
    """Make what is missing; the exit status, 1 where something could not be read or written."""
    parser = argparse.ArgumentParser(prog="python -m acquisition.bids", description="BIDS of a session's journals.")
    parser.add_argument("folder", type=Path, help="of the session")
    parser.add_argument("--behind", action="store_true", help="only with what the machine has to spare, and quietly")
    arguments = parser.parse_args(argv)
    keep_private()
    if arguments.behind:
        _step_back()
    logs.begin("recordings")
    line = Line(sys.stderr, shown=not arguments.behind)
    try:
        report = recover(arguments.folder, progress=line.tell)
    except EegseekError as error:
        line.end()
        sys.stdout.write(f"{told(error)}\n")
        return 1
    line.end()
    for words in sentences(report):
        sys.stdout.write(f"{words}\n")
    return int(failed(report))


def _step_back() -> None:
    """Give way to everything else, on the processors and on the disk."""
    import psutil

    os.nice(19)
    process = psutil.Process()
    if hasattr(process, "ionice"):
        process.ionice(psutil.IOPRIO_CLASS_IDLE)


if __name__ == "__main__":
    sys.exit(main())

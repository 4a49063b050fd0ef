"""One benchmark in a process of its own: ``python -m benchmarks.all_one NAME --out FILE [--quick] [--data FOLDER]``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.all_table import TABLE, chosen, run_one
from config.errors import EegseekError


def main(argv: list[str] | None = None) -> int:
    """Run it, and write what it found, or why it failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.all_one", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--table", default=TABLE)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    try:
        found: dict[str, Any] = run_one(chosen((given.name,), given.table)[0], quick=given.quick, data=given.data)
    except EegseekError as error:
        found = {"failed": str(error)}
    except Exception as error:  # the top of this process: the others go on
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    given.out.write_text(json.dumps(found), "utf-8")
    return 1 if "failed" in found else 0


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(143)  # unwinds, so that the processes of the benchmark are ended


if __name__ == "__main__":
    sys.exit(main())

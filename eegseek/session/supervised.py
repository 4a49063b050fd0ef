"""``python -m eegseek.session.supervised``: the run of a guided session, watched as every run is, without a screen."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.errors import EegseekError, told
from config.load import load_settings
from config.private import keep_private
from eegseek.supervise import supervise
from wire import lifeline


def main(arguments: list[str] | None = None) -> int:
    """Exit code of the run; what went wrong is the last line on standard error."""
    parser = argparse.ArgumentParser(prog="eegseek.session.supervised", description="The run of a guided session.")
    parser.add_argument("--config", type=Path, required=True, help="settings (JSON)")
    given = parser.parse_args(arguments)
    keep_private()
    lifeline.watch()
    try:
        supervise(load_settings(str(given.config)), headless=True)
    except EegseekError as error:
        sys.stderr.write(f"eegseek: {told(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m display.dashboard``: the dashboard of a run, joined and left at any time."""

from __future__ import annotations

import argparse
import sys

from config.errors import EegseekError
from config.load import load_settings
from config.private import keep_private
from display.dashboard.process import serve_dashboard
from wire import lifeline, logs


def parser() -> argparse.ArgumentParser:
    """Options of the process."""
    made = argparse.ArgumentParser(prog="python -m display.dashboard", description="Show a run in the browser.")
    made.add_argument("--config", help="settings file, TOML or JSON")
    made.add_argument("--preset", help="start from a preset")
    made.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="override settings")
    made.add_argument("--name", default="dashboard", help="name that acquisition lists this display by")
    made.add_argument("--with-run", action="store_true", help="end soon after the run has ended")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the dashboard; the exit code."""
    given = parser().parse_args(arguments)
    keep_private()
    logs.begin(given.name)
    lifeline.watch(lifeline.OTHERS_S)
    try:
        settings = load_settings(given.config, given.preset, given.set)
        return serve_dashboard(settings, name=given.name, with_run=given.with_run)
    except EegseekError as error:
        logs.refused("dashboard", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""``python -m display``: a display of a run, joined and left at any time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.errors import EegseekError
from config.load import load_settings
from config.private import keep_private
from display.process import Options, show
from wire import lifeline, logs, tuning


def parser() -> argparse.ArgumentParser:
    """Options of the process."""
    made = argparse.ArgumentParser(
        prog="python -m display", description="Show a run: answers, accuracy, latency, state."
    )
    made.add_argument("--config", help="settings file, TOML")
    made.add_argument("--preset", help="start from a preset")
    made.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="override settings")
    made.add_argument("--plain", action="store_true", help="log lines in place of the live screen")
    made.add_argument("--headless", action="store_true", help="draw nothing; changes of state and a summary only")
    made.add_argument("--lsl", action="store_true", help="an LSL outlet eegseek-results, on this machine only")
    made.add_argument("--report", metavar="FILE", help="write the final numbers here, as JSON")
    made.add_argument("--trace", type=Path, metavar="FILE", help="write every result shown here, as JSON lines")
    made.add_argument("--name", default="", help="name that acquisition lists this display by")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run a display; the exit code."""
    given = parser().parse_args(arguments)
    keep_private()
    logs.begin(given.name or "display")
    lifeline.watch(lifeline.OTHERS_S)
    tuning.keep_memory()
    overrides = list(given.set)
    overrides += ["display.plain=true"] * given.plain + ["display.lsl=true"] * given.lsl
    try:
        settings = load_settings(given.config, given.preset, overrides)
        if given.report:  # not as an override: a path may hold any character
            shown = settings.display.model_copy(update={"report": given.report})
            settings = settings.model_copy(update={"display": shown})
        return show(settings, Options(given.headless, given.trace, given.name))
    except EegseekError as error:
        logs.refused("display", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())

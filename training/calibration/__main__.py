"""``python -m training.calibration``: train while a session's calibration is shown."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.calibration import CalibrationRules
from config.errors import EegseekError, SettingsError
from config.load import load_settings
from config.private import keep_private
from wire import lifeline, logs


def parser() -> argparse.ArgumentParser:
    """Options of the process."""
    made = argparse.ArgumentParser(
        prog="python -m training.calibration",
        description="Train a decoder on the windows of a running session, and test every block against chance.",
    )
    made.add_argument("--config", required=True, help="settings file of the session, TOML or JSON")
    made.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="override settings")
    made.add_argument("--plan", required=True, type=Path, help="what the presenter shows (plan.json)")
    made.add_argument(
        "--former",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="earlier session of the same person, learned from; may be repeated",
    )
    made.add_argument(
        "--align",
        choices=["monge", "euclidean", "none"],
        default="monge",
        help="how its windows are fitted to this one's",
    )
    made.add_argument("--decoder", choices=["riemann", "ensemble"], default="riemann")
    made.add_argument("--alpha", type=float, default=0.05, help="most false alarms a session (0.05)")
    made.add_argument("--to-the-end", action="store_true", help="decide nothing before the last planned block")
    made.add_argument("--runs", type=int, default=1, help="go on over so many runs of acquisition (1)")
    made.add_argument("--name", default="calibration", help="name that acquisition lists this process by")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Calibrate; the exit code: 0 also where nothing can be decoded."""
    given = parser().parse_args(arguments)
    keep_private()
    logs.begin(given.name)
    lifeline.watch(lifeline.OTHERS_S)
    try:
        if not 0 < given.alpha < 0.5:
            raise SettingsError(f"alpha {given.alpha:g} must lie between 0 and 0.5, such as 0.05")
        settings = load_settings(given.config, None, given.set)
        # the decoders' libraries take seconds to load: what is mistyped is said before
        from training.calibration.process import Options, calibrate

        rules = CalibrationRules(
            decoder=given.decoder, alpha=given.alpha, align=given.align, to_the_end=given.to_the_end
        )
        progress = calibrate(settings, Options(given.plan, rules, tuple(given.former), given.name, given.runs))
    except EegseekError as error:
        logs.refused(given.name, error)
        return 1
    sys.stdout.write(f"{progress.verdict}: {progress.words}\n")
    for words in progress.warnings:
        sys.stdout.write(f"warning: {words}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

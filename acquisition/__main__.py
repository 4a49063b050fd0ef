"""``python -m acquisition``: a stream in, windows to workers, answers to everybody."""

from __future__ import annotations

import argparse
import os
import sys

SWITCH_S = 0.0005
"""How long one thread may keep the interpreter while the other has a message to pass on."""


def main(argv: list[str] | None = None) -> int:
    """Run acquisition until its source ends or it is told to stop; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m acquisition", description="EEG in, windows out, answers published."
    )
    parser.add_argument("--config", metavar="FILE", help="settings, .toml or .json")
    parser.add_argument("--preset", metavar="NAME", help="settings to start from")
    parser.add_argument("--set", metavar="SECTION.KEY=VALUE", action="append", default=[], dest="overrides")
    arguments = parser.parse_args(argv)
    # read by OpenBLAS and OpenMP when they are first imported, so before anything else of ours
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

    from config.private import keep_private
    from wire import lifeline, logs, tuning

    keep_private()
    logs.begin("acquisition")
    from acquisition.process import run
    from acquisition.switches import Switches
    from config.errors import EegseekError
    from config.load import load_settings

    tuning.keep_memory()
    switches = Switches()
    switches.install()
    lifeline.watch()
    sys.setswitchinterval(SWITCH_S)
    try:
        run(load_settings(arguments.config, arguments.preset, arguments.overrides), switches)
    except EegseekError as error:
        logs.refused("acquisition", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m inference``: a worker."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import NoReturn


def main(argv: list[str] | None = None) -> int:
    """Run a worker until it is told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m inference", description="A worker: windows in, results out.")
    parser.add_argument("--config", metavar="FILE", help="settings, .toml or .json")
    parser.add_argument("--preset", metavar="NAME", help="settings to start from")
    parser.add_argument("--set", metavar="SECTION.KEY=VALUE", action="append", default=[], dest="overrides")
    parser.add_argument("--name", default=f"worker-{os.getpid()}", help="name of this worker, unique in the run")
    parser.add_argument("--spare", action="store_true", help="only work while no other worker is alive")
    arguments = parser.parse_args(argv)
    # read by OpenBLAS and OpenMP when they are first imported, so before anything else of ours
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

    from config.private import keep_private
    from wire import lifeline, logs, tuning

    keep_private()
    logs.begin(arguments.name)
    from config.errors import EegseekError
    from config.load import load_settings
    from inference.process import StopFlag, run

    tuning.keep_memory()
    stop = StopFlag()
    stop.install()
    lifeline.watch(lifeline.OTHERS_S)
    try:
        settings = load_settings(arguments.config, arguments.preset, arguments.overrides)
        run(settings, arguments.name, arguments.spare, stop)
    except EegseekError as error:
        logs.refused("inference", error)
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """End at once: all is handed over, and taking torch down touches pages that may have to be read from disk again."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())

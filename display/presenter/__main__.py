"""``python -m display.presenter``: show a plan, as a process of a session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.errors import EegseekError, SettingsError
from config.presentation import read_plan
from config.private import keep_private
from display.presenter.markers import NAME
from display.presenter.process import Options, present
from wire import lifeline, logs


def parser() -> argparse.ArgumentParser:
    """Options of the process."""
    made = argparse.ArgumentParser(prog="python -m display.presenter", description="Show a plan, and send markers.")
    made.add_argument("--plan", type=Path, required=True, help="plan, JSON")
    made.add_argument("--log", type=Path, required=True, help="JSON lines of what was shown are appended here")
    made.add_argument("--stream", default=NAME, help="name of the LSL stream of markers")
    made.add_argument("--lan", action="store_true", help="let the local network see the stream (unencrypted)")
    made.add_argument("--size", default="", metavar="WxH", help="a window of so many pixels; else the full screen")
    made.add_argument("--display", type=int, default=0, help="which screen, from 0")
    made.add_argument("--no-vsync", action="store_true", help="do not ask for vertical sync")
    made.add_argument("--no-wait", action="store_true", help="begin although nobody listens to the markers")
    made.add_argument("--wait", type=float, metavar="S", help="give up when nobody listens for so long, s")
    made.add_argument("--unattended", type=float, metavar="S", help="pauses end by themselves after so long, s")
    made.add_argument("--report", type=Path, help="write the numbers here, JSON")
    return made


def window_size(text: str) -> tuple[int, int] | None:
    """Size of a window, such as ``1280x720``; None for the full screen (an empty text).

    Raises
    ------
    SettingsError
        It is no size.
    """
    if not text:
        return None
    wide, _, high = text.lower().partition("x")
    if not (wide.isdecimal() and high.isdecimal() and 100 <= int(wide) <= 16384 and 100 <= int(high) <= 16384):
        raise SettingsError(f"'{text}' is no size of a window; give pixels such as 1280x720, each from 100 to 16384")
    return int(wide), int(high)


def main(arguments: list[str] | None = None) -> int:
    """Show a plan; the exit status."""
    given = parser().parse_args(arguments)
    keep_private()
    logs.begin("presenter")
    lifeline.watch()
    try:
        options = Options(
            log=given.log,
            stream=given.stream,
            lan=given.lan,
            size=window_size(given.size),
            display=given.display,
            vsync=not given.no_vsync,
            wait_s=0.0 if given.no_wait else given.wait,
            unattended_s=given.unattended,
            report=given.report,
        )
        return present(read_plan(given.plan), options)
    except EegseekError as error:
        logs.refused("presenter", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())

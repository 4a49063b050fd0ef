"""One presentation from beginning to end: checks, stream, window, pictures, trials, report."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from config.errors import OutputError, ProcessError, ScreenError
from config.presentation import Plan
from display.presenter import pictures, timing
from display.presenter.frames import length_s, reached
from display.presenter.log import Log
from display.presenter.make import warnings
from display.presenter.markers import NAME, SETTLE_S, Markers
from display.presenter.show import Ended, Ending, Show
from display.presenter.window import Window
from wire.clock import now

ABORTED = 3
"""Exit status where a person ended it: Esc, Ctrl-C, or the window closed."""
Told = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """How to present, apart from what.

    Attributes
    ----------
    log
        File of JSON lines that events are appended to.
    stream
        Name of the LSL stream of markers.
    lan
        Let the local network see it (unencrypted).
    size
        Of a window, pixels; None: the full screen.
    display
        Which screen, from 0.
    vsync
        Ask for vertical sync.
    wait_s
        How long to wait for somebody who listens, s; None: without end; 0: not at all.
    unattended_s
        Pauses end by themselves after so long, s; None: as the plan says.
    report
        File for the numbers, JSON; None: none.
    """

    log: Path
    stream: str = NAME
    lan: bool = False
    size: tuple[int, int] | None = None
    display: int = 0
    vsync: bool = True
    wait_s: float | None = None
    unattended_s: float | None = None
    report: Path | None = None


def say(line: str) -> None:
    """Write a line for people."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def present(plan: Plan, options: Options, told: Told = say) -> int:
    """Show a plan.

    Returns
    -------
    Exit status: 0 where all was shown or it was asked to stop (SIGTERM), ``ABORTED`` where a person ended it.

    Raises
    ------
    PlanError
        A picture is missing or damaged, or the screen cannot show it so. Nothing was shown.
    ScreenError
        There is no screen, or it was lost.
    AmbiguousStream
        There is a stream of that name.
    ProcessError
        Nobody listened in time.
    OutputError
        Log or report cannot be written.
    """
    pictures.check_missing(plan.stimuli)
    markers = Markers(options.stream, simulated=plan.simulated, lan=options.lan)
    window = Window(plan.look, size=options.size, display=options.display, vsync=options.vsync)
    with ExitStack() as stack:
        asked = stack.enter_context(_signals())
        stack.callback(markers.close)
        markers.open()  # before the window, which would cover that of another presenter
        stack.callback(window.close)
        screen = window.open()
        for words in (*warnings(plan), *reached(plan, screen.rate_hz)):
            told(f"note: {words}")
        pictures.check_room(len(plan.stimuli), window.side)
        log = stack.enter_context(Log(options.log))  # what was refused leaves no empty file
        log.begin(
            plan=plan.name, mode=plan.mode, seed=plan.seed, simulated=plan.simulated, stream=options.stream,
            trials=sum(1 for _ in plan.trials()), blocks=len(plan.blocks), screen=screen.table(),
        )  # fmt: skip
        show = Show(
            plan, window, markers, log, rate_hz=screen.rate_hz, clock=now, asked=asked,
            unattended_s=options.unattended_s,
        )  # fmt: skip
        ended = _run(show, window, markers, log, options, told)
    found = _numbers(plan, show, screen, ended)
    for line in _lines(plan, show, screen, ended, options.log):
        told(line)
    if options.report is not None:
        _write(options.report, found)
    return ABORTED if ended == "aborted" else 0


def _run(show: Show, window: Window, markers: Markers, log: Log, options: Options, told: Told) -> Ended:
    """Load, wait, show; whatever happens, the last marker is sent and the log is closed with how it ended."""
    import pygame

    ended: Ended = "failed"
    try:
        try:
            _load(show, window, told)
            _wait(show, markers, log, options, told)
            told(f"showing '{show.plan.name}': {_minutes(length_s(show.plan))} without pauses")
            ended = show.run()
        except Ending as ending:
            ended = ending.how
        except pygame.error as error:
            raise ScreenError(f"the screen was lost while pictures were shown: {error}") from error
    finally:
        end_s = markers.end()
        timed = timing.measure(show.shown.stamps, window.screen.rate_hz, show.shown.marker_s)
        log.write("timing", **({} if timed is None else timed.table()))
        hits, targets, false = show.shown.responses
        log.write(
            "end", time_s=end_s, ended=ended, trials=show.shown.trials, unheard=show.shown.unheard,
            targets=targets, hits=hits, false_presses=false,
        )  # fmt: skip
        window.close()
        markers.linger()
    return ended


def _load(show: Show, window: Window, told: Told) -> None:
    """Make every picture ready, with a bar."""
    stimuli = show.plan.stimuli
    words, drawn = f"Loading {len(stimuli)} pictures", -1.0

    def ready(row: int, pixels: pictures.Pixels) -> None:
        nonlocal drawn
        window.take(row, pixels)
        if now() - drawn > 0.05 or row + 1 == len(stimuli):
            drawn = now()
            window.words(words, share=(row + 1) / len(stimuli))
            window.flip()
            show.keys()

    told(f"loading {len(stimuli)} pictures of {window.side} pixels")
    pictures.load(stimuli, window.side, show.plan.look.background, ready)


def _wait(show: Show, markers: Markers, log: Log, options: Options, told: Told) -> None:
    """Wait until the stream is known to be the only one of its name, and somebody listens."""
    show.hold(f"Looking for other streams called '{options.stream}'", markers.alone)
    if options.wait_s == 0:
        return
    until = None if options.wait_s is None else now() + options.wait_s
    if not markers.heard:
        told(f"waiting until somebody listens to the LSL stream '{options.stream}' (--no-wait goes on without)")

    def heard() -> bool:
        if until is not None and now() >= until and not markers.heard:
            raise ProcessError(
                f"nobody listened to the marker stream '{options.stream}' within {options.wait_s:g} s; start what "
                "records, or give --no-wait"
            )
        return markers.heard

    settled: float | None = None
    while settled is None or not markers.heard:  # a connection may break as soon as it is made
        show.hold(f"Waiting until somebody listens to the markers, '{options.stream}'", heard)
        settled = now() + SETTLE_S
        show.hold("Somebody listens", partial(_past, settled))
    log.write("heard")


def _past(at_s: float) -> bool:
    return now() >= at_s


@contextmanager
def _signals() -> Iterator[Callable[[], Ended | None]]:
    """What a signal asked for: SIGTERM to stop, SIGINT to abort."""
    asked: list[Ended] = []
    meaning: dict[int, Ended] = {signal.SIGTERM: "stopped", signal.SIGINT: "aborted"}

    def handle(number: int, frame: FrameType | None) -> None:
        asked.append(meaning[number])

    before = {number: signal.signal(number, handle) for number in meaning}
    try:
        yield lambda: asked[0] if asked else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lines(plan: Plan, show: Show, screen: timing.Screen, ended: Ended, log: Path) -> Iterator[str]:
    shown, planned = show.shown, sum(1 for _ in plan.trials())
    yield from timing.report(timing.measure(shown.stamps, screen.rate_hz, shown.marker_s), screen)
    hits, targets, false = shown.responses
    if targets:
        yield f"space was pressed at {hits} of {targets} targets, and {false} times without one"
    if shown.unheard:
        yield f"{shown.unheard} markers went out while nobody listened; the log has them"
    yield f"{ended}: {shown.trials} of {planned} trials were shown; log: {log}"


def _numbers(plan: Plan, show: Show, screen: timing.Screen, ended: Ended) -> dict[str, Any]:
    timed = timing.measure(show.shown.stamps, screen.rate_hz, show.shown.marker_s)
    hits, targets, false = show.shown.responses
    return {
        "plan": plan.name,
        "ended": ended,
        "trials": show.shown.trials,
        "planned": sum(1 for _ in plan.trials()),
        "unheard": show.shown.unheard,
        "targets": targets,
        "hits": hits,
        "false_presses": false,
        "screen": screen.table(),
        "timing": None if timed is None else timed.table(),
    }


def _write(path: Path, numbers: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(f"report '{path}' cannot be written: {error.strerror}; choose another place") from error


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"

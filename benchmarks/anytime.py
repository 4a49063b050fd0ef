"""Answers before the window ends: accuracy against time, on real headset recordings and beside an ideal observer.

What "the whole window" is was fixed beforehand: the preset's 0.6 s for the headset, as in the figures asked for, and
1.0 s for participant v1. See `benchmarks.anytime_muse` and `benchmarks.anytime_v1`.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import anytime_muse, anytime_v1, targets
from benchmarks.anytime_options import MUSE, PARTICIPANT, AnytimeOptions
from benchmarks.anytime_show import check_figure, draw, show
from benchmarks.machine import machine
from benchmarks.reporting import write_json
from training.progress import bar

ASKED = {"left-right": ((0.3, 0.03), (0.5, 0.01)), "n170": ((0.4, 0.01),)}
"""Data set to ends, s, and how far short of the whole window's AUC they may be."""
LATER_S = 0.05
"""Than the ideal observer, an encoder may reach `anytime_v1.SHARE` of its own accuracy."""


def run_anytime(options: AnytimeOptions, console: Console | None = None) -> dict[str, Any]:
    """Measure, print tables, draw, and write the JSON.

    Parameters
    ----------
    options
        What to measure.
    console
        Where to tell how far it is.

    Returns
    -------
    dict
        ``studies`` (by name, see `anytime_muse.measure` and `anytime_v1.measure`), ``targets``, ``seconds``,
        ``machine``, ``options``.

    Raises
    ------
    SettingsError
        The options make no study, or a file cannot be written.
    RecordingError, SourceError
        The data are not there.
    """
    options.check()
    check_figure(options.figure)
    began = time.monotonic()
    found: dict[str, Any] = {"machine": machine(), "options": _described(options), "studies": {}}
    with bar(console) as progress:
        for name in options.wanted:
            if name in MUSE:
                study = anytime_muse.measure(name, options.data, options.inner, options.seed, progress)
            else:
                study = anytime_v1.measure(options, progress)
            found["studies"][name] = study
    found |= {"targets": _targets(found["studies"]), "seconds": round(time.monotonic() - began, 1)}
    show(found, Console())
    if options.figure is not None:
        draw(found, options.figure)
    write_json(found, options.json)
    return found


def _targets(studies: dict[str, Any]) -> list[targets.Target]:
    wanted = []
    for name, asked in ASKED.items():
        for end_s, most in asked:
            if name in studies:
                study = studies[name]
                short = study["short_of_whole"][study["ends_s"].index(end_s)]
                what = f"muse/{name}: AUC at {1000 * end_s:.0f} ms short of the whole window's"
                wanted.append(targets.at_most(what, most, round(short, 4), "AUC"))
    if PARTICIPANT in studies:
        study = studies[PARTICIPANT]
        for name, one in study["decoders"].items():
            if name != anytime_v1.IDEAL:
                later = 1000 * (one["reaches_s"] - study["ideal_reaches_s"])
                what = f"participant v1: {name} at 95 % of its own whole window after the ideal observer"
                wanted.append(targets.at_most(what, 1000 * LATER_S, round(later, 1), "ms"))
    return wanted


def _described(options: AnytimeOptions) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}

"""The benchmarks of `eegseek bench all`: name, function, options, and how long each may take."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from config.errors import SettingsError


@dataclass(frozen=True)
class Bench:
    """A benchmark: a function that takes options and returns a dict with ``targets``.

    Attributes
    ----------
    name
        As ``--only`` takes it.
    function
        ``module:function``.
    limit_s
        Longest time that it may take.
    given, quick
        Options that differ from their defaults; ``quick`` are put over them for a quick call.
    data
        Whether it takes the option ``data``, the folder of genuine recordings, and cannot do without.
    """

    name: str
    function: str
    limit_s: float
    given: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    data: Literal["none", "optional", "needed"] = "none"


BENCHES: tuple[Bench, ...] = (
    Bench("latency", "benchmarks.latency:run_latency", 900, {"peers": ("mne-lsl",)}, {"seconds": 15.0}),
    Bench("anytime", "benchmarks.anytime:run_anytime", 1500, {}, {"studies": ("left-right",)}, "needed"),
    Bench(
        "gallery", "benchmarks.gallery:run_gallery", 1800, {},
        {"sizes": (200, 16_540), "queries": 50, "target": 16_540}, "optional",
    ),
    Bench("edits", "benchmarks.edits:run_edits", 600),
    Bench(
        "replay-speed", "benchmarks.throughput:run_replay_speed", 600, {},
        {"seconds": 120.0, "encoders": ("eegproject",), "check_s": 8.0},
    ),
    Bench("high-rate", "benchmarks.high_rate:run_high_rate", 600, {"seconds": 60.0}, {"seconds": 15.0}),
    Bench("workers", "benchmarks.workers:run_workers", 600, {}, {"seconds": 3.0}),
    Bench("start", "benchmarks.start:run_start", 600, {}, {"tries": 2, "cold": 0}),
    Bench("dashboard", "benchmarks.dashboard:run_dashboard", 600, {}, {"seconds": 4.0}),
    Bench("scale", "benchmarks.scale:run_scale", 600, {}, {"quick": True}),
)  # fmt: skip
TABLE = "benchmarks.all_table:BENCHES"
"""Where the table stands, ``module:name``: the process that runs one reads it again, as options do not go by a line."""


def chosen(only: tuple[str, ...], table: str = TABLE) -> list[Bench]:
    """Benchmarks of these names, in the order of the table; all where none is named.

    Raises
    ------
    SettingsError
        There is none of that name.
    """
    benches: tuple[Bench, ...] = _named(table)
    names = [bench.name for bench in benches]
    for name in only:
        if name not in names:
            raise SettingsError(f"unknown benchmark '{name}', expected one of {', '.join(names)}")
    return [bench for bench in benches if not only or bench.name in only]


def run_one(bench: Bench, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Run one here.

    Raises
    ------
    SettingsError
        It needs recordings, and no folder is given.
    """
    function = _named(bench.function)
    given = {**bench.given, **(bench.quick if quick else {})}
    if bench.data == "needed" and data is None:
        raise SettingsError("it needs genuine recordings: name their folder with --data or EEGSEEK_DATA")
    if bench.data != "none":
        given["data"] = data
    options = typing.get_type_hints(function)["options"]
    found: dict[str, Any] = function(options(**given))
    return found


def _named(what: str) -> Any:
    """What a module holds, as ``module:name``."""
    module, _, name = what.partition(":")
    return getattr(import_module(module), name)

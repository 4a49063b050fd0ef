"""Figures of the literature, beside which ours stand."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from training.protocols.schema import Published

WITHIN, ACROSS = "within subject", "across subjects"
PROTOCOL = "THINGS-EEG2, 200-way zero-shot, 80 repeats"
CHANCE = {"top1": 1 / 200, "top5": 5 / 200}
CAUTION = (
    "Not one protocol: some look answers up among class centres and most among the images shown, and several of the "
    "papers pick the epoch on test scores, which makes them too high. Compare rows of like gallery and selection only."
)


@cache
def published() -> tuple[Published, ...]:
    """Top-1 and top-5 of the methods in ``published.toml``, as shares, within and across subjects."""
    table = tomllib.loads((files(__package__) / "published.toml").read_text("utf-8"))
    found = []
    for method in table["method"]:
        note = f"gallery: {method['gallery']}; selection: {method['selection']}"
        if "note" in method:
            note += f"; {method['note']}"
        for who, values in ((WITHIN, method["within"]), (ACROSS, method["across"])):
            for metric, value in zip(CHANCE, values, strict=True):
                found.append(
                    Published(
                        method=f"{method['name']} {method['year']}",
                        protocol=f"{PROTOCOL}, {who}",
                        metric=metric,
                        value=round(value / 100, 4),
                        chance=CHANCE[metric],
                        source=method["source"],
                        note=note,
                    )
                )
    return tuple(found)

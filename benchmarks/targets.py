"""What a figure has to reach, and a table of target, measurement, ratio and whether it was reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

Target = dict[str, Any]
"""``name``, ``target``, ``bound`` (of ``SIGNS``), ``measured``, ``unit``, ``ratio`` to the target, ``reached``."""
TRUTH = "yes/no"
"""Unit of what either is so or not."""
SIGNS = {"at least": "≥ ", "at most": "≤ "}


def at_least(name: str, target: float, measured: float | None, unit: str) -> Target:
    """A figure that is to be high; None where it could not be measured."""
    return _target(name, target, measured, unit, measured is not None and measured >= target, "at least")


def at_most(name: str, target: float, measured: float | None, unit: str) -> Target:
    """A figure that is to be low."""
    return _target(name, target, measured, unit, measured is not None and measured <= target, "at most")


def holds(name: str, measured: bool) -> Target:
    """Something that is to be so."""
    return _target(name, 1, int(measured), TRUTH, measured, "at least")


def _target(name: str, target: float, measured: float | None, unit: str, reached: bool, bound: str) -> Target:
    ratio = None if measured is None or not target else measured / target
    return {
        "name": name, "target": target, "bound": bound, "measured": measured, "unit": unit, "ratio": ratio,
        "reached": bool(reached),
    }  # fmt: skip


def table(targets: Sequence[Target], title: str = "") -> Table:
    """Targets as people read them."""
    drawn = Table(title=title or None, title_justify="left")
    for name in ("what", "target", "measured", "ratio", "reached"):
        drawn.add_column(name, justify="left" if name in ("what", "reached") else "right", overflow="fold")
    for one in targets:
        sign, ratio = SIGNS[one["bound"]], one["ratio"]
        drawn.add_row(
            one["name"],
            *(("yes", "yes" if one["measured"] else "no") if one["unit"] == TRUTH else _numbers(one, sign)),
            "–" if ratio is None else f"{ratio:.3g}",
            "yes" if one["reached"] else "[bold red]NO[/bold red]",
        )
    return drawn


def _numbers(one: Target, sign: str) -> tuple[str, str]:
    measured = "–" if one["measured"] is None else f"{_number(one['measured'])} {one['unit']}".rstrip()
    return f"{sign}{_number(one['target'])} {one['unit']}".rstrip(), measured


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.7g}"

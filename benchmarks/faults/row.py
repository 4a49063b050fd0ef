"""What a fault's row says: the contract between the rows and who runs them.

A row is a function ``name(place: Path, short: bool) -> Row``: it starts real processes in the empty folder ``place``,
breaks something, measures what became of it, leaves no process behind, and returns a `Row`. ``short`` asks for a minute
at most; the long form may take hours. It raises only `config.errors.EegseekError`, where it could not be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Measured = float | int | str


@dataclass(frozen=True)
class Row:
    """One fault, and what became of it.

    Attributes
    ----------
    fault
        What was broken, in words.
    passed
        Whether everything that is wanted was so.
    measured
        By name with its unit (``longest_s``, ``lost``): finite numbers or words.
    wanted
        What must happen, in words.
    series
        Quantities over time, evenly thinned, by name with their unit: in the file, not on the screen.
    """

    fault: str
    passed: bool
    measured: dict[str, Measured] = field(default_factory=dict)
    wanted: str = ""
    series: dict[str, list[float]] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """As it is written to a file."""
        return asdict(self)


Fault = Callable[[Path, bool], Row]

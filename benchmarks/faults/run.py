"""``eegseek bench faults``: every row of the table, one after the other, each in a fresh folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.faults import table
from benchmarks.faults.row import Row
from benchmarks.machine import machine, machine_line
from benchmarks.reporting import printer, write_json
from config.errors import EegseekError
from wire.clock import now


@dataclass(frozen=True)
class FaultsOptions:
    """What is run.

    Attributes
    ----------
    only
        Names of rows; all where empty.
    short
        The short form of each: ten minutes in all at most.
    json
        Where the result is written, too.
    """

    only: tuple[str, ...] = ()
    short: bool = True
    json: Path | None = None


def run_faults(options: FaultsOptions) -> dict[str, Any]:
    """Run the rows, print the table, write the file.

    Returns
    -------
    dict
        ``rows`` (each with ``name``, ``fault``, ``passed``, ``measured``, ``wanted``, ``series``, ``took_s``),
        ``reached`` (all passed), ``short``, ``machine``.

    Raises
    ------
    SettingsError
        There is no row of a name.
    OutputError
        The file cannot be written.
    """
    entries = table.chosen(options.only)
    found: dict[str, Any] = {"benchmark": "faults", "short": options.short, "machine": machine(), "rows": []}
    found["targets"] = []  # each row has its own
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("faults", total=len(entries))
        for entry in entries:
            bar.update(task, description=table.name_of(entry))
            found["rows"].append(measured(entry, options.short))
            bar.advance(task)
    found["reached"] = all(row["passed"] for row in found["rows"])
    _show(found)
    write_json(found, options.json)
    return found


def measured(entry: str, short: bool) -> dict[str, Any]:
    """One row in a folder of its own; one that could not be measured has not passed."""
    began = now()
    with tempfile.TemporaryDirectory(prefix="eegseek-faults-", ignore_cleanup_errors=True) as place:
        try:
            row = table.load(entry)(Path(place) / "p", short)
        except EegseekError as error:
            row = Row(table.name_of(entry), False, {"not_measured": str(error)}, "")
    return {"name": table.name_of(entry), **row.json(), "took_s": round(now() - began, 1)}


def _show(found: dict[str, Any]) -> None:
    drawn = Table(title=f"faults, {'short' if found['short'] else 'long'} form", title_justify="left", show_lines=True)
    for name in ("fault", "", "measured", "took"):
        drawn.add_column(name, justify="right" if name == "took" else "left")
    for row in found["rows"]:
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row["measured"].items())
        drawn.add_row(row["fault"], "passed" if row["passed"] else "FAILED", words, f"{row['took_s']:.0f} s")
    console = printer()
    console.print(drawn, markup=False)
    failed = sum(not row["passed"] for row in found["rows"])
    console.print(f"{len(found['rows']) - failed} of {len(found['rows'])} passed", highlight=False)
    console.print(machine_line(found["machine"]), highlight=False, markup=False)

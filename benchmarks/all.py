"""``eegseek bench all``: every benchmark, one after the other, in one file and one table of targets.

Each runs in a child process of its own, so that memory, threads and caches of one are not in the figures of the next.
One that fails is said to have failed, and the others go on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import targets
from benchmarks.all_table import TABLE, Bench, chosen
from benchmarks.machine import machine, machine_line
from benchmarks.reporting import printer, write_json
from wire.clock import now

ROOT = Path(__file__).resolve().parents[1]
Say = Callable[[str], None]


@dataclass(frozen=True)
class AllOptions:
    """What is run.

    Attributes
    ----------
    only
        Names; empty: all.
    quick
        Shorter and smaller: to see that everything runs, not for figures.
    data
        Folder of genuine recordings, as ``EEGSEEK_DATA`` names it; benchmarks that need it fail without.
    json
        Where everything is written; after each benchmark, so that a long call that is stopped leaves what it has.
    """

    only: tuple[str, ...] = ()
    quick: bool = False
    data: Path | None = None
    json: Path | None = None


def run_all(options: AllOptions, say: Say | None = None) -> dict[str, Any]:
    """Run them, print the table, and write the JSON.

    Returns
    -------
    dict
        ``benchmarks`` (by name: what it found), ``failed`` (by name: why), ``seconds`` (by name), ``targets`` (of all,
        each with ``benchmark``), ``reached`` (every target was, and nothing failed), ``machine``, ``options``.

    Raises
    ------
    SettingsError
        There is no benchmark of a name.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False, style="bold"))
    benches = chosen(options.only, TABLE)
    data = options.data or (Path(os.environ["EEGSEEK_DATA"]) if os.environ.get("EEGSEEK_DATA") else None)
    found: dict[str, Any] = {
        "machine": machine(), "options": {"only": list(options.only), "quick": options.quick},
        "benchmarks": {}, "failed": {}, "seconds": {},
    }  # fmt: skip
    for k, bench in enumerate(benches):
        say(f"[{k + 1}/{len(benches)}] {bench.name}")
        began = now()
        result, why = _child(bench, options.quick, data)
        found["seconds"][bench.name] = round(now() - began, 1)
        if result is None:
            found["failed"][bench.name] = why
            say(f"{bench.name} failed: {why}")
        else:
            found["benchmarks"][bench.name] = result
        found["targets"] = gathered(found["benchmarks"])
        found["reached"] = not found["failed"] and all(one["reached"] for one in found["targets"])
        write_json(found, options.json)
    _show(found)
    return found


def gathered(results: dict[str, dict[str, Any]]) -> list[targets.Target]:
    """Targets of all benchmarks, each with the name of its benchmark."""
    return [{"benchmark": name, **one} for name, result in results.items() for one in result["targets"]]


def _child(bench: Bench, quick: bool, data: Path | None) -> tuple[dict[str, Any] | None, str]:
    """What a benchmark found in a process of its own; else None and why."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        out = Path(place) / "found.json"
        command = [sys.executable, "-m", "benchmarks.all_one", bench.name, "--table", TABLE, "--out", str(out)]
        command += [*["--quick"] * quick, *([] if data is None else ["--data", str(data)])]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, start_new_session=True)
        try:
            code = process.wait(bench.limit_s)
        except subprocess.TimeoutExpired:
            return None, f"it did not end within {bench.limit_s:g} s and was stopped"
        finally:
            _end(process)
        found = json.loads(out.read_text("utf-8")) if out.is_file() else {}
        if code or "failed" in found:
            return None, found.get("failed") or f"it ended with {code}; its words stand above"
        return (found, "") if "targets" in found else (None, "it gave no targets")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it has started: its children are in sessions of their own, and end with it where it can."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _show(found: dict[str, Any]) -> None:
    console = printer()
    rows = [{**one, "name": f"{one['benchmark']}: {one['name']}"} for one in found["targets"]]
    console.print(targets.table(rows, "every target"))
    for name, why in found["failed"].items():
        console.print(f"{name} FAILED: {why}", highlight=False, markup=False)
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found["seconds"].items())
    for line in (f"took: {took}", machine_line(found["machine"])):
        console.print(line, highlight=False, markup=False)

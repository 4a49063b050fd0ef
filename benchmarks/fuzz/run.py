"""``eegseek bench fuzz``: reads damaged files in child processes, counts what they did, and keeps what went wrong."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.fuzz.child import AT, case, read_seeds
from benchmarks.fuzz.target import Target
from benchmarks.fuzz.targets import TARGETS
from benchmarks.machine import machine
from benchmarks.reporting import write_json
from config.errors import ProcessError, SettingsError

STUCK_S = 120.0
"""A child that is at the same file for so long is killed: what its own clock cannot stop hangs inside a library."""
POLL_S = 0.2
MOST_DEATHS = 25
"""Children of one target that may die before it is given up."""
ERROR_BYTES = 4000
Moved = Callable[[int], None]


@dataclass(frozen=True)
class FuzzOptions:
    """What is fuzzed, and how much.

    Attributes
    ----------
    short
        A small part of the files, to see that all runs.
    only
        Names of targets; none: all.
    seed
        Of all damage.
    count
        Damaged files for each, in place of the target's own number.
    seconds
        At most so long for each; what was not read then is missing from the counts.
    guided_s
        In place of that, so many seconds of coverage-guided fuzzing for each target that allows it.
    json
        Where the result is written, too.
    """

    short: bool = False
    only: tuple[str, ...] = ()
    seed: int = 0
    count: int | None = None
    seconds: float | None = None
    guided_s: float = 0.0
    json: Path | None = None


@dataclass
class Tally:
    """What came of one target.

    Attributes
    ----------
    wanted, run
        Damaged files: how many there should be, and were read.
    refused
        Of those, how many ended in an error of ours. The others were read as if they were whole.
    found
        What must not happen, by kind and place: with the smallest file, in hexadecimal, and how often.
    """

    name: str
    library: str
    wanted: int
    valid: int = 0
    run: int = 0
    refused: int = 0
    seconds: float = 0.0
    grown_mb: int = 0
    found: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        fields = {key: value for key, value in vars(self).items() if key != "found"}
        return {**fields, "seconds": round(self.seconds, 1), "findings": list(self.found.values())}

    def add(self, finding: dict[str, Any], count: int = 1) -> None:
        """Keep a finding, the smallest file of each."""
        old = self.found.get(key := (finding["kind"], finding["where"]))
        if old is None or finding["bytes"] < old["bytes"]:
            self.found[key] = {**finding, "count": old["count"] if old else 0}
        self.found[key]["count"] += count


def run_fuzz(options: FuzzOptions) -> dict[str, Any]:
    """Fuzz, print a table, and write the JSON.

    Returns
    -------
    ``machine``, ``seed``, ``rows`` (one a target), ``findings`` (how many in all) and ``reached``: none, and every
    count was reached.

    Raises
    ------
    SettingsError
        There is no such target.
    ProcessError
        A target cannot be set up.
    """
    from benchmarks.fuzz.show import show

    chosen = _chosen(options)
    rows: list[dict[str, Any]] = []
    found = _found(rows, options)
    with tempfile.TemporaryDirectory(prefix="eegseek-fuzz-", dir=_in_memory()) as scratch, _progress() as bar:
        for target in chosen:
            rows.append(_one(target, Path(scratch) / target.name, options, bar).row())
            # after each, so that hours are not lost with whoever ends it
            found = _found(rows, options)
            write_json(found, options.json)
    show(found)
    return found


def _found(rows: list[dict[str, Any]], options: FuzzOptions) -> dict[str, Any]:
    findings = sum(len(row["findings"]) for row in rows)
    short = [row["name"] for row in rows if row["run"] < row["wanted"]]
    return {
        "machine": machine(),
        "seed": options.seed,
        "guided_s": options.guided_s,
        "rows": rows,
        "findings": findings,
        "short_of": short,
        "reached": bool(rows) and not findings and not short,
        "targets": [],
    }


def _chosen(options: FuzzOptions) -> list[Target]:
    unknown = [name for name in options.only if name not in TARGETS]
    if unknown:
        raise SettingsError(f"there is nothing to fuzz called '{unknown[0]}'; choose of {', '.join(TARGETS)}")
    targets = [TARGETS[name] for name in options.only] if options.only else list(TARGETS.values())
    return [target for target in targets if target.guided] if options.guided_s else targets


def _in_memory() -> str | None:
    """A file system in memory, where there is one: on a disk most of the time would go into making files."""
    place = Path("/dev/shm")  # noqa: S108 (a folder of its own is made there, with a random name)
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


def _progress() -> Progress:
    columns = (TextColumn("{task.description:18}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _one(target: Target, folder: Path, options: FuzzOptions, bar: Progress) -> Tally:
    wanted = options.count or (target.short if options.short else target.count)
    tally = Tally(target.name, target.library, 1 if options.guided_s else wanted)
    task = bar.add_task(target.name, total=wanted)
    began = time.monotonic()
    tally.valid = _set_up(target, folder)
    try:
        if options.guided_s:
            from benchmarks.fuzz.guided import guide

            guide(target, folder, options.guided_s, options.seed, tally)
        else:
            _batches(target, folder, options, tally, lambda done: bar.update(task, completed=done))
    finally:
        tally.seconds = time.monotonic() - began
        bar.remove_task(task)
        shutil.rmtree(folder, ignore_errors=True)
    return tally


def _set_up(target: Target, folder: Path) -> int:
    """Make the valid files; how many its reader takes."""
    folder.mkdir(parents=True)
    (folder / AT).write_bytes(struct.pack("<q", 0))
    said = subprocess.run([*_child(target, folder)], capture_output=True, timeout=STUCK_S, check=False)
    lines = said.stdout.splitlines()
    if said.returncode or not lines:
        why = said.stderr.decode(errors="replace").strip().splitlines()
        raise ProcessError(f"'{target.name}' cannot be fuzzed: {(why or ['it said nothing'])[-1]}")
    return int(json.loads(lines[-1])["valid"])


def _batches(target: Target, folder: Path, options: FuzzOptions, tally: Tally, moved: Moved) -> None:
    at, deaths, began = 0, 0, time.monotonic()
    while at < tally.wanted and deaths < MOST_DEATHS:
        left_s = float("inf") if options.seconds is None else options.seconds - (time.monotonic() - began)
        if left_s <= 0:
            return
        stop = min(at + target.batch, tally.wanted)
        reached, died = _batch(target, folder, options.seed, at, stop, left_s, tally, moved)
        tally.run += reached - at
        if died:
            deaths += 1
            tally.run += 1
            data = case(target, read_seeds(folder), options.seed, reached)
            finding = {"kind": "died", "what": died, "where": died.split(":")[0], "index": reached}
            tally.add({**finding, "hex": data.hex(), "bytes": len(data)})
            reached += 1
        at = reached


def _batch(
    target: Target, folder: Path, seed: int, start: int, stop: int, left_s: float, tally: Tally, moved: Moved
) -> tuple[int, str]:
    """Let a child read files ``start`` to ``stop``: where it stopped, and what it died of."""
    words = [*_child(target, folder), str(seed), str(start), str(stop), str(left_s)]
    with (folder / "errors").open("w+b") as errors:
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors)
        lines, died = [], ""
        at, since = start, time.monotonic()
        assert child.stdout is not None  # noqa: S101 (a pipe was asked for)
        try:
            while True:
                ready, _, _ = select.select([child.stdout], [], [], POLL_S)
                if ready:
                    line = child.stdout.readline()
                    if not line:
                        break
                    lines.append(json.loads(line))
                (now,) = struct.unpack("<q", (folder / AT).read_bytes())
                if now != at:
                    at, since = now, time.monotonic()
                    moved(at)
                if time.monotonic() - since > STUCK_S:
                    died = f"hung: it was at one file for {STUCK_S:g} s"
                    break
        finally:
            if died:
                child.kill()
            code = child.wait(timeout=STUCK_S)
            child.stdout.close()
        (at,) = struct.unpack("<q", (folder / AT).read_bytes())
        errors.seek(max(0, errors.tell() - ERROR_BYTES))
        said = errors.read().decode(errors="replace")
    _gather(lines, tally)
    if died or code == 0:
        return at, died
    name = signal.Signals(-code).name if code < 0 else f"status {code}"
    return max(at, start), f"{name}: {_fault(said)}"


def _gather(lines: list[dict[str, Any]], tally: Tally) -> None:
    ends = [line for line in lines if "done" in line]
    counts = {(one["kind"], one["where"]): one["count"] for end in ends for one in end["counts"]}
    for line in lines:
        if "hex" in line:
            tally.add(line, counts.get((line["kind"], line["where"]), 1))
    for end in ends:
        tally.refused += end["refused"]
        tally.grown_mb = max(tally.grown_mb, end["grown_mb"])


def _fault(said: str) -> str:
    """What the dead child's last words say: the line of its fault, and where it was."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fault = next((line for line in lines if line.startswith("Fatal Python error") or "terminate called" in line), "")
    place = next((line for line in lines if line.startswith("File ")), "")
    return f"{fault or (lines or ['no words'])[-1]} {place}".strip()[:300]


def _child(target: Target, folder: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.fuzz.child", target.name, str(folder)]

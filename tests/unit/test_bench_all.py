"""``bench all`` from the command to its exit status: real processes, a real small benchmark, and parts that fail."""

from __future__ import annotations

import json
import os
import sys
import typing
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks import all as bench_all
from benchmarks import targets
from benchmarks.all import gathered
from benchmarks.all_table import BENCHES, Bench, chosen, run_one
from config.errors import SettingsError
from eegseek.cli_bench import app

NAMES = [bench.name for bench in BENCHES]
FORM = {"benchmark", *targets.holds("x", True)}
PARTS = """
import os, time
from dataclasses import dataclass
from pathlib import Path
from benchmarks import targets
from benchmarks.all_table import Bench
from config.errors import SettingsError

@dataclass(frozen=True)
class Options:
    do: str = "good"
    seconds: float = 60.0
    data: Path | None = None

def run(options: Options) -> dict:
    wanted = [
        targets.at_most("seconds given", 5.0, options.seconds, "s"),
        targets.holds("folder", options.data is not None),
    ]
    if options.do == "refuse":
        raise SettingsError("nothing to measure")
    if options.do == "break":
        raise ZeroDivisionError("by nought")
    if options.do == "die":
        os._exit(3)
    if options.do == "sleep":
        time.sleep(60)
    return {} if options.do == "forget" else {"targets": wanted}

def bench(do, limit_s=60.0, **more):
    return Bench(do, "parts:run", limit_s, {"do": do}, {"seconds": 2.0}, **more)

PARTS = (
    bench("good", data="needed"),
    bench("refuse"), bench("break"), bench("die"), bench("sleep", 0.5), bench("forget"),
    Bench(
        "gallery", "benchmarks.gallery:run_gallery", 60.0,
        {"sizes": (40,), "kinds": ("flat",), "dim": 8, "queries": 5, "batch_s": 0.01, "truths": 2, "target": 40},
    ),
    bench("last"),
)
"""


@pytest.fixture(autouse=True)
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of ``bench all`` is that of a module which the children find, too."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "parts.py").write_text(PARTS, "utf-8")
    monkeypatch.syspath_prepend(tmp_path / "parts")
    monkeypatch.delitem(sys.modules, "parts", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "parts"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("EEGSEEK_DATA", raising=False)
    monkeypatch.setattr(bench_all, "TABLE", "parts:PARTS")


def call(path: Path, *more: str) -> tuple[Result, dict[str, Any]]:
    result = CliRunner().invoke(app, ["all", "--json", str(path), *more])
    return result, json.loads(path.read_text("utf-8"))


def row(said: str, name: str) -> list[str]:
    """Cells of a target's row in the table."""
    line = next(line for line in said.splitlines() if "│" in line and name in line)
    return [cell.strip() for cell in line.split("│")[2:-1]]


def test_every_part_is_told_and_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    result, found = call(tmp_path / "out" / "all.json", "--quick", "--data", str(tmp_path))
    assert result.exit_code == 1 and not found["reached"]
    assert list(found["benchmarks"]) == ["good", "gallery", "last"]
    assert found["failed"] == {
        "refuse": "nothing to measure",
        "break": "ZeroDivisionError: by nought",
        "die": "it ended with 3; its words stand above",
        "sleep": "it did not end within 0.5 s and was stopped",
        "forget": "it gave no targets",
    }
    assert list(found["seconds"]) == ["good", "refuse", "break", "die", "sleep", "forget", "gallery", "last"]
    assert [one["benchmark"] for one in found["targets"]] == [*["good"] * 2, *["gallery"] * 3, *["last"] * 2]
    assert all(set(one) == FORM for one in found["targets"])
    assert found["options"] == {"only": [], "quick": True}
    assert "cpu" in found["machine"]
    assert row(result.output, "good: seconds given") == ["≤ 5 s", "2 s", "0.4", "yes"]
    assert row(result.output, "last: folder") == ["yes", "no", "0", "NO"]  # it does not take the folder
    assert row(result.output, "flat: recall@10")[:2] == ["≥ 0.95", "1"]
    for name, why in found["failed"].items():
        assert f"{name} FAILED: {why}" in result.output


def test_the_exit_status_says_whether_all_was_reached(tmp_path: Path) -> None:
    well, found = call(tmp_path / "a.json", "--quick", "--only", "good", "--data", str(tmp_path))
    assert well.exit_code == 0 and found["reached"] and not found["failed"] and len(found["targets"]) == 2
    short, found = call(tmp_path / "b.json", "--only", "good", "--data", str(tmp_path))
    assert short.exit_code == 1 and not found["reached"] and not found["failed"]
    assert row(short.output, "good: seconds given") == ["≤ 5 s", "60 s", "12", "NO"]
    needy, found = call(tmp_path / "c.json", "--only", "good")
    assert needy.exit_code == 1 and "EEGSEEK_DATA" in found["failed"]["good"] and not found["targets"]


def test_targets_of_all_carry_their_benchmark() -> None:
    one = targets.at_most("p50", 3.0, 1.5, "ms")
    found = gathered({"latency": {"targets": [one]}, "scale": {"targets": []}})
    assert found == [{"benchmark": "latency", **one}] and found[0]["ratio"] == 0.5


def test_benchmarks_are_chosen_by_name_and_order() -> None:
    assert [bench.name for bench in chosen(())] == NAMES
    assert [bench.name for bench in chosen(("scale", "latency"))] == ["latency", "scale"]
    with pytest.raises(SettingsError, match="unknown benchmark 'speed', expected one of latency"):
        chosen(("speed",))
    needy = next(bench for bench in BENCHES if bench.data == "needed")
    with pytest.raises(SettingsError, match="EEGSEEK_DATA"):
        run_one(needy, quick=True, data=None)


@pytest.mark.parametrize("bench", BENCHES, ids=NAMES)
def test_each_takes_the_options_that_the_table_gives(bench: Bench) -> None:
    module, _, name = bench.function.partition(":")
    options = typing.get_type_hints(getattr(import_module(module), name))["options"]
    given = {**bench.given, **bench.quick} | ({} if bench.data == "none" else {"data": Path("data")})
    assert set(given) <= {field.name for field in fields(options)}
    options(**given)

"""Accuracy against time as it is measured, drawn and held against its targets."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks import anytime, anytime_show, anytime_v1
from benchmarks.anytime_options import AnytimeOptions
from benchmarks.machine import machine
from config.errors import SettingsError

ENDS = (0.2, 0.4, 0.6)
OPTIONS = AnytimeOptions(Path("data"))


def muse(short: list[float]) -> dict[str, Any]:
    areas = [0.9 - s for s in short]
    return {
        "ends_s": [0.2, 0.3, 0.4, 0.5, 0.6],
        "auc": areas,
        "interval": [[a - 0.02, a + 0.02] for a in areas],
        "short_of_whole": short,
        "short_interval": [[s - 0.01, s + 0.01] for s in short],
        "recordings": {"a": areas},
        "lowpass_hz": [20.0],
        "trials": 9,
    }


def participant(reaches_s: float) -> dict[str, Any]:
    one = {"top1": [0.1, 0.2, 0.3], "interval": [[0.0, 0.4]] * 3, "reaches_s": reaches_s}
    one |= {"reaches_interval_s": [0.4, 0.6], "reaches_best_s": 0.5}
    ideal = {"ends_s": list(ENDS), "averaged": 10, "items": 200, "answers": 5, "ideal": [0.1, 0.5, 0.6]}
    return {**ideal, "ideal_reaches_s": 0.5, "decoders": {"encoding": one, "ideal": one}}


def found(**studies: Any) -> dict[str, Any]:
    named = {name.replace("_", "-"): study for name, study in studies.items()}
    return {"studies": named, "targets": anytime._targets(named), "machine": machine(), "seconds": 1.0}


def test_the_time_of_a_share_lies_between_two_ends() -> None:
    assert anytime_v1.reaches(ENDS, [0.0, 0.9, 1.0]) == pytest.approx(0.5)
    assert anytime_v1.reaches(ENDS, [1.0, 0.9, 1.0]) == pytest.approx(0.2)
    assert anytime_v1.reaches(ENDS, [0.0, 0.0, 1.0]) == pytest.approx(0.59)


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_it_is_always_reached_and_more_takes_longer(accuracy: list[float]) -> None:
    early, late = (anytime_v1.passes(ENDS, accuracy, share * accuracy[-1]) for share in (0.5, 1.0))
    assert ENDS[0] <= early <= late <= ENDS[-1]


def test_targets_are_held_against_the_right_ends() -> None:
    studies = {"left_right": muse([0.1, 0.03, 0.02, 0.011, 0.0]), "n170": muse([0.2, 0.1, 0.009, 0.1, 0.0])}
    wanted = found(**studies, participant_v1=participant(0.551))["targets"]
    assert [one["reached"] for one in wanted] == [True, False, True, False]
    assert wanted[-1]["measured"] == pytest.approx(51.0) and len(wanted) == 4
    assert found(participant_v1=participant(0.55))["targets"][0]["reached"]


def test_tables_and_drawings(tmp_path: Path) -> None:
    all_of_it = found(left_right=muse([0.1, 0.03, 0.02, 0.01, 0.0]), participant_v1=participant(0.5))
    said = StringIO()
    anytime_show.show(all_of_it, Console(file=said, width=200))
    assert "0.870 [0.850, 0.890]" in said.getvalue() and "30.0 [0.0, 40.0]" in said.getvalue()
    for name in ("f.svg", "f.png"):
        anytime_show.draw(all_of_it, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000
    anytime_show.draw(found(participant_v1=participant(0.5)), tmp_path / "one.svg")
    assert "<svg" in (tmp_path / "one.svg").read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"studies": ("nothing",)}, "unknown study 'nothing'"),
        ({"pictures": 99}, "100 pictures"),
        ({"test_repeats": 5}, "no average of 10"),
    ],
)
def test_what_makes_no_study(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        anytime.run_anytime(replace(OPTIONS, **changes))
    with pytest.raises(SettingsError, match="end in one of"):
        anytime.run_anytime(replace(OPTIONS, figure=Path("figure.jpeg")))


def test_described_answers_have_intervals() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((len(anytime_v1.ENDS_S), 400)) < np.linspace(0.1, 0.8, len(anytime_v1.ENDS_S))[:, None]
    said = anytime_v1._described(right, np.arange(400) % 40)
    assert said["top1"][-1] == pytest.approx(right[-1].mean())
    assert all(low <= value <= high for value, (low, high) in zip(said["top1"], said["interval"], strict=True))
    assert said["reaches_interval_s"][0] <= said["reaches_s"] <= said["reaches_interval_s"][1]

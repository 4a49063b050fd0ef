"""A free search simulated without processes: with a signal it leads to the goal, and without one there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search
from eegseek.session.seek_plans import Shape

QUICK = Shape(blocks=4, trials=24, on_s=0.1, blank_s=0.15, attended=False, simulated=True)


def test_with_a_signal_the_goal_comes_to_the_top() -> None:
    went = search.session(search.things_of(None), 3.0, 0, QUICK, rounds=2, count=30)
    assert went.verdict == "decodable" and len(went.goal) == 2
    assert went.neighbours[-1] > 0.75 and went.goal[-1] <= 15


@pytest.mark.parametrize("seed", [0, 1])
def test_without_attention_nothing_is_decodable_and_no_search_follows(seed: int) -> None:
    went = search.session(search.things_of(None), -40.0, seed, QUICK, rounds=2, count=30)
    assert went.verdict in ("nothing_decodable", "out_of_trials") and not went.goal


def test_percentiles_of_chance_and_of_the_top() -> None:
    ranking = np.arange(11)
    assert search.percentile(ranking, [0]) == 1.0 and search.percentile(ranking, [10]) == 0.0
    assert search.percentile(ranking, range(11)) == pytest.approx(0.5)


def test_vectors_of_another_gallery_are_searched_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((40, 1, 8)).astype(np.float32))
    given = "--snr 6 --seeds 1 --rounds 1 --pictures 20 --blocks 4 --trials 24 --on 0.1 --blank 0.15"
    assert search.main([*given.split(), "--features", str(tmp_path / "v.npy"), "--json", str(tmp_path / "a.json")]) == 0
    told = capsys.readouterr().out
    assert "of 40 by round (chance 20.5)" in told
    assert json.loads((tmp_path / "a.json").read_text())["6"][0]["verdict"] == "decodable"

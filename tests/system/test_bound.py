"""The bound, small: every decoder beside the ideal observer, and the level that is frozen."""

from __future__ import annotations

import json
from pathlib import Path

import bound_data
import numpy as np
import pytest

from acquisition.participant import v1
from benchmarks.bound import CCA, ORACLE, run_bound
from benchmarks.bound_options import BoundOptions
from config.errors import SettingsError
from training.bound import model, observer


def test_a_small_study(tmp_path: Path) -> None:
    options = BoundOptions(
        data=bound_data.write(tmp_path / "data", 40),
        pictures=600,
        repeats=4,
        test_repeats=20,
        target=0.2,
        encoders=("encoding",),
        json=tmp_path / "bound.json",
    )
    found = run_bound(options)
    assert json.loads((tmp_path / "bound.json").read_text()) == json.loads(json.dumps(found))
    assert found["kind"] == "bound" and found["options"]["pictures"] == 600
    assert found["ideal"]["1"]["top1"] == pytest.approx(0.2, abs=0.015), "the level is solved"
    top = {what: {int(n): one["top1"] for n, one in parts.items()} for what, parts in found["rows"].items()}
    chance = 1 / 40
    assert top["ideal"][1] == pytest.approx(0.2, abs=0.06)
    assert list(top["ideal"]) == [1, 2, 5, 10, 20]
    for n in (1, 5, 10):
        assert top["ideal"][n] > top[ORACLE][n] - 0.05 and top[ORACLE][n] > 2 * chance
        assert found["ideal"][str(n)]["top1"] >= found["ideal_by_cosine"][str(n)]["top1"] - 0.02
    assert top[ORACLE][10] >= top["encoding, subspace"][10] - 0.08 > 2 * chance
    assert top[f"{CCA}, subspace"][10] > 2 * chance
    low, high = found["rows"]["ideal"]["10"]["top1_interval"]
    assert low < top["ideal"][10] < high or low == high == 1.0
    assert found["rows"]["ideal"]["10"]["answers"] == 80


def test_the_frozen_level_is_that_of_the_genuine_features(data: Path) -> None:
    population = v1.population_of(v1.read_features(data / "things" / "center_clip.npy"))
    gallery = v1.read_features(data / "things" / "clip_feature_maps_test.npy").astype(np.float32)
    explained = v1.Readout(population).latents(gallery)
    assert explained.var() == pytest.approx(1.0, abs=0.2), "genuine pictures vary as the population does"
    ideal = observer.Observer(model.window_model())
    error = np.linalg.inv(ideal.information(v1.LEVEL_UV, observer.shown_covariance(explained)))
    first, last = (observer.expected(error, explained, n, draws=200, seed=9)[0] for n in (1, 80))
    assert first == pytest.approx(observer.TARGET, abs=observer.TOLERANCE)
    assert 0.8 <= last <= 0.9


def test_line_noise_makes_it_a_reference_and_sizes_are_checked(tmp_path: Path) -> None:
    assert not BoundOptions(data=tmp_path, line_uv=5.0).bound
    assert not BoundOptions(data=tmp_path, blinks_per_minute=5.0).bound
    with pytest.raises(SettingsError, match="100 training pictures"):
        run_bound(BoundOptions(data=tmp_path, pictures=5))
    with pytest.raises(SettingsError, match="target"):
        run_bound(BoundOptions(data=tmp_path, target=3.0))

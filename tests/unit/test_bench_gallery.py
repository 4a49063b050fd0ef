"""The gallery benchmark: its vectors lie as real ones do, and its figures are of what was searched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gallery import GalleryOptions, aims, run_gallery
from benchmarks.gallery_options import KINDS_UP_TO
from benchmarks.gallery_vectors import ROWS, Generator, generated_statistics, real_statistics, statistics
from config.errors import SettingsError
from config.index_kinds import IndexKind
from inference.indexes.kinds import TABLE


def test_every_kind_is_measured_and_named() -> None:
    from typing import get_args

    assert set(KINDS_UP_TO) == set(TABLE) == set(get_args(IndexKind))


def test_vectors_are_seeded_and_come_in_pieces() -> None:
    made = Generator(32, seed=3)
    whole = np.concatenate(list(made.pieces(ROWS + 50)))
    assert whole.shape == (ROWS + 50, 32) and whole.dtype == np.float32
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert np.array_equal(whole[ROWS:], Generator(32, seed=3).piece(1, 50))
    assert not np.array_equal(whole[:50], Generator(32, seed=4).piece(0, 50))
    assert not np.array_equal(whole[:50], whole[ROWS:])


def test_statistics_of_known_vectors() -> None:
    rng = np.random.default_rng(0)
    # on a sphere of 3 dimensions: two of freedom, three eigenvalues alike
    drawn = np.zeros((2000, 10))
    drawn[:, :3] = rng.standard_normal((2000, 3))
    found = statistics(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
    assert found["intrinsic dimension (TwoNN)"] == pytest.approx(2, abs=0.2)
    assert found["participation ratio"] == pytest.approx(3, abs=0.1)
    assert found["pairs, mean cosine"] == pytest.approx(0, abs=0.01)
    assert found["first 20 eigenvalues, share"] == pytest.approx(1)


def test_the_generator_is_matched_to_real_features() -> None:
    data = os.environ.get("EEGSEEK_DATA")
    real = real_statistics(Path(data) / "things") if data else None
    if real is None:
        pytest.skip("EEGSEEK_DATA is not set, or has no CLIP features of THINGS")
    made = [generated_statistics(Generator(768, seed)) for seed in range(3)]
    off = {name: np.mean([one[name] for one in made]) / value - 1 for name, value in real.items()}
    # 200 vectors tell an intrinsic dimension to about a fifth
    assert abs(off.pop("intrinsic dimension (TwoNN)")) < 0.4
    assert max(map(abs, off.values())) < 0.15, off


def test_no_real_features(tmp_path: Path) -> None:
    assert real_statistics(tmp_path) is None


def test_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = GalleryOptions(
        sizes=(60, 700),
        kinds=("flat", "8bit", "pq", "disk"),
        dim=24,
        queries=30,
        batch_s=0.05,
        truths=5,
        work=tmp_path,
        target=700,
        json=tmp_path / "out.json",
    )
    found = run_gallery(options)
    assert [(row["n"], row["kind"]) for row in found["results"]] == [
        (n, name) for n in options.sizes for name in options.kinds
    ]
    for row in found["results"]:
        assert 0.5 <= row["recall"] <= 1 and 0 < row["p50_ms"] <= row["p99_ms"] and row["queries_per_s"] > 0
        assert row["auto"] == (row["kind"] == "flat")
    by_kind = {row["kind"]: row for row in found["results"] if row["n"] == 700}
    assert by_kind["flat"]["recall"] == by_kind["8bit"]["recall"] == 1
    assert by_kind["flat"]["memory_mib"] == 700 * 24 * 4 / 2**20
    assert by_kind["disk"]["mapped_mib"] == 700 * 24 * 4 / 2**20 and by_kind["disk"]["memory_mib"] < 0.01
    assert by_kind["8bit"]["uncertain"] is not None and by_kind["pq"]["uncertain"] is None
    assert json.loads((tmp_path / "out.json").read_text()) == found
    assert [one["name"].rpartition(": ")[2] for one in found["targets"]] == ["p99 of a query", "recall@10", "memory"]
    said = capsys.readouterr().out
    assert "700 x 24" in said and "≤ 5 ms" in said and "≥ 0.95" in said
    assert list(tmp_path.iterdir()) == [tmp_path / "out.json"]


def test_targets_are_of_what_auto_takes() -> None:
    row = {"n": 10, "dim": 5, "kind": "pq", "auto": True, "p99_ms": 4.0, "recall": 0.94, "memory_mib": 2000.0}
    assert [one["reached"] for one in aims([{**row, "auto": False}, row], 10)] == [True, False, False]
    assert aims([row], 11) == []


def test_an_unknown_kind() -> None:
    with pytest.raises(SettingsError, match="no index 'annoy'"):
        run_gallery(GalleryOptions(kinds=("annoy",)))

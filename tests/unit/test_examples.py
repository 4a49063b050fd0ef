"""What a network learns from: the right means, scaled as live, and never a copy of all single trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_data import CHANNELS, epochs, gallery, plan, repeated

from config.bundles import EncoderSpec, Normalisation
from inference.loaded import LoadedEncoder
from training.trials import examples, repeats
from training.trials.epochs import Origin, Trials, gather
from training.trials.examples import TrialExamples, normalisation_of

IDS = [f"p{k}" for k in range(12)]
PLAIN = Normalisation(mean_uv=(0.0,) * 4, scale_uv=(1.0,) * 4)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that several pieces are met."""
    monkeypatch.setattr(examples, "CHUNK", 7)


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    shown = gallery(tmp_path / "gallery", IDS)
    made = [epochs(shown, repeated(IDS, 3, seed=k)[: 36 - k], seed=k) for k in range(3)]
    return gather(made, [Origin("a", subject="1"), Origin("b", subject="2"), Origin("c", subject="2")], shown)


def everything(pool: TrialExamples) -> np.ndarray:
    return pool.take(np.arange(len(pool.rows)))


def test_single_averaged_and_both(trials: Trials) -> None:
    some = np.random.default_rng(0).permutation(len(trials))[:80]
    mean = repeats.averaged(trials.take(np.sort(some)))
    single = TrialExamples(trials, some, "single", PLAIN)
    averaged = TrialExamples(trials, some, "averaged", PLAIN)
    both = TrialExamples(trials, some, "both", PLAIN)
    assert np.array_equal(everything(single), trials.windows[some])
    assert np.array_equal(single.rows, trials.rows[some])
    assert np.allclose(everything(averaged), mean.windows, atol=1e-5) and np.array_equal(averaged.rows, mean.rows)
    assert np.array_equal(everything(both), np.concatenate([everything(single), everything(averaged)]))
    order = np.random.default_rng(1).permutation(len(both.rows))
    assert np.array_equal(both.take(order), everything(both)[order])


def test_subsets_are_means_over_some_repeats_drawn_anew(trials: Trials) -> None:
    pool = TrialExamples(trials, np.arange(len(trials)), "subsets", PLAIN)
    rng, seen = np.random.default_rng(0), set()
    members = repeats.groups(trials)
    for _ in range(30):
        pool.redraw(rng)
        windows = everything(pool)
        for group, row in zip(members, pool.rows, strict=True):
            assert set(trials.rows[group]) == {row}
        # the weights with which the first group's trials enter the mean: equal, and together one
        weights = np.linalg.lstsq(trials.windows[members[0]].reshape(len(members[0]), -1).T, windows[0].ravel())[0]
        taken = weights > 1e-3
        assert np.allclose(weights[taken], 1 / taken.sum(), atol=1e-3)
        seen.add(tuple(taken))
    assert len(seen) > 3
    pool.redraw(np.random.default_rng(5))
    first = everything(pool)
    again = TrialExamples(trials, np.arange(len(trials)), "subsets", PLAIN)
    again.redraw(np.random.default_rng(5))
    assert np.array_equal(everything(again), first)


def test_scaling_is_the_bundles_own(trials: Trials) -> None:
    whitening = np.random.default_rng(2).standard_normal((4, 4))
    plain = normalisation_of(trials, np.arange(50))
    norm = plain.model_copy(update={"whitening": tuple(map(tuple, whitening.tolist()))})

    class Flat:
        def embed(self, windows: np.ndarray) -> np.ndarray:
            return windows.reshape(len(windows), -1).copy()

    p = plan()
    fields = {"architecture": "riemann", "channels": CHANNELS, "window": p.window, "chain": p.chain, "space": "s"}
    spec = EncoderSpec(**fields, dim=128, normalisation=norm, weights_sha256="0" * 64)
    live = LoadedEncoder(spec, "", "cpu", Flat()).encode(trials.windows)
    ours = everything(TrialExamples(trials, np.arange(len(trials)), "single", norm)).reshape(len(trials), -1)
    assert np.allclose(live, ours / np.linalg.norm(ours, axis=1, keepdims=True), atol=1e-5)
    scaled = (trials.windows - np.array(norm.mean_uv)[:, None]) / np.array(norm.scale_uv)[:, None]
    assert np.allclose(ours.reshape(trials.windows.shape), whitening @ scaled, atol=1e-4)


def test_moments_piece_by_piece_are_those_of_all(trials: Trials) -> None:
    norm = normalisation_of(trials, np.arange(3, 40))
    part = trials.windows[3:40].astype(np.float64)
    assert np.allclose(norm.mean_uv, part.mean(axis=(0, 2))) and np.allclose(norm.scale_uv, part.std(axis=(0, 2)))


def test_mapped_windows_are_only_read(trials: Trials, tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", trials.windows)
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r")
    pool = TrialExamples(replace(trials, windows=mapped), np.arange(len(trials)), "both", normalisation_of(trials))
    assert np.abs(everything(pool)).max() < 10
    assert np.array_equal(np.load(tmp_path / "w.npy"), trials.windows)

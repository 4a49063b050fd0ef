"""Participant v1: what is frozen, and that the stream, the arrays and the model are one."""

from __future__ import annotations

from pathlib import Path

import bound_data
import numpy as np
import pytest

from acquisition.offline import cut
from acquisition.participant import v1
from acquisition.plan import Plan
from acquisition.sources.participant import ParticipantReader
from config.chain import RejectionSettings
from config.errors import SourceError
from config.settings import MarkerSettings
from training.bound import model, simulate

OPEN = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)


@pytest.fixture(scope="module")
def windows_model() -> model.WindowModel:
    return model.window_model()


@pytest.fixture(scope="module")
def readout() -> v1.Readout:
    return bound_data.readout()


def test_embeddings_have_the_statistics_of_the_features() -> None:
    centres = bound_data.features(200, 1, 0.9).astype(np.float64)
    drawn = v1.population_of(centres).draw(4000, np.random.default_rng(0)).astype(np.float64)
    assert np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    unit = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    assert np.corrcoef(drawn.mean(axis=0), unit.mean(axis=0))[0, 1] > 0.98
    ours, theirs = np.cov(drawn, rowvar=False), np.cov(unit, rowvar=False)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    assert not np.array_equal(drawn[:10], drawn[10:20])


def test_latents_are_alike_and_a_quarter_is_unexplained(readout: v1.Readout) -> None:
    embeddings = v1.population_of(bound_data.features(200, 1, 0.9).astype(np.float64)).draw(
        6000, np.random.default_rng(3)
    )
    pictures = readout.pictures(embeddings, 0)
    assert pictures.explained.shape == (6000, v1.RANK)
    assert np.allclose(np.cov(pictures.explained, rowvar=False), np.eye(v1.RANK), atol=0.1)
    assert np.allclose(np.cov(pictures.unexplained, rowvar=False), v1.TAU**2 * np.eye(v1.RANK), atol=0.03)
    assert np.array_equal(readout.pictures(embeddings, 0).unexplained, pictures.unexplained)
    assert not np.array_equal(readout.pictures(embeddings, 1).unexplained, pictures.unexplained)


def test_a_person_is_the_same_every_time(readout: v1.Readout) -> None:
    again = bound_data.readout()
    assert np.array_equal(again.weights, readout.weights)
    other = v1.Readout(v1.population_of(bound_data.features(200, 1, 0.9).astype(np.float64)), person=1)
    assert not np.allclose(other.weights, readout.weights)
    assert np.linalg.matrix_rank(model.window_model().own) == v1.RANK


def test_the_arrays_are_what_the_live_chain_cuts(tmp_path: Path, readout: v1.Readout) -> None:
    pictures = readout.pictures(bound_data.features(12, 2), 0)
    made = simulate.trials(pictures, 3, seed=5)
    pictures.write(tmp_path / "r.safetensors")
    reader = ParticipantReader(v1.source(tmp_path / "r.safetensors", 12, 3, seed=5))
    live = cut(reader, Plan(v1.CHAIN, v1.WINDOW, OPEN, MarkerSettings()))
    assert [str(row + 1) for row in made.rows] == list(live.labels)
    assert made.channels == live.channels and made.simulated
    assert np.allclose(made.windows, live.data[:, 0], atol=1e-3)
    first, second = made.rows[:12], made.rows[12:24]
    assert sorted(first) == sorted(second) and not np.array_equal(first, second), "the order is redrawn"


def test_windows_of_the_stream_are_those_of_the_model(windows_model: model.WindowModel, readout: v1.Readout) -> None:
    """So loud that the noise is nothing, every window is its own response and those of all its neighbours."""
    pictures = readout.pictures(bound_data.features(30, 2), 0)
    level = 1e5 * v1.LEVEL_UV
    trials = simulate.trials(pictures, 4, seed=1, level_uv=level)
    shown = (pictures.explained + pictures.unexplained)[trials.rows]
    after = (v1.WINDOW.n_times - 1) // round(v1.RATE_HZ / v1.RSVP_HZ)
    before = len(windows_model.neighbours) - after
    for k in range(before, len(shown) - after):
        others = np.concatenate([shown[k - before : k], shown[k + 1 : k + 1 + after]])
        expected = level * (shown[k] @ windows_model.own + np.einsum("lr,lrv->v", others, windows_model.neighbours))
        found = trials.windows[k].ravel()
        assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)


def test_windows_of_the_stream_have_the_covariance_of_the_model(
    windows_model: model.WindowModel, readout: v1.Readout
) -> None:
    pictures = readout.pictures(bound_data.features(40, 2), 0)
    channels, times = windows_model.shape
    for level in (0.0, 100 * v1.LEVEL_UV):
        trials = simulate.trials(pictures, 40, seed=2, level_uv=level)
        flat = trials.windows.reshape(len(trials.windows), -1).astype(np.float64)
        # smooth directions, in which EEG has its power, and rough ones
        waves = np.cos(np.pi * np.outer(np.arange(0, 60, 6), (np.arange(times) + 0.5) / times))
        directions = np.kron(np.random.default_rng(0).standard_normal((3, channels)), waves)
        noise = sum(
            np.einsum("kct,cd,te,kde->k", *(d, s, t, d), optimize=True)
            for s, t in windows_model.noise
            for d in [directions.reshape(-1, channels, times)]
        )
        latents = pictures.explained + pictures.unexplained
        root = np.linalg.cholesky(np.cov(latents, rowvar=False))
        patterns = np.concatenate([windows_model.own[None], windows_model.neighbours])
        felt = np.einsum("kv,lrv,rj->klj", directions, patterns, root, optimize=True)
        expected = noise + level**2 * (felt**2).sum(axis=(1, 2))
        found = (flat @ directions.T).var(axis=0)
        assert np.median(found / expected) == pytest.approx(1.0, abs=0.06)
        assert np.abs(np.log(found / expected)).max() < 0.6


@pytest.mark.parametrize("content", [b"no array", None])
def test_foreign_features_are_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "f.npy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceError, match=r"f\.npy"):
        v1.read_features(file)
    np.save(file, np.arange(4))
    with pytest.raises(SourceError, match="finite features"):
        v1.read_features(file)

"""Temperatures by gallery size and window end, the relevance filter, and what a worker withholds by it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.bundles import Calibration, EncoderSpec, Item, Relevance
from config.chain import ChainSettings, WindowSettings
from inference import relevance as live
from inference import score
from inference.encoders.base import Vectors, Windows, unit_norm
from inference.gallery import Gallery, write_gallery
from inference.loaded import LoadedEncoder
from inference.worker import Decoder, Rules, Taken
from training.confidence import calibrate, relevance
from training.metrics import metrics_probability as probability
from training.trials.epochs import Trials
from wire.packets import Result, Stamps, Window

CHANNELS, TIMES, DIM = ("O1", "O2"), 8, 16


def fitted(repeats: int, temperature: float, size: int, end: float | None = None) -> Calibration:
    return Calibration(
        repeats=repeats,
        temperature=temperature,
        log_loss=1.0,
        calibration_error=0.0,
        n_stimuli=5,
        gallery_size=size,
        window_end_s=end,
    )


def test_temperature_is_interpolated_in_the_logarithm_of_the_gallerys_size() -> None:
    known = [fitted(1, 0.04, 400), fitted(1, 0.01, 25), fitted(4, 0.5, 400)]
    assert score.temperature(known, 1, 400) == (0.04, True)
    assert score.temperature(known, 1, 25) == (0.01, True)
    assert score.temperature(known, 1, 100)[0] == pytest.approx(0.02)
    assert score.temperature(known, 1, 5)[0] == pytest.approx(0.01)
    assert score.temperature(known, 1, 10**6)[0] == pytest.approx(0.04)
    assert score.temperature(known, 1) == (0.04, True)
    # the repeat count comes first, whatever sizes it has
    assert score.temperature(known, 9, 25) == (0.5, True)


def test_temperature_of_the_nearest_window_end() -> None:
    known = [fitted(1, 0.01, 50), fitted(1, 0.02, 50, 0.2), fitted(1, 0.03, 50, 0.4)]
    assert score.temperature(known, 1, 50) == (0.01, True)
    assert score.temperature(known, 1, 50, 0.25) == (0.02, True)
    assert score.temperature(known, 1, 50, 0.9) == (0.03, True)
    assert score.temperature(known[:1], 1, 50, 0.2) == (0.01, True)
    assert score.temperature(known[1:], 1, 50) == (0.03, True)


def test_gallery_sizes() -> None:
    assert calibrate.sizes(2) == [2]
    assert calibrate.sizes(12) == [12]
    assert calibrate.sizes(200) == [200, 50, 12]
    assert calibrate.sizes(16_540)[-1] == 16


def test_rivals_are_different_items_and_the_true_one_stays() -> None:
    rng = np.random.default_rng(0)
    cosines = rng.permuted(np.tile(np.arange(40, dtype=np.float32), (700, 1)), axis=1)
    whole = calibrate.Answers(cosines, rng.integers(40, size=700), np.zeros(700, np.int64))
    few = calibrate.rivals(whole, 10, seed=1)
    assert few.cosines.shape == (700, 10) and (few.truth == 0).all()
    assert (few.cosines[:, 0] == cosines[np.arange(700), whole.truth]).all()
    assert all(len(set(row)) == 10 for row in few.cosines.tolist())
    # drawn for each answer anew, and evenly
    assert len({tuple(sorted(row[1:])) for row in few.cosines.tolist()}) > 650
    assert few.cosines[:, 1:].mean() == pytest.approx(19.5, abs=0.5)


class World:
    """Trials of 60 items by an encoder whose embeddings are more or less noisy, as anyone's are."""

    def __init__(self, seed: int, noise: tuple[float, float] = (0.05, 0.6), repeats: int = 20) -> None:
        rng = np.random.default_rng(seed)
        self.vectors = unit_norm(rng.standard_normal((60, DIM)))
        rows = np.repeat(np.arange(60), repeats)
        spread = rng.choice(noise, len(rows))[:, None]
        windows = (self.vectors[rows] + spread * rng.standard_normal((len(rows), DIM))).reshape(-1, 2, 8)
        none = np.zeros(len(rows), np.int64)
        self.trials = Trials(windows.astype(np.float32), rows, none, none, (), CHANNELS)
        self.held = calibrate.HeldOut(encode, self.trials, np.arange(60), self.trials)


def encode(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    return unit_norm(windows.reshape(len(windows), -1))


@pytest.fixture(scope="module")
def after() -> calibrate.AfterTraining:
    return calibrate.after_training([World(0).held], World(0).vectors, 0)


def test_temperatures_for_all_items_come_first(after: calibrate.AfterTraining) -> None:
    found = after.fields["calibration"]
    counts = [c.repeats for c in found if c.gallery_size == 60]
    assert [c.gallery_size for c in found[: len(counts)]] == [60] * len(counts)
    assert counts == sorted(counts) and counts[0] == 1
    assert {c.gallery_size for c in found[len(counts) :]} == {15}
    assert found[: len(counts)] == tuple(
        c for c in calibrate.calibrate([World(0).held], World(0).vectors, 0) if c.gallery_size == 60
    )


def test_a_temperature_for_few_rivals_fits_a_gallery_of_few(after: calibrate.AfterTraining) -> None:
    """On other trials of the same encoder, searched among 15 items."""
    other = World(0, repeats=40)
    few = calibrate.rivals(calibrate.answers([other.held], other.vectors, 1, 5), 15, seed=9)
    best = -np.sort(-few.cosines, axis=1)
    right = few.cosines.argmax(axis=1) == 0
    at, known = score.temperature(after.fields["calibration"], 1, 15)
    assert known
    losses = {t: -np.log(score.probabilities(few.cosines, 15, t)[:, 0]).mean() for t in (at / 1.5, at, at * 1.5)}
    assert min(losses, key=lambda t: losses[t]) == at
    assert score.calibration_error(score.probabilities(best, 15, at)[:, 0], right) < 0.15


def test_the_filter_knows_good_queries_from_bad_ones(after: calibrate.AfterTraining) -> None:
    """Its probabilities hold on stimuli that it was not fitted on, and withhold better than the softmax does."""
    (first, *_) = after.filters
    plot = probability.reliability(first.confidence, first.correct)
    assert plot.error < 0.06 and first.spec.calibration_error == pytest.approx(plot.error)
    assert (first.spec.repeats, first.spec.gallery_sizes) == (1, (15, 60))
    other = World(1)
    given = calibrate.answers([other.held], other.vectors, 1, 0)
    best = -np.sort(-given.cosines, axis=1)
    right = given.cosines.argmax(axis=1) == given.truth
    chosen = live.choose(after.fields["relevance"], 1)
    assert chosen is not None
    mine = live.probability(chosen, best, 60)
    plain = score.probabilities(best, 60, score.temperature(after.fields["calibration"], 1, 60)[0])[:, 0]
    assert score.calibration_error(mine, right) < min(0.08, score.calibration_error(plain, right))
    curves = [probability.accuracy_against_coverage(p, right).area for p in (mine, plain)]
    assert curves[0] > curves[1] - 0.005 and curves[0] > right.mean() + 0.1


def test_nothing_is_fitted_to_answers_that_are_all_right_or_of_few_stimuli() -> None:
    cosines, truth = np.eye(40), np.arange(40)
    assert relevance.fit({40: (cosines, truth, truth)}, 1, 0) is None
    mixed = np.random.default_rng(0).random((400, 40))
    assert relevance.fit({40: (mixed, np.zeros(400, np.int64), np.arange(400) % 3)}, 1, 0) is None
    assert calibrate.after_training([], np.eye(3, dtype=np.float32), 0).fields == {}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80))
def test_features_are_finite_and_blind_to_what_is_beyond_the_depth(seed: int, k: int) -> None:
    cosines = -np.sort(-np.random.default_rng(seed).uniform(-1, 1, (5, k)), axis=1)
    found = live.features(cosines, 1000)
    assert np.isfinite(found).all() and found.shape == (5, 4)
    assert (found[:, 1] >= 0).all()
    assert live.features(cosines[:, : live.DEPTH], 1000) == pytest.approx(found)


class Plain:
    """Embeds a window as its own values."""

    def embed(self, windows: Windows) -> Vectors:
        return np.asarray(windows.reshape(len(windows), -1), np.float32)


def test_a_worker_withholds_by_the_filter_where_the_bundle_has_one(tmp_path: Path) -> None:
    vectors = np.eye(DIM, dtype=np.float32)
    folder = tmp_path / "gallery"
    write_gallery(folder, [Item(id=str(k), label=str(k)) for k in range(DIM)], vectors, space="test", model="x")
    plain = EncoderSpec(
        architecture="nice",
        channels=CHANNELS,
        window=WindowSettings(end_s=0.08, rate_hz=100.0),
        chain=ChainSettings(channels=CHANNELS),
        space="test",
        dim=DIM,
        calibration=(fitted(1, 100.0, DIM),),  # so that every probability is about 1 / 16
        weights_sha256="0" * 64,
    )
    by_margin = Relevance(
        repeats=1,
        weights=(0.0, 20.0, 0.0, 0.0),
        intercept=-10.0,
        log_loss=0.1,
        calibration_error=0.1,
        n_answers=9,
        gallery_sizes=(DIM,),
    )
    clear, vague = np.eye(DIM)[0], np.eye(DIM)[0] + 0.9 * np.eye(DIM)[1]
    data = np.stack([clear, vague]).reshape(2, 2, TIMES).astype(np.float32)
    window = Window(
        session="s",
        segment=1,
        sequence=0,
        stimulus="a",
        onset_s=0.0,
        sampling_rate_hz=100.0,
        first_sample_offset_s=0.0,
        channels=CHANNELS,
        versions=2,
        times=TIMES,
        repeats=3,
        data=data,
        stamps=Stamps(),
    )
    ticks = count(1)
    gallery = Gallery.load(folder)
    withheld = {}
    for name, spec in (("bare", plain), ("filter", plain.model_copy(update={"relevance": (by_margin,)}))):
        decoder = Decoder(
            LoadedEncoder(spec, "f", "cpu", Plain()),
            gallery,
            Rules("w", withhold_below=0.5),
            lambda: float(next(ticks)),
        )
        (result,) = decoder.answer([Taken(window, 0.0)])
        assert isinstance(result, Result)
        withheld[name] = [answer.withheld for answer in result.answers]
    assert withheld == {"bare": [True, True], "filter": [False, True]}

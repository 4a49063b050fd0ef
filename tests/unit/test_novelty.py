"""Novelty: noise and wrong electrodes stand out, windows like the training data do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from config.bundles import EncoderSpec, Item, NoveltySpec
from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference import novelty as live
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from inference.loaded import LoadedEncoder
from inference.worker import Decoder, Rules, Taken
from training.confidence import novelty
from wire.packets import Result, Window

CHANNELS, TIMES, DIM = 12, 50, 16
MIXING = np.random.default_rng(0).standard_normal((CHANNELS, 4))
PROJECTION = np.random.default_rng(1).standard_normal((CHANNELS * TIMES, DIM))
Windows = NDArray[np.float32]


def eeg(n: int, seed: int) -> Windows:
    """A few sources with slow time-courses, of varying size, on little sensor noise, µV."""
    rng = np.random.default_rng(seed)
    sources = np.cumsum(rng.standard_normal((n, 4, TIMES)), axis=2) * rng.gamma(9, 1 / 9, (n, 1, 1))
    return (MIXING @ sources + rng.standard_normal((n, CHANNELS, TIMES))).astype(np.float32)


def encode(windows: Windows) -> NDArray[np.float32]:
    return unit_norm(windows.reshape(len(windows), -1) @ PROJECTION)


@pytest.fixture(scope="module")
def fitted() -> live.Fitted:
    made = novelty.fit([novelty.Side(encode, eeg(800, 1), eeg(1500, 2))], None, 0)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def judge(fitted: live.Fitted) -> live.Novelty:
    return live.Novelty(NoveltySpec(**fitted.fields, arrays_sha256="0" * 64), live.Arrays(**fitted.arrays))


def percentiles(judge: live.Novelty, windows: Windows) -> live.Percentiles:
    return judge.percentiles(windows, encode(windows))


def test_new_windows_of_the_same_kind_spread_evenly(judge: live.Novelty) -> None:
    new = percentiles(judge, eeg(1500, 3))
    for values in (new.distance, new.error, new.joint):
        plot = novelty.uniformity(values)
        assert plot.distance < 0.07 and plot.n == 1500
        assert plot.observed == pytest.approx(plot.nominal, abs=0.07)
    assert np.mean(new.joint > 0.99) < 0.03


def test_noise_of_the_same_size_is_unusual(judge: live.Novelty) -> None:
    scale = eeg(200, 4).std(axis=(0, 2))[:, None]
    noise = (np.random.default_rng(5).standard_normal((200, CHANNELS, TIMES)) * scale).astype(np.float32)
    assert np.median(percentiles(judge, noise).joint) > 0.99


def test_electrodes_in_the_wrong_order_are_unusual(judge: live.Novelty) -> None:
    wrong = eeg(200, 6)[:, np.random.default_rng(7).permutation(CHANNELS)]
    assert np.median(percentiles(judge, wrong).joint) > 0.99


def test_an_average_over_repeats_is_less_noisy_and_not_unusual(judge: live.Novelty) -> None:
    mean = eeg(400, 8).reshape(100, 4, CHANNELS, TIMES).mean(axis=1)
    assert np.median(percentiles(judge, mean).error) < 0.5


def test_one_window_is_judged_as_among_many(judge: live.Novelty) -> None:
    windows = np.concatenate([eeg(10, 9), 40 * eeg(10, 10)])
    together = percentiles(judge, windows).joint
    alone = [judge.unusual(w, v) for w, v in zip(windows, encode(windows), strict=True)]
    assert alone == (together > judge.spec.unusual_above).tolist()
    assert sum(alone[:10]) <= 1 and all(alone[10:])


def test_percentiles_of_ties() -> None:
    known = np.array([1, 2, 2, 3], np.float32)
    assert live.percentile(known, np.array([0.0, 1, 2, 2.5, 9])).tolist() == [0, 0.125, 0.5, 0.75, 1]


def test_folds_share_their_percentiles_and_the_last_encoder_its_bank() -> None:
    sides = [novelty.Side(encode, eeg(300, k), eeg(300, 50 + k)) for k in range(3)]

    def other(windows: Windows) -> NDArray[np.float32]:
        return unit_norm(windows.reshape(len(windows), -1) @ PROJECTION[:, ::-1])

    final = eeg(600, 99)
    made = novelty.fit(sides, (other, final), 0)
    assert made is not None
    assert made.fields["n_held_out"] == 900 and made.fields["n_bank"] == 600
    assert made.arrays["bank"] == pytest.approx(other(final), abs=1e-6)
    judge = live.Novelty(NoveltySpec(**made.fields, arrays_sha256="0" * 64), live.Arrays(**made.arrays))
    new = eeg(500, 100)
    assert novelty.uniformity(judge.percentiles(new, other(new)).joint).distance < 0.2


def test_too_few_windows_give_nothing() -> None:
    assert novelty.fit([novelty.Side(encode, eeg(20, 0), eeg(400, 1))], None, 0) is None
    assert novelty.fit([novelty.Side(encode, eeg(400, 0), eeg(20, 1))], None, 0) is None
    assert novelty.fit([], None, 0) is None


def spec(novel: NoveltySpec | None) -> EncoderSpec:
    names = tuple(f"C{k}" for k in range(CHANNELS))
    return EncoderSpec(
        architecture="nice",
        channels=names,
        window=WindowSettings(end_s=0.5, rate_hz=100.0),
        chain=ChainSettings(channels=names),
        space="test",
        dim=DIM,
        novelty=novel,
        weights_sha256="0" * 64,
    )


class Projected:
    """The encoder of these tests, as a worker holds it."""

    def embed(self, windows: Windows) -> NDArray[np.float32]:
        return encode(windows)


def test_a_worker_flags_an_unusual_single_trial(judge: live.Novelty, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, DIM)).astype(np.float32)
    items = [Item(id=str(k), label=str(k)) for k in range(5)]
    write_gallery(tmp_path / "gallery", items, vectors, space="test", model="x")
    encoder = LoadedEncoder(spec(judge.spec), "f", "cpu", Projected())
    decoder = Decoder(encoder, Gallery.load(tmp_path / "gallery"), Rules("w"), lambda: 0.0, judge)
    decoder.warm()
    plain, strange = eeg(1, 3)[0], 40 * eeg(1, 4)[0]
    flags = []
    # the average in version 1 is not judged
    for data in (np.stack([plain, strange]), np.stack([strange, plain])):
        window = Window(
            session="s",
            segment=1,
            sequence=0,
            stimulus="a",
            onset_s=0.0,
            sampling_rate_hz=100.0,
            first_sample_offset_s=0.0,
            channels=encoder.spec.channels,
            versions=2,
            times=TIMES,
            repeats=2,
            data=data,
        )
        (result,) = decoder.answer([Taken(window, 0.0)])
        assert isinstance(result, Result)
        flags.append(live.UNUSUAL in result.flags)
    assert flags == [False, True]


def test_it_is_kept_in_a_bundle(fitted: live.Fitted, judge: live.Novelty, tmp_path: Path) -> None:
    save_file(dict(fitted.arrays), tmp_path / "novelty.safetensors")
    loaded = live.load(tmp_path, spec(judge.spec))
    assert loaded is not None
    windows = eeg(20, 11)
    assert percentiles(loaded, windows).joint.tolist() == percentiles(judge, windows).joint.tolist()
    assert live.load(tmp_path, spec(None)) is None
    with pytest.raises(BundleError, match="'bank' of shape"):
        live.load(tmp_path, spec(judge.spec.model_copy(update={"n_bank": 7})))

"""ASR: the same bits for every chunking, causal, clean EEG untouched, a large artefact taken out."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from acquisition.asr import Asr, calibrate
from acquisition.chain import Chain
from config.chain import AsrSettings, ChainSettings
from config.errors import RecordingError, SettingsError

RATE, NAMES = 250.0, ("a", "b", "c", "d", "e")
Array = NDArray[np.float64]


def eeg(seconds: float, seed: int = 0) -> Array:
    """Correlated noise of 10 µV."""
    mixing = np.random.default_rng(99).standard_normal((5, 5)) + np.eye(5)
    return 4 * mixing @ np.random.default_rng(seed).standard_normal((5, round(seconds * RATE)))


CALIBRATED = calibrate(eeg(60), RATE)
ARTEFACT = np.array([1.0, 0.8, 0.2, 0.1, 0.0])[:, None] * 2000.0


def dirty(seconds: float = 6.0, seed: int = 1) -> Array:
    """An artefact from 2 to 4 s."""
    samples = eeg(seconds, seed)
    samples[:, 500:1000] += ARTEFACT * np.random.default_rng(5).standard_normal(500)
    return samples


@given(edges=st.lists(st.integers(0, 1500), max_size=12))
@settings(max_examples=40, deadline=None)
def test_same_bits_for_every_chunking(edges: list[int]) -> None:
    samples = dirty()
    whole = Asr(CALIBRATED, NAMES, RATE).process(samples)
    asr = Asr(CALIBRATED, NAMES, RATE)
    parts = [asr.process(np.ascontiguousarray(part)) for part in np.split(samples, sorted(edges), axis=1)]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_same_bits_through_the_chain_sample_by_sample() -> None:
    chain = ChainSettings(asr=CALIBRATED)
    samples = dirty().astype(np.float32)
    whole = Chain(chain, RATE, NAMES).process(samples)
    one = Chain(chain, RATE, NAMES)
    assert np.array_equal(
        np.concatenate([one.process(samples[:, k : k + 1]) for k in range(900)], axis=1), whole[:, :900]
    )
    before = Chain(ChainSettings(), RATE, NAMES)
    assert not np.array_equal(before.process(samples), whole)
    assert Chain(chain, RATE, NAMES).settling_s == pytest.approx(before.settling_s + 0.512)
    one.reset()
    assert np.array_equal(one.process(samples), whole)


def test_clean_eeg_passes_untouched_and_an_artefact_goes() -> None:
    clean = eeg(6, seed=1)
    assert np.array_equal(Asr(CALIBRATED, NAMES, RATE).process(clean), clean)
    found = Asr(CALIBRATED, NAMES, RATE).process(dirty())
    assert np.array_equal(found[:, :500], clean[:, :500])  # causal: before it began nothing can differ
    inside = slice(600, 1000)
    assert np.std(found[:, inside] - clean[:, inside]) < 0.02 * np.std(dirty()[:, inside] - clean[:, inside])
    assert np.array_equal(found[:, 1300:], clean[:, 1300:])


def test_later_samples_change_nothing_earlier() -> None:
    samples = dirty()
    whole = Asr(CALIBRATED, NAMES, RATE).process(samples)
    assert np.array_equal(Asr(CALIBRATED, NAMES, RATE).process(samples[:, :777]), whole[:, :777])


def test_thresholds_survive_json() -> None:
    chain = ChainSettings(asr=CALIBRATED)
    assert ChainSettings.model_validate_json(chain.model_dump_json()) == chain


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"calibrated for 5 channels at 250 Hz and the stream gives 4 at 250 Hz"):
        Chain(ChainSettings(channels=NAMES[:4], asr=CALIBRATED), RATE, NAMES)
    with pytest.raises(SettingsError, match=r"the stream gives 5 at 500 Hz"):
        Chain(ChainSettings(asr=CALIBRATED), 500.0, NAMES)
    with pytest.raises(SettingsError, match="needs a stream of at least 84 Hz"):
        calibrate(eeg(60), 80.0)
    with pytest.raises(RecordingError, match=r"2 s of 5 channels is too little"):
        calibrate(eeg(2), RATE)
    with pytest.raises(RecordingError, match="a channel is silent"):
        calibrate(np.zeros((5, 10_000)), RATE)
    with pytest.raises(ValueError, match="of one size"):
        AsrSettings(rate_hz=RATE, mixing=((1.0, 0.0), (0.0, 1.0)), threshold=((1.0,),))


def test_acquisition_stays_free_of_heavy_imports() -> None:
    code = (
        "import numpy as np, sys\nfrom acquisition.asr import calibrate\n"
        "calibrate(np.random.default_rng(0).standard_normal((3, 10000)), 250.0)\n"
        "print([m for m in ('torch', 'pyriemann', 'braindecode', 'mne', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"

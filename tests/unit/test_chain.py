"""The filter chain: the same bits for every chunking, a quiet start, poison kept out, clear errors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from acquisition.chain import SETTLED, Chain
from config.chain import ChainSettings
from config.errors import SettingsError

NAMES = tuple(f"C{k}" for k in range(11))
SCALES = np.resize(np.array([[300.0], [1e-7], [0.3]], dtype=np.float32), (11, 1))
"""So far apart that sums round even in float64, and so show the order of addition."""
NONE = {"notch_hz": (), "highpass_hz": None, "lowpass_hz": None}


def noise(channels: int, times: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((channels, times)) * 20 + rng.uniform(-500, 500, (channels, 1))).astype(np.float32)


def in_pieces(chain: Chain, samples: NDArray[np.float32], edges: list[int]) -> NDArray[np.float64]:
    ends = sorted({0, *edges, samples.shape[1]})
    pieces = [np.ascontiguousarray(samples[:, begin:end]) for begin, end in pairwise(ends)]
    empty = np.empty((samples.shape[0], 0), dtype=np.float32)
    return np.concatenate([chain.process(piece) for piece in [empty, *pieces[:1], empty, *pieces[1:], empty]], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    edges=st.lists(st.integers(1, 299), max_size=40),
    reference=st.sampled_from(["none", "average", ("C9",), ("C2", "C10", "C5")]),
    kept=st.sampled_from([(), ("C3",), ("C7", "C0", "C4"), NAMES[:9]]),
    bad=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 299), st.integers(1, 40)), max_size=6),
)
def test_every_chunking_gives_the_same_bits(
    edges: list[int], reference: str | tuple[str, ...], kept: tuple[str, ...], bad: list[tuple[int, int, int]]
) -> None:
    samples = noise(11, 300) * SCALES
    for channel, at, length in bad:
        samples[channel, at : at + length] = (np.nan, np.inf, -np.inf)[length % 3]
    made = ChainSettings(channels=kept, reference=reference, highpass_hz=0.5, notch_hz=(50.0, 60.0))
    whole = Chain(made, 250.0, NAMES).process(samples)
    assert whole.shape == (len(kept or NAMES), 300) and whole.dtype == np.float64
    assert np.isfinite(whole).all()
    assert np.array_equal(in_pieces(Chain(made, 250.0, NAMES), samples, edges), whole)


@pytest.mark.parametrize("reference", ["none", "average", ("C1", "C2")])
def test_one_sample_at_a_time_gives_the_same_bits(reference: str | tuple[str, ...]) -> None:
    samples = noise(11, 200, seed=3) * SCALES
    made = ChainSettings(reference=reference)
    whole = Chain(made, 250.0, NAMES).process(samples)
    assert np.array_equal(in_pieces(Chain(made, 250.0, NAMES), samples, list(range(200))), whole)


def test_it_starts_in_the_steady_state_of_the_first_sample() -> None:
    samples = np.repeat(np.array([[4200.0], [-73.0]], dtype=np.float32), 500, axis=1)
    filtered = Chain(ChainSettings(highpass_hz=0.1), 250.0, ("a", "b")).process(samples)
    assert np.abs(filtered).max() < 1e-6
    low = Chain(ChainSettings(highpass_hz=None), 250.0, ("a", "b")).process(samples)
    assert np.abs(low - samples).max() < 1e-6


def test_order_is_reference_selection_filters() -> None:
    """The reference may be a channel that is not kept, and is taken before filtering."""
    samples = noise(11, 400)
    made = ChainSettings(channels=("C4", "C1"), reference=("C9", "C10"))
    got = Chain(made, 250.0, NAMES).process(samples)
    wide = samples.astype(np.float64)
    by_hand = wide[[4, 1]] - wide[[9, 10]].mean(axis=0)
    sos = np.concatenate(
        [
            signal.tf2sos(*signal.iirnotch(50, 30, fs=250)),
            signal.butter(2, 1, "highpass", fs=250, output="sos"),
            signal.butter(4, 40, "lowpass", fs=250, output="sos"),
        ]
    )
    start = signal.sosfilt_zi(sos)[:, None, :] * by_hand[:, :1]
    assert np.allclose(got, signal.sosfilt(sos, by_hand, axis=1, zi=start)[0], rtol=0, atol=1e-9)


def test_average_reference_is_over_the_kept_channels() -> None:
    samples = noise(11, 50)
    got = Chain(ChainSettings(channels=NAMES[:4], reference="average", **NONE), 250.0, NAMES).process(samples)
    assert np.allclose(got, samples[:4] - samples[:4].astype(float).mean(axis=0), atol=1e-4)
    assert np.allclose(got.sum(axis=0), 0, atol=1e-9)


def test_what_is_to_be_filtered_out_is_and_the_rest_stays() -> None:
    seconds = np.arange(250 * 20) / 250
    waves = np.stack([np.sin(2 * np.pi * hz * seconds) for hz in (0.05, 10.0, 50.0, 80.0)]).astype(np.float32)
    out = Chain(ChainSettings(), 250.0, ("drift", "alpha", "line", "fast")).process(waves)[:, 2500:]
    drift, alpha, line, fast = np.ptp(out, axis=1) / 2
    assert drift < 0.01 and line < 0.01 and fast < 0.05
    assert alpha == pytest.approx(1.0, abs=0.02)


def test_a_non_finite_sample_does_not_poison_what_follows() -> None:
    samples = noise(2, 600)
    hurt = samples.copy()
    hurt[0, 300] = np.nan
    held = samples.copy()
    held[0, 300] = held[0, 299]
    chain = Chain(ChainSettings(), 250.0, ("a", "b"))
    filtered, bad = chain.filter(hurt)
    assert bad is not None and np.flatnonzero(bad).tolist() == [300]
    assert np.array_equal(filtered, Chain(ChainSettings(), 250.0, ("a", "b")).process(held))


def test_a_channel_that_comes_late_starts_in_its_own_steady_state() -> None:
    samples = np.full((2, 400), 900.0, dtype=np.float32)
    samples[1, :150] = np.nan
    filtered = Chain(ChainSettings(), 250.0, ("a", "b")).process(samples)
    assert np.abs(filtered).max() < 1e-6


def test_reset_is_a_new_start() -> None:
    samples, chain = noise(2, 300), Chain(ChainSettings(), 250.0, ("a", "b"))
    first = chain.process(samples)
    assert not np.array_equal(chain.process(samples), first)
    chain.reset()
    assert np.array_equal(chain.process(samples), first)


def test_settling_is_when_a_step_has_died_away() -> None:
    made = ChainSettings(highpass_hz=0.5)
    chain = Chain(made, 250.0, ("a",))
    step = np.zeros((1, 4000), dtype=np.float32)
    step[0, 1:] = 100.0
    response = np.abs(chain.process(step)[0, 1:]) / 100.0
    settled = round(chain.settling_s * 250)
    assert response[settled:].max() <= SETTLED < response[settled - 1]
    slow = Chain(ChainSettings(highpass_hz=0.1, highpass_order=1), 250.0, ("a",))
    assert 8 < slow.settling_s < 12
    assert Chain(ChainSettings(**NONE), 250.0, ("a",)).settling_s == 0.0


def test_group_delay_is_what_an_envelope_is_delayed_by() -> None:
    made = ChainSettings(highpass_hz=None, notch_hz=(), lowpass_hz=40.0)
    chain = Chain(made, 1000.0, ("a",))
    seconds = np.arange(4000) / 1000
    burst = np.exp(-(((seconds - 2) / 0.1) ** 2)) * np.sin(2 * np.pi * 15 * seconds) * 100
    out = chain.process(burst[None].astype(np.float32))[0]
    centre = [(seconds * wave**2).sum() / (wave**2).sum() for wave in (burst, out)]
    assert centre[1] - centre[0] == pytest.approx(chain.group_delay_s, abs=0.003)
    assert Chain(ChainSettings(**NONE), 250.0, ("a",)).group_delay_s == 0.0


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (ChainSettings(channels=("Oz", "C1", "Pz")), "no channel 'Oz', 'Pz'; it has 'C0', 'C1'"),
        (ChainSettings(reference=("M1",)), "no channel 'M1'"),
        (ChainSettings(channels=("C1", "C1")), "'C1' more than once"),
        (ChainSettings(notch_hz=(50.0, 125.0)), "chain.notch_hz of 125 Hz"),
        (ChainSettings(lowpass_hz=130.0), "chain.lowpass_hz of 130 Hz"),
        (ChainSettings(highpass_hz=200.0, lowpass_hz=None), "chain.highpass_hz of 200 Hz"),
        (ChainSettings(highpass_hz=40.0, lowpass_hz=30.0), "must lie below chain.lowpass_hz"),
    ],
)
def test_what_cannot_be_is_refused_by_name(made: ChainSettings, said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace(".", r"\.")):
        Chain(made, 250.0, NAMES)

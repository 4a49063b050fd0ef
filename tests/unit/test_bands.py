"""Band powers against sines of known power."""

from __future__ import annotations

import numpy as np
import pytest

from display.bands import BANDS, band_powers, middle, spectrum

RATE = 250.0


def sine(hz: float, amplitude: float, seconds: float = 4.0, rate: float = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("hz", "band"), [(2.0, 0), (6.0, 1), (10.0, 2), (20.0, 3), (38.0, 4)])
def test_a_sine_stands_in_its_band_with_its_power(hz: float, band: int) -> None:
    powers = band_powers(np.stack([sine(hz, 10.0), np.zeros(1000, np.float32)]), RATE)
    assert powers[band, 0] == pytest.approx(50.0, rel=0.02)  # amplitude 10 µV: 50 µV²
    assert np.delete(powers[:, 0], band).max() < 1.0
    assert powers[:, 1].max() == 0


def test_the_density_integrates_to_the_variance() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (1, 20_000)).astype(np.float32)
    hz, density = spectrum(noise, RATE)
    assert density.sum() * (hz[1] - hz[0]) == pytest.approx(9.0, rel=0.05)


def test_too_short_broken_or_too_slow_gives_no_number() -> None:
    assert np.isnan(band_powers(np.zeros((2, 100), np.float32), RATE)).all()
    broken = np.stack([np.full(1000, np.nan, np.float32), sine(10, 1)])
    powers = band_powers(broken, RATE)
    assert np.isnan(powers[:, 0]).all()
    assert np.isfinite(powers[:, 1]).all()
    assert np.isnan(band_powers(np.zeros((1, 400), np.float32), 50.0)[BANDS.index(BANDS[-1])]).all()


def test_the_middle_leaves_out_what_is_no_number() -> None:
    assert middle(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])).tolist()[0] == 2.0
    assert np.isnan(middle(np.array([[np.nan, np.nan]]))[0])

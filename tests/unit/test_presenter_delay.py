"""The delay from marker to light: exact on simulated photodiodes, refused where it is not clear, stored in settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from config.edit import edited, store
from config.errors import SettingsError, SettingsFileError, UnclearDelay
from config.load import load_settings
from display.presenter.delay import Delay, measure


def photodiode(
    rate_hz: float,
    delay_s: float,
    *,
    n: int = 100,
    jitter_s: float = 0.0,
    noise: float = 0.02,
    dark: bool = False,
    highpass_hz: float = 0.0,
    pulsed_hz: float = 0.0,
    seed: int = 0,
    on_s: float = 0.2,
    every_s: tuple[float, float] = (0.7, 1.1),
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A sensor over a patch: trace (arbitrary unit), stamps and markers, s."""
    generator = np.random.default_rng(seed)
    markers = 1.0 + np.cumsum(generator.uniform(*every_s, n))
    lights = markers + delay_s + jitter_s * generator.standard_normal(n)
    stamps = 50.0 + np.arange(int((markers[-1] + 2.0) * rate_hz)) / rate_hz
    # at 20 times the rate, and then averaged: what an amplifier makes of an edge between two samples
    fine = 50.0 + np.arange(len(stamps) * 20) / (20 * rate_hz) - 10 / (20 * rate_hz)
    light = np.zeros(len(fine))
    for begin in lights + 50.0:
        a, b = np.searchsorted(fine, [begin, begin + on_s])
        light[a:b] = 1.0
    if pulsed_hz:  # a panel whose backlight goes on and off
        light *= 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * pulsed_hz * fine))
    trace = light.reshape(-1, 20).mean(axis=1)
    if highpass_hz:
        keep = 1 - 2 * np.pi * highpass_hz / rate_hz
        slow = np.zeros(len(trace))
        for k in range(1, len(trace)):
            slow[k] = keep * (slow[k - 1] + trace[k] - trace[k - 1])
        trace = slow
    trace = (-trace if dark else trace) * 4000.0 + 4000.0 * noise * generator.standard_normal(len(trace)) - 300.0
    return trace, stamps, markers + 50.0


@pytest.mark.parametrize("rate_hz", [250.0, 256.0, 1000.0])
@pytest.mark.parametrize("delay_s", [0.0, 0.0374, 0.1183])
def test_a_known_delay_is_measured_to_a_fraction_of_a_sample(rate_hz: float, delay_s: float) -> None:
    found = measure(*photodiode(rate_hz, delay_s), rate_hz)
    assert abs(found.median_s - delay_s) < 0.25 / rate_hz
    assert found.n == found.markers == 100
    assert found.sd_s < 1 / rate_hz
    assert not found.dark


@pytest.mark.parametrize(
    "changes",
    [
        {"dark": True},
        {"highpass_hz": 1.0},
        {"noise": 0.1},
        {"pulsed_hz": 240.0},
        {"jitter_s": 0.003},
        {"on_s": 0.1, "every_s": (0.25, 0.5)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_sensor_amplifier_and_panel_do(changes: dict[str, float]) -> None:
    found = measure(*photodiode(500.0, 0.0421, **changes), 500.0)  # type: ignore[arg-type]
    assert abs(found.median_s - 0.0421) < 0.002
    assert found.dark == bool(changes.get("dark"))


def test_jitter_of_the_screen_shows_as_spread() -> None:
    still = measure(*photodiode(1000.0, 0.05), 1000.0)
    found = measure(*photodiode(1000.0, 0.05, jitter_s=0.004), 1000.0)
    assert still.sd_s < 0.001 < 0.003 < found.sd_s < 0.005
    assert "n 100 of 100" in found.words


def test_markers_that_nothing_was_seen_of_are_left_out_of_the_number() -> None:
    trace, stamps, markers = photodiode(500.0, 0.03)
    dim = trace.copy()
    for marker in markers[::10]:  # someone walked between
        a, b = np.searchsorted(stamps, [marker - 0.1, marker + 0.4])
        dim[a:b] = -300.0
    found = measure(dim, stamps, markers, 500.0)
    assert (found.n, found.markers) == (90, 100)
    assert found.median_s == pytest.approx(0.03, abs=0.001)


def test_what_is_not_clear_is_refused() -> None:
    trace, stamps, markers = photodiode(500.0, 0.03)
    noise = np.random.default_rng(1).standard_normal(len(trace))
    with pytest.raises(UnclearDelay, match="does not step"):
        measure(noise, stamps, markers, 500.0)
    with pytest.raises(UnclearDelay, match="flat"):
        measure(np.zeros(len(trace)), stamps, markers, 500.0)
    with pytest.raises(UnclearDelay, match="3 markers"):
        measure(trace, stamps, markers[:3], 500.0)
    with pytest.raises(UnclearDelay, match="0 markers"):
        measure(trace, stamps, markers + 1e6, 500.0)
    with pytest.raises(UnclearDelay, match=r"does not step|light follows"):  # two presentations
        measure(trace, stamps, np.sort(np.random.default_rng(2).uniform(stamps[0], stamps[-1], 100)), 500.0)
    with pytest.raises(UnclearDelay, match="differs by"):
        measure(*photodiode(500.0, 0.1, jitter_s=0.03), 500.0)
    with pytest.raises(UnclearDelay, match="regularly"):
        measure(*photodiode(500.0, 0.03, on_s=0.1, every_s=(0.2, 0.2)), 500.0)


def test_brain_waves_are_no_photodiode() -> None:
    _, stamps, markers = photodiode(250.0, 0.03)
    generator = np.random.default_rng(5)
    eeg = 20 * np.sin(2 * np.pi * 10.3 * stamps) + np.cumsum(generator.standard_normal(len(stamps)))
    with pytest.raises(UnclearDelay):
        measure(eeg, stamps, markers, 250.0)


def test_the_delay_is_stored_and_everything_else_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (
        '# my headset\n[source]\nname = "Muse" # the old one\n\n[markers]\n# s\ndelay_s = 0.1 # guessed\nlate_s = 3.0\n'
    )
    path.write_text(text)
    store(path, "markers", "delay_s", "0.03740")
    assert path.read_text() == text.replace("delay_s = 0.1", "delay_s = 0.03740")
    assert load_settings(str(path)).markers.delay_s == 0.0374
    store(tmp_path / "new.toml", "markers", "delay_s", "0.02")
    assert load_settings(str(tmp_path / "new.toml")).markers.delay_s == 0.02
    assert edited("[markers]\nlate_s = 3.0\n[run]\n", "markers", "delay_s", "1.0") == (
        "[markers]\ndelay_s = 1.0\nlate_s = 3.0\n[run]\n"
    )
    assert [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name] == []


@pytest.mark.parametrize("text", ["markers = { late_s = 3.0 }\n", "markers.late_s = 3.0\n"])
def test_a_file_written_another_way_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    with pytest.raises(SettingsFileError, match="by hand"):
        store(path, "markers", "delay_s", "0.02")
    assert path.read_text() == text
    path.write_text("[markers]\nlat_s = 3.0\n")
    with pytest.raises(SettingsError, match="lat_s"):
        store(path, "markers", "delay_s", "0.02")
    with pytest.raises(SettingsFileError, match="JSON"):
        store(tmp_path / "a.json", "markers", "delay_s", "0.02")


def test_a_result_says_it_in_milliseconds() -> None:
    found = Delay(0.0374, 0.036, 0.039, 0.001, 98, 100, 50.0, False, 250.0)
    assert "median 37.40 ms" in found.words
    assert "one sample is 4.00 ms" in found.words

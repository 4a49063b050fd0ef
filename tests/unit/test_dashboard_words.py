"""What the signal and evoked pages say and draw, apart from the browser."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from benchmarks.dashboard import DashboardOptions, aims, described, show
from benchmarks.machine import machine
from config.chain import ChainSettings
from config.errors import SettingsError
from display.dashboard.evoked_average import EVERY
from display.dashboard.evoked_page import count_words, remarks
from display.dashboard.evoked_store import (
    Choice,
    Store,
    first_categories,
    first_channels,
    mappable,
    nice,
    read_cursors,
)
from display.dashboard.signal_words import auto_uv, bands_html, filtered_words, line_words, notes, table_html
from display.truth import Truth
from wire.packets import Quality, Tap

CHANNELS = ("Fz", "Cz", "Pz", "Oz", "O1", "O2", "AUX")


def quality(states: tuple[Any, ...], rms: tuple[float, ...], line: tuple[float, ...]) -> Quality:
    names = tuple(f"c{k}" for k in range(len(states)))
    return Quality(time_s=1.0, channels=names, rms_uv=rms, line_ratio=line, states=states)


def tap(stimulus: str, uv: float) -> Tap:
    data = np.full((1, len(CHANNELS), 50), uv, np.float32)
    return Tap(
        session="s",
        segment=0,
        sequence=0,
        stimulus=stimulus,
        onset_s=1.0,
        sampling_rate_hz=100.0,
        first_sample_offset_s=-0.1,
        channels=CHANNELS,
        versions=1,
        times=50,
        repeats=1,
        data=data,
    )


def store() -> Store:
    return Store(lambda: Truth({"17": "dog-1"}, {"dog-1": "dog"}), lambda: 12.0)


def test_what_is_drawn_is_what_was_counted() -> None:
    made = store()
    assert made.drawn(Choice(("Oz",), (EVERY,), (100.0,), EVERY)) is None
    for k in range(4):
        made.take(tap("17", 1.0 + k))
        made.take(tap("cat/2", -1.0))
    since_s, why, channels, counts, ends = made.facts()
    assert (since_s, why, channels, counts) == (12.0, "", CHANNELS, {"dog": 4, "cat": 4})
    assert ends == pytest.approx((-100.0, 390.0))
    drawn = made.drawn(Choice(("Oz", "gone"), ("dog", "gone"), (100.0, 5000.0), mappable(counts)[1]))
    assert drawn is not None
    assert (drawn["channels"], drawn["cursors_ms"]) == (["Oz"], [100.0])
    one = drawn["categories"][0]
    assert (one["name"], one["n"]) == ("dog", 4)
    mean = np.frombuffer(base64.b64decode(one["mean"]), "<f4")
    error = np.frombuffer(base64.b64decode(one["error"]), "<f4")
    assert mean == pytest.approx(np.full(50, 2.5))
    assert error == pytest.approx(np.full(50, np.std([1, 2, 3, 4], ddof=1) / 2))
    maps = drawn["maps"]
    assert maps["title"] == "Across the head: dog − cat"
    assert maps["limit"] == 5
    assert len(maps["spots"]) == 6  # AUX has no place
    steps = np.frombuffer(base64.b64decode(maps["values"][0]), np.int8)
    assert set(steps.tolist()) == {-128, round(3.5 / 5 * 127)}
    made.restart()
    assert made.n == 0
    assert made.facts()[1] == "somebody asked for it"


def test_what_is_chosen_at_first() -> None:
    assert first_channels(("A", "Oz", "B", "PO7", "C", "D")) == ("PO7", "Oz", "A", "B")
    assert first_categories({"a": 1, "b": 2}) == ("a", "b")
    assert first_categories({str(k): 1 for k in range(7)}) == (EVERY,)
    assert mappable({"a": 1, "b": 2}) == [EVERY, "a − b", "a", "b"]
    assert mappable({"a": 1}) == [EVERY, "a"]


@pytest.mark.parametrize("text", ["170, what", "nan", "1e9", ",".join(str(k) for k in range(9))])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ms by commas"):
        read_cursors(text)


def test_trials_are_counted_in_words() -> None:
    assert count_words({"b": 2, "a": 1}) == "b: 2, a: 1"
    assert count_words({str(k): k for k in range(3, 20)}) == "17 categories, 3 to 19 trials each"


def test_times_are_sorted_and_maps_say_what_is_missing() -> None:
    assert read_cursors("300; 100,100, ") == (100.0, 300.0)
    assert [nice(value) for value in (0.0, 0.9, 1.0, 3.1, 60)] == [0.1, 1.0, 1.0, 5.0, 75.0]
    assert "they need 4 channels" in remarks(("Cz", "x"), True, (0, 800), (100.0,))
    assert "from 0 to 800 ms" in remarks(CHANNELS, True, (0, 800), (900.0,))
    assert "most of the head is unknown" in remarks(CHANNELS, False, (0, 800), (100.0,))


def test_the_filters_are_told() -> None:
    chain = ChainSettings(channels=("Cz",), notch_hz=(50.0, 100.0), highpass_hz=1.0, lowpass_hz=40.0)
    assert "(from 1 Hz up to 40 Hz without 50 and 100 Hz)" in filtered_words(chain)
    assert "filtered signal" in filtered_words(None)


def test_the_height_of_a_channel_follows_the_good_ones() -> None:
    assert auto_uv(None) == 100
    assert auto_uv(quality(("good", "good", "noisy"), (8.0, 9.0, 900.0), (0.1,) * 3)) == 50
    assert auto_uv(quality(("flat",), (0.0,), (0.0,))) == 100
    assert auto_uv(quality(("noisy",), (1e9,), (0.0,))) == 2000


def test_line_noise_is_told_with_what_to_do() -> None:
    assert line_words(quality(("good",) * 3, (1.0,) * 3, (0.01, 0.02, 0.03))) == "median 2%; most at c2: 3%."
    assert "contact of c2" in line_words(quality(("good",) * 3, (1.0,) * 3, (0.01, 0.02, 0.6)))
    assert "reference and ground" in line_words(quality(("good",) * 3, (1.0,) * 3, (0.5, 0.6, 0.7)))
    assert line_words(None) == "not known yet"


def test_bands_and_tables_in_words() -> None:
    powers = np.array([[1.0, 3.0], [0.0, 0.0], [6.0, 6.0], [1.0, 1.0], [np.nan, np.nan]])
    assert "6.0 µV² · 67%" in bands_html(powers, None)
    assert "1.0 µV² · 12%" in bands_html(powers, 0)
    assert "too slow a source" in bands_html(powers, None)
    assert "2 s of signal" in bands_html(None, None)
    told = quality(("good", "flat"), (8.0, 0.0), (0.1, 0.0))
    assert notes(told)["c0"] == "8.0 µV RMS, line noise 10%"
    assert "flat: no contact" in table_html(told)
    hostile = Quality(time_s=0.0, channels=("<b>",), rms_uv=(1.0,), line_ratio=(0.0,), states=("good",))
    assert "<b>" not in table_html(hostile)


def found(**changes: object) -> dict[str, Any]:
    latency = {"p50": 3.0, "p95": 4.0, "p99": 5.0, "max": 6.0, "n": 100}
    cores = {"acquisition": 0.1, "inference": 0.1, "display": 0.1, "dashboard": 0.05, "browser": 0.4}
    names = ("without", "nobody looks", "one viewer", "three viewers", "without again")
    made = {
        "options": described(DashboardOptions()),
        "machine": machine(),
        "phases": {name: {"latency_ms": dict(latency), "cores": dict(cores)} for name in names},
        "opened": {"Signal": {"first_paint_s": 1.0, "content_s": 1.5}},
        "lag_ms": dict(latency),
        "signal": {"frames_hz": 25.0, "packets_hz": 10.0, "main_thread": 0.03},
        "windows": {"lost": 0, "doubled": 0},
        "browser": "Chromium 1",
    }
    return {**made, **changes}


def test_the_benchmark_s_targets_are_missed_by_what_misses_them(capsys: pytest.CaptureFixture[str]) -> None:
    good = found()
    good["targets"] = aims(good)
    assert all(one["reached"] for one in good["targets"])
    show(good)
    assert "three viewers" in capsys.readouterr().out
    unseen = {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}
    bad = found(
        lag_ms=unseen,
        opened={"Live": {"first_paint_s": 2.5, "content_s": 3.0}},
        signal={"frames_hz": 9.0, "packets_hz": 9.0, "main_thread": 0.1},
        windows={"lost": 1, "doubled": 0},
    )
    bad["phases"]["three viewers"]["cores"]["dashboard"] = 0.3
    bad["phases"]["nobody looks"]["latency_ms"]["p50"] = 5.0
    missed = [one["name"] for one in aims(bad) if not one["reached"]]
    assert len(missed) == 6
    assert "server, one viewer" not in missed

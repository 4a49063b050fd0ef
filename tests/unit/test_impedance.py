"""Impedances: what they mean, whose they are, and how they are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from acquisition.quality import with_impedance
from acquisition.sources.impedance import electrode, electrodes, of_sample, said_of
from acquisition.sources.layout import Channels, choose
from acquisition.types import Impedance
from display.dashboard.signal_words import impedance_html, notes, table_html
from display.state import State
from display.truth import Truth
from display.tui.signal import legend, signal
from display.tui.sweep import Sweep
from eegseek.session.lights import all_good, lights
from wire.impedance import WORDS, amount, grade, measured, told
from wire.packets import Preview, Quality


def quality(*kohm: float | None, **others: float) -> Quality:
    names = ("TP9", "AF7", "AF8", "TP10")[: len(kohm) or 2]
    count = len(names)
    return Quality(
        time_s=0.0, channels=names, rms_uv=(5.0,) * count, line_ratio=(0.1,) * count, states=("good",) * count,
        impedance_kohm=kohm, other_kohm=others,
    )  # fmt: skip


def test_impedances_have_grades_with_limits_that_belong_to_the_better_one() -> None:
    graded = {0.05: "short", 0.1: "good", 10.0: "good", 10.1: "fair", 40.0: "fair", 41.0: "poor", 999.0: "poor"}
    assert {kohm: grade(kohm) for kohm in graded} == graded
    assert grade(1000.0) == grade(1e9) == "open"
    assert [amount(kohm) for kohm in (0.05, 4.71, 68.2, 2100.0)] == ["0.1 kΩ", "4.7 kΩ", "68 kΩ", "2.1 MΩ"]
    assert told(4.7) == "4.7 kΩ good"
    assert not any(measured(ohm) for ohm in (0.0, -1.0, float("nan"), float("inf")))


def test_boards_rows_have_names_where_their_order_is_known() -> None:
    assert electrodes("BRAINBIT_BOARD", ("T3", "T4", "O1", "O2"), 4) == ("T3", "T4", "O1", "O2")
    assert electrodes("GANGLION_NATIVE_BOARD", ("Ch1", "Ch2", "Ch3", "Ch4"), 5)[3:] == ("Ch4", "reference")
    assert electrodes("SYNTHETIC_BOARD", ("Fz", "C3"), 2) == ("R1", "R2")
    assert "which electrodes" in said_of("SYNTHETIC_BOARD", 2) and not said_of("CYTON_BOARD", 0)
    assert all("without EEG" in said_of(name, 0) for name in ("GANGLION_BOARD", "ANT_NEURO_EE_411_BOARD"))


def test_what_was_not_measured_is_left_out() -> None:
    places = [("T3", 0, 1e-3), ("T4", 1, 1e-3), ("R1", 3, 1e-3)]
    ohm = np.array([5000.0, 0.0, 7.0, 9000.0])
    assert of_sample(places, ("T3", "T4"), ohm) == Impedance({"T3": 5.0}, {"R1": 9.0})
    assert of_sample(places, ("T3", "T4"), np.array([np.nan, -1.0, 7.0, np.inf])) is None


@pytest.mark.parametrize("label", ["Fz", "Fz impedance", "Imp_FZ", "Fz (impedance)", "impedance: fz"])
def test_a_streams_impedance_finds_its_channel(label: str) -> None:
    assert electrode(label, ("Cz", "Fz")) == "Fz"
    assert electrode("ground", ("Cz", "Fz")) == "ground"


def test_a_streams_impedances_are_taken_where_their_unit_is_known() -> None:
    found = Channels(
        5,
        ("Fz", "Cz", "Fz impedance", "Ref", "Cz impedance"),
        ("EEG", "EEG", "Impedance", "impedance", "impedance"),
        ("microvolts", "microvolts", "Ohm", "kOhm", None),
    )
    layout = choose("s", found, given=(), unit="auto", stim=None)
    assert layout.names == ("Fz", "Cz") and layout.impedance == (("Fz", 2, 1e-3), ("Ref", 3, 1.0))
    assert layout.notes == ("channels not typed EEG are left out: Cz impedance",)
    row = np.array([1.0, 2.0, 4700.0, 2.0, 9.0])
    assert of_sample(layout.impedance, layout.names, row) == Impedance({"Fz": 4.7}, {"Ref": 2.0})
    assert of_sample(layout.impedance, layout.names, np.zeros(5)) is None


def test_quality_gets_the_impedances_of_the_channels_that_it_has() -> None:
    bare = quality()
    assert with_impedance(bare, None) is bare and with_impedance(bare, Impedance()) is bare
    found = with_impedance(bare, Impedance({"af7": 4.0, "Cz": 3.0}, {"reference": 2.0}))
    assert found.impedance_kohm == (None, 4.0) and found.electrodes_kohm == {"AF7": 4.0, "reference": 2.0}
    assert with_impedance(bare, Impedance({"Cz": 3.0}, {"R1": 1.0})).impedance_kohm == ()


def test_no_light_is_green_where_the_impedance_is_absurd() -> None:
    shown = lights(quality(4.7, 5000.0, 0.01, 200.0))
    assert [light.letter for light in shown] == ["G", "R", "Y", "Y"]
    assert shown[0].words == "good (4.7 kΩ)" and "5.0 MΩ" in shown[1].words and "go on" in shown[3].words
    assert all_good(lights(quality(4.7, None))) and all_good(lights(quality(4.7, 9.0, reference=3.0)))
    open_reference = lights(quality(4.7, 9.0, reference=2000.0))
    assert not all_good(open_reference) and open_reference[-1].channel == "reference"
    railed = structs.replace(quality(4.7), states=("railed",))
    assert lights(railed)[0].letter == "R" and "amplifier" in lights(railed)[0].words


def test_the_page_says_it_in_numbers_words_and_signs() -> None:
    seen = quality(4.7, 2000.0, None, reference=20.0)
    html = impedance_html(seen, simulated=False)
    assert "<b>TP9</b> 4.7 kΩ" in html and "● good" in html and "✕ no contact" in html and "◐ fair" in html
    assert "AF8" not in html and "SIMULATED" not in html and "SIMULATED" in impedance_html(seen, simulated=True)
    assert impedance_html(quality(), simulated=True) == impedance_html(None, simulated=False) == ""
    assert "impedance 4.7 kΩ good" in notes(seen)["TP9"] and "impedance" not in notes(seen)["AF8"]
    assert "<td>4.7 kΩ</td>" in table_html(seen) and "<td>–</td>" in table_html(seen)
    assert "<th>impedance</th>" not in table_html(quality(R1=1.0))
    hostile: dict[str, Any] = {"<script>": 1.0}
    assert "<script>" not in impedance_html(quality(**hostile), simulated=False)
    assert set(WORDS) == {"short", "good", "fair", "poor", "open"}


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_it_beside_each_channel(width: int) -> None:
    seen, sweep, state = quality(4.7, 2000.0, None), Sweep(), State(Truth())
    data = np.random.default_rng(0).normal(0, 8.0, (3, 500)).astype(np.float32)
    sweep.add(
        Preview(
            session="s", segment=0, sequence=0, first_s=1.0, rate_hz=250.0, channels=seen.channels, times=500, data=data
        )
    )
    state.fold(seen, 2.0)
    lines = [line.plain for line in signal(state, sweep, 3.0, width, 24)]
    text = "\n".join(lines)
    assert "4.7 kΩ good" in text and "2.0 MΩ open" in text and all(len(line) == width for line in lines)
    without = [line.plain for line in signal(_plain(state), sweep, 3.0, width, 24)]
    assert "kΩ" not in "\n".join(without)


def _plain(state: State) -> State:
    state.fold(quality(), 2.0)
    return state


def test_the_terminal_lists_electrodes_that_are_no_channel() -> None:
    assert "impedance reference 2.0 kΩ good" in legend(quality(reference=2.0)).plain
    assert "impedance" not in legend(quality()).plain

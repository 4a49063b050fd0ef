"""The head map: places by MNE, states by shape and letter, hostile names harmless."""

from __future__ import annotations

import json
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.bundles import THINGS_CHANNELS
from display.dashboard.head import LOOKS, head_svg, legend_svg, places, summary
from display.dashboard.head_table import TABLE, centre, made, project

SVG = ElementTree.fromstring


def groups(svg: str) -> dict[str, ElementTree.Element]:
    return {one.attrib["data-channel"]: one for one in SVG(svg).iter() if "data-channel" in one.attrib}


def test_the_table_is_what_mne_says() -> None:
    stored, now = json.loads(TABLE.read_text()), made()
    assert {name: set(one) for name, one in stored.items()} == {name: set(one) for name, one in now.items()}
    for name, electrodes in now.items():
        for electrode, place in electrodes.items():
            assert stored[name][electrode] == pytest.approx(place, abs=0.002)


def test_a_sphere_is_projected_about_its_vertex() -> None:
    points = np.array([[0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0.6, -0.8]]) * 0.09 + 0.01
    assert centre(points) == pytest.approx([0.01] * 3)
    flat = project(points)
    assert flat[0] == pytest.approx([0, 0], abs=1e-9)
    assert flat[1] == pytest.approx([0.86, 0], abs=1e-6)
    assert flat[3] == pytest.approx([0, 0.86], abs=1e-6)
    assert flat[5, 1] > 1  # below the equator lies outside


def test_left_is_left_and_the_front_is_up() -> None:
    known = places(["EEG Fp1-REF", "o2", "Cz", "AUX"])
    assert set(known) == {"EEG Fp1-REF", "o2", "Cz"}
    assert known["EEG Fp1-REF"][0] < -0.1 < 0.7 < known["EEG Fp1-REF"][1]
    assert known["o2"][0] > 0.1 > -0.7 > known["o2"][1]


def test_the_montage_that_has_most_is_taken() -> None:
    assert len(places(THINGS_CHANNELS)) == 63
    assert set(places(["A1", "A2", "B31", "D32"])) == {"A1", "A2", "B31", "D32"}
    assert set(places(["E1", "E128", "Cz"])) == {"E1", "E128", "Cz"}


def test_every_state_has_a_shape_and_a_letter_of_its_own() -> None:
    told = {(look.shape, look.letter) for look in LOOKS.values()}
    assert len(told) == len(LOOKS)
    assert len({look.letter for look in LOOKS.values()}) == len(LOOKS)
    channels = ["Fp1", "Fp2", "Cz", "O1", "O2", "Oz"]
    states = dict(zip(channels, LOOKS, strict=True))
    found = groups(head_svg(channels, states))
    for channel, state in states.items():
        group = found[channel]
        assert group.attrib["data-state"] == state
        badge = [one.text for one in group.iter() if one.attrib.get("class") == "badge"]
        assert badge == ([LOOKS[state].letter] if state != "good" else [])
    legend = unescape(legend_svg(states))
    assert all(look.words in legend for look in LOOKS.values())


def test_who_has_no_place_stands_below_the_head() -> None:
    found = groups(head_svg(["Cz", "AUX1", "AUX2"], {"AUX1": "flat"}))
    assert set(found) == {"Cz", "AUX1", "AUX2"}
    assert found["AUX1"].attrib["data-state"] == "flat"


def test_a_hostile_name_does_no_harm() -> None:
    name = '"><script>alert(1)</script>'
    svg = head_svg([name], {name: "noisy"}, {name: "<b>&"})
    assert "<script" not in svg
    assert next(iter(groups(svg))) == name


def test_the_summary_says_what_is_wrong() -> None:
    assert summary(["Cz", "Oz"], {"Cz": "good", "Oz": "flat"}) == "1 of 2 channels are good; Oz flat."
    assert "not known" in summary(["Cz"], {})


def test_electrodes_do_not_cover_each_other() -> None:
    circles = [
        one
        for group in groups(head_svg(THINGS_CHANNELS, dict.fromkeys(THINGS_CHANNELS, "good"))).values()
        for one in group
        if one.tag.endswith("circle")
    ]
    at = np.array([[float(one.attrib["cx"]), float(one.attrib["cy"])] for one in circles])
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e9 * np.eye(len(at))
    assert apart.min() >= 2 * float(circles[0].attrib["r"]) - 0.2

"""The pure parts of the live sources: labels, edges, stamps, watchdog, counters, layout, choosing among streams."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.sources.counter import SampleCounter
from acquisition.sources.labels import number_label, numeric_label, text_label
from acquisition.sources.layout import Channels, choose
from acquisition.sources.stamps import ForeignClocks, StampConverter
from acquisition.sources.stim import StimEdges
from acquisition.sources.watchdog import Watchdog
from config.errors import SourceError


@pytest.mark.parametrize(
    ("value", "label"),
    [(1.0, "1"), (2, "2"), (1.5, "1.5"), (np.float32(0.1), "0.1"), (-3.0, "-3"), (1e20, "1" + "0" * 20)],
)
def test_numbers_are_labels_without_a_trailing_zero(value: float, label: str) -> None:
    assert number_label(value) == label


def test_text_label_is_the_first_channel_that_is_not_empty() -> None:
    assert text_label([b"", b" face ", b"x"]) == "face"
    assert text_label([b"\xff"]) == "\ufffd"
    assert text_label([b"", b" "]) == ""


def test_numeric_labels_of_several_channels() -> None:
    assert numeric_label(np.array([0, 1, 0])) == "2"
    assert numeric_label(np.array([0, 1, 0]), ("a", "b", None)) == "b"
    assert numeric_label(np.array([0.0, 0.0])) == "0"
    assert numeric_label(np.array([2.0, 1.0])) == "2,1"
    assert numeric_label(np.array([np.nan])) == ""


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_stimulus_edges_do_not_depend_on_the_chunks(size: int) -> None:
    values = np.array([7, 7, 0, 1, 1, 2, 0, 0, 2, np.nan, 2, 0, 3], dtype=float)
    edges, found = StimEdges(), []
    for start in range(0, len(values), size):
        found += edges.find(values[:0])
        found += [(start + row, value) for row, value in edges.find(values[start : start + size])]
    assert found == [(3, 1.0), (5, 2.0), (8, 2.0), (10, 2.0), (12, 3.0)]


NOW, WALL = 5000.0, 1.7e9


def converter(host: str = "here", clocks: ForeignClocks | None = None, stream: str = "s") -> StampConverter:
    return StampConverter(stream, host, clocks or ForeignClocks("here", lambda: WALL))


def test_stamps_of_the_lsl_clock_get_the_measured_correction_each_time() -> None:
    stamps = converter()
    assert stamps.offset(np.array([NOW - 1.0]), 0.25, NOW) == 0.25
    assert stamps.offset(np.array([NOW]), 0.5, NOW) == 0.5
    assert stamps.note == ""


def test_the_hour_is_judged_after_correction() -> None:
    # another machine's monotonic clock is far from ours, and is no wall clock
    assert converter().offset(np.array([NOW + 90_000.0]), -90_000.0, NOW) == -90_000.0
    almost, beyond = converter(), converter()
    assert almost.offset(np.array([NOW - 3599.0]), 0.0, NOW) == 0.0
    assert beyond.offset(np.array([NOW - 3601.0]), 0.0, NOW) == pytest.approx(3601.0)
    assert "unknown clock" in beyond.note


def test_a_wall_clock_of_this_host_is_converted_once_by_its_own_difference() -> None:
    stamps = converter()
    fixed = stamps.offset(np.array([WALL - 0.3]), 0.001, NOW)
    assert fixed == NOW - WALL
    assert stamps.offset(np.array([WALL + 10.0]), 0.002, NOW + 11.0) == fixed
    assert "wall clock" in stamps.note


def test_an_empty_chunk_decides_nothing() -> None:
    stamps = converter()
    assert stamps.offset(np.empty(0), 0.125, NOW) == 0.125
    assert stamps.offset(np.array([WALL]), 0.0, NOW) == NOW - WALL


def test_another_hosts_wall_clock_is_shared_by_its_streams() -> None:
    clocks = ForeignClocks("here", lambda: WALL)
    eeg, markers = converter("there", clocks), converter("there", clocks, "m")
    fixed = eeg.offset(np.array([WALL + 0.4, WALL + 0.5]), 0.0, NOW)  # half a second ahead of our wall clock
    assert fixed == NOW - (WALL + 0.5)
    assert markers.offset(np.array([WALL + 7.0]), 0.0, NOW + 9.0) == fixed
    assert converter("elsewhere", clocks).offset(np.array([WALL]), 0.0, NOW) == NOW - WALL


def test_unknown_clocks_are_not_shared() -> None:
    clocks = ForeignClocks("here", lambda: WALL)
    first = converter("here", clocks, "a").offset(np.array([12.0]), 0.0, NOW)
    second = converter("here", clocks, "b").offset(np.array([99.0]), 0.0, NOW)
    assert (first, second) == (NOW - 12.0, NOW - 99.0)


def states(dog: Watchdog, reads: list[tuple[float, float, bool]]) -> list[str]:
    return [dog.update(*read) for read in reads]


def test_watchdog_goes_through_its_states() -> None:
    dog = Watchdog(0.5, 1.0, 10.0)
    silence = [(k / 10, k / 10 + 0.1, False) for k in range(12)]
    assert states(dog, silence) == ["connected"] * 4 + ["stalled"] * 5 + ["lost"] * 3
    assert states(dog, [(1.2, 1.3, True), (1.3, 1.4, True)]) == ["recovered", "connected"]
    assert states(dog, [(1.4, 1.95, False), (1.95, 2.0, True), (2.0, 2.1, False)]) == [
        "stalled",
        "recovered",
        "connected",
    ]


def test_watchdog_does_not_blame_the_stream_for_a_reader_held_up() -> None:
    dog = Watchdog(0.5, 1.0, 10.0)
    dog.update(0.0, 0.1, True)
    assert states(dog, [(9.0, 9.05, False), (9.05, 9.1, True)]) == ["connected", "connected"]


def test_watchdog_gives_up_counting_from_the_loss() -> None:
    dog = Watchdog(0.5, 1.0, 10.0)
    dog.update(0.0, 0.1, True)
    dog.lose(5.0)
    assert dog.update(5.0, 5.1, False) == "lost"
    assert not dog.gave_up(14.9)
    assert dog.gave_up(15.0)
    assert dog.silence_s(7.0) == 2.0
    dog.update(15.0, 15.1, True)
    assert not dog.gave_up(99.0)


@pytest.mark.parametrize("size", [1, 7, 300])
def test_counter_unwraps_alike_for_every_chunking(size: int) -> None:
    raw = np.delete(np.arange(250, 1250), slice(400, 450)) % 256
    counter = SampleCounter(256)
    counts = np.concatenate([counter.unwrap(raw[k : k + size].astype(float)) for k in range(0, len(raw), size)])
    assert counts[0] == 0
    steps = np.diff(counts)
    assert steps.max() == 51
    assert (np.delete(steps, 399) == 1).all()


def test_counter_goes_on_after_a_reconnection() -> None:
    counter = SampleCounter(256)
    counter.unwrap(np.array([5.0, 6.0]))
    counter.restart(missing=100)
    assert counter.unwrap(np.array([0.0, 1.0])).tolist() == [102, 103]


def layout_of(found: Channels, given: tuple[str, ...] = (), unit: str = "auto", stim: str | None = None):
    return choose("s", found, given=given, unit=unit, stim=stim)


def test_layout_keeps_typed_eeg_in_microvolts() -> None:
    found = Channels(4, ("A", "B", "AUX", "C"), ("EEG", "eeg", "misc", None), ("V", "\u00b5V", None, "mV"))
    layout = layout_of(found)
    assert (layout.names, layout.columns, layout.scale) == (("A", "B", "C"), (0, 1, 3), (1e6, 1.0, 1e3))
    rows = np.array([[1e-6, 2.0, 9.0, 3e-3]], dtype=np.float64)
    data = layout.eeg(rows)
    assert data.dtype == np.float32
    assert data.flags.c_contiguous
    assert np.allclose(data, [[1.0], [2.0], [3.0]])
    assert "AUX" in layout.notes[0]


def test_layout_reads_the_units_of_mne_lsl() -> None:
    assert layout_of(Channels(2, ("A", "B"), ("eeg", "eeg"), ("0", "-6"))).scale == (1e6, 1.0)


def test_layout_copies_what_it_hands_on() -> None:
    rows = np.ones((5, 2), dtype=np.float32)
    data = layout_of(Channels(2, ("A", "B"))).eeg(rows)
    rows[:] = 7.0
    assert (data == 1.0).all()


def test_layout_names_a_stream_that_has_no_names() -> None:
    assert layout_of(Channels(2)).names == ("Ch1", "Ch2")
    assert layout_of(Channels(2), ("Oz", "Pz")).names == ("Oz", "Pz")
    with pytest.raises(SourceError, match=r"2 channels without names, source.channels gives 1"):
        layout_of(Channels(2), ("Oz",))
    assert "not used" in layout_of(Channels(1, ("Cz",)), ("Oz",)).notes[0]
    assert layout_of(Channels(3, ("A", "A", None))).names == ("A", "A-2", "Ch3")


def test_layout_finds_the_stimulus_channel() -> None:
    found = Channels(3, ("A", "Trig", "B"), ("EEG", "Trigger", "EEG"))
    assert layout_of(found, stim="").stim == 1
    untyped = Channels(3, ("A", "Trig", "B"))
    layout = layout_of(untyped, stim="Trig")
    assert (layout.stim, layout.names) == (1, ("A", "B"))
    with pytest.raises(SourceError, match=r"no channel 'Trg' \(did you mean 'Trig'\?\).*A, Trig, B"):
        layout_of(untyped, stim="Trg")
    with pytest.raises(SourceError, match=r"does not say which"):
        layout_of(untyped, stim="")


def test_layout_refuses_what_it_cannot_read() -> None:
    with pytest.raises(SourceError, match=r"no EEG channel .*accelerometer"):
        layout_of(Channels(1, ("X",), ("Accelerometer",)))
    with pytest.raises(SourceError, match=r"'A' of stream 's' is in 'counts', expected uV.*source.unit"):
        layout_of(Channels(1, ("A",), (None,), ("counts",)))
    assert layout_of(Channels(1, ("A",), (None,), ("counts",)), unit="nV").scale == (1e-3,)

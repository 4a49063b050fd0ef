"""What the faults of streams and boards are met with, part by part: patience, words, repeats, storms, exchanges."""

from __future__ import annotations

import numpy as np
import pytest
from signal_data import Arrival, chunks, epochs, gaps, info, missed, plan, refused, run, words

from acquisition import pipeline as pipelines
from acquisition.dejitter import Dejitter
from acquisition.patience import Patience
from acquisition.pipeline import Pipeline
from acquisition.silences import Silences
from acquisition.sources.counter import Repeats, SampleCounter
from acquisition.swaps import FEWEST, LATEST, LEARN, Swaps
from acquisition.types import Chunk, Event, Gap
from config.chain import ChainSettings, RejectionSettings

RATE = 250.0


def chunk(size: int, arrived: float, state: str = "connected") -> Chunk:
    return Chunk(np.zeros((1, size), np.float32), np.zeros(size), arrived, state=state)


def test_markers_of_a_silent_stream_may_lie_ahead_by_the_silence() -> None:
    patience = Patience(2.0, RATE)
    patience.hear(chunk(0, 0.5, "lost"), 0)
    assert patience.early_s == 2.0  # nothing came yet
    patience.hear(chunk(10, 1.0), 0)
    patience.hear(chunk(0, 1.3), 10)
    assert patience.early_s == 2.0
    patience.hear(chunk(0, 11.0, "lost"), 10)
    assert patience.early_s == 12.0
    patience.hear(chunk(250, 31.0, "recovered"), 10)
    assert patience.early_s == 32.0
    patience.hear(chunk(250, 31.01), 260)  # it sends what it held back
    assert patience.early_s == 32.0
    patience.hear(chunk(10, 40.0), 10 + 31 * 250)
    assert patience.early_s == 2.0


def test_what_a_stream_held_back_is_decoded_and_what_it_lost_is_a_gap() -> None:
    number = np.arange(250 * 12)
    onsets = [600.25, 1400.25, 2400.25]  # the second while the stream is silent, for six seconds
    for lost in (0, 1500):
        kept = np.delete(number, slice(1000, 1000 + lost))
        pipeline = Pipeline(info(), plan())
        outputs = []
        for begin in range(0, 1000, 25):
            events = tuple(Event(o / RATE, "a") for o in onsets[:1] if begin == 625)
            outputs += pipeline.feed(piece(kept[begin : begin + 25], (begin + 25) / RATE, events=events))
        waiting = tuple(Event(onset / RATE, label) for onset, label in zip(onsets[1:], "bc", strict=True))
        outputs += pipeline.feed(piece(kept[:0], 10.0, waiting, "lost"))
        assert not missed(outputs), "nobody knows yet what will come"
        for begin in range(1000, len(kept), 25):
            state = "recovered" if begin == 1000 else "connected"
            outputs += pipeline.feed(piece(kept[begin : begin + 25], 10.1 + (begin - 1000) / RATE, state=state))
        found = {one.stimulus: float(one.data[0, 0, 0]) for one in epochs(outputs)}
        if lost:
            assert found == {"a": 600.0}
            assert all("gap" in words(one.reasons) for one in refused(outputs))
            assert [(gap.index, round(gap.missing_s, 3)) for gap in gaps(outputs)] == [(1000, 6.0)]
        else:
            assert found == {"a": 600.0, "b": 1400.0, "c": 2400.0}


def piece(number: np.ndarray, arrived: float, events: tuple[Event, ...] = (), state: str = "connected") -> Chunk:
    samples = np.stack([number, -number]).astype(np.float32)
    return Chunk(samples, number / RATE, arrived, events=events, state=state)


def test_a_storm_is_bounded_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "MOST_PENDING", 20)
    number = np.arange(2500)
    arrivals = [Arrival(1000, Event((1000 + k) / RATE, f"s{k}")) for k in range(50)]
    pipeline = Pipeline(info(), plan())
    outputs = run(pipeline, chunks(np.stack([number, -number]).astype(np.float32), number / RATE, [1000], arrivals))
    assert len(epochs(outputs)) == 20
    assert [one.reason.partition(":")[0] for one in missed(outputs)] == ["storm"] * 30


def test_a_clock_set_back_leaves_no_marker_on_the_wrong_sample() -> None:
    """Its stamps come a second time: markers wait for the verdict, and those that two samples fit are rejected."""
    number = np.arange(250 * 30)
    clock = 100 + number / RATE - np.where(number < 4000, 0.0, 2.0)
    new = [4010, 4400, 4700, 6000]
    arrivals = [Arrival(k + 5, Event(float(clock[k]), str(k))) for k in new]
    late = [Arrival(k + 400, Event(float(clock[k]), str(k))) for k in (3700, 3900)]
    pipeline = Pipeline(info(), plan())
    samples = np.stack([number, -number]).astype(np.float32)
    outputs = run(pipeline, chunks(samples, clock, range(0, 7500, 10), [*arrivals, *late]))
    found = {int(one.stimulus): float(one.data[0, 0, 0]) for one in epochs(outputs)}
    assert all(value == key for key, value in found.items())
    assert found.keys() >= {6000} and len(gaps(outputs)) == 1
    assert any("alignment" in words(one.reasons) for one in refused(outputs))
    assert len(found) + len(refused(outputs)) + len(missed(outputs)) == 6


@pytest.mark.parametrize("skipped", [5, 20, 100])
def test_a_counter_that_leaves_numbers_out_is_corrected_by_the_stamps(skipped: int) -> None:
    true = 5.0 + np.arange(4000) / RATE
    counter = np.arange(4000) + np.where(np.arange(4000) < 2000, 0, skipped)
    dejitter = Dejitter(RATE, counted=True)
    got = dejitter.feed(true + np.random.default_rng(0).normal(0, 1e-4, 4000), counter.astype(np.int64))
    assert [verdict.begin for verdict in got.verdicts if verdict.kind == "gap"] == [2000, 2000]
    assert np.abs(got.stamps - true)[2000 + 251 :].max() * RATE < 0.5


def test_a_loss_of_more_than_a_round_of_the_counter_is_counted_whole() -> None:
    kept = np.delete(np.arange(3000), slice(1000, 1700))
    counter = SampleCounter(256, RATE)
    counts = counter.unwrap((kept % 256).astype(float), kept / RATE)
    assert np.array_equal(counts - counts[0], kept - kept[0])


def test_repeated_packets_are_found_and_a_counter_that_goes_back_is_not_believed() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 5, (2, 60)).astype(np.float32)
    twice = np.r_[0:24, 12:24, 24:60]
    stamps = np.arange(len(twice)) / RATE
    for size in (7, 12, len(twice)):
        counter, repeats, kept = SampleCounter(256, RATE), Repeats(), []
        for begin in range(0, len(twice), size):
            index = twice[begin : begin + size]
            counts = counter.unwrap(index.astype(float), stamps[begin : begin + size])
            fresh = repeats.fresh(counts, samples[:, index])
            kept += (index if fresh is None else index[fresh]).tolist()
        assert kept == list(range(60))
        assert not repeats.broken
    repeats = Repeats()
    assert repeats.fresh(np.array([0, 1, 1, 1]), samples[:, :4]) is None  # other data: they stay
    assert repeats.broken


def test_gaps_are_told_in_milliseconds_and_told_from_a_clock_that_was_set() -> None:
    silences = Silences()
    for arrived in (1.0, 1.04, 4.04):
        silences.hear(chunk(10, arrived))
    silences.hear(chunk(0, 4.1))
    assert "a gap of 2960 ms (about 740 samples were lost)" in silences.tell(Gap(20, 740.0, 4.0, 2.96))
    assert "stepped back" in silences.tell(Gap(20, 0.0, 4.0))
    assert "clock stepped forward by 7200.000 s" in silences.tell(Gap(20, 1.8e6, 4.0, 7200.0))


def seconds(count: int, seed: int, order: tuple[int, ...] = (0, 1, 2, 3)) -> list[np.ndarray]:
    """Four channels of which each goes with the others in its own way."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[9.0, 1, 0], [5, 6, 0], [0, 4, 7], [2, 0, 3]])
    made = mixing @ rng.standard_normal((3, count * 250)) + 2 * rng.standard_normal((4, count * 250))
    return [made[list(order), k * 250 : (k + 1) * 250] for k in range(count)]


def test_exchanged_channels_are_noticed_and_so_is_that_they_were_put_right() -> None:
    swaps = Swaps(("a", "b", "c", "d"))
    for one in seconds(120, 1):
        swaps.add(one)
        assert swaps.pair is None
    for one in seconds(LATEST + 4, 2, (0, 3, 2, 1)):
        swaps.add(one)
    assert swaps.pair == ("b", "d")
    for one in seconds(60, 3, (0, 3, 2, 1)):
        swaps.add(one)
        assert swaps.pair == ("b", "d"), "what is exchanged is not learned"
    for one in seconds(LATEST + 4, 4):
        swaps.add(one)
    assert swaps.pair is None


def test_a_signal_that_changes_otherwise_is_no_exchange() -> None:
    swaps = Swaps(("a", "b", "c", "d"))
    for one in seconds(LEARN + 20, 1):
        swaps.add(one)
    rng = np.random.default_rng(5)
    for k, one in enumerate(seconds(40, 6)):
        swaps.add(one * rng.uniform(0.5, 3.0) if k < 20 else one * np.array([[3.0], [1], [1], [1]]))
        assert swaps.pair is None
    few = Swaps(("a", "b"))
    for one in seconds(60, 1):
        few.add(one[: FEWEST - 1])
    assert few.pair is None


def test_a_railed_sample_does_not_reach_the_filters_and_a_railed_reference_is_told() -> None:
    rng = np.random.default_rng(0)
    number = np.arange(2500)
    samples = (10 * rng.standard_normal((3, 2500))).astype(np.float32)
    broken = samples.copy()
    broken[2, 1000:1100] = 5000.0
    limits = RejectionSettings(peak_to_peak_uv=150.0, flat_uv=0.1, railed_uv=5000.0)
    chain = ChainSettings(channels=("C0", "C1"), reference=("C2",), highpass_hz=1.0, lowpass_hz=40.0)
    events = [Arrival(row, Event(row / RATE, str(row), row=float(row))) for row in (700, 1050, 2000)]
    made = plan(chain, limits)
    runs = [
        run(Pipeline(info(channels=3, exact_rows=True), made), chunks(x, number / RATE, range(0, 2500, 25), events))
        for x in (samples, broken)
    ]
    clean, now = ({one.stimulus: one.data[0] for one in epochs(outputs)} for outputs in runs)
    assert clean.keys() - now.keys() == {"1050"}
    assert [words(one.reasons) for one in refused(runs[1])] == [{"non_finite"}]
    assert np.array_equal(clean["700"], now["700"])
    assert np.abs(clean["2000"] - now["2000"]).max() < 0.15


def test_a_counted_loss_while_the_clock_is_in_doubt_leaves_both_gaps_in_order() -> None:
    """The clock is set, half a second later twelve samples are lost: neither is accepted in a window."""
    rng = np.random.default_rng(0)
    number = np.delete(np.arange(4000), slice(2100, 2112))
    stamps = number / RATE + np.where(number < 2000, 0.0, 30.0)
    arrivals = [Arrival(int(np.searchsorted(number, k)) + 1, Event(float(k / RATE + 30 * (k >= 2000)), str(k)))
                for k in (1800, 1950, 2050, 2090, 2500, 3400)]  # fmt: skip
    samples = np.stack([number, rng.normal(0, 10, len(number))]).astype(np.float32)
    pipeline = Pipeline(info(has_counter=True), plan(end_s=0.3))
    outputs = run(pipeline, chunks(samples, stamps, range(0, 4000, 10), arrivals, counter=number))
    assert sorted(gap.index for gap in gaps(outputs)) == [2000, 2100]
    assert {one.stimulus: float(one.data[0, 0, 0]) for one in epochs(outputs)} == {
        "1800": 1800,
        "2500": 2500,
        "3400": 3400,
    }
    for one in refused(outputs):
        assert "gap" in words(one.reasons) or "settling" in words(one.reasons)

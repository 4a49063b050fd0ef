"""The whole signal path: windows where their onsets are, nothing lost, nothing that depends on the chunking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from signal_data import ANYTHING, Arrival, chunks, epochs, gaps, info, missed, plan, refused, run, words

from acquisition.averages import Averages
from acquisition.chain import Chain
from acquisition.pipeline import Pipeline
from acquisition.types import Chunk, Epoch, Event, Expected, Output, Refused
from config.chain import ChainSettings, RejectionSettings
from config.errors import SettingsError
from config.settings import MarkerSettings

RATE = 250.0


def ramp(count: NDArray[Any], channels: int = 2) -> NDArray[np.float32]:
    """Channel 0 holds the true sample number, lost samples counted."""
    return np.stack([count, *([-count] * (channels - 1))]).astype(np.float32)


def lossy(times: int, begin: int = 0, lost: int = 0) -> NDArray[np.int64]:
    """True sample numbers of a stream that loses ``lost`` samples before its sample ``begin``."""
    return np.delete(np.arange(times + lost, dtype=np.int64), slice(begin, begin + lost))


def marks(onsets: list[float], rate_hz: float = RATE, labels: str = "1") -> list[Arrival]:
    """Markers at true (fractional) sample numbers, arriving with the sample after."""
    return [
        Arrival(int(onset) + 1, Event(float(onset / rate_hz), labels[k % len(labels)]))
        for k, onset in enumerate(onsets)
    ]


def alignment_errors(found: list[Epoch], rate_hz: float = RATE) -> NDArray[np.float64]:
    """What the ramp says of each first sample, minus what the window says, in source samples."""
    said = np.array([(one.onset_s + one.first_sample_offset_s) * rate_hz for one in found])
    return np.array([one.data[0, 0, 0] for one in found]) - said


@pytest.mark.parametrize("window_hz", [250.0, 125.0, 50.0])
def test_a_window_holds_the_samples_after_its_onset(window_hz: float) -> None:
    number, q = np.arange(2000), round(RATE / window_hz)
    chain = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=None if q == 1 else 20.0)
    pipeline = Pipeline(info(exact_rows=True), plan(chain, rate_hz=window_hz, start_s=-0.1, end_s=0.3))
    events = [Arrival(400, Event(2.001, "1", row=500.25)), Arrival(900, Event(3.52, "2", row=880.0))]
    (first, second) = epochs(run(pipeline, chunks(ramp(number), number / RATE, range(0, 2000, 7), events)))
    assert first.data.shape == (2, 2, round(0.4 * window_hz)) and first.data.dtype == np.float32
    expected = 500 + q * (np.arange(first.data.shape[2]) + round(-0.1 * window_hz))
    delay = 500 - Chain(chain, RATE, ("a",)).process(ramp(number, 1))[0, 500]  # of a ramp: that at 0 Hz
    assert np.abs(first.data[0, 0] - (expected - delay)).max() < 1e-3
    assert first.first_sample_offset_s == pytest.approx((expected[0] - 500.25) / RATE, abs=1e-9)
    assert second.last_sample == 880 + q * (round(0.4 * window_hz) - 1 + round(-0.1 * window_hz))
    assert (first.sequence, first.stimulus, first.repeats, first.onset_s) == (0, "1", 1, 2.001)
    assert first.sample_due == pytest.approx(first.last_sample / RATE)


@pytest.mark.parametrize("spread", [0.02, 1.2])
@pytest.mark.parametrize("ppm", [-200, 200])
def test_the_ramp_proves_every_accepted_onset_to_half_a_sample(spread: float, ppm: int) -> None:
    """Jitter in packets of twelve, drift, a loss of twelve samples, a burst of 48 ms: right or rejected."""
    rng = np.random.default_rng(ppm + 1000)
    number = lossy(256 * 70, 256 * 40, 12)
    true_rate = 256.0 * (1 + ppm * 1e-6)
    stamps = number / true_rate + np.repeat(rng.normal(0, spread / 256, len(number) // 12 + 1), 12)[: len(number)]
    stamps[256 * 55 : 256 * 55 + 12] += 0.048
    onsets = np.sort(rng.uniform(100, number[-1] - 300, 300))
    pipeline = Pipeline(info(256.0), plan(rate_hz=256.0))
    outputs = run(pipeline, chunks(ramp(number), stamps, range(0, len(stamps), 12), marks(list(onsets), true_rate)))
    (gap,) = gaps(outputs)
    assert gap.index == 256 * 40 and gap.missing == pytest.approx(12, abs=1)
    good, bad = epochs(outputs), refused(outputs)
    assert len(good) + len(bad) + pipeline.account.duplicates == 300
    assert np.abs(alignment_errors(good, true_rate)).max() <= 0.5
    assert {w for one in bad for w in words(one.reasons)} <= {"gap", "settling", "alignment"}
    assert len(good) > (250 if spread < 1 else 190)
    # nothing that spans the loss is accepted
    lost = 256 * 40
    spanning = [k for k in onsets if lost - 127 <= k <= lost + 12]
    assert spanning and sum("gap" in words(one.reasons) for one in bad) >= len(spanning) - 1
    assert all(np.ptp(np.diff(one.data[0, 0])) == 0 for one in good)


def test_a_shift_too_small_to_be_told_from_jitter_is_rejected_as_alignment_until_it_is_followed() -> None:
    rng = np.random.default_rng(2)
    number = lossy(256 * 60, 256 * 35, 3)
    stamps = number / 256.0 + np.repeat(rng.normal(0, 1.2 / 256, len(number) // 12), 12)
    pipeline = Pipeline(info(256.0), plan(rate_hz=256.0, end_s=0.2))
    onsets = [float(k) for k in range(256 * 20, 256 * 58, 64)]
    outputs = run(pipeline, chunks(ramp(number), stamps, range(0, len(stamps), 12), marks(onsets, 256.0)))
    assert not gaps(outputs)
    when = [one.onset_s for one in refused(outputs) if words(one.reasons) == {"alignment"}]
    assert len(when) > 3 and min(when) > 35
    good = epochs(outputs)
    errors = alignment_errors(good, 256.0)
    wrong = [one.onset_s for one, error in zip(good, errors, strict=True) if error > 0.75]
    assert all(35 <= onset < 37.5 for onset in wrong), "the mean of a second has to notice first"


def test_a_wall_clock_that_jumps_by_hours_is_followed() -> None:
    number = np.arange(250 * 30)
    for jump in (7200.0, -7200.0):
        stamps = number / RATE + np.where(number < 4000, 0.0, jump) + 20_000
        onsets = [1000.0, 2000.0, 3950.0, 5000.0, 6000.0]
        events = [Arrival(int(k) + 1, Event(float(stamps[int(k)]), "1")) for k in onsets]
        pipeline = Pipeline(info(), plan())
        outputs = run(pipeline, chunks(ramp(number), stamps, range(0, 7500, 10), events))
        assert [one.data[0, 0, 0] for one in epochs(outputs)] == [1000, 2000, 5000, 6000]
        (one,) = refused(outputs)
        assert one.sequence == 2 and "gap" in words(one.reasons)
        assert [gap.index for gap in gaps(outputs)] == [4000]


def test_a_device_counter_finds_the_loss_at_once() -> None:
    number = lossy(250 * 20, 2500, 5)
    stamps = number / RATE
    pipeline = Pipeline(info(has_counter=True), plan())
    pieces = chunks(ramp(number), stamps, range(0, 5000, 5), marks([2450, 2000, 4000]), counter=number)
    outputs: list[Output] = []
    for chunk in pieces[:502]:
        outputs += pipeline.feed(chunk)
    assert [(gap.index, gap.missing) for gap in gaps(outputs)] == [(2500, 5.0)]
    outputs += run(pipeline, pieces[502:])
    assert [one.data[0, 0, 0] for one in epochs(outputs)] == [2000, 4000]
    assert "gap" in words(refused(outputs)[0].reasons)


def test_after_a_gap_the_filters_are_those_of_a_new_start_at_the_gap() -> None:
    rng = np.random.default_rng(0)
    number = lossy(250 * 30, 4000, 100)
    samples = rng.standard_normal((2, len(number))).astype(np.float32) * 20
    chain = ChainSettings(highpass_hz=1.0, lowpass_hz=40.0)
    made = plan(chain)
    pipeline = Pipeline(info(), made)
    outputs = run(pipeline, chunks(samples, number / RATE, range(0, 7500, 9), marks([3000, 4150, 6000, 4080, 4600])))
    (gap,) = gaps(outputs)
    assert gap.index == 4000
    fresh = Pipeline(info(exact_rows=True), made)
    rows = [Arrival(1900, Event(7.6, "9", row=6000.0 - 100 - 4000))]
    rest = epochs(run(fresh, chunks(samples[:, 4000:], np.arange(3500) / RATE, [1000], rows)))
    found = {one.sequence: one for one in epochs(outputs)}
    after = next(one for one in found.values() if one.onset_s == pytest.approx(6000 / RATE))
    assert np.array_equal(after.data[0], rest[0].data[0])
    reasons_of = {round(one.onset_s * RATE): words(one.reasons) for one in refused(outputs)}
    assert "gap" in reasons_of[4080] and reasons_of[4150] >= {"settling"} and pipeline.settling_s > 1


def test_windows_that_touch_a_suspect_wait_for_the_verdict() -> None:
    number = np.arange(250 * 12)
    stamps = number / RATE
    stamps[2000:2100] += 0.048
    pipeline = Pipeline(info(), plan(end_s=0.2))
    seen: dict[int, int] = {}
    for chunk in chunks(ramp(number), stamps, range(0, 3000, 1), marks([1900.0, 1990.0])):
        for one in epochs(pipeline.feed(chunk)):
            seen[one.sequence] = round(chunk.arrived - 1e6)
    # the second's samples had all come by 2040; sample 2100 is the first that is back in time
    assert seen == {0: 1950, 1: 2101}


def test_windows_that_one_verdict_decides_come_by_sequence_however_the_samples_come() -> None:
    number = np.arange(250 * 12)
    stamps = number / RATE
    stamps[2000:2100] += 0.048
    events = [Arrival(1900, Event(onset / RATE, "a")) for onset in (2020.0, 1980.0, 1800.0, 2120.0)]
    for edges in (range(3000), range(0, 3000, 400)):
        found = epochs(run(Pipeline(info(), plan(end_s=0.2)), chunks(ramp(number), stamps, edges, events)))
        assert [(one.sequence, one.repeats) for one in found] == [(2, 1), (0, 2), (1, 3), (3, 4)]


def test_settling_is_rejected_by_the_stated_time() -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((2, 2500)).astype(np.float32)
    pipeline = Pipeline(info(exact_rows=True), plan(ChainSettings(highpass_hz=0.5)))
    edge = int(np.ceil(pipeline.settling_s * RATE))
    events = [Arrival(1, Event(0.0, str(row), row=float(row))) for row in (edge - 1, edge)]
    events = [replace(one, event=replace(one.event, stamp=float(k))) for k, one in enumerate(events)]
    made = plan(ChainSettings(highpass_hz=0.5), markers=MarkerSettings(early_s=60))
    outputs = run(Pipeline(info(exact_rows=True), made), chunks(samples, np.arange(2500) / RATE, [900], events))
    assert [words(one.reasons) for one in refused(outputs)] == [{"settling"}]
    assert [one.sequence for one in epochs(outputs)] == [1]


def test_rejected_windows_say_why_and_never_mix_with_accepted_ones() -> None:
    """Several windows end in one chunk; some are rejected: the others keep their own data and averages."""
    number = np.arange(3000)
    samples = np.stack([number % 100, number % 50]).astype(np.float32)
    samples[0, 1010] = 400.0
    samples[1, 1400] = np.nan
    samples[:, 1800:1990] = 7.0
    limits = RejectionSettings(peak_to_peak_uv=150.0, flat_uv=0.1, railed_uv=399.0)
    pipeline = Pipeline(info(exact_rows=True), plan(rejection=limits))
    rows = [500, 1000, 1300, 1830, 2000, 2200]
    events = [Arrival(0, Event(row / RATE, "ab"[k % 2], row=row)) for k, row in enumerate(rows)]
    made = replace(pipeline.plan, markers=MarkerSettings(early_s=30))
    pipeline = Pipeline(info(exact_rows=True), made)
    outputs = run(pipeline, chunks(samples, number / RATE, [], events))
    assert {one.sequence: words(one.reasons) for one in refused(outputs)} == {
        1: {"railed"},  # what is railed is no measurement, and is kept from the filters
        2: {"non_finite"},
        3: {"flat"},
    }
    found = epochs(outputs)
    assert [(one.sequence, one.stimulus, one.repeats) for one in found] == [(0, "a", 1), (4, "a", 2), (5, "b", 1)]
    for one in found:
        row = rows[one.sequence]
        assert np.array_equal(one.data[0], samples[:, row : row + 125])
    assert np.allclose(found[1].data[1], (samples[:, 500:625] + samples[:, 2000:2125]) / 2)
    assert pipeline.account.rejected_by == {"railed": 1, "non_finite": 1, "flat": 1}


def test_early_and_late_markers_find_their_samples_and_stray_ones_are_missed_with_the_reason() -> None:
    number = np.arange(250 * 20)
    events = [
        Arrival(2000, Event(2480 / RATE, "1")),  # 1.9 s early
        Arrival(2000, Event(2600 / RATE, "2")),  # 2.4 s early
        Arrival(3000, Event(2510 / RATE, "3")),  # 1.96 s late
        Arrival(3000, Event(2400 / RATE, "4")),  # 2.4 s late
        Arrival(10, Event(-0.5, "5")),  # before the first sample
        Arrival(4000, Event(float("nan"), "6")),
        Arrival(4990, Event(4980 / RATE, "7")),  # the stream ends within its window
        Arrival(3500, Event(3400 / RATE, "8")),
    ]
    pipeline = Pipeline(info(), plan())
    outputs = run(pipeline, chunks(ramp(number), number / RATE, range(0, 5000, 10), events))
    assert {one.stimulus: one.data[0, 0, 0] for one in epochs(outputs)} == {"1": 2480, "3": 2510, "8": 3400}
    why = {one.stimulus: one.reason.partition(":")[0] for one in missed(outputs)}
    assert why == {"2": "early", "4": "late", "5": "before_stream", "6": "no_stamp", "7": "ended"}
    assert all(np.isfinite(one.onset_s) for one in missed(outputs))
    assert pipeline.account.counters()["due"] == 8 and pipeline.account.pending == 0


def test_new_stimuli_are_expected_when_their_windows_end() -> None:
    number = np.arange(1000)
    pipeline = Pipeline(info(), plan(end_s=0.4))
    outputs = run(pipeline, chunks(ramp(number), number / RATE, range(0, 1000, 5), marks([600.0, 600.2, 700.0])))
    expected = [one for one in outputs if isinstance(one, Expected)]
    assert [one.sequence for one in expected] == [0, 1], "a duplicate is not due"
    due = {one.sequence: one.sample_due for one in epochs(outputs)}
    assert all(one.due_s == pytest.approx(due[one.sequence], abs=1 / RATE) for one in expected)
    assert pipeline.account.duplicates == 1


def test_a_window_comes_with_the_chunk_that_holds_its_last_sample() -> None:
    number = np.arange(3000)
    pipeline = Pipeline(info(), plan(end_s=0.4, rate_hz=250.0))
    last = 1000 + 99
    for chunk in chunks(ramp(number), number / RATE, range(0, 3000, 4), marks([1000.0])):
        found = epochs(pipeline.feed(chunk))
        holds = chunk.stamps.size and chunk.stamps[0] <= last / RATE <= chunk.stamps[-1]
        assert len(found) == bool(holds)
        if found:
            assert found[0].sample_in == chunk.arrived
            assert found[0].sample_due == pytest.approx(last / RATE, abs=1e-4)


def test_averages_can_be_continued_and_replaced() -> None:
    number = np.arange(1000)
    first = Pipeline(info(exact_rows=True), plan())
    event = [Arrival(500, Event(2.0, "a", row=500.0))]
    run(first, chunks(ramp(number), number / RATE, range(0, 1000, 50), event))
    second = Pipeline(info(exact_rows=True), plan(), first.averages)
    (one,) = epochs(run(second, chunks(ramp(number), number / RATE, range(0, 1000, 50), event)))
    assert one.repeats == 2
    second.averages = Averages()
    assert second.averages.evicted == 0


def test_quality_is_of_the_last_second() -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((2, 1000)).astype(np.float32) * 10
    samples[1, 600:] = np.nan
    pipeline = Pipeline(info(), plan(ChainSettings(), RejectionSettings()))
    pieces = chunks(samples, np.arange(1000) / RATE, [200, 550])
    pipeline.feed(pieces[0])
    assert pipeline.quality(1.0) is None
    pipeline.feed(pieces[1])
    found = pipeline.quality(2.0)
    assert found is not None and found.states == ("good", "good") and found.channels == ("C0", "C1")
    pipeline.feed(pieces[2])
    found = pipeline.quality(3.0)
    assert found is not None and found.states == ("good", "invalid")


def test_no_sample_at_all_and_empty_chunks_are_harmless() -> None:
    pipeline = Pipeline(info(), plan())
    empty = Chunk(np.empty((2, 0), np.float32), np.empty(0), 1.0, events=(Event(1.0, "1"),))
    outputs = run(pipeline, [empty, replace(empty, events=()), replace(empty, final=True, events=(Event(2.0, "0"),))])
    assert [one.reason.partition(":")[0] for one in missed(outputs)] == ["ended"]
    assert (pipeline.account.due, pipeline.account.missed, pipeline.account.notes) == (1, 1, 1)


def test_what_the_stream_cannot_give_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="'Oz'"):
        Pipeline(info(), plan(ChainSettings(channels=("Oz",))))
    with pytest.raises(SettingsError, match="500 Hz cannot be cut"):
        Pipeline(info(), plan(rate_hz=500.0))
    with pytest.raises(SettingsError, match="lowpass"):
        Pipeline(info(), plan(rate_hz=125.0))


def essence(outputs: list[Output]) -> tuple[Any, ...]:
    """Everything but when chunks arrived, bit for bit; what a late marker decides on its arrival stands apart."""
    decided = [one for one in outputs if isinstance(one, Epoch | Refused)]
    in_order = [bits(one) for one in decided if not one.stimulus.startswith("late")]
    late = sorted(bits(one) for one in decided if one.stimulus.startswith("late"))
    said = sorted((one.sequence, one.stimulus, one.onset_s, one.reason.partition(":")[0]) for one in missed(outputs))
    return in_order, late, said, gaps(outputs), [one for one in outputs if isinstance(one, Expected)]


def bits(one: Epoch | Refused) -> str:
    if isinstance(one, Refused):
        return str(one)
    return str(replace(one, sample_in=0.0, data=one.data[:0])) + one.data.tobytes().hex()


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_no_chunking_changes_anything(data: st.DataObject) -> None:
    """Jitter, drift, a loss, a burst, early and late markers, NaN, a device counter or rows: equal outputs."""
    seed = data.draw(st.integers(0, 10_000), label="seed")
    kind = data.draw(st.sampled_from(["jitter", "counter", "rows"]), label="kind")
    rng = np.random.default_rng(seed)
    rate, total = 128.0, 1500
    number = lossy(total, int(rng.integers(300, 1200)), int(rng.integers(0, 2) * rng.integers(1, 60)))
    stamps = number / (rate * (1 + rng.normal(0, 1e-4))) + rng.normal(0, rng.choice([1e-5, 2e-3]), total)
    burst = int(rng.integers(200, 1300))
    stamps[burst : burst + int(rng.integers(0, 150))] += 0.06
    samples = (rng.standard_normal((3, total)) * 20).astype(np.float32)
    samples[rng.integers(0, 3, 4), rng.integers(0, total, 4)] = np.nan
    samples[0, rng.integers(0, total)] = 500.0
    arrivals, late = [], []
    for k in range(40):
        onset = float(rng.uniform(0, number[-1]))
        row = float(np.searchsorted(number, onset)) if kind == "rows" else None
        stamp = onset / rate if row is None else row / rate
        here = int(np.searchsorted(number, onset))
        if k % 8 == 7:  # a late one, of a stimulus of its own: averages follow the order of arrival
            after = min(total, here + int(rng.integers(100, 200)))
            late.append(after)
            arrivals.append(Arrival(after, Event(stamp, f"late{k}", row)))
        else:
            arrivals.append(Arrival(max(0, here - int(rng.integers(-2, 150))), Event(stamp, "abc"[k % 3], row)))
    chain = ChainSettings(reference="average", highpass_hz=2.0, lowpass_hz=20.0, notch_hz=(50.0,))
    limits = ANYTHING if seed % 2 else RejectionSettings(peak_to_peak_uv=220.0)
    window = {"start_s": -0.05, "end_s": 0.3, "rate_hz": (64.0, 50.0)[seed % 2], "baseline_s": (-0.1, 0.0)}
    made = plan(chain, limits, **window)
    said = info(rate, 3, exact_rows=kind == "rows", has_counter=kind == "counter")
    counter = number if kind == "counter" else None
    if kind == "rows":
        stamps = np.arange(total) / rate

    def outputs(edges: list[int]) -> tuple[list[Any], ...]:
        return essence(run(Pipeline(said, made), chunks(samples, stamps, [*edges, *late], arrivals, counter)))

    whole = outputs(list(range(1, total)))
    assert len(whole[0]) + len(whole[1]) + len(whole[2]) >= 38, "all but duplicates"
    edges = data.draw(st.lists(st.integers(0, total), max_size=25), label="edges")
    assert outputs(edges) == whole
    assert outputs([]) == whole

"""Parts of windows: the first samples of what the whole will hold, at once, and nothing else changed by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_data import Arrival, chunks, epochs, gaps, info, missed, plan, refused, run

from acquisition.averages import Averages
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.resample import make_grids
from acquisition.types import Early, Event, Expected, Output
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings

RATE = 250.0
PARTS_S = (0.1, 0.2, 0.3)
NAMES = ("due", "accepted", "skipped", "rejected", "missed", "pending")


def early(outputs: list[Output]) -> list[Early]:
    return [output for output in outputs if isinstance(output, Early)]


def noise(times: int, seed: int = 0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 10, (channels, times)).astype(np.float32)


def row(at: float, label: str, after: int = 0) -> Arrival:
    return Arrival(after, Event(at / RATE, label, row=at))


def parts_of(pipeline: Pipeline) -> dict[str, int]:
    return {name: pipeline.account.parts.counters().get(f"parts_{name}", 0) for name in NAMES}


def test_a_part_comes_with_its_last_sample_and_is_the_beginning_of_the_whole() -> None:
    cut = plan(parts_s=PARTS_S, baseline_s=(-0.1, 0.0))
    pipeline = Pipeline(info(exact_rows=True), cut)
    samples, stamps = noise(400), np.arange(400) / RATE
    when: dict[int, int] = {}
    found: list[Output] = []
    for at, chunk in enumerate(chunks(samples, stamps, range(1, 400), [row(100, "a")])):
        outputs = pipeline.feed(chunk)
        when |= {one.part if isinstance(one, Early) else 3: at for one in outputs if not isinstance(one, Expected)}
        found += outputs
    assert when == {0: 124, 1: 149, 2: 174, 3: 224}  # onset 100; 0.1 s are samples 100 to 124
    (whole,) = epochs(found)
    for one, times in zip(early(found), cut.window.part_times, strict=True):
        assert one.epoch.data.shape == (2, 2, times)
        assert one.epoch.data.tobytes() == np.ascontiguousarray(whole.data[:, :, :times]).tobytes()
        assert one.epoch.first_sample_offset_s == whole.first_sample_offset_s
        assert one.epoch.last_sample == 100 + times - 1
        assert one.epoch.sample_due == stamps[one.epoch.last_sample]
    due = [one.due_s for one in found if isinstance(one, Expected)]
    assert due == pytest.approx([(100 + hi) / RATE for hi in (24, 49, 74, 124)])
    assert parts_of(pipeline) == dict(zip(NAMES, (3, 3, 0, 0, 0, 0), strict=True))


@pytest.mark.parametrize(("source_hz", "window_hz"), [(256.0, 250.0), (512.0, 240.0), (300.0, 200.0), (500.0, 250.0)])
@pytest.mark.parametrize("start_s", [-0.05, 0.0, 0.013])
def test_the_beginning_is_bit_equal_whatever_the_rates(source_hz: float, window_hz: float, start_s: float) -> None:
    window = WindowSettings(
        start_s=start_s, end_s=0.5, rate_hz=window_hz, baseline_s=(-0.1, -0.02), parts_s=(0.1, 0.22, 0.3, 0.49)
    )
    grids = make_grids(window, source_hz)
    whole = grids[-1]
    assert [grid.times for grid in grids] == [*window.part_times, window.n_times]
    assert all(grid.lo == whole.lo and grid.first == whole.first for grid in grids)
    assert [grid.hi for grid in grids] == sorted({grid.hi for grid in grids})
    block = np.random.default_rng(1).normal(0, 20, (3, whole.hi - whole.lo + 1))
    data = whole.cut(block)
    for grid in grids[:-1]:
        part = grid.cut(block[:, : grid.hi - grid.lo + 1])
        assert part.tobytes() == np.ascontiguousarray(data[:, : grid.times]).tobytes()


def test_the_average_of_a_part_is_of_the_earlier_wholes_and_is_not_kept() -> None:
    arrivals = [row(100, "a"), row(300, "b"), row(500, "a"), row(700, "a")]
    pipeline = Pipeline(info(exact_rows=True), plan(parts_s=(0.2,)))
    outputs = run(pipeline, chunks(noise(1000), np.arange(1000) / RATE, range(0, 1000, 7), arrivals))
    pairs = list(zip(early(outputs), epochs(outputs), strict=True))
    assert [(part.epoch.stimulus, part.epoch.repeats) for part, _ in pairs] == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
    for part, whole in pairs:
        assert part.epoch.repeats == whole.repeats
        assert np.array_equal(part.epoch.data, whole.data[:, :, :50])


def test_peeking_at_an_average_changes_nothing() -> None:
    averages, other = Averages(2), Averages(2)
    windows = noise(60).reshape(3, 2, 20)
    for held in (averages, other):
        held.add("a", windows[0])
        held.add("b", windows[1])
    mean, repeats = averages.peek("a", windows[2][:, :5])
    assert repeats == 2
    assert np.array_equal(mean, other.peek("a", windows[2])[0][:, :5])
    assert averages.peek("new", windows[2][:, :5])[1] == 1
    for held in (averages, other):
        held.add("c", windows[2])  # the least recently *accepted* goes: looking does not count
    assert averages.evicted == other.evicted == 1
    assert averages.peek("a", windows[0])[1] == other.peek("a", windows[0])[1] == 1
    assert np.array_equal(averages.add("b", windows[0])[0], other.add("b", windows[0])[0])


def test_a_part_and_its_whole_are_judged_each_by_its_own_samples() -> None:
    samples = noise(1200)
    samples[0, 380] = 900.0  # late in the window of 300: the part is good, the whole is not
    samples[0, 620:622] = 900.0  # early in that of 600: both are not
    limit = RejectionSettings(peak_to_peak_uv=200.0, flat_uv=None)
    pipeline = Pipeline(info(exact_rows=True), plan(parts_s=(0.2,), rejection=limit))
    arrivals = [row(at, str(at)) for at in (300, 600, 900)]
    outputs = run(pipeline, chunks(samples, np.arange(1200) / RATE, range(0, 1200, 10), arrivals))
    assert [one.epoch.stimulus for one in early(outputs)] == ["300", "900"]
    assert [one.stimulus for one in refused(outputs)] == ["300", "600"]
    assert [one.stimulus for one in epochs(outputs)] == ["900"]
    assert parts_of(pipeline) == dict(zip(NAMES, (3, 2, 0, 1, 0, 0), strict=True))


def test_what_a_late_marker_finds_already_there_is_given_once() -> None:
    """Of the parts that had come before the marker only the latest is of use."""
    cut = plan(parts_s=PARTS_S)
    for after, parts, skipped in ((0, [0, 1, 2], 0), (160, [1, 2], 1), (185, [2], 2), (240, [], 3)):
        pipeline = Pipeline(info(exact_rows=True), cut)
        arrivals = [row(100, "a", after)]
        outputs = run(pipeline, chunks(noise(400), np.arange(400) / RATE, range(0, 400, 5), arrivals))
        assert [one.part for one in early(outputs)] == parts
        assert len(epochs(outputs)) == 1
        assert pipeline.account.parts.skipped == skipped


def test_parts_of_windows_that_are_missed_are_missed() -> None:
    pipeline = Pipeline(info(exact_rows=True), plan(parts_s=PARTS_S))
    arrivals = [row(-30, "before"), row(360, "cut off"), row(5000, "early"), row(10, "late", 399)]
    arrivals[-1] = replace(arrivals[-1], event=Event(float("nan"), "no stamp"))
    outputs = run(pipeline, chunks(noise(400), np.arange(400) / RATE, range(0, 400, 5), arrivals))
    assert len(missed(outputs)) == 4
    assert [one.epoch.stimulus for one in early(outputs)] == ["cut off"]  # its first part was there
    assert parts_of(pipeline) == dict(zip(NAMES, (12, 1, 0, 0, 11, 0), strict=True))


def test_a_part_in_a_suspect_waits_for_the_verdict() -> None:
    kept = np.delete(np.arange(4000), slice(2000, 2012))
    stamps = 3.0 + kept / RATE
    cut = plan(parts_s=PARTS_S, markers=MarkerSettings(early_s=20.0))
    arrivals = [Arrival(0, Event(3.0 + (at + 0.2) / RATE, str(at))) for at in (1960, 1990, 3000)]
    pipeline = Pipeline(info(), cut)
    outputs = run(pipeline, chunks(noise(len(kept)), stamps, range(0, len(kept), 9), arrivals))
    assert len(gaps(outputs)) == 1
    given = [(one.epoch.stimulus, one.part) for one in early(outputs)]
    # up to sample 2000 nothing is in doubt; what touches the gap is rejected with the verdict
    assert given == [("1960", 0), *(("3000", k) for k in range(3))]
    order = [type(one).__name__ for one in outputs if not isinstance(one, Expected)]
    assert order[:2] == ["Early", "Gap"]
    assert {one.stimulus for one in refused(outputs)} == {"1960", "1990"}
    counted = parts_of(pipeline)
    assert counted["due"] == 9 and counted["accepted"] == 4
    assert counted["rejected"] + counted["skipped"] == 5


def test_a_plan_without_its_parts_is_the_same_otherwise() -> None:
    cut = plan(parts_s=PARTS_S)
    assert cut.whole == plan()
    whole = cut.whole
    assert whole.whole is whole
    assert Pipeline(info(), cut.whole).account.parts.counters() == {}


def _streams(seed: int, lost: int, jitter_s: float) -> tuple[np.ndarray, np.ndarray, list[Arrival]]:
    rng = np.random.default_rng(seed)
    kept = np.delete(np.arange(5000), slice(2500, 2500 + lost))
    stamps = 3.0 + kept / 500.0 + rng.normal(0, jitter_s, len(kept))
    samples = rng.normal(0, 20, (2, len(kept))).astype(np.float32)
    samples[0, rng.integers(0, len(kept), 3)] = 400.0
    onsets = np.sort(rng.uniform(100, 4700, 25))
    return samples, stamps, [Arrival(0, Event(3.0 + o / 500.0, f"p{k % 7}")) for k, o in enumerate(onsets)]


def _plan(rate_hz: float, parts_s: tuple[float, ...]) -> Plan:
    chain = ChainSettings(notch_hz=(50.0,), highpass_hz=2.0, lowpass_hz=40.0, reference="average")
    window = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=rate_hz, baseline_s=(-0.1, 0.0), parts_s=parts_s)
    limit = RejectionSettings(peak_to_peak_uv=300.0, flat_uv=None)
    return Plan(chain, window, limit, MarkerSettings(early_s=20.0), max_stimuli=5)


def _same(a: Any, b: Any) -> bool:
    """Equal in everything but when it was received."""
    if isinstance(a, Early):
        return a.part == b.part and _same(a.epoch, b.epoch)
    return bool(replace(a, data=None, sample_in=0.0) == replace(b, data=None, sample_in=0.0)) and (
        a.data.tobytes() == b.data.tobytes()
    )


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    lost=st.sampled_from([0, 1, 12, 300]),
    jitter_s=st.sampled_from([0.0, 3e-5, 5e-3]),
    rate_hz=st.sampled_from([125.0, 120.0]),
)
def test_chunking_changes_no_part_and_parts_change_no_window(
    sizes: list[int], seed: int, lost: int, jitter_s: float, rate_hz: float
) -> None:
    samples, stamps, arrivals = _streams(seed, lost, jitter_s)
    edges = np.cumsum([max(sizes[0], 1), *sizes]).tolist()
    made: list[list[Output]] = []
    counted = []
    for parts_s, ends in ((PARTS_S, []), (PARTS_S, edges), ((), edges)):
        pipeline = Pipeline(info(500.0), _plan(rate_hz, parts_s))
        made.append(run(pipeline, chunks(samples, stamps, ends, arrivals)))
        counted.append((pipeline.account.counters(), pipeline.averages.evicted))
        pipeline.account.parts.check(0)
    whole, pieces, without = ([o for o in outputs if not isinstance(o, Expected)] for outputs in made)
    assert counted[0] == counted[1]
    decided = [type(o) for o in whole if type(o).__name__ != "Gap"]
    assert decided == [type(o) for o in pieces if type(o).__name__ != "Gap"]
    assert all(_same(a, b) for a, b in zip(early(whole), early(pieces), strict=True))
    # every part is a beginning of the window that follows, where one does and nothing came in between
    assert [type(o) for o in pieces if not isinstance(o, Early)] == [type(o) for o in without]
    assert all(_same(a, b) for a, b in zip(epochs(pieces), epochs(without), strict=True))
    assert refused(pieces) == refused(without) and missed(pieces) == missed(without)
    parts = {(p.epoch.sequence, p.part): p.epoch for p in early(pieces)}
    wholes = {e.sequence: e for e in epochs(pieces)}
    for (sequence, _), part in parts.items():
        if sequence in wholes:
            known = wholes[sequence].data[0, :, : part.data.shape[2]]
            assert part.data[0].tobytes() == np.ascontiguousarray(known).tobytes()


def test_the_chain_of_a_part_is_the_chain_of_the_whole() -> None:
    """A part holds what causal filters gave up to its last sample: cutting the stream there changes nothing."""
    cut = _plan(125.0, PARTS_S)
    samples, stamps, _ = _streams(1, 0, 0.0)
    only = [Arrival(0, Event(3.0 + 2000 / 500.0, "x"))]
    (first, *_) = early(run(Pipeline(info(500.0), cut), chunks(samples, stamps, [], only)))
    end = first.epoch.last_sample + 1
    pipeline = Pipeline(info(500.0), cut)
    (alone,) = early(run(pipeline, chunks(np.ascontiguousarray(samples[:, :end]), stamps[:end], [], only)))
    assert alone.epoch.data.tobytes() == first.epoch.data.tobytes()

"""The pipeline: windows lie where the onset was, nothing vanishes, and chunking changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Epoch, Event, Expected, Gap, Missed, Output, Refused, StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import SettingsError
from config.settings import MarkerSettings

RATE = 500.0
NONE = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=None)
OPEN = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)
WINDOW = WindowSettings(start_s=-0.1, end_s=0.4, rate_hz=500.0, baseline_s=None)


def info(**changes: Any) -> StreamInfo:
    return replace(StreamInfo("test", "lsl", RATE, ("ramp", "noise")), **changes)


def plan(**changes: Any) -> Plan:
    return replace(Plan(NONE, WINDOW, OPEN, MarkerSettings()), **changes)


def signal(times: int, seed: int = 0) -> np.ndarray:
    """The sample number in channel 0, noise in channel 1."""
    noise = np.random.default_rng(seed).normal(0, 10, times)
    return np.stack([np.arange(times), noise]).astype(np.float32)


def run(
    pipeline: Pipeline, samples: np.ndarray, stamps: np.ndarray, events: list[tuple[int, Event]], sizes: list[int]
) -> list[Output]:
    """Feed in chunks; an event arrives with the chunk that holds its arrival sample."""
    outputs: list[Output] = []
    at, todo = 0, sorted(events, key=lambda e: e[0])
    for size in [*sizes, len(stamps)]:
        end = min(at + size, len(stamps))
        now = tuple(event for arrival, event in todo if at <= arrival < end)
        outputs += pipeline.feed(
            Chunk(np.ascontiguousarray(samples[:, at:end]), stamps[at:end], stamps[max(end - 1, 0)], events=now)
        )
        pipeline.account.check(len(pipeline._pending))
        at = end
    return outputs + pipeline.finish()


def of(kind: type, outputs: list[Output]) -> list[Any]:
    return [o for o in outputs if isinstance(o, kind)]


@pytest.mark.parametrize("late", [-400, 0, 700])
def test_the_window_lies_at_the_onset_to_half_a_sample(late: int) -> None:
    stamps = 3.0 + np.arange(4000) / RATE
    onsets = np.arange(800, 3000, 171) + np.linspace(0.05, 0.95, 13)
    events = [(int(o) + late, Event(3.0 + o / RATE, f"p{k}")) for k, o in enumerate(onsets)]
    epochs = of(Epoch, run(Pipeline(info(), plan()), signal(4000), stamps, events, [7] * 600))
    assert len(epochs) == len(onsets)
    for epoch in epochs:
        onset = onsets[int(epoch.stimulus[1:])]
        where = epoch.data[0, 0, 0]  # the ramp says which source sample this is
        assert abs(where - (onset - 0.1 * RATE)) <= 0.5
        assert epoch.first_sample_offset_s == pytest.approx((where - onset) / RATE, abs=1e-6)
        assert epoch.last_sample == epoch.data[0, 0, -1]
        assert epoch.sample_due == pytest.approx(stamps[epoch.last_sample], abs=1e-5)


def test_rows_are_exact_and_the_delay_is_added() -> None:
    stamps = np.arange(2000) / RATE
    markers = MarkerSettings(delay_s=0.02)
    event = Event(1000.4 / RATE, "p", row=1000.4)
    (epoch,) = of(
        Epoch, run(Pipeline(info(exact_rows=True), plan(markers=markers)), signal(2000), stamps, [(1000, event)], [])
    )
    assert epoch.data[0, 0, 0] == 1000 + 10 - 50
    assert epoch.onset_s == pytest.approx(1000.4 / RATE + 0.02)
    assert epoch.first_sample_offset_s == pytest.approx(-0.1 - 0.4 / RATE)


def test_every_qth_sample_counts_from_the_onset() -> None:
    window = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=100.0, baseline_s=None)
    chain = NONE.model_copy(update={"lowpass_hz": 40.0})
    stamps = np.arange(3000) / RATE
    filtered = Pipeline(info(exact_rows=True), plan(chain=chain, window=WINDOW.model_copy(update={"start_s": 0.0})))
    thinned = Pipeline(info(exact_rows=True), plan(chain=chain, window=window))
    for row in (1000, 1001, 1002, 1003):
        event = [(row, Event(row / RATE, str(row), row=row))]
        full = of(Epoch, run(filtered, signal(3000), stamps, event, []))
        thin = of(Epoch, run(thinned, signal(3000), stamps, event, []))
        assert np.array_equal(thin[0].data, full[0].data[:, :, ::5])
        filtered = Pipeline(info(exact_rows=True), filtered.plan)
        thinned = Pipeline(info(exact_rows=True), thinned.plan)


def test_polyphase_windows_follow_a_slow_signal() -> None:
    chain = NONE.model_copy(update={"lowpass_hz": 40.0})
    window = WindowSettings(start_s=-0.1, end_s=0.4, rate_hz=240.0, baseline_s=(-0.1, 0.0))
    times = np.arange(4000) / RATE
    wave = np.sin(2 * np.pi * 5 * times).astype(np.float32)
    samples = np.stack([wave, wave])
    event = [(2000, Event(4.0, "p", row=2000.0))]
    (epoch,) = of(
        Epoch, run(Pipeline(info(exact_rows=True), plan(chain=chain, window=window)), samples, times, event, [])
    )
    delay = Pipeline(info(), plan(chain=chain, window=window)).group_delay_s
    expected = np.sin(2 * np.pi * 5 * (4.0 - 0.1 + np.arange(120) / 240 - delay))
    got = epoch.data[0, 0] - epoch.data[0, 0].mean() + expected.mean()
    assert np.abs(got - expected).max() < 0.08  # the delay at 5 Hz is not quite the median one


def test_averages_grow_and_are_bounded() -> None:
    stamps = np.arange(6000) / RATE
    events = [
        (row, Event(row / RATE, label, row=row)) for row, label in [(500, "a"), (1500, "b"), (2500, "a"), (3500, "a")]
    ]
    epochs = of(Epoch, run(Pipeline(info(exact_rows=True), plan()), signal(6000), stamps, events, [100] * 50))
    assert [(e.stimulus, e.repeats) for e in epochs] == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
    mean = np.mean([epochs[0].data[0], epochs[2].data[0], epochs[3].data[0]], axis=0)
    assert np.allclose(epochs[3].data[1], mean, atol=1e-3)
    small = Pipeline(info(exact_rows=True), plan(max_stimuli=1))
    epochs = of(Epoch, run(small, signal(6000), stamps, events, [100] * 50))
    assert [e.repeats for e in epochs] == [1, 1, 1, 2]
    assert small.averages.evicted == 2


def test_windows_across_a_gap_are_rejected_and_those_after_it_are_right() -> None:
    kept = np.delete(np.arange(8000), slice(4000, 4012))
    stamps = 3.0 + kept / RATE
    chain = NONE.model_copy(update={"highpass_hz": 1.0})
    onsets = [3700, 3950, 4005, 4100, 5500, 7000]
    events = [(int(np.searchsorted(kept, o)), Event(3.0 + (o + 0.2) / RATE, str(o))) for o in onsets]
    samples = signal(8000)[:, kept]
    pipeline = Pipeline(info(), plan(chain=chain))
    outputs = run(pipeline, samples, stamps, events, [13] * 900)
    assert [(g.index, round(g.missing)) for g in of(Gap, outputs)] == [(4000, 12)]
    words = {r.stimulus: [w.partition(":")[0] for w in r.reasons] for r in of(Refused, outputs)}
    assert "gap" in words["3950"] and "gap" in words["4005"]
    assert words["4100"] == ["settling"]
    accepted = {e.stimulus: e for e in of(Epoch, outputs)}
    assert {"3700", "5500", "7000"} <= set(accepted)
    assert accepted["7000"].last_sample == 7000 + 199 - 12
    # filters started anew at the gap: equal to a run that began there
    alone = Pipeline(info(), plan(chain=chain))
    event = [(2000, Event(3.0 + 7000.2 / RATE, "7000"))]
    (fresh,) = of(Epoch, run(alone, np.ascontiguousarray(samples[:, 4000:]), stamps[4000:], event, []))
    assert np.array_equal(fresh.data, accepted["7000"].data)


def test_reasons_are_given_all() -> None:
    samples = signal(6000)
    samples[1, 1000:1200] = 0.0
    samples[0, :] = np.random.default_rng(1).normal(0, 10, 6000)
    samples[0, 2100] = 999.0
    samples[1, 3100] = np.nan
    rejection = RejectionSettings(peak_to_peak_uv=150.0, flat_uv=0.1, railed_uv=999.0)
    window = WINDOW.model_copy(update={"start_s": 0.0, "end_s": 0.3})
    events = [(r, Event(r / RATE, str(r), row=r)) for r in (1020, 2000, 3000, 4000)]
    stamps = np.arange(6000) / RATE
    pipeline = Pipeline(info(exact_rows=True), plan(rejection=rejection, window=window))
    outputs = run(pipeline, samples, stamps, events, [10] * 500)
    words = {r.stimulus: [w.partition(":")[0] for w in r.reasons] for r in of(Refused, outputs)}
    assert words == {"1020": ["flat"], "2000": ["railed"], "3000": ["non_finite"]}
    assert [e.stimulus for e in of(Epoch, outputs)] == ["4000"]
    assert pipeline.account.rejected_by == {"flat": 1, "railed": 1, "non_finite": 1}


def test_a_nan_does_not_poison_what_follows() -> None:
    samples = signal(6000)
    samples[:, 1000:1010] = np.nan
    chain = ChainSettings(notch_hz=(50.0,), highpass_hz=1.0, lowpass_hz=40.0, reference="average")
    event = [(4000, Event(8.0, "p", row=4000))]
    pipeline = Pipeline(info(exact_rows=True), plan(chain=chain))
    (epoch,) = of(Epoch, run(pipeline, samples, np.arange(6000) / RATE, event, [50] * 100))
    assert np.isfinite(epoch.data).all()


def test_markers_that_cannot_be_served_are_missed_with_the_reason() -> None:
    stamps = 100.0 + np.arange(20_000) / RATE
    events = [
        (10, Event(99.0, "before")),
        (19_000, Event(101.0, "far too late")),
        (500, Event(110.0, "too early")),
        (19_900, Event(100.0 + 19_900 / RATE, "cut off")),
        (900, Event(101.8, "0")),
        (1000, Event(102.0, "twice")),
        (1001, Event(102.0, "twice")),
    ]
    pipeline = Pipeline(info(), plan())
    outputs = run(pipeline, signal(20_000), stamps, events, [50] * 400)
    reasons = {m.stimulus: m.reason for m in of(Missed, outputs)}
    assert set(reasons) == {"before", "far too late", "too early", "cut off"}
    account = pipeline.account
    assert (account.due, account.accepted, account.missed, account.duplicates, account.notes) == (5, 1, 4, 1, 1)
    assert len(of(Expected, outputs)) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": WINDOW.model_copy(update={"rate_hz": 1000.0})}, "cannot be cut from a stream at 500"),
        ({"window": WINDOW.model_copy(update={"rate_hz": 100.0})}, "low-pass"),
        ({"chain": NONE.model_copy(update={"channels": ("Oz",)})}, "no channel 'Oz'"),
        ({"chain": NONE.model_copy(update={"lowpass_hz": 300.0})}, "lowpass_hz"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Pipeline(info(), plan(**changes))


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    lost=st.sampled_from([0, 1, 12, 300]),
    jitter_s=st.sampled_from([0.0, 3e-5, 5e-3]),
    bad=st.booleans(),
)
def test_chunking_changes_nothing(sizes: list[int], seed: int, lost: int, jitter_s: float, bad: bool) -> None:
    rng = np.random.default_rng(seed)
    kept = np.delete(np.arange(5000), slice(2500, 2500 + lost))
    stamps = 3.0 + kept / RATE + rng.normal(0, jitter_s, len(kept))
    samples = rng.normal(0, 20, (2, len(kept))).astype(np.float32)
    if bad:
        samples[0, rng.integers(0, len(kept), 3)] = np.inf
    chain = ChainSettings(notch_hz=(50.0,), highpass_hz=2.0, lowpass_hz=40.0, reference="average")
    window = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=125.0, baseline_s=(-0.1, 0.0))
    onsets = np.sort(rng.uniform(100, 4700, 25))
    # early markers: what a late one finds already there depends on when it comes, as it must
    events = [(0, Event(3.0 + o / RATE, f"p{k % 7}")) for k, o in enumerate(onsets)]
    make = plan(chain=chain, window=window, markers=MarkerSettings(early_s=20.0))
    whole = run(Pipeline(info(), make), samples, stamps, events, [])
    parts = run(Pipeline(info(), make), samples, stamps, events, [max(sizes[0], 1), *sizes])
    assert [type(o) for o in whole if not isinstance(o, Gap)] == [type(o) for o in parts if not isinstance(o, Gap)]
    assert of(Gap, whole) == of(Gap, parts)
    for a, b in zip(of(Epoch, whole), of(Epoch, parts), strict=True):
        assert a.data.tobytes() == b.data.tobytes()
        assert (a.sequence, a.first_sample_offset_s, a.sample_due, a.repeats) == (
            b.sequence,
            b.first_sample_offset_s,
            b.sample_due,
            b.repeats,
        )
    assert of(Refused, whole) == of(Refused, parts)
    assert of(Missed, whole) == of(Missed, parts)

"""Rows about time stamps, on the real pipeline with a simulated clock: loss, bursts, drift, wall clocks, resets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from acquisition.pipeline import Pipeline
from acquisition.sources.lsl_inlet import CORRECTION_EVERY_S
from acquisition.sources.stamps import ForeignClocks, StampConverter
from acquisition.types import Chunk, Epoch, Event, Output
from benchmarks.faults.row import Row
from benchmarks.faults.stamps_made import Array, Cut, Made, Onset, cut, info, numbers, onsets, packets, plan, summary
from config.chain import ChainSettings

HALF = 0.5
ALIGNED = "every accepted window lies within half a sample of its onset; the others are rejected with the reason"
LSL_MEASURES_S = 2.0
"""liblsl measures the sender's clock so often in the background."""
CORRECTION_NOISE_S = 5e-5
SETTINGS_HZ = (250.0, 256.0, 1000.0)


def _clock(rate_hz: float, zero: float = 0.0) -> Callable[[float], float]:
    """Stamp of a true position."""
    return lambda position: zero + position / rate_hz


def _fine(cuts: list[Cut], made: list[Made], share: float) -> bool:
    """Aligned, whole, accounted for, and not by rejecting everything."""
    whole = all(one.whole and one.worst <= HALF for one in cuts)
    accounted = all(one.accounted == len(of.onsets) for one, of in zip(cuts, made, strict=True))
    accepted = sum(len(one.epochs) for one in cuts) >= share * sum(len(of.onsets) for of in made)
    return whole and accounted and accepted


def samples_lost(place: Path, short: bool) -> Row:
    """Twelve samples are lost, in a quiet stream and in one with the jitter of a Muse."""
    rng, length = np.random.default_rng(0), 60 if short else 600
    made, spans = [], True
    for rate_hz in SETTINGS_HZ:
        for spread in (0.02, 1.2):
            count = numbers(round(length * rate_hz), round(length * rate_hz / 2), 12)
            stamps = count / rate_hz + packets(rng, len(count), spread / rate_hz)
            made.append(Made(rate_hz, count, stamps, onsets(rng, count, _clock(rate_hz), rate_hz / 5)))
    cuts = [cut(one) for one in made]
    found = [[round(gap.missing) for gap in one.gaps] for one in cuts]
    at_place = True
    for one, of in zip(cuts, made, strict=True):
        lost, reach = len(of.numbers) // 2, 0.5 * of.rate_hz
        at_place &= [gap.index for gap in one.gaps] == [lost]
        touching = {o.stamp for o in of.onsets if lost - reach < o.position < lost + 12}
        spans &= all(any("gap" in why for why in r.reasons) for r in one.refused if r.onset_s in touching)
    same = _filters_begin_anew()
    passed = _fine(cuts, made, 0.6) and at_place and spans and same
    passed &= all(len(missing) == 1 and abs(missing[0] - 12) <= 1 for missing in found)
    measured = {**summary(cuts), "gaps_found": str(found)}
    measured["gap_ms_at_250_hz"] = round(sum(1e3 * gap.missing_s for gap in cuts[0].gaps), 2)
    measured["filters_after_the_gap"] = "bit for bit those of a new start" if same else "not those of a new start"
    return Row("12 samples lost", bool(passed), measured, f"{ALIGNED}; the loss is found, filters begin anew after it")


def _filters_begin_anew() -> bool:
    """Whether windows after a gap are, bit for bit, those of a pipeline that begins at the gap."""
    rng, rate_hz, begin = np.random.default_rng(1), 250.0, 4000
    count = numbers(7500, begin, 12)
    samples = (20 * rng.standard_normal((2, len(count)))).astype(np.float32)
    made = plan(rate_hz, chain=ChainSettings(highpass_hz=1.0, lowpass_hz=40.0))
    onset = (6000 + 12) / rate_hz
    wholes = []
    for first, at in ((0, onset), (begin, onset)):
        pipeline, outputs = Pipeline(info(rate_hz), made), list[Output]()
        for k in range(first, 7500, 10):
            stamps = count[k : k + 10] / rate_hz
            events = (Event(at, "a"),) if k == 6000 else ()
            outputs += pipeline.feed(Chunk(np.ascontiguousarray(samples[:, k : k + 10]), stamps, k / rate_hz,
                                           events=events))  # fmt: skip
        wholes.append([one.data[0] for one in outputs + pipeline.finish() if isinstance(one, Epoch)])
    return [len(one) for one in wholes] == [1, 1] and np.array_equal(wholes[0][0], wholes[1][0])


def jitter_bursts(place: Path, short: bool) -> Row:
    """Packets come 48 ms late, again and again, and nothing is lost."""
    rng, length = np.random.default_rng(2), 60 if short else 900
    made = []
    for rate_hz in SETTINGS_HZ:
        for spread in (0.02, 1.2):
            count = numbers(round(length * rate_hz))
            stamps = count / rate_hz + packets(rng, len(count), spread / rate_hz)
            for at in np.arange(8.0, length, 3.7):
                first = round(at * rate_hz)
                stamps[first : first + int(rng.integers(1, int(0.4 * rate_hz)))] += 0.048
            made.append(Made(rate_hz, count, stamps, onsets(rng, count, _clock(rate_hz), rate_hz / 5)))
    cuts = [cut(one) for one in made]
    false = sum(len(one.gaps) for one in cuts)
    passed = _fine(cuts, made, 0.6) and false == 0
    return Row("48 ms jitter bursts", passed, {**summary(cuts), "gaps_reported": false},
               f"{ALIGNED}; jitter is not taken for a loss")  # fmt: skip


def clock_drift(place: Path, short: bool) -> Row:
    """For an hour the amplifier's clock runs 200 ppm fast or slow against the stimulus computer's."""
    rng = np.random.default_rng(3)
    made = [_drifting(rng, 250.0, -200, 3600.0), _drifting(rng, 1000.0, 200, 600.0)]
    if not short:
        made = [_drifting(rng, rate_hz, ppm, 3600.0) for rate_hz in SETTINGS_HZ for ppm in (-200, 200)]
    cuts = [cut(one) for one in made]
    false = sum(len(one.gaps) for one in cuts)
    passed = _fine(cuts, made, 0.95) and false == 0
    measured = {**summary(cuts), "streams": len(made), "gaps_reported": false}
    return Row("200 ppm clock drift for an hour", passed, measured, ALIGNED)


def _drifting(rng: np.random.Generator, rate_hz: float, ppm: float, length_s: float) -> Made:
    """Samples on the amplifier's clock, brought to ours by corrections measured every few seconds; markers on ours."""
    count = numbers(round(length_s * rate_hz))
    fast = 1.0 + ppm * 1e-6
    true = count / rate_hz / fast  # the amplifier makes a sample each 1 / rate of its own seconds
    theirs = true * fast + 5000.0
    # measured by liblsl in the background, asked for by us: the value in use is up to the sum of both old
    asked = np.floor(true / CORRECTION_EVERY_S) * CORRECTION_EVERY_S
    measured = np.floor(asked / LSL_MEASURES_S) * LSL_MEASURES_S
    noise = rng.normal(0.0, CORRECTION_NOISE_S, int(length_s / LSL_MEASURES_S) + 2)
    offset = measured - (measured * fast + 5000.0) + noise[np.round(measured / LSL_MEASURES_S).astype(int)]
    stamps = theirs + offset + packets(rng, len(count), 0.0002)
    return Made(rate_hz, count, stamps, onsets(rng, count, lambda p: p / rate_hz / fast, 0.7 * rate_hz))


def wall_clock(place: Path, short: bool) -> Row:
    """Samples and markers carry the wall clock in place of LSL's."""
    rng, length = np.random.default_rng(4), 60 if short else 900
    made, notes = [], []
    for rate_hz, wall_s in ((256.0, 1.79e9), (250.0, 1.8e9)):
        count = numbers(round(length * rate_hz))
        our_s = 7000.0
        raw = wall_s + count / rate_hz + packets(rng, len(count), 0.3 / rate_hz)
        clocks = ForeignClocks("here", partial(float, wall_s + 0.02))
        eeg, marks = StampConverter("eeg", "here", clocks), StampConverter("marks", "here", clocks)
        stamps = raw + eeg.offset(raw[:10], 0.0003, our_s + 0.02)
        notes.append(eeg.note)
        offset = marks.offset(raw[:1], 0.0001, our_s + 0.02)
        found = onsets(rng, count, _clock(rate_hz, wall_s + offset), rate_hz / 5)
        made.append(Made(rate_hz, count, stamps, found))
    cuts = [cut(one) for one in made]
    told = all("wall clock" in note for note in notes)
    apart = max(abs(float(one.stamps[0]) - 7000.0) for one in made)
    passed = _fine(cuts, made, 0.9) and told and apart < 0.1
    return Row("wall-clock stamps", passed, {**summary(cuts), "said": notes[0]},
               f"{ALIGNED}; the conversion is made once, and told")  # fmt: skip


def clock_reset(place: Path, short: bool) -> Row:
    """The sender's clock is set back or forward, by tenths of a second to hours; some markers come 1.5 s late."""
    rng = np.random.default_rng(5)
    made = []
    for rate_hz in (250.0, 1000.0):
        for step_s in (0.3, -0.3, 1.5, -1.5, 2.0, -2.0, 30.0, -30.0, 7200.0, -7200.0):
            made.append(_set(rng, rate_hz, step_s, 40.0 if short else 300.0))
    cuts = [cut(one) for one in made]
    seen = all(any(gap.index == len(of.numbers) // 2 for gap in one.gaps) for one, of in zip(cuts, made, strict=True))
    passed = _fine(cuts, made, 0.6) and seen
    return Row("clock reset", passed, {**summary(cuts), "resets": len(made)}, f"{ALIGNED}; the step is found")


def _set(rng: np.random.Generator, rate_hz: float, step_s: float, length_s: float) -> Made:
    count = numbers(round(length_s * rate_hz))
    half = len(count) // 2

    def clock(position: float | Array) -> Array:
        return np.asarray(20_000 + position / rate_hz + np.where(np.asarray(position) < half, 0.0, step_s))

    stamps = clock(count.astype(np.float64)) + rng.normal(0.0, 5e-5, len(count))
    found = onsets(rng, count, lambda p: float(clock(p)), rate_hz / 5)
    late: list[Onset] = [
        replace(one, after=min(len(count), one.after + round(1.5 * rate_hz))) if k % 5 == 4 else one
        for k, one in enumerate(found)
    ]
    return Made(rate_hz, count, stamps, late)

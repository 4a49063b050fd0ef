"""Rows about channels that say nonsense, on the real pipeline with simulated signals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from acquisition.chain import SETTLED
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Epoch, Event, Refused, StreamInfo
from benchmarks.faults.row import Measured, Row
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings

RATE_HZ = 250.0
NAMES = tuple(f"C{k}" for k in range(8))
BAD = 2
BEGIN_S, END_S = 15.0, 17.0
WINDOW_S, EACH_S = 0.4, 0.3
RAIL_UV = 187_500.0
OFFSET_UV = 500.0
"""Of the electrodes: what a channel falls by when it goes flat."""
WANTED = "quality shows it, windows over it are rejected with the reason, and the filters' state is not poisoned"
Windows = dict[int, NDArray[np.float32]]


@dataclass
class Ran:
    """Accepted windows and reasons by sequence, and each second's states of the channels."""

    windows: Windows
    reasons: dict[int, set[str]]
    states: dict[int, tuple[str, ...]]
    settling_s: float


def channel_nan(place: Path, short: bool) -> Row:
    """A channel is not a number for two seconds."""
    return _row("NaN", np.nan, "non_finite", "invalid", 1.0)


def channel_infinite(place: Path, short: bool) -> Row:
    """A channel is infinite for two seconds."""
    return _row("infinity", np.inf, "non_finite", "invalid", 1.0)


def channel_railed(place: Path, short: bool) -> Row:
    """A channel sits on its rail for two seconds."""
    return _row("railed channel", RAIL_UV, "railed", "railed", 1.0)


def channel_flat(place: Path, short: bool) -> Row:
    """A channel is zero for two seconds."""
    return _row("flat channel", 0.0, "flat", "flat", OFFSET_UV)


def _signals(seed: int = 0, length_s: float = 40.0) -> NDArray[np.float32]:
    """Pink noise of 15 µV on electrode offsets."""
    rng = np.random.default_rng(seed)
    noise = signal.lfilter([1.0], [1.0, -0.95], rng.standard_normal((len(NAMES), round(length_s * RATE_HZ))), axis=1)
    return np.asarray(15.0 / 3.2 * noise + OFFSET_UV, dtype=np.float32)


def _row(fault: str, value: float, word: str, state: str, step_uv: float) -> Row:
    clean = _signals()
    broken = clean.copy()
    broken[BAD, round(BEGIN_S * RATE_HZ) : round(END_S * RATE_HZ)] = value
    measured: dict[str, Measured] = {}
    passed = True
    for reference in ("none", "average"):
        chain = ChainSettings(reference=reference, notch_hz=(50.0,), highpass_hz=1.0, lowpass_hz=40.0)
        was, now = _run(clean, chain), _run(broken, chain)
        found, fine = _compare(was, now, word, state, step_uv, shared=reference == "average")
        passed &= fine
        measured.update({f"reference {reference}: {name}": number for name, number in found.items()})
    return Row(fault, passed, measured, WANTED)


def _compare(
    was: Ran, now: Ran, word: str, state: str, step_uv: float, *, shared: bool
) -> tuple[dict[str, Measured], bool]:
    over = {k for k in was.windows if BEGIN_S - WINDOW_S + 0.05 < k * EACH_S < END_S - 0.05}
    after = {k for k in was.windows if k * EACH_S > END_S + now.settling_s}
    rejected = sum(k in now.reasons for k in over)
    # a window that is flat in part is rejected for the step in it
    inside = {k for k in over if k * EACH_S > BEGIN_S and k * EACH_S + WINDOW_S < END_S}
    named = all(word in now.reasons.get(k, set()) for k in (inside if word == "flat" else over))
    others = [row for row in range(len(NAMES)) if row != BAD]
    good = after & now.windows.keys()
    apart = max(float(np.abs(now.windows[k] - was.windows[k]).max()) for k in good)
    same = all(np.array_equal(now.windows[k][others], was.windows[k][others]) for k in good)
    # the channel itself moves by a step when it is back, at most by what a good electrode does in two seconds
    tolerance = SETTLED * max(step_uv, 150.0)
    shown = {now.states[s][BAD] for s in (16, 17)} == {state}
    beside = all(now.states[s][row] in ("good", "noisy") for s in (16, 17) for row in others)
    finite = all(bool(np.isfinite(one).all()) for one in now.windows.values())
    measured: dict[str, Measured] = {
        "windows_over_it": len(over), "rejected": rejected, "reason": word if named else "another",
        "windows_after_settling": len(after), "accepted_of_those": len(good),
        "quality": state if shown else "not shown",
        "other_channels": "bit for bit those of the clean stream" if same else "not bit for bit",
        "largest_difference_uv": round(apart, 5), "tolerance_uv": tolerance,
    }  # fmt: skip
    fine = rejected == len(over) > 0 and named and good == after and shown and beside and finite and apart <= tolerance
    return measured, fine and (same or shared)


def _run(samples: NDArray[np.float32], chain: ChainSettings) -> Ran:
    window = WindowSettings(start_s=0.0, end_s=WINDOW_S, rate_hz=RATE_HZ, baseline_s=None)
    rejection = RejectionSettings(peak_to_peak_uv=150.0, flat_uv=0.1, railed_uv=RAIL_UV)
    info = StreamInfo("made", "lsl", RATE_HZ, NAMES[: len(samples)], exact_rows=True)
    pipeline = Pipeline(info, Plan(chain, window, rejection, MarkerSettings()))
    ran = Ran({}, {}, {}, pipeline.settling_s)
    onsets = {round(k * EACH_S * RATE_HZ): k for k in range(1, int(samples.shape[1] / RATE_HZ / EACH_S) - 2)}
    for begin in range(0, samples.shape[1], 10):
        here = range(begin, begin + 10)
        events = tuple(Event(row / RATE_HZ, f"s{onsets[row]}", float(row)) for row in here if row in onsets)
        stamps = np.arange(begin, begin + 10) / RATE_HZ
        chunk = Chunk(np.ascontiguousarray(samples[:, begin : begin + 10]), stamps, stamps[-1], events=events)
        for output in pipeline.feed(chunk):
            if isinstance(output, Epoch):
                ran.windows[int(output.stimulus[1:])] = output.data[0]
            elif isinstance(output, Refused):
                ran.reasons[int(output.stimulus[1:])] = {why.partition(":")[0] for why in output.reasons}
        second, rest = divmod(begin + 10, round(RATE_HZ))
        quality = pipeline.quality(float(second)) if not rest else None
        if quality is not None:
            ran.states[second] = tuple(quality.states)
    return ran

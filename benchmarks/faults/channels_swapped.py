"""Row about two electrodes that are exchanged during a session of a simulated participant, on the real pipeline."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.sources.factory import make_source
from acquisition.types import Chunk, Epoch, Event, Refused, StreamInfo
from benchmarks.bundles import CHAIN
from benchmarks.faults.row import Measured, Row
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings, ParticipantSource
from wire.packets import Quality

FAR = (("P7", "Oz"), ("P8", "O1"), ("P5", "PO8"), ("P3", "O2"))
"""Pairs that are looked at in the short form; in the long form it is every pair."""
AT_S = 60.0
NOTICED_S = 20.0


def channels_swapped(place: Path, short: bool) -> Row:
    """Two channels change places after a minute: quality shows it, windows are rejected, and none without it."""
    info, samples, events = _recorded()
    false, _, _ = _ran(info, samples, events)
    pairs = FAR if short else tuple(combinations(info.channels, 2))
    noticed: list[float] = []
    shown = 0
    for pair in pairs:
        a, b = (info.channels.index(name) for name in pair)
        order = list(range(len(info.channels)))
        order[a], order[b] = b, a
        changed = samples.copy()
        changed[:, round(AT_S * info.rate_hz) :] = samples[order, round(AT_S * info.rate_hz) :]
        named, others, quality = _ran(info, changed, events, pair)
        if named and not others:
            noticed.append(min(named) - AT_S)
        marked = {name for name, state in zip(quality.channels, quality.states, strict=True) if state == "swapped"}
        shown += marked == set(pair)
    share = len(noticed) / len(pairs)
    measured: dict[str, Measured] = {
        "pairs": len(pairs), "recognised": len(noticed), "shown_by_quality": shown,
        "slowest_s": round(max(noticed, default=float("nan")), 1) if noticed else "none",
        "rejected_without_a_fault": len(false), "windows": len(events), "signal": "simulated participant",
    }  # fmt: skip
    # mirror twins and neighbours say nearly the same: not every pair can be told
    passed = not false and shown == len(noticed) and share >= (1.0 if short else 0.8)
    passed &= max(noticed, default=np.inf) <= NOTICED_S
    wanted = "quality shows it within 20 s, windows are rejected with the reason, and none where nothing is wrong"
    return Row("swapped channels", bool(passed), measured, wanted)


def _recorded() -> tuple[StreamInfo, NDArray[np.float32], list[Event]]:
    """What a simulated participant gives, as a whole."""
    source = make_source(ParticipantSource(stimuli=50, repeats=10, speed=0.0))
    chunks: list[Chunk] = []
    try:
        info = source.open()
        while not chunks or not chunks[-1].final:
            chunks.append(source.read(0.0))
    finally:
        source.close()
    return info, np.concatenate([one.samples for one in chunks], axis=1), [e for one in chunks for e in one.events]


def _ran(
    info: StreamInfo, samples: NDArray[np.float32], events: list[Event], pair: tuple[str, str] = ("", "")
) -> tuple[list[float], int, Quality]:
    """When windows were rejected for an exchange of this pair (of any, where none is given); how many for another."""
    window = WindowSettings(start_s=0.0, end_s=0.6, rate_hz=info.rate_hz, baseline_s=None)
    chain = ChainSettings(channels=info.channels, **CHAIN)
    pipeline = Pipeline(info, Plan(chain, window, RejectionSettings(), MarkerSettings()))
    named: list[float] = []
    others = accepted = 0
    rows = {one.stamp: float(one.row or 0.0) for one in events}
    for begin in range(0, samples.shape[1], 25):
        end = min(begin + 25, samples.shape[1])
        here = tuple(one for one in events if begin <= (one.row or 0.0) < end)
        stamps = np.arange(begin, end) / info.rate_hz
        chunk = Chunk(np.ascontiguousarray(samples[:, begin:end]), stamps, float(end), events=here)
        for output in pipeline.feed(chunk):
            accepted += isinstance(output, Epoch)
            if not isinstance(output, Refused):
                continue
            for why in (why for why in output.reasons if why.startswith("swapped")):
                if all(name in why for name in pair):
                    named.append(rows[output.onset_s] / info.rate_hz)
                else:
                    others += 1
    quality = pipeline.quality(0.0)
    if quality is None or not accepted:
        raise RuntimeError("two minutes of signal gave no window")
    return named, others, quality

"""``python -m benchmarks.faults.streams_sender``: an amplifier or a stimulus program on LSL, every number known.

Both count from the same moment of the shared monotonic clock: sample n stands at ``zero + n / rate``, and channel 0
carries n. A marker's label is its true onset in samples, with decimals. What was not sent while the process was held is
lost (``--keep``: sent late). Runs until it is ended.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wire import lsl_scope
from wire.clock import now

CHANNELS = ("Oz", "O1", "O2")
TICK_S = 0.02
HELD_S = 0.2
"""A process that finds itself this late was held."""


@dataclass(frozen=True)
class Mark:
    """A marker to push.

    Attributes
    ----------
    push_s
        When, after ``zero``.
    onset
        Its true onset, in samples.
    """

    push_s: float
    onset: float


def outlet(name: str, rate_hz: float) -> Any:
    """An EEG outlet, or where the rate is 0 a marker outlet, kept to this machine."""
    lsl_scope.restrict()
    import pylsl

    if rate_hz:
        info = pylsl.StreamInfo(name, "EEG", len(CHANNELS), rate_hz, pylsl.cf_float32, f"{name}-id")
        channels = info.desc().append_child("channels")
        for label in CHANNELS:
            channel = channels.append_child("channel")
            for key, value in (("label", label), ("unit", "microvolts"), ("type", "EEG")):
                channel.append_child_value(key, value)
    else:
        info = pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{name}-id")
    made = pylsl.StreamOutlet(info)
    lsl_scope.seal(made)
    return made


def send_samples(name: str, rate_hz: float, zero: float, keep: bool) -> None:
    """Push samples as they become due, without end."""
    eeg, rng = outlet(name, rate_hz), np.random.default_rng(0)
    sent = math.floor((now() - zero) * rate_hz)
    while True:
        time.sleep(TICK_S)
        due = math.floor((now() - zero) * rate_hz)
        if due - sent > HELD_S * rate_hz and not keep:
            sent = due - 1
        count = np.arange(sent, due)
        rows = rng.normal(0.0, 5.0, (len(count), len(CHANNELS))).astype(np.float32)
        rows[:, 0] = count
        if len(count):
            eeg.push_chunk(rows, (zero + count / rate_hz).tolist())
        sent = due


def marks(form: str, rate_hz: float, each_s: float, first: int) -> Iterator[Mark]:
    """Markers in the order they are pushed: ``plain``, ``late``, ``shuffled``, ``doubled`` or ``storm``."""
    rng = np.random.default_rng(1)
    step = 0.001 if form == "storm" else each_s
    k = 0
    while True:
        batch = []
        for _ in range(8):
            at_s = first * each_s + k * step
            onset = (at_s + float(rng.uniform(0.0, 0.3)) * step) * rate_hz
            late = 1.5 if form == "late" else 0.0
            batch.append(Mark(onset / rate_hz + late, onset))
            k += 1
        if form == "shuffled":
            # eight of them in any order, when the last of them is due
            push_s = batch[-1].push_s
            batch = [Mark(push_s, batch[int(n)].onset) for n in rng.permutation(8)]
        for one in batch:
            yield one
            if form == "doubled":
                yield one


def send_markers(name: str, rate_hz: float, zero: float, form: str, each_s: float, storm_s: float) -> None:
    """Push markers, each at its time; a storm is over after ``storm_s``, and plain ones follow."""
    out = outlet(name, 0.0)
    # a consumer has to be there: what is pushed before is gone
    while not out.wait_for_consumers(0.5):
        continue
    time.sleep(0.5)
    begun = now()
    source = marks(form, rate_hz, each_s, math.ceil((now() - zero) / each_s) + 1)
    while True:
        one = next(source)
        if form == "storm" and now() - begun > storm_s:
            form = "plain"
            source = marks(form, rate_hz, each_s, math.ceil((now() - zero) / each_s) + 1)
            continue
        wait_s = zero + one.push_s - now()
        if wait_s > 0:
            time.sleep(wait_s)
        out.push_sample([f"{one.onset:.4f}"], zero + one.onset / rate_hz)


def main() -> None:
    """Send until ended."""
    parser = argparse.ArgumentParser(description="An amplifier or a stimulus program on LSL, for tests.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--rate", type=float, default=250.0)
    parser.add_argument("--zero", type=float, required=True, help="moment of sample 0, monotonic clock")
    parser.add_argument("--keep", action="store_true", help="send what was held back, in place of losing it")
    parser.add_argument("--markers", choices=("plain", "late", "shuffled", "doubled", "storm"))
    parser.add_argument("--each", type=float, default=0.2, help="seconds between markers")
    parser.add_argument("--storm", type=float, default=10.0, help="seconds that a storm lasts")
    given = parser.parse_args()
    if given.markers:
        send_markers(given.name, given.rate, given.zero, given.markers, given.each, given.storm)
    else:
        send_samples(given.name, given.rate, given.zero, given.keep)


if __name__ == "__main__":
    main()

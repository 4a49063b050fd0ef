"""Streams whose truth is known, through the pipeline that runs live: the clock is simulated, nothing else is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Epoch, Event, Gap, Missed, Output, Refused, StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings

Array = NDArray[np.float64]
CHUNK_S = 0.04
NO_FILTERS = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=None)
ANYTHING = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)


@dataclass(frozen=True)
class Onset:
    """A stimulus.

    Attributes
    ----------
    position
        True onset, in samples of the stream, lost ones counted.
    stamp
        Of its marker, as the reader hands it on.
    after
        Samples that had been received when the marker came.
    label
        Of its marker.
    """

    position: float
    stamp: float
    after: int
    label: str = "a"


@dataclass
class Made:
    """A stream: channel 0 carries the true number of each sample.

    Attributes
    ----------
    rate_hz
        Nominal.
    numbers
        (times,) true numbers of the samples received.
    stamps
        (times,) as the reader hands them on, seconds.
    onsets
        Stimuli.
    """

    rate_hz: float
    numbers: NDArray[np.int64]
    stamps: Array
    onsets: list[Onset] = field(default_factory=list)

    def chunks(self) -> Iterator[Chunk]:
        """As they arrive."""
        step = max(1, round(CHUNK_S * self.rate_hz))
        waiting = sorted(self.onsets, key=lambda one: one.after)
        at = 0
        for begin in range(0, len(self.numbers), step):
            end = min(begin + step, len(self.numbers))
            events = []
            while at < len(waiting) and waiting[at].after <= end:
                events.append(Event(waiting[at].stamp, waiting[at].label))
                at += 1
            count = self.numbers[begin:end].astype(np.float32)
            yield Chunk(
                samples=np.stack([count, -count]),
                stamps=self.stamps[begin:end],
                arrived=end / self.rate_hz,
                events=tuple(events),
                final=end == len(self.numbers),
            )


@dataclass
class Cut:
    """What the pipeline made of a stream.

    Attributes
    ----------
    epochs, refused, missed, gaps
        Its outputs.
    errors
        Alignment errors of the accepted windows, in samples: what channel 0 says of the first sample, minus what the
        window says of it.
    """

    epochs: list[Epoch] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    duplicates: int = 0

    @property
    def worst(self) -> float:
        """Largest alignment error, samples; 0 without windows."""
        return max(map(abs, self.errors), default=0.0)

    @property
    def whole(self) -> bool:
        """Whether no accepted window spans a loss."""
        return all(np.ptp(np.diff(one.data[0, 0])) == 0 for one in self.epochs)

    @property
    def reasons(self) -> str:
        """Why windows were refused or missed, with counts."""
        words = Counter(why.partition(":")[0] for one in self.refused for why in one.reasons)
        words.update("missed " + one.reason.partition(":")[0] for one in self.missed)
        return ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "none"

    @property
    def accounted(self) -> int:
        """Stimuli that came to an end."""
        return len(self.epochs) + len(self.refused) + len(self.missed) + self.duplicates


def plan(rate_hz: float, end_s: float = 0.5, late_s: float = 2.0, chain: ChainSettings = NO_FILTERS) -> Plan:
    """Windows of the source's own samples, unfiltered, so that channel 0 can be read in them."""
    window = WindowSettings(start_s=0.0, end_s=end_s, rate_hz=rate_hz, baseline_s=None)
    return Plan(chain, window, ANYTHING, MarkerSettings(late_s=late_s))


def info(rate_hz: float, channels: int = 2) -> StreamInfo:
    """Of such a stream."""
    return StreamInfo("made", "lsl", rate_hz, tuple(f"C{k}" for k in range(channels)))


def cut(made: Made, end_s: float = 0.5, at: Callable[[Onset], float] | None = None) -> Cut:
    """Run the pipeline over a stream, and see where each window lies.

    Parameters
    ----------
    made
        The stream. Each onset's marker stamp belongs to one onset only.
    end_s
        Of the windows.
    at
        Onset as the pipeline tells it, where that is not the marker's stamp.
    """
    pipeline = Pipeline(info(made.rate_hz), plan(made.rate_hz, end_s))
    found = Cut()
    outputs: list[Output] = []
    for chunk in made.chunks():
        outputs += pipeline.feed(chunk)
    outputs += pipeline.finish()
    truth = {(one.label, one.stamp): one.position for one in made.onsets}
    for output in outputs:
        match output:
            case Epoch():
                position = truth[(output.stimulus, output.onset_s)]
                found.epochs.append(output)
                said = position + output.first_sample_offset_s * made.rate_hz
                found.errors.append(float(output.data[0, 0, 0]) - said)
            case Refused():
                found.refused.append(output)
            case Missed():
                found.missed.append(output)
            case Gap():
                found.gaps.append(output)
            case _:
                continue
    found.duplicates = pipeline.account.duplicates
    return found


def numbers(times: int, begin: int = 0, lost: int = 0) -> NDArray[np.int64]:
    """True numbers of a stream that loses ``lost`` samples before its sample ``begin``."""
    return np.delete(np.arange(times + lost, dtype=np.int64), slice(begin, begin + lost))


def onsets(
    rng: np.random.Generator, received: NDArray[np.int64], stamp: Callable[[float], float], each: float
) -> list[Onset]:
    """A stimulus about every ``each`` samples, its marker some milliseconds late; stamped by ``stamp`` of its onset."""
    positions = np.arange(2.0, float(received[-1]) - 2, each)
    positions += rng.uniform(0.0, 0.8 * each, len(positions))
    late = rng.uniform(0.0, 8.0, len(positions))
    after = np.searchsorted(received, positions + late)
    return [Onset(float(p), stamp(float(p)), int(a)) for p, a in zip(positions, after, strict=True)]


def packets(rng: np.random.Generator, size: int, spread_s: float) -> Array:
    """Jitter as a Muse has it: twelve samples at a time share one delay, seconds."""
    return np.repeat(rng.normal(0.0, spread_s, math.ceil(size / 12)), 12)[:size]


def summary(cuts: Sequence[Cut]) -> dict[str, float | int | str]:
    """Numbers for a row over some streams."""
    words: Counter[str] = Counter()
    for one in cuts:
        for part in one.reasons.split(", "):
            if part != "none":
                count, _, word = part.partition(" ")
                words[word] += int(count)
    return {
        "accepted": sum(len(one.epochs) for one in cuts),
        "rejected": sum(len(one.refused) for one in cuts),
        "missed": sum(len(one.missed) for one in cuts),
        "worst_alignment_samples": round(max(one.worst for one in cuts), 4),
        "reasons": ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "none",
        "clock": "simulated",
    }

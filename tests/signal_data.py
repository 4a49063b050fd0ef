"""Streams for tests of the signal path: known truth, any chunking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Epoch, Event, Gap, Missed, Output, Refused, StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings

NO_FILTERS = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=None)
ANYTHING = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)


@dataclass(frozen=True)
class Arrival:
    """A marker, and how many samples had been received when it arrived."""

    after: int
    event: Event


def plan(
    chain: ChainSettings = NO_FILTERS,
    rejection: RejectionSettings = ANYTHING,
    markers: MarkerSettings | None = None,
    **window: Any,
) -> Plan:
    window = {"start_s": 0.0, "end_s": 0.5, "rate_hz": 250.0, "baseline_s": None, **window}
    return Plan(chain, WindowSettings(**window), rejection, markers or MarkerSettings())


def info(rate_hz: float = 250.0, channels: int = 2, **fields: Any) -> StreamInfo:
    return StreamInfo("test", "lsl", rate_hz, tuple(f"C{k}" for k in range(channels)), **fields)


def chunks(
    samples: NDArray[np.float32],
    stamps: NDArray[np.float64],
    edges: Iterable[int] = (),
    arrivals: Sequence[Arrival] = (),
    counter: NDArray[np.int64] | None = None,
) -> list[Chunk]:
    """Chunks that end at ``edges`` (twice: an empty one); events come with the chunk they fall in."""
    total = stamps.shape[0]
    ends = [*sorted(edge for edge in edges if edge <= total), total]
    made, begin, left = [], 0, sorted(arrivals, key=lambda arrival: arrival.after)
    for end in ends:
        here = [arrival for arrival in left if arrival.after <= end]
        left = left[len(here) :]
        made.append(
            Chunk(
                samples=np.ascontiguousarray(samples[:, begin:end]),
                stamps=stamps[begin:end],
                arrived=1e6 + end,
                counter=None if counter is None else counter[begin:end],
                events=tuple(arrival.event for arrival in here),
            )
        )
        begin = end
    return [*made[:-1], replace(made[-1], final=True)]


def run(pipeline: Pipeline, pieces: Iterable[Chunk]) -> list[Output]:
    outputs: list[Output] = []
    for chunk in pieces:
        outputs += pipeline.feed(chunk)
        account = pipeline.account
        assert account.due == account.accepted + account.rejected + account.missed + account.pending
    return outputs + pipeline.finish()


def epochs(outputs: Iterable[Output]) -> list[Epoch]:
    return [output for output in outputs if isinstance(output, Epoch)]


def refused(outputs: Iterable[Output]) -> list[Refused]:
    return [output for output in outputs if isinstance(output, Refused)]


def missed(outputs: Iterable[Output]) -> list[Missed]:
    return [output for output in outputs if isinstance(output, Missed)]


def gaps(outputs: Iterable[Output]) -> list[Gap]:
    return [output for output in outputs if isinstance(output, Gap)]


def words(reasons: Iterable[str]) -> set[str]:
    """The stable word of each reason."""
    return {reason.partition(":")[0] for reason in reasons}

"""From stamps and push logs to latencies. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.errors import ProcessError
from display.latency import STAGES, spread

Array = NDArray[np.float64]
Table = dict[str, float | int | None]
PUSH_STAGE = "push_to_in"
FURTHEST = 0.45
"""Samples that a stamp may lie off the sample it is taken for."""


def stream_start(pushes_s: Array, rate_hz: float) -> float:
    """When row 0 was due, from the moment each sample was pushed: late by the quickest push of all, some 0.1 ms.

    Parameters
    ----------
    pushes_s
        (samples,) seconds.
    rate_hz
        Sampling rate.
    """
    return float(np.min(pushes_s - np.arange(len(pushes_s)) / rate_hz))


def sample_of(stamps_s: Array, start_s: float, rate_hz: float) -> NDArray[np.int64]:
    """Rows that sample stamps belong to.

    Raises
    ------
    ProcessError
        A stamp lies between two samples: the stream's clock was not understood, and no latency would be true.
    """
    rows = (stamps_s - start_s) * rate_hz
    nearest = np.round(rows)
    off = float(np.max(np.abs(rows - nearest), initial=0.0))
    if off > FURTHEST:
        raise ProcessError(
            f"a stamp lies {off:.2f} samples from any sample that was pushed, expected less than {FURTHEST}; "
            "the machine may be too busy to measure on"
        )
    return nearest.astype(np.int64)


def last_rows_after(onsets_s: Array, start_s: float, rate_hz: float, offset: int) -> NDArray[np.int64]:
    """Last row of epochs that begin with the first sample at or after each onset, as mne-lsl cuts them."""
    return np.ceil((onsets_s - start_s) * rate_hz - 1e-6).astype(np.int64) + offset


def since_push_ms(moments_s: Array, rows: NDArray[np.int64], pushes_s: Array) -> list[float]:
    """Milliseconds from the push of a row to a moment."""
    found: list[float] = ((moments_s - pushes_s[rows]) * 1e3).tolist()
    return found


def stages(stamps: Sequence[dict[str, float]], rows: NDArray[np.int64], pushes_s: Array) -> dict[str, Table]:
    """Spread of every stage, the first counted from the push of the last needed sample."""
    received = np.array([stamp["sample_in"] for stamp in stamps])
    found: dict[str, Table] = {PUSH_STAGE: spread(since_push_ms(received, rows, pushes_s)).table}
    for name, first, second in STAGES[1:]:
        found[name] = spread([(stamp[second] - stamp[first]) * 1e3 for stamp in stamps]).table
    return found

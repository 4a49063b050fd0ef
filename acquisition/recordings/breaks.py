"""Losses in files whose samples carry stamps or a wrapping counter. Jitter is not loss. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.recording import Break

MOST_S = 1e12
"""No clock shows more seconds: what does is damage."""
MOST_COUNTED = 1 << 31
SUSTAINED = 2.5
"""Samples that the stamps must stay late to be a loss: real Muse files jitter by up to 1.3 (medians over a second)."""
RESET_BACK_S, RESET_AHEAD_S = 1.0, 3600.0
"""A clock that steps back, or ahead, by more than this was set anew."""


def find_breaks(stamps: NDArray[np.float64], rate_hz: float) -> tuple[tuple[Break, ...], tuple[int, ...]]:
    """Losses and clock resets in the stamps of evenly sampled rows.

    A step is a loss where the median of what the stamps are ahead of the row count, over the second after it, exceeds
    that of the second before by more than `SUSTAINED` samples. Of several steps around one loss it stands at the one
    that splits the stamps best. Less than a quarter of a second at either end of the file is not judged.

    Parameters
    ----------
    stamps
        (rows,) seconds.
    rate_hz
        Nominal rate.

    Returns
    -------
    breaks
        By row.
    resets
        Rows before which the clock was set anew.
    """
    ahead = stamps - np.arange(len(stamps)) / rate_hz
    span = max(4, round(rate_hz))
    suspects = (np.flatnonzero(np.abs(np.diff(ahead)) * rate_hz > SUSTAINED) + 1).tolist()
    breaks, resets, done = [], [], 0
    for row in suspects:
        if row <= done or _judge(ahead, row, span, rate_hz) is None:
            continue
        rivals = [other for other in suspects if row <= other < row + span]
        (_, step), done = max((_judge(ahead, rival, span, rate_hz) or (-np.inf, 0.0), rival) for rival in rivals)
        if -RESET_BACK_S <= step <= RESET_AHEAD_S:
            breaks.append(Break(done, round(step * rate_hz)))
        else:
            resets.append(done)
        ahead[done:] -= step
    return tuple(breaks), tuple(resets)


def _judge(ahead: NDArray[np.float64], row: int, span: int, rate_hz: float) -> tuple[float, float] | None:
    """How much better two levels fit than one around a row (sum of absolute deviations), and the step between them.

    None where the step does not last.
    """
    before, after = ahead[max(0, row - span) : row], ahead[row : row + span]
    if min(len(before), len(after)) < span // 4:
        return None
    low, high = float(np.median(before)), float(np.median(after))
    if -RESET_BACK_S <= high - low <= SUSTAINED / rate_hz:
        return None
    both = np.concatenate((before, after))
    one = float(np.abs(both - np.median(both)).sum())
    return one - float(np.abs(before - low).sum() + np.abs(after - high).sum()), high - low


def counter_breaks(index: NDArray[np.int64], stamped: tuple[Break, ...] = ()) -> tuple[Break, ...] | None:
    """Losses in a counter that rises by one a sample and wraps after its largest value.

    A loss of whole rounds does not show in the counter: the stamps say how many.

    Parameters
    ----------
    index
        (rows,) as written, from 0.
    stamped
        What `find_breaks` found in the stamps of the same rows.

    Returns
    -------
    Losses by row; None where the counter does not rise by one a sample and is of no use.
    """
    rises = np.diff(index)
    if not len(rises) or np.count_nonzero(rises == 1) < 0.9 * len(rises) or np.any(rises == 0):
        return None
    period = int(index.max()) + 1
    steps = rises % period
    missing = {int(row) + 1: int(steps[row]) - 1 for row in np.flatnonzero(steps != 1)}
    for gap in stamped if np.any(rises < 0) else ():
        near = [row for row in missing if abs(row - gap.row) <= period // 2]
        row = min(near, key=lambda row: abs(row - gap.row)) if near else gap.row
        rounds = max(0, round((gap.missing - missing.get(row, 0)) / period))
        missing[row] = missing.get(row, 0) + rounds * period
    return tuple(Break(row, missing[row]) for row in sorted(missing) if missing[row] > 0)


def losses(
    index: NDArray[np.float64], stamps: NDArray[np.float64] | None, rate_hz: float
) -> tuple[tuple[Break, ...], tuple[int, ...], tuple[str, ...]]:
    """Breaks, resets and notes by a device's counter, and by the stamps where the counter is of no use.

    Parameters
    ----------
    index
        (rows,) the counter as written.
    stamps
        (rows,) seconds, or None.
    rate_hz
        Nominal rate.
    """
    timed = stamps is not None and bool((np.abs(stamps) < MOST_S).all())
    stamped, resets = find_breaks(stamps, rate_hz) if stamps is not None and timed else ((), ())
    counts = bool(((index >= 0) & (index < MOST_COUNTED)).all())
    counted = counter_breaks(index.astype(np.int64), stamped) if counts else None
    if counted is not None:
        return counted, resets, describe(counted, rate_hz)
    note = "the sample counter does not rise by one a row: losses are judged by the time stamps alone"
    return stamped, resets, (note, *describe(stamped, rate_hz))


def describe(breaks: tuple[Break, ...], rate_hz: float) -> tuple[str, ...]:
    """A note on the losses, if there are any."""
    if not breaks:
        return ()
    lost = sum(gap.missing for gap in breaks)
    return (
        f"gaps: {len(breaks)}, {lost} samples ({lost / rate_hz:.2f} s) in all; windows that touch one are rejected",
    )

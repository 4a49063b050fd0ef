"""Second-order sections over a few samples at a time, as live EEG comes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]
Run = Callable[[Array, Array, Array], None]


def public(sos: Array, rows: Array, state: Array) -> None:
    """`scipy.signal.sosfilt`, in place.

    Parameters
    ----------
    sos
        (sections, 6) float64.
    rows
        (channels, times) float64, C-contiguous; filtered in place.
    state
        (channels, sections, 2) float64, C-contiguous; moved on in place.
    """
    out, after = signal.sosfilt(sos, rows, axis=1, zi=state.transpose(1, 0, 2))
    rows[...], state[...] = out, after.transpose(1, 0, 2)


def choose() -> Run:
    """The loop inside ``sosfilt`` where this SciPy has it and it gives the same bits, else `public`.

    For 63 channels and four samples the checks around the loop take fifteen times as long as the loop.
    """
    try:
        from scipy.signal._sosfilt import _sosfilt as inner
    except ImportError:
        return public
    rng = np.random.default_rng(0)
    sos, rows, state = signal.butter(4, 0.2, output="sos"), rng.standard_normal((3, 5)), rng.standard_normal((3, 2, 2))
    other_rows, other_state = rows.copy(), state.copy()
    public(sos, rows, state)
    try:
        inner(sos, other_rows, other_state)
    except (TypeError, ValueError):
        return public
    same = np.array_equal(rows, other_rows) and np.array_equal(state, other_state)
    run: Run = inner if same else public
    return run


filter_in_place: Run = choose()
"""What the chain uses; parameters as those of `public`."""

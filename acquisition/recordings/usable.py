"""What a recording must have to be played into the pipeline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.recording import ArraySignal, Recording
from config.errors import RecordingError

STUCK = 0.99
"""Share of a block's samples at its lowest or highest value from which a channel is railed (or flat)."""
_BLOCK_S = 10.0


def check_usable(recording: Recording) -> None:
    """Refuse a recording that no window can come from.

    Raises
    ------
    RecordingError
        Its clock resets midway, it has no marker or only one, or it is railed or flat all through.
    """
    file = recording.file
    if recording.resets:
        at = ", ".join(f"{row / recording.rate_hz:.1f} s" for row in recording.resets)
        raise RecordingError(
            f"the clock of '{file}' resets midway, after {at} of samples, so that markers cannot be placed; cut it "
            "there into files of their own"
        )
    if len(recording.events) < 2:
        what = "one marker only" if recording.events else "no marker"
        raise RecordingError(
            f"'{file}' has {what}, and at least two stimuli are needed; choose a recording with markers, or name its "
            "source.stim_channel or source.marker_stream"
        )
    if _railed(recording):
        raise RecordingError(
            f"every channel of '{file}' is railed or flat all through; check the electrodes and the cable, and record "
            "it again"
        )


def _railed(recording: Recording) -> bool:
    """Whether no channel is alive in any block; stops reading at the first that is."""
    size = max(2, round(_BLOCK_S * recording.rate_hz))
    blocks = range(0, recording.n_rows, size)
    return not any(_alive(recording.signal.read(at, min(at + size, recording.n_rows))) for at in blocks)


def _alive(block: NDArray[np.float32]) -> bool:
    finite = np.isfinite(block)
    low = np.where(finite, block, np.inf).min(axis=1, keepdims=True)
    high = np.where(finite, block, -np.inf).max(axis=1, keepdims=True)
    moving = (finite & (block > low) & (block < high)).mean(axis=1)
    return bool((moving > 1 - STUCK).any())


def signal_notes(recording: Recording) -> tuple[str, ...]:
    """A note on non-finite samples, for recordings that are in memory."""
    if not isinstance(recording.signal, ArraySignal):
        return ()
    bad = int(np.count_nonzero(~np.isfinite(recording.signal.array)))
    return (f"{bad} samples are not finite; windows that touch one are rejected",) if bad else ()

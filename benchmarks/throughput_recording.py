"""A recording shaped like THINGS-EEG2, with nobody's EEG in it: coloured noise, and pictures in random order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from acquisition.recordings.converted import EEG_NPY, OriginalFile, RecordingSpec, write_spec
from benchmarks.bundles import channel_names
from config.bundles import file_sha256

LEAD_S, TAIL_S = 3.0, 1.5
"""EEG before the first picture, so that the chain has settled, and after the last, so that its window is whole."""
PICTURES = 200
"""As many as the test part of a session shows; each is repeated, so that there are running averages."""
AMPLITUDE_UV = 10.0
_SMOOTH = 0.98
_BLOCK = 20_000


@dataclass(frozen=True)
class Shape:
    """Of the recording.

    Attributes
    ----------
    channels, rate_hz, seconds
        Of its EEG.
    rsvp_hz
        Pictures a second.
    """

    channels: int = 63
    rate_hz: float = 1000.0
    seconds: float = 600.0
    rsvp_hz: float = 5.0


def write_recording(folder: Path, shape: Shape, seed: int = 0) -> int:
    """Write it as a converted recording.

    Returns
    -------
    Pictures shown.
    """
    from scipy import signal

    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    n_rows, n = round(shape.seconds * shape.rate_hz), shape.channels
    state = np.zeros((1, n))
    with (folder / EEG_NPY).open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n)})
        for begin in range(0, n_rows, _BLOCK):
            noise = rng.standard_normal((min(_BLOCK, n_rows - begin), n), dtype=np.float32)
            slow, state = signal.lfilter([1.0], [1.0, -_SMOOTH], noise, axis=0, zi=state)
            scale = AMPLITUDE_UV * np.sqrt(1 - _SMOOTH**2)
            file.write(np.ascontiguousarray(slow * scale + noise, dtype="<f4").tobytes())
    onsets_s = np.arange(LEAD_S, shape.seconds - TAIL_S, 1.0 / shape.rsvp_hz)
    rounds = -(-len(onsets_s) // PICTURES)
    shown = np.concatenate([rng.permutation(PICTURES) for _ in range(rounds)])[: len(onsets_s)]
    write_spec(
        folder,
        RecordingSpec(
            name="synthetic", dataset="synthetic noise", rate_hz=shape.rate_hz, channels=channel_names(n),
            n_rows=n_rows, rows=tuple(np.round(onsets_s * shape.rate_hz).tolist()),
            labels=tuple(f"item-{k}" for k in shown), eeg_sha256=file_sha256(folder / EEG_NPY),
            original=OriginalFile(name="none", bytes=0, mtime_ns=0, head_sha256="0" * 64), simulated=True,
        ),
    )  # fmt: skip
    return len(onsets_s)

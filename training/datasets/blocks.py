"""Preprocessed epochs as datasets publish them, (conditions, repeats, channels, times), into an epochs folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError
from training.datasets.channels import pick
from training.trials.epoch_files import NO_HASH, EpochsSpec, new_epochs
from training.trials.epochs import Progress, silent

BLOCK_BYTES = 64 << 20
WHITENED_FROM = 1e-2
"""Values that spread over more than this are no volts: the authors have noise-normalised them."""
AUTHORS_WHITENING = (
    "noise-normalised by the dataset's authors with covariances of the training and the test part together: what is "
    "scored on the test part has seen it"
)


class Rows(Protocol):
    """An array, mapped or in memory, of which conditions are taken."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def __getitem__(self, index: slice) -> Any: ...


@dataclass(frozen=True)
class Blocks:
    """Preprocessed epochs.

    Attributes
    ----------
    path
        The file.
    form
        For people, such as ``THINGS-EEG2, preprocessed at 100 Hz``.
    data
        (conditions, repeats, channels, times), volts or noise-normalised.
    labels
        Of each condition.
    channels
        In the order of ``data``.
    start_s, rate_hz
        First sample after the onset, and sampling rate.
    subject, part
        Who and what.
    simulated
        The file says that it is not from a living head.
    notes
        Facts worth a line.
    """

    path: Path
    form: str
    data: Rows
    labels: tuple[str, ...]
    channels: tuple[str, ...]
    start_s: float
    rate_hz: float
    subject: str
    part: str
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.data.shape
        if len(shape) != 4 or shape[2] != len(self.channels) or not all(shape):
            raise RecordingError(
                f"'{self.path}' has epochs of shape {tuple(shape)} for {len(self.channels)} channel names; expected "
                "(conditions, repeats, channels, times); copy it again"
            )
        if shape[0] != len(self.labels):
            raise RecordingError(
                f"'{self.path}' has {shape[0]} conditions, but the image set has {len(self.labels)} {self.part} "
                "pictures; use the image_metadata.npy that came with it"
            )


def write_blocks(
    blocks: Blocks, out: Path, *, channels: Sequence[str] = (), average: bool = False, progress: Progress = silent
) -> EpochsSpec:
    """Write preprocessed epochs as an epochs folder, which says that nothing live may use them.

    Parameters
    ----------
    blocks
        The epochs.
    out
        Epochs folder.
    channels
        Names or patterns; empty: all.
    average
        The mean over the repeats of each condition in place of single trials.
    progress
        Told ``writing epochs``, conditions done and in all.

    Raises
    ------
    SettingsError
        A channel is not there.
    RecordingError
        The epochs hold values that are not finite.
    """
    names = pick(channels, blocks.channels)
    rows = [blocks.channels.index(name) for name in names]
    n, repeats, _, times = blocks.data.shape
    first = np.asarray(blocks.data[slice(0, 1)], np.float32)
    whitened = float(np.median(first.std(axis=-1))) > WHITENED_FROM
    scale = np.float32(1.0 if whitened else 1e6)
    step = max(1, BLOCK_BYTES // max(1, first.nbytes))
    with new_epochs(out, len(names), times) as new:
        for start in range(0, n, step):
            piece = np.asarray(blocks.data[slice(start, start + step)], np.float32)[:, :, rows] * scale
            if not np.isfinite(piece).all():
                raise RecordingError(f"'{blocks.path}' holds values that are not finite; copy it again")
            new.append(_mean(piece) if average else piece.reshape(-1, len(names), times))
            progress("writing epochs", min(start + step, n), n)
        each = 1 if average else repeats
        spec = _spec(blocks, names, times, whitened)
        return new.finish(
            spec.model_copy(
                update={
                    "labels": tuple(label for label in blocks.labels for _ in range(each)),
                    "onsets_s": (0.0,) * (n * each),
                    "repeats": (repeats,) * n if average and repeats > 1 else (),
                }
            )
        )


def start_and_rate(path: Path, times: NDArray[np.float64], n: int) -> tuple[float, float]:
    """First time and rate of epochs of ``n`` samples, which are the last of ``times``.

    Raises
    ------
    RecordingError
        There are fewer times than samples, or they are not evenly spaced.
    """
    steps = np.diff(times)
    if len(times) < max(n, 2) or not np.allclose(steps, steps.mean(), rtol=0.02) or not steps.mean() > 0:
        raise RecordingError(f"'{path}' has {len(times)} times for epochs of {n} samples; copy it again")
    rate = round(1 / float(steps.mean()), 1)
    return round(float(times[-n]) * rate) / rate, rate


def _mean(piece: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(piece.mean(axis=1), np.float32)


def _spec(blocks: Blocks, names: tuple[str, ...], times: int, whitened: bool) -> EpochsSpec:
    # the nearest that a chain can say: filters that look ahead are not among its own
    chain = ChainSettings(channels=names, notch_hz=(), highpass_hz=None, lowpass_hz=None)
    window = WindowSettings(
        start_s=blocks.start_s,
        end_s=round(blocks.start_s + times / blocks.rate_hz, 6),
        rate_hz=blocks.rate_hz,
        baseline_s=None,
    )
    return EpochsSpec(
        name=f"sub-{blocks.subject} {blocks.part}",
        subject=blocks.subject,
        source=f"{blocks.form}, {blocks.path.name}",
        sha256=NO_HASH,
        channels=names,
        labels=(),
        onsets_s=(),
        chain=chain,
        window=window,
        rejection=RejectionSettings(peak_to_peak_uv=None, flat_uv=None),
        causal=False,
        unit="whitened" if whitened else "uV",
        simulated=blocks.simulated,
        source_rate_hz=blocks.rate_hz,
        notes=blocks.notes,
    )

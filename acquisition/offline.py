"""The very same pipeline, at full speed over a whole source: what a decoder is trained on is what it meets live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.account import Account
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Epoch, Missed, Output, Refused, Source, StreamInfo
from config.errors import SourceError

READ_S = 1.0
PATIENCE = 30
"""Empty reads in a row after which a source counts as stuck."""


@dataclass(frozen=True)
class Epochs:
    """All windows of a source.

    Attributes
    ----------
    data
        (n, versions, channels, times) float32, µV: the single trial, then the running average so far.
    labels
        Stimulus label of each.
    onsets_s
        (n,) float64, on acquisition's clock.
    repeats
        (n,) int64, trials in the running average.
    sequences
        (n,) int64, running number of the stimulus marker.
    refused, missed
        Stimuli without a window, and why.
    account
        The pipeline's sums; ``account.rejected_by`` counts by reason.
    info
        What the source said of itself.
    channels
        Names of the windows' rows; where not given, all of the source's.
    """

    data: NDArray[np.float32]
    labels: tuple[str, ...]
    onsets_s: NDArray[np.float64]
    repeats: NDArray[np.int64]
    sequences: NDArray[np.int64]
    refused: list[Refused]
    missed: list[Missed]
    account: Account
    info: StreamInfo
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channels:
            object.__setattr__(self, "channels", self.info.channels)


def cut(source: Source, plan: Plan, progress: Callable[[float], None] | None = None) -> Epochs:
    """Open a source, read it to its final chunk, and close it.

    Parameters
    ----------
    source
        One that ends, played as fast as it goes.
    plan
        What to cut and how.
    progress
        Called after each chunk with the seconds of signal read so far.

    Raises
    ------
    SourceError
        The source cannot be read, or gives nothing more without having ended.
    SettingsError
        It cannot give what the plan asks for.
    """
    try:
        info = source.open()
        pipeline = Pipeline(info, plan.whole)
        outputs = _run(source, pipeline, progress)
    finally:
        source.close()
    return _collect(outputs, pipeline, info)


def _run(source: Source, pipeline: Pipeline, progress: Callable[[float], None] | None) -> list[Output]:
    outputs: list[Output] = []
    samples = idle = 0
    final = False
    while not final:
        chunk = source.read(READ_S)
        outputs += pipeline.feed(chunk)
        final = chunk.final
        samples += chunk.stamps.shape[0]
        idle = 0 if chunk.stamps.shape[0] else idle + 1
        if idle > PATIENCE:
            raise SourceError(
                f"'{pipeline.info.name}' gave no sample in {PATIENCE} reads of {READ_S:g} s and has not ended; "
                "epochs are cut from sources that end, such as recordings"
            )
        if progress is not None:
            progress(samples / pipeline.info.rate_hz)
    return outputs + pipeline.finish()


def _collect(outputs: list[Output], pipeline: Pipeline, info: StreamInfo) -> Epochs:
    epochs = [output for output in outputs if isinstance(output, Epoch)]
    shape = (len(epochs), 2, len(pipeline.channels), pipeline.plan.window.n_times)
    data = np.empty(shape, dtype=np.float32)
    for row, epoch in enumerate(epochs):
        data[row] = epoch.data
    return Epochs(
        data=data,
        labels=tuple(epoch.stimulus for epoch in epochs),
        onsets_s=np.array([epoch.onset_s for epoch in epochs], dtype=np.float64),
        repeats=np.array([epoch.repeats for epoch in epochs], dtype=np.int64),
        sequences=np.array([epoch.sequence for epoch in epochs], dtype=np.int64),
        refused=[output for output in outputs if isinstance(output, Refused)],
        missed=[output for output in outputs if isinstance(output, Missed)],
        account=pipeline.account,
        info=info,
        channels=pipeline.channels,
    )

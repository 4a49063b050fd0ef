"""Windows of participant v1 as arrays: the very stream, through the very chain, cut all at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from acquisition.chain import Chain
from acquisition.participant import v1
from acquisition.participant.session import Session
from acquisition.resample import make_grid, nearest
from config.settings import ParticipantSource
from training.trials.epochs import Origin, Progress, Trials, silent

TOLD_S = 60
"""Seconds of EEG between two words of progress."""


@dataclass(frozen=True)
class Stream:
    """A session after the chain.

    Attributes
    ----------
    filtered
        (channels, rows) float32, µV.
    onsets
        (n,) row of the sample nearest to each onset.
    pictures
        (n,) index of the picture shown.
    """

    filtered: NDArray[np.float32]
    onsets: NDArray[np.int64]
    pictures: NDArray[np.int64]

    def windows(self) -> NDArray[np.float32]:
        """Every window, (n, channels, times) float32, µV, baseline subtracted: what the live chain cuts."""
        grid = make_grid(v1.WINDOW, v1.RATE_HZ)
        if grid.baseline is None or grid.up != grid.down:
            raise ValueError("v1's window has a baseline and the rate of its source")
        times = np.arange(grid.first, grid.first + grid.times)
        rest = np.arange(*grid.baseline)
        out = np.empty((len(self.onsets), len(self.filtered), grid.times), np.float32)
        for k, row in enumerate(self.onsets):
            before = self.filtered[:, row + rest[0] : row + rest[-1] + 1].mean(axis=1, keepdims=True, dtype=np.float64)
            np.subtract(self.filtered[:, row + times[0] : row + times[-1] + 1], before, out=out[k], casting="same_kind")
        return out


def play(settings: ParticipantSource, progress: Progress = silent, what: str = "streaming") -> Stream:
    """Play a participant as fast as it goes, and filter it.

    Parameters
    ----------
    settings
        From `acquisition.participant.v1.source`.
    progress, what
        Told how many seconds of EEG are done, and of what.
    """
    session = Session(settings)
    chain = Chain(v1.CHAIN, session.rate_hz, session.channels)
    number = {label: k for k, label in enumerate(session.responses.labels)}
    filtered = np.empty((len(session.channels), session.n_rows), np.float32)
    onsets: list[int] = []
    shown: list[int] = []
    row, seconds = 0, int(session.n_rows / session.rate_hz)
    for count, block in enumerate(session.blocks()):
        if count % TOLD_S == 0:
            progress(what, count, seconds)
        stop = row + block.samples.shape[1]
        filtered[:, row:stop] = chain.process(block.samples)
        row = stop
        onsets += [nearest(onset.row) for onset in block.onsets]
        shown += [number[onset.label] for onset in block.onsets]
    progress(what, seconds, seconds)
    return Stream(filtered, np.array(onsets, np.int64), np.array(shown, np.int64))


def trials(
    pictures: v1.Pictures,
    repeats: int,
    *,
    seed: int,
    person: int = 0,
    level_uv: float = v1.LEVEL_UV,
    blinks_per_minute: float = 0.0,
    line_uv: float = 0.0,
    progress: Progress = silent,
    what: str = "streaming",
) -> Trials:
    """All windows of a session in which every picture is shown so often; rows are those of the pictures.

    Parameters
    ----------
    pictures
        Shown, in an order that is redrawn in every block.
    repeats
        Blocks.
    seed
        Of noise and order.
    person, level_uv
        Who, and how loud.
    blinks_per_minute, line_uv
        What v1 does not have: with it, what the ideal observer reaches is a reference and no bound.
    progress, what
        See `play`.
    """
    with TemporaryDirectory(prefix="eegseek-v1-") as folder:
        file = Path(folder) / "responses.safetensors"
        pictures.write(file)
        count = len(pictures.embeddings)
        settings = v1.source(file, count, repeats, seed=seed, person=person, level_uv=level_uv)
        more = {"blinks_per_minute": blinks_per_minute, "line_uv": line_uv}
        stream = play(settings.model_copy(update=more), progress, what)
    zeros = np.zeros(len(stream.onsets), np.int64)
    origin = Origin(f"participant v1, seed {seed}", sha256=f"{seed:064d}")
    windows = stream.windows()
    return Trials(windows, stream.pictures, zeros, zeros, (origin,), v1.CHAIN.channels, simulated=True)

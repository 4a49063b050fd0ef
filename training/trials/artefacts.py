"""Artefacts: outliers found offline by FASTER's statistics, and ASR calibrated on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from acquisition.asr import calibrate
from acquisition.chain import Chain
from acquisition.offline import Epochs
from acquisition.plan import Plan
from acquisition.sources.factory import make_source
from acquisition.types import Refused
from config.errors import RecordingError
from config.settings import RecordingSource
from training.trials.epochs import Progress, silent

FEWEST = 10
"""Windows of a recording below which an outlier among them says nothing."""
CHANNEL_METRICS = ["variance", "correlation", "hurst", "kurtosis"]
"""Of whole channels; line noise is left to the chain, which takes it out."""
WINDOW_METRICS = ["amplitude", "deviation", "variance"]
CELL_METRICS = ["amplitude", "deviation", "variance", "median_gradient"]
FEWEST_CHANNELS = 12
"""With fewer, no channel can lie three standard deviations from the rest: at most (n - 1) / sqrt(n)."""
REASON = "outlier"


@dataclass(frozen=True)
class Outliers:
    """What FASTER's statistics find in the windows of one recording.

    Attributes
    ----------
    windows
        (n,) bool, outlying windows.
    channels
        Names of channels that are outliers over the whole recording.
    cells
        (n, channels) bool, a channel that is an outlier in one window; all False with fewer than ``FEWEST_CHANNELS``.
    by_metric
        Windows found by each statistic; a window may count twice.
    """

    windows: NDArray[np.bool_]
    channels: tuple[str, ...]
    cells: NDArray[np.bool_]
    by_metric: dict[str, int]

    def __str__(self) -> str:
        found = ", ".join(f"{name} {count}" for name, count in self.by_metric.items() if count)
        said = f"{int(self.windows.sum())} of {len(self.windows)} windows are outliers" + (
            f" ({found})" if found else ""
        )
        if self.channels:
            said += f"; channels {', '.join(self.channels)} are outliers"
        cells = int(self.cells.sum())
        return said + (f"; {cells} times a channel within one window" if cells else "")


def find_outliers(
    windows: NDArray[np.float32], channels: Sequence[str], rate_hz: float, *, threshold: float = 3.0
) -> Outliers:
    """Outlying channels, windows, and channels within windows: steps 1, 2 and 4 of FASTER [1]_, as mne-faster has them.

    A window or channel is an outlier where one of its statistics lies more than ``threshold`` standard deviations from
    the mean of the others'. Whole recordings are looked at, so this is for offline use; labels are not.

    Parameters
    ----------
    windows
        (n, channels, times), µV, of one recording.
    channels
        Names.
    rate_hz
        Of the windows.
    threshold
        Standard deviations.

    Raises
    ------
    RecordingError
        There are too few windows.

    References
    ----------
    .. [1] Nolan, H., Whelan, R. and Reilly, R. B. (2010). FASTER: fully automated statistical thresholding for EEG
       artifact rejection. J. Neurosci. Methods 192 (1), 152-162.
    """
    import mne
    from mne_faster import find_bad_channels, find_bad_channels_in_epochs, find_bad_epochs

    if len(windows) < FEWEST:
        raise RecordingError(
            f"{len(windows)} windows of a recording are too few to find outliers among, {FEWEST} are needed; "
            "record more, or leave FASTER out"
        )
    with mne.utils.use_log_level("ERROR"):
        made = mne.EpochsArray(windows.astype(np.float64) * 1e-6, mne.create_info(list(channels), rate_hz, "eeg"))
        found = find_bad_epochs(made, thres=threshold, use_metrics=WINDOW_METRICS, return_by_metric=True)
        many = len(channels) >= FEWEST_CHANNELS
        bad_channels = find_bad_channels(made, thres=threshold, use_metrics=CHANNEL_METRICS) if many else []
        cells = np.zeros(windows.shape[:2], bool)
        if many:
            named = find_bad_channels_in_epochs(made, thres=threshold, use_metrics=CELL_METRICS)
            cells = np.array([[name in bad for name in channels] for bad in named])
    mask = np.zeros(len(windows), bool)
    for indices in found.values():
        mask[np.asarray(indices, np.int64)] = True
    counts = {name: len(indices) for name, indices in found.items()}
    return Outliers(mask, tuple(name for name in channels if name in bad_channels), cells, counts)


def without_outliers(epochs: Epochs, rate_hz: float, *, threshold: float = 3.0) -> tuple[Epochs, Outliers]:
    """Epochs of a recording without its outlying windows, which stand among the refused, and what was found.

    The running averages that epochs carry were made live and keep what was in them; training averages single trials
    itself.

    Parameters
    ----------
    epochs
        Of one recording.
    rate_hz
        Of the windows.
    threshold
        Standard deviations.
    """
    found = find_outliers(epochs.data[:, 0], epochs.channels, rate_hz, threshold=threshold)
    keep = ~found.windows
    refused = [
        Refused(int(epochs.sequences[k]), epochs.labels[k], float(epochs.onsets_s[k]), (f"{REASON}: found offline",))
        for k in np.flatnonzero(found.windows)
    ]
    kept = replace(
        epochs,
        data=epochs.data[keep],
        labels=tuple(np.array(epochs.labels, object)[keep]),
        onsets_s=epochs.onsets_s[keep],
        repeats=epochs.repeats[keep],
        sequences=epochs.sequences[keep],
        refused=[*epochs.refused, *refused],
    )
    return kept, found


def with_asr(
    sources: Sequence[RecordingSource], plan: Plan, *, cutoff: float = 20.0, progress: Progress = silent
) -> Plan:
    """The plan with ASR at the end of its chain, calibrated on recordings that went through the rest of it.

    Parameters
    ----------
    sources
        Of the participant, without what is to be scored.
    plan
        Chain, window, rejection and markers.
    cutoff
        As of `acquisition.asr.calibrate`.
    progress
        Told after each recording.

    Raises
    ------
    RecordingError
        The recordings differ in rate, or do not serve.
    """
    chain = plan.chain.model_copy(update={"asr": None})
    parts, rates = [], set()
    for done, settings in enumerate(sources):
        progress("calibrating ASR", done, len(sources))
        source = make_source(settings.model_copy(update={"speed": 0.0}))
        try:
            info = source.open()
            raw, final = [], False
            while not final:
                chunk = source.read(1.0)
                raw.append(chunk.samples)
                final = chunk.final
        finally:
            source.close()
        through = Chain(chain, info.rate_hz, info.channels)
        parts.append(through.process(np.concatenate(raw, axis=1))[:, round(through.settling_s * info.rate_hz) :])
        rates.add(info.rate_hz)
    progress("calibrating ASR", len(sources), len(sources))
    if len(rates) != 1:
        raise RecordingError(f"ASR is calibrated at one rate, and {len(sources)} recordings have {len(rates)}")
    asr = calibrate(np.concatenate(parts, axis=1), rates.pop(), cutoff=cutoff)
    return replace(plan, chain=chain.model_copy(update={"asr": asr}))

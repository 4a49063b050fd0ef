"""Preprocessed files from a generated raw dataset: the authors' 100 Hz form, the 250 Hz form, the UBP layout.

As the authors do: epochs, baseline before the onset, resampling without delay (and so without causality), then
multivariate noise normalisation [1]_ per session.

References
----------
.. [1] Guggenmos, Sterzer and Cichy (2018), Multivariate pattern analysis for MEG, NeuroImage 173.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import fractional_matrix_power
from scipy.signal import resample_poly

from config.errors import RecordingError
from training.datasets import things2
from training.datasets.channels import pick
from training.datasets.metadata import ImageMetadata, Picture, find_metadata, read_metadata
from training.datasets.pieces import Piece
from training.trials.epochs import Progress, silent

Form = Literal["authors", "250hz", "ubp"]
Array = NDArray[np.float64]
FORMS: tuple[Form, ...] = ("authors", "250hz", "ubp")
FOLDERS: dict[Form, str] = {"authors": "Preprocessed_data", "250hz": "Preprocessed_data_250Hz", "ubp": "UBP"}
BEFORE_S = 0.2


@dataclass(frozen=True)
class _Cut:
    """One session of one part: epochs (trials, channels, times) and their codes."""

    epochs: Array
    codes: NDArray[np.int64]


def generate_preprocessed(root: Path, form: Form, progress: Progress = silent) -> list[Path]:
    """Write the preprocessed files of every subject of a generated dataset.

    Parameters
    ----------
    root
        From `generate.generate_things2`.
    form
        ``authors``: 100 Hz, 17 channels, whitened by covariances of both parts. ``250hz`` and ``ubp``: 63 channels,
        whitened by those of the training part.
    progress
        Told ``preprocessing``.

    Raises
    ------
    RecordingError
        The folder holds no generated dataset, or sessions differ in repeats.
    """
    pieces = things2.find(root)
    if not pieces:
        raise RecordingError(f"'{root}' holds no raw files; generate the dataset first")
    images = read_metadata(find_metadata(root))
    subjects = sorted({piece.subject for piece in pieces})
    written = []
    for k, subject in enumerate(subjects):
        progress("preprocessing", k, len(subjects))
        own = [piece for piece in pieces if piece.subject == subject]
        written += _subject(root / FOLDERS[form] / f"sub-{subject}", own, images, form)
    progress("preprocessing", len(subjects), len(subjects))
    return written


def _subject(folder: Path, pieces: list[Piece], images: ImageMetadata, form: Form) -> list[Path]:
    rate_hz, end_s = (100.0, 0.8) if form == "authors" else (250.0, 1.0)
    channels = pick(("^O|^P",) if form == "authors" else (), things2.open_raw(pieces[0].path).channels)
    cuts = {(piece.session, piece.part): _epochs(piece.path, channels, rate_hz, end_s) for piece in pieces}
    for session in {piece.session for piece in pieces}:
        both = [cuts[key] for key in cuts if key[0] == session and (form == "authors" or key[1] == "training")]
        whitener = fractional_matrix_power(np.mean([_covariance(cut) for cut in both], axis=0), -0.5).real
        for key in cuts:
            if key[0] == session:
                cuts[key] = _Cut(whitener @ cuts[key].epochs, cuts[key].codes)
    times = np.arange(round((BEFORE_S + end_s) * rate_hz)) / rate_hz - BEFORE_S
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for part in ("training", "test"):
        data = _sorted([cut for key, cut in sorted(cuts.items()) if key[1] == part], len(images.of(part)))
        written.append(_write(folder, form, part, data, channels, times, images.of(part)))
    return written


def _epochs(path: Path, channels: tuple[str, ...], rate_hz: float, end_s: float) -> _Cut:
    raw = things2.open_raw(path)
    at, codes = raw.onsets()
    rows = [int(raw.rows[raw.channels.index(name)]) for name in channels]
    eeg = np.array(raw.eeg.map()[rows], np.float64)
    before, length = round(BEFORE_S * raw.rate_hz), round((BEFORE_S + end_s) * raw.rate_hz)
    keep = (codes != things2.CATCH) & (at >= before) & (at - before + length <= raw.n_rows)
    epochs = np.stack([eeg[:, k - before : k - before + length] for k in at[keep]])
    epochs -= epochs[..., :before].mean(axis=-1, keepdims=True)
    return _Cut(resample_poly(epochs, 1, round(raw.rate_hz / rate_hz), axis=-1), codes[keep])


def _covariance(cut: _Cut) -> Array:
    """Ledoit-Wolf covariance (channels, channels) over time, mean over each condition's trials, then conditions."""
    from sklearn.covariance import ledoit_wolf

    found = []
    for code in np.unique(cut.codes):
        trials = cut.epochs[cut.codes == code]
        trials = trials - trials.mean(axis=0) if len(trials) > 1 else trials
        # in µV: the shrinkage is found for values of order 1
        found.append(np.mean([ledoit_wolf(1e6 * trial.T)[0] * 1e-12 for trial in trials], axis=0))
    return np.asarray(np.mean(found, axis=0))


def _sorted(cuts: list[_Cut], conditions: int) -> Array:
    """Epochs by condition: (conditions, repeats, channels, times)."""
    epochs = np.concatenate([cut.epochs for cut in cuts])
    codes = np.concatenate([cut.codes for cut in cuts])
    counts = {int(np.count_nonzero(codes == code)) for code in range(1, conditions + 1)}
    if len(counts) != 1 or 0 in counts:
        raise RecordingError(
            f"the pictures were shown {sorted(counts)} times, but preprocessed files hold equal numbers; generate an "
            "even number of sessions"
        )
    return np.stack([epochs[codes == code] for code in range(1, conditions + 1)])


def _write(
    folder: Path,
    form: Form,
    part: str,
    data: Array,
    channels: tuple[str, ...],
    times: Array,
    pictures: tuple[Picture, ...],
) -> Path:
    if form == "ubp":
        return _write_ubp(folder, part, data, channels, times, pictures)
    kept = data if form == "authors" else data[..., -250:]
    content: dict[str, Any] = {
        "preprocessed_eeg_data": kept, "ch_names": list(channels), "times": times, "simulated": True
    }  # fmt: skip
    path = folder / f"preprocessed_eeg_{part}.npy"
    if form == "authors":
        np.save(path, np.asarray(content, dtype=object), allow_pickle=True)
    else:
        with path.open("wb") as stream:
            pickle.dump(content, stream, protocol=4)
    return path


def _write_ubp(
    folder: Path, part: str, data: Array, channels: tuple[str, ...], times: Array, pictures: tuple[Picture, ...]
) -> Path:
    import torch

    n, repeats = data.shape[:2]

    def each(values: list[Any]) -> NDArray[Any]:
        return np.repeat(np.array(values)[:, None], repeats, axis=1)

    concepts = {name: k for k, name in enumerate(dict.fromkeys(picture.concept for picture in pictures))}
    content = {
        "eeg": data[..., -250:].astype(np.float16),
        "label": each([concepts[picture.concept] for picture in pictures]),
        "img": each([f"{part}_images/{picture.concept}/{picture.file}" for picture in pictures]),
        "text": each([f"This picture is {picture.concept.partition('_')[2]}" for picture in pictures]),
        "session": np.tile(np.arange(repeats), (n, 1)),
        "ch_names": list(channels),
        "times": times[-250:],
        "simulated": True,
    }
    path = folder / ("train.pt" if part == "training" else "test.pt")
    torch.save(content, path, pickle_protocol=5)
    return path

"""BOLD5000: responses of regions of the brain (fMRI) to 4,916 pictures, from the authors' ROI files [1]_.

A subject's ``ROIs/CSI1/mat/CSI1_ROIs_TR34.mat`` holds one array a region (``LHPPA``, ``RHEarlyVis``, …), trials x
voxels, and ``ROIs/stim_lists/CSI01_stim_lists.txt`` the picture of each trial in the same order; a picture that is
shown several times has ``rep_`` before its name. ``TR1`` to ``TR5`` are the two-second volumes after a picture,
``TR34`` is the mean of the third and fourth, near the peak of the response.

References
----------
.. [1] Chang et al. (2019), BOLD5000, a public fMRI dataset while viewing 5000 visual images, Scientific Data 6, 49.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError
from training.datasets.mat_numbers import read_numbers
from training.trials.epoch_files import NO_HASH, EpochsSpec, write_epochs

SUBJECTS = ("CSI1", "CSI2", "CSI3", "CSI4")
VOLUMES = ("TR1", "TR2", "TR3", "TR4", "TR5", "TR34")
REGIONS = tuple(f"{side}{area}" for area in ("EarlyVis", "LOC", "OPA", "PPA", "RSC") for side in ("LH", "RH"))
REPEATED = "rep_"
TRIAL_S = 10.0
"""Seconds from one picture to the next: one of picture, nine of fixation."""
VOLUME_S = 2.0


@dataclass(frozen=True)
class Responses:
    """Responses of one subject.

    Attributes
    ----------
    subject, volume
        Such as ``CSI1`` and ``TR34``.
    values
        (n, voxels) float32, the regions side by side, as the authors scaled them (no unit).
    regions
        Voxels of each region, in the order of ``values``.
    pictures
        File name of the picture of each row, without ``rep_``.
    repeats
        (n,) int64, trials that each row is the mean of.
    order
        (n,) int64, running number of the (first) trial of each row.
    """

    subject: str
    volume: str
    values: NDArray[np.float32]
    regions: dict[str, int]
    pictures: tuple[str, ...]
    repeats: NDArray[np.int64]
    order: NDArray[np.int64]

    def averaged(self) -> Responses:
        """One row a picture, the mean of its trials, in the order in which they were first shown."""
        _, first, inverse = np.unique(self.pictures, return_index=True, return_inverse=True)
        place = np.argsort(np.argsort(first))[inverse]  # row of each trial's picture, by first showing
        repeats = np.bincount(place, self.repeats).astype(np.int64)
        total = np.zeros((len(repeats), self.values.shape[1]))
        np.add.at(total, place, self.values * self.repeats[:, None])
        kept = np.sort(first)
        return Responses(
            self.subject,
            self.volume,
            (total / repeats[:, None]).astype(np.float32),
            self.regions,
            tuple(self.pictures[k] for k in kept),
            repeats,
            self.order[kept],
        )


def read(root: Path, subject: str, volume: str = "TR34", regions: Sequence[str] = REGIONS) -> Responses:
    """Single-trial responses of a subject.

    Parameters
    ----------
    root
        Folder that holds ``ROIs``, or that folder.
    subject, volume
        Of ``SUBJECTS`` and ``VOLUMES``.
    regions
        Which, in this order.

    Raises
    ------
    RecordingError
        A file is missing or foreign, a region is unknown, or trials and stimulus list do not fit.
    """
    if subject not in SUBJECTS or volume not in VOLUMES:
        raise RecordingError(
            f"BOLD5000 has no '{subject}' at '{volume}'; subjects are {', '.join(SUBJECTS)}, volumes "
            f"{', '.join(VOLUMES)}"
        )
    root = root / "ROIs" if (root / "ROIs").is_dir() else root
    path = root / subject / "mat" / f"{subject}_ROIs_{volume}.mat"
    names = read_stimuli(root / "stim_lists" / f"CSI0{subject[-1]}_stim_lists.txt")
    arrays = read_regions(path, regions)
    for region, array in arrays.items():
        if len(array) != len(names):
            raise RecordingError(
                f"'{path}' holds {len(array)} trials of '{region}', the stimulus list of {subject} {len(names)}; take "
                "both from the same release"
            )
    return Responses(
        subject,
        volume,
        np.concatenate(list(arrays.values()), axis=1),
        {region: array.shape[1] for region, array in arrays.items()},
        tuple(name.removeprefix(REPEATED) for name in names),
        np.ones(len(names), np.int64),
        np.arange(len(names)),
    )


def read_stimuli(path: Path) -> tuple[str, ...]:
    """Names of the pictures of all trials, as listed.

    Raises
    ------
    RecordingError
        The list is missing or empty, or holds something else than file names.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"'{path}' cannot be read ({error}); expected BOLD5000's list of stimuli") from error
    names = tuple(line for line in lines if line)
    odd = next((name for name in names if not re.fullmatch(r"[^/\\\0]+\.\w+", name)), None)
    if not names or odd is not None:
        raise RecordingError(f"'{path}' is no list of picture files, one a line ({odd!r}); take BOLD5000's own")
    return names


def read_regions(path: Path, regions: Sequence[str] = REGIONS) -> dict[str, NDArray[np.float32]]:
    """Arrays (trials, voxels) of regions in a ``.mat`` file.

    Raises
    ------
    RecordingError
        It cannot be read, lacks a region, or a region is not a finite table of numbers.
    """
    arrays = read_numbers(path, regions)
    for region, array in arrays.items():
        if not np.isfinite(array).all():
            raise RecordingError(f"'{path}' holds values of '{region}' that are not finite; take the authors' own file")
    return arrays


def write(responses: Responses, folder: Path) -> EpochsSpec:
    """Write responses as an epochs folder, to be trained on and evaluated like EEG.

    A window is one channel, ``voxels``, whose samples are the voxels: their axis is no time, the rate of 1 Hz is there
    so that their number comes out. Labels are the pictures' names without suffix, as a gallery made from the folder of
    pictures has them. The encoder for it is ``responses``; its option ``regions`` is in the notes.

    Raises
    ------
    RecordingError
        Two pictures differ in their suffix only.
    """
    labels = tuple(Path(name).stem for name in responses.pictures)
    if len(set(labels)) != len(set(responses.pictures)):
        raise RecordingError(f"two pictures of {responses.subject} differ in their suffix only; rename one of them")
    voxels = responses.values.shape[1]
    sizes = ", ".join(f"{region} {count}" for region, count in responses.regions.items())
    spec = EpochsSpec(
        name=f"BOLD5000 {responses.subject} {responses.volume}",
        subject=responses.subject,
        source=f"BOLD5000 release 1, {responses.subject}_ROIs_{responses.volume}.mat and its stimulus list",
        sha256=NO_HASH,
        channels=("voxels",),
        labels=labels,
        onsets_s=tuple(float(k) * TRIAL_S for k in responses.order),
        repeats=tuple(int(k) for k in responses.repeats),
        chain=ChainSettings(channels=("voxels",), notch_hz=(), highpass_hz=None, lowpass_hz=None),
        window=WindowSettings(start_s=0.0, end_s=float(voxels), rate_hz=1.0, baseline_s=None),
        rejection=RejectionSettings(peak_to_peak_uv=None, flat_uv=None),
        causal=False,
        unit="whitened",
        source_rate_hz=1 / VOLUME_S,
        notes=(
            "fMRI, not EEG: the window's samples are voxels, not times, and its rate of 1 Hz means nothing",
            f"regions in order: {sizes}",
            f"encoder: responses, with regions = {list(responses.regions.values())}",
            "onsets are the trial's number times ten seconds: breaks between runs and sessions are not in the files",
        ),
    )
    write_epochs(folder, spec, [responses.values[:, None]])
    return spec

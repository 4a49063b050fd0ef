"""A dataset laid out as Alljoined-1.6M: one EDF file a block, from a consumer headset of 32 channels at 256 Hz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.mne_files import SIMULATED
from training.datasets import drawn_pictures, picture_features
from training.datasets.edf_writer import Signal, write_edf
from training.datasets.generate import claim
from training.datasets.simulated_eeg import Head, Schedule, blocks
from training.trials.epochs import Progress, silent

RATE = 256
SOA_S = 0.2
CHANNELS = (
    "Cz", "Fz", "Fp1", "F7", "F3", "FC1", "C3", "FC5", "FT9", "T7", "CP5", "CP1", "P3", "P7", "PO9", "O1", "Pz", "Oz",
    "O2", "PO10", "P8", "P4", "CP2", "CP6", "T8", "FT10", "FC6", "C4", "FC2", "F4", "F8", "Fp2",
)  # fmt: skip
JUNK = (
    "TimestampS",
    "OrTimestampS",
    "Counter",
    "Interpolated",
    "RawCq",
    "Battery",
    "MarkerHardware",
    "CQ_Cz",
    "MOT.Q0",
)
"""Channels that are no EEG."""
LEAD_S = 14.0
ODDBALL_SHARE = 0.04


@dataclass(frozen=True)
class AlljoinedSize:
    """How much to generate.

    Attributes
    ----------
    concepts, images
        Training concepts, and pictures of each.
    test_concepts
        Of one picture each.
    subjects, sessions, blocks
        How many; a block is a file.
    repeats, test_repeats
        Of each picture in a block.
    snr_db
        Power of the evoked response over that of the background, 1 to 30 Hz.
    """

    concepts: int = 20
    images: int = 2
    test_concepts: int = 10
    subjects: int = 1
    sessions: int = 1
    blocks: int = 2
    repeats: int = 2
    test_repeats: int = 4
    snr_db: float = -8.0


def generate_alljoined(root: Path, size: AlljoinedSize, seed: int = 0, progress: Progress = silent) -> None:
    """Write a dataset; the pictures' files end in the number that the annotations give.

    Parameters
    ----------
    root
        A new or empty folder.
    size
        How much.
    seed
        Same seed, same files.
    progress
        Told ``simulating …``.

    Raises
    ------
    SettingsError
        The folder holds something else, or there are not so many concepts.
    """
    claim(root)
    chosen = drawn_pictures.choose(size.concepts + size.test_concepts, seed)
    halves = (("train", chosen[: size.concepts], size.images), ("test", chosen[size.concepts :], 1))
    paths: list[Path] = []
    names: list[tuple[str, int]] = []
    for part, concepts, each in halves:
        for k, concept in enumerate(one for one in concepts for _ in range(each)):
            path = root / "stimuli" / part / concept.name / f"{part}_{k:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn_pictures.draw(concept, seed, path.name).save(path, quality=90)
            paths.append(path)
            names.append((part, k))
    looked = picture_features.features(paths)
    fitted = size.concepts * size.images
    weights = picture_features.responses(looked, fitted, [path.stem for path in paths], seed)
    for subject in range(1, size.subjects + 1):
        for session in range(1, size.sessions + 1):
            for block in range(1, size.blocks + 1):
                place = (subject, session, block)
                progress(f"simulating sub-{subject:02d} session {session}", block - 1, size.blocks)
                _write_block(root, place, names, weights, size, seed)
            progress(f"simulating sub-{subject:02d} session {session}", size.blocks, size.blocks)


def _write_block(
    root: Path,
    place: tuple[int, int, int],
    names: list[tuple[str, int]],
    weights: NDArray[np.float64],
    size: AlljoinedSize,
    seed: int,
) -> None:
    subject, session, block = place
    rng = np.random.default_rng([seed, *place, 32])
    many = [size.test_repeats if part == "test" else size.repeats for part, _ in names]
    order = rng.permutation(np.repeat(np.arange(len(names)), many))
    order = np.where(rng.random(len(order)) < ODDBALL_SHARE, -1, order)
    rows = np.round((LEAD_S + SOA_S * np.arange(len(order))) * RATE).astype(np.int64)
    seconds = int(rows[-1] / RATE) + 3
    head = Head(CHANNELS, float(RATE), person=seed * 100 + subject, snr_db=size.snr_db, line_hz=60.0)
    schedule = Schedule(rows, order, seconds * RATE)
    notes = [
        (float(row) / RATE, f"stim_{names[k][0]},{names[k][1]},0,{n}" if k >= 0 else f"oddball,0,0,{n}")
        for n, (row, k) in enumerate(zip(rows.tolist(), order.tolist(), strict=True))
    ]
    signals = [Signal(name, "uV", 800.0) for name in CHANNELS] + [Signal(name, "", 32767.0) for name in JUNK]
    folder = root / f"sub-{subject:02d}" / f"session_{session:02d}" / f"block_{block:02d}"
    folder.mkdir(parents=True)
    records = _with_junk(blocks(head, weights, schedule, (seed, *place)))
    write_edf(folder / f"sub-{subject:02d}_block_{block:02d}.edf", signals, RATE, records, notes, SIMULATED.decode())


def _with_junk(eeg: Iterator[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    for second, block in enumerate(eeg):
        junk = np.full((len(JUNK), block.shape[1]), float(second % 128))
        junk[JUNK.index("Counter")] = np.arange(block.shape[1]) % 128
        yield np.concatenate([block, junk])

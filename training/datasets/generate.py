"""Small datasets in exactly the formats of the genuine ones, from a simulated participant. All of it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from training.datasets import drawn_pictures, picture_features
from training.datasets.metadata import NAME as METADATA
from training.datasets.metadata import Picture
from training.datasets.simulated_eeg import Head, Schedule, blocks
from training.datasets.things2 import CATCH, CHANNELS_63
from training.trials.epochs import Progress, silent

NOTICE = "SIMULATED.txt"
NOTICE_TEXT = (
    "Everything in this folder is simulated by eegseek: drawn pictures, and EEG computed from them. No person was "
    "recorded.\n"
)
IMAGE_SET = "Image_set"
RATE_HZ, SOA_ROWS = 1000.0, 200
SEQUENCE, PAUSE_ROWS = 20, 750
"""Pictures in a row, and the pause after them."""
CATCH_SHARE = 0.06
"""Of sequences that hold a target."""


@dataclass(frozen=True)
class Things2Size:
    """How much to generate; the genuine dataset has 1654 × 10, 200, 10 subjects, 4 sessions, 2 and 20 repeats.

    Attributes
    ----------
    concepts, images
        Training concepts, and pictures of each.
    test_concepts
        Of one picture each.
    subjects, sessions
        An odd session shows one half of the training pictures, an even one the other.
    repeats, test_repeats
        Of each picture in a session that shows it.
    snr_db
        Power of the evoked response over that of the background, 1 to 30 Hz.
    lead_s
        EEG before the first picture, so that the chain has settled.
    """

    concepts: int = 40
    images: int = 4
    test_concepts: int = 20
    subjects: int = 1
    sessions: int = 2
    repeats: int = 2
    test_repeats: int = 10
    snr_db: float = -8.0
    lead_s: float = 14.0

    def __post_init__(self) -> None:
        counts = (self.concepts, self.images, self.test_concepts, self.subjects, self.sessions, self.repeats)
        if min(*counts, self.test_repeats) < 1 or self.concepts * self.images < 2:
            raise SettingsError("a generated dataset needs at least one of everything, and two training pictures")


@dataclass(frozen=True)
class ImageSet:
    """Drawn pictures, and what each evokes.

    Attributes
    ----------
    training, test
        By condition.
    weights
        (training + test, latents).
    """

    training: tuple[Picture, ...]
    test: tuple[Picture, ...]
    weights: NDArray[np.float64]


def generate_things2(root: Path, size: Things2Size, seed: int = 0, progress: Progress = silent) -> ImageSet:
    """Write a dataset laid out as THINGS-EEG2: raw files, image set, ``image_metadata.npy``.

    Parameters
    ----------
    root
        A new or empty folder.
    size
        How much.
    seed
        Same seed, same files.
    progress
        Told ``drawing pictures`` and ``simulating …``.

    Raises
    ------
    SettingsError
        The folder holds something else, or there are not so many concepts.
    """
    claim(root)
    images = draw_image_set(root / IMAGE_SET, size, seed, progress)
    for subject in range(1, size.subjects + 1):
        for session in range(1, size.sessions + 1):
            folder = root / f"sub-{subject:02d}" / f"ses-{session:02d}"
            folder.mkdir(parents=True)
            for part in ("training", "test"):
                name = f"simulating sub-{subject:02d} ses-{session:02d} {part}"
                raw = simulate_raw(images, size, (seed, subject, session), part, name, progress)
                np.save(folder / f"raw_eeg_{part}.npy", np.asarray(raw, dtype=object), allow_pickle=True)
    return images


def claim(root: Path) -> None:
    """A folder that is new, empty, or was generated before; say in it that it is simulated.

    Raises
    ------
    SettingsError
        It holds something else, or cannot be made.
    """
    if root.is_dir() and any(root.iterdir()) and not (root / NOTICE).is_file():
        raise SettingsError(f"'{root}' is not empty; generated datasets go into a folder of their own")
    if any(root.glob("sub-*")):
        raise SettingsError(f"'{root}' holds a generated dataset already; remove it, or choose another folder")
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / NOTICE).write_text(NOTICE_TEXT, "utf-8")
    except OSError as error:
        raise SettingsError(f"folder '{root}' cannot be made: {error.strerror}; choose another") from error


def draw_image_set(folder: Path, size: Things2Size, seed: int, progress: Progress = silent) -> ImageSet:
    """Draw the pictures of both parts, and write ``image_metadata.npy`` beside them."""
    chosen = drawn_pictures.choose(size.concepts + size.test_concepts, seed)
    training = drawn_pictures.list_pictures(chosen[: size.concepts], size.images, seed)
    test = drawn_pictures.list_pictures(chosen[size.concepts :], 1, seed + 1)
    for k, (part, listed) in enumerate((("training_images", training), ("test_images", test))):
        progress("drawing pictures", k, 2)
        drawn_pictures.write(folder / part, listed, seed)
    progress("drawing pictures", 2, 2)
    about: dict[str, list[str]] = {}
    paths, ids = [], []
    for key, part, listed in (("train", "training_images", training), ("test", "test_images", test)):
        about[f"{key}_img_concepts"] = [picture.concept for _, picture in listed]
        about[f"{key}_img_files"] = [picture.file for _, picture in listed]
        paths += [folder / part / picture.concept / picture.file for _, picture in listed]
        ids += [picture.id for _, picture in listed]
    np.save(folder / METADATA, np.asarray(about, dtype=object), allow_pickle=True)
    weights = picture_features.responses(picture_features.features(paths), len(training), ids, seed)
    return ImageSet(tuple(picture for _, picture in training), tuple(picture for _, picture in test), weights)


def simulate_raw(
    images: ImageSet, size: Things2Size, seed: tuple[int, int, int], part: str, what: str, progress: Progress = silent
) -> dict[str, Any]:
    """What a raw file holds: see `training.datasets.things2`.

    Parameters
    ----------
    images
        From `draw_image_set`.
    size
        How much.
    seed
        (dataset, subject, session).
    part
        ``training`` or ``test``.
    what, progress
        Told seconds done and in all.
    """
    rng = np.random.default_rng([*seed, 26, part == "test"])
    shown, repeats, offset = _conditions(images, size, seed, part)
    codes = with_catches(in_order(shown, repeats, rng), rng)
    rows = paced(len(codes), round(size.lead_s * RATE_HZ))
    schedule = Schedule(rows, np.where(codes == CATCH, -1, codes - 1 + offset), int(rows[-1]) + round(2 * RATE_HZ))
    # unlike processed files, raw ones have the channels in the amplifier's order
    channels = tuple(CHANNELS_63[k] for k in np.random.default_rng(27).permutation(len(CHANNELS_63)))
    head = Head(channels, RATE_HZ, person=seed[0] * 100 + seed[1], snr_db=size.snr_db)
    eeg = np.zeros((len(channels) + 1, schedule.n_rows))
    at = 0
    for block in blocks(head, images.weights, schedule, (*seed, part == "test")):
        eeg[:-1, at : at + block.shape[1]] = block * 1e-6
        at += block.shape[1]
        progress(what, int(at / RATE_HZ), int(schedule.n_rows / RATE_HZ))
    eeg[-1, rows] = codes
    return {
        "raw_eeg_data": eeg,
        "ch_names": [*channels, "stim"],
        "ch_types": ["eeg"] * len(channels) + ["stim"],
        "sfreq": int(RATE_HZ),
        "highpass": 0.01,
        "lowpass": 100.0,
        "simulated": True,
    }


def in_order(shown: Sequence[int], repeats: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Every condition once in each of ``repeats`` blocks, drawn anew, none twice in a row."""
    found: list[int] = []
    for _ in range(repeats):
        block = rng.permutation(np.asarray(shown, np.int64)).tolist()
        if found and len(block) > 1 and block[0] == found[-1]:
            block[0], block[1] = block[1], block[0]
        found += block
    return np.array(found, np.int64)


def with_catches(codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A target in some of the sequences, at least in one."""
    starts = np.arange(0, len(codes), SEQUENCE)
    chosen = starts[rng.random(len(starts)) < CATCH_SHARE]
    chosen = chosen if len(chosen) else starts[:1]
    return np.insert(codes, chosen + 1, CATCH)


def paced(n: int, first_row: int) -> NDArray[np.int64]:
    """Rows of ``n`` onsets: `SOA_ROWS` apart, with a pause after each sequence."""
    k = np.arange(n)
    return np.asarray(first_row + k * SOA_ROWS + (k // SEQUENCE) * PAUSE_ROWS, np.int64)


def _conditions(
    images: ImageSet, size: Things2Size, seed: tuple[int, int, int], part: str
) -> tuple[list[int], int, int]:
    """Codes shown in a session, their repeats, and what to add to code - 1 for the picture's number."""
    n = len(images.training)
    if part == "test":
        return list(range(1, len(images.test) + 1)), size.test_repeats, n
    if size.sessions == 1:
        return list(range(1, n + 1)), size.repeats, 0
    halves = np.random.default_rng([seed[0], 28]).permutation(n) + 1
    half = halves[: n // 2] if seed[2] % 2 else halves[n // 2 :]
    return half.tolist(), size.repeats, 0

"""A dataset laid out as THINGS-EEG1: BIDS, BrainVision float32, event lists whose onset is in samples."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.mne_files import SIMULATED
from config.errors import RecordingError, SettingsError
from training.datasets import drawn_pictures, picture_features
from training.datasets.generate import claim
from training.datasets.simulated_eeg import Head, Schedule, blocks
from training.datasets.things2 import CHANNELS_63
from training.trials.epochs import Progress, silent

RATE_HZ, SOA_ROWS = 1000.0, 100
CHANNELS = tuple("Fz" if name == "Cz" else name for name in CHANNELS_63)
"""Cz is the reference."""
COLUMNS = re.findall(
    r"\w+",
    "onset duration eventnumber objectnumber object sequencenumber presentationnumber blocksequencenumber "
    "withinsequencenumber stimnumber stim istarget stimname response rt correct time_stimon time_stimoff stimdur "
    "isteststim",
)
SEQUENCE, PAUSE_ROWS = 309, 6000
TARGET_SHARE = 0.012


@dataclass(frozen=True)
class Things1Size:
    """How much to generate; the genuine dataset has 1854 concepts × 12 pictures, each shown once.

    Attributes
    ----------
    concepts, images, repeats
        Concepts, pictures of each, and how often each picture is shown.
    test_concepts, test_repeats
        Validation pictures, one of each further concept, shown after the others (200 × 12).
    subjects
        How many.
    events
        Genuine event list to follow, its first ``most_events`` rows; None: made up.
    most_events
        Rows of it.
    snr_db
        Power of the evoked response over that of the background, 1 to 30 Hz.
    """

    concepts: int = 20
    images: int = 3
    repeats: int = 4
    test_concepts: int = 0
    test_repeats: int = 12
    subjects: int = 1
    events: Path | None = None
    most_events: int = 600
    snr_db: float = -8.0


@dataclass(frozen=True)
class _Event:
    """A row of an event list."""

    onset: int
    target: bool
    picture: str
    concept: str
    validation: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.concept, self.picture


def generate_things1(root: Path, size: Things1Size, seed: int = 0, progress: Progress = silent) -> None:
    """Write a dataset.

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
    RecordingError
        The genuine event list cannot be read.
    """
    claim(root)
    chosen, listed = _pictures(size, seed)
    events = {k: listed or _made_up(chosen, size, seed, k) for k in range(1, size.subjects + 1)}
    keys = list(dict.fromkeys(event.key for one in events.values() for event in one))
    drawn = {one.name: one for one in chosen}
    if listed:  # genuine names, drawn concepts
        drawn = dict(zip(dict.fromkeys(key[0] for key in keys), chosen, strict=False))
    paths = []
    for concept, picture in keys:
        folder = root / "stimuli" / concept
        folder.mkdir(parents=True, exist_ok=True)
        drawn_pictures.draw(drawn[concept], seed, picture).save(folder / picture, quality=90)
        paths.append(folder / picture)
    looked = picture_features.features(paths)
    validation = {event.key for one in events.values() for event in one if event.validation}
    weights = picture_features.responses(looked, len(keys) - len(validation), [picture for _, picture in keys], seed)
    _write_description(root)
    for subject, own in events.items():
        _subject(root, subject, own, keys, weights, size, seed, progress)


def _pictures(size: Things1Size, seed: int) -> tuple[list[drawn_pictures.Concept], list[_Event]]:
    if size.events is None:
        return drawn_pictures.choose(size.concepts + size.test_concepts, seed), []
    listed = _read(size.events, size.most_events)
    names = len({event.concept for event in listed})
    every = drawn_pictures.choose(drawn_pictures.most_concepts(), seed)
    if names > len(every):
        raise SettingsError(
            f"the event list names {names} concepts, drawn pictures have {len(every)}; take fewer events"
        )
    return every[:names], listed


def _read(path: Path, most: int) -> list[_Event]:
    found = []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row, _ in zip(csv.DictReader(stream, delimiter="\t"), range(most), strict=False):
                where = PureWindowsPath(row["stim"])
                found.append(_Event(int(float(row["onset"])), row["istarget"] != "0", where.name, where.parent.name))
    except (OSError, KeyError, ValueError) as error:
        raise RecordingError(f"'{path}' is no event list of THINGS-EEG1 ({error}); give its events.tsv") from error
    if not found:
        raise RecordingError(f"'{path}' lists no event; give an events.tsv of THINGS-EEG1")
    return found


def _made_up(chosen: list[drawn_pictures.Concept], size: Things1Size, seed: int, subject: int) -> list[_Event]:
    rng = np.random.default_rng([seed, subject, 31])
    each = [size.images] * size.concepts + [1] * size.test_concepts
    pictures = [
        (concept.name, f"{concept.name}_{k + 1:02d}s.jpg")
        for concept, many in zip(chosen, each, strict=True)
        for k in range(many)
    ]
    first = size.concepts * size.images
    shown = [rng.permutation(first) for _ in range(size.repeats)]
    shown += [first + rng.permutation(size.test_concepts) for _ in range(size.test_repeats)]
    order = np.concatenate(shown)
    targets = set(rng.permutation(len(order))[: max(1, round(TARGET_SHARE * len(order)))].tolist())
    found = []
    for k, which in enumerate(order.tolist()):
        # the genuine list is a sample early or late now and then
        onset = 10_724 + k * SOA_ROWS + (k // SEQUENCE) * PAUSE_ROWS + int(rng.random() < 0.005)
        concept, file = pictures[which]
        found.append(_Event(onset, k in targets, file, concept, which >= first))
    return found


def _subject(
    root: Path,
    subject: int,
    events: list[_Event],
    keys: list[tuple[str, str]],
    weights: NDArray[np.float64],
    size: Things1Size,
    seed: int,
    progress: Progress,
) -> None:
    folder = root / f"sub-{subject:02d}" / "eeg"
    folder.mkdir(parents=True)
    stem = folder / f"sub-{subject:02d}_task-rsvp"
    number = {key: k for k, key in enumerate(keys)}
    rows = np.array([event.onset for event in events], np.int64)
    schedule = Schedule(rows, np.array([number[event.key] for event in events], np.int64), int(rows[-1]) + 2000)
    head = Head(CHANNELS, RATE_HZ, person=seed * 100 + subject, snr_db=size.snr_db)
    done = 0
    with Path(f"{stem}_eeg.eeg").open("wb") as stream:
        for block in blocks(head, weights, schedule, (seed, subject, 1)):
            stream.write(np.ascontiguousarray(block.T, dtype="<f4").data)
            done += block.shape[1]
            progress(f"simulating sub-{subject:02d}", int(done / RATE_HZ), int(schedule.n_rows / RATE_HZ))
    _write_header(stem, schedule.n_rows)
    _write_events(Path(f"{stem}_events.tsv"), events)


def _write_header(stem: Path, n_rows: int) -> None:
    mark = SIMULATED.decode()
    channels = "\n".join(f"Ch{k}={name},,1,µV" for k, name in enumerate(CHANNELS, 1))
    name = stem.name
    Path(f"{stem}_eeg.vhdr").write_text(
        f"Brain Vision Data Exchange Header File Version 1.0\n; {mark}\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={name}_eeg.eeg\nMarkerFile={name}_eeg.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        f"NumberOfChannels={len(CHANNELS)}\nDataPoints={n_rows}\nSamplingInterval={1e6 / RATE_HZ:g}\n\n[Binary Infos]\n"
        f"BinaryFormat=IEEE_FLOAT_32\n\n[Channel Infos]\n{channels}\n",
        "utf-8",
    )
    Path(f"{stem}_eeg.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={name}_eeg.eeg\n\n[Marker Infos]\nMk1=New Segment,,1,1,0,20200101000000000000\n",
        "utf-8",
    )
    about = {
        "TaskName": "rsvp", "PowerLineFrequency": 50, "SamplingFrequency": int(RATE_HZ),
        "EEGChannelCount": len(CHANNELS), "EEGReference": "Cz", "SoftwareFilters": "n/a", "Simulated": True,
    }  # fmt: skip
    Path(f"{stem}_eeg.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _write_events(path: Path, events: list[_Event]) -> None:
    concepts = {name: k for k, name in enumerate(dict.fromkeys(event.concept for event in events))}
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        for k, event in enumerate(events):
            on = event.onset / RATE_HZ + 50.8
            table.writerow(
                {
                    "onset": event.onset, "duration": 50, "eventnumber": k, "objectnumber": concepts[event.concept],
                    "object": event.concept, "sequencenumber": k // SEQUENCE, "presentationnumber": k % SEQUENCE,
                    "blocksequencenumber": 0, "withinsequencenumber": 0, "stimnumber": 0,
                    "stim": f"stimuli\\{event.concept}\\{event.picture}", "istarget": int(event.target),
                    "stimname": event.picture, "response": 0, "rt": 0, "correct": 0, "time_stimon": on,
                    "time_stimoff": on + 0.05, "stimdur": 0.05,
                    "isteststim": int(event.validation),
                }
            )  # fmt: skip


def _write_description(root: Path) -> None:
    about = {"Name": "Simulated by eegseek in the form of THINGS-EEG1", "BIDSVersion": "1.0.2", "License": "CC0"}
    (root / "dataset_description.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")

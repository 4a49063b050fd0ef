"""Small valid files of the formats that are read by MNE, and every other name that it would read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz.recordings import ROWS, open_played, play
from benchmarks.fuzz.target import Open, Read, Seeds
from benchmarks.fuzz.texts import in_file

CHANNELS = ("Oz", "Pz")
VHDR = """Brain Vision Data Exchange Header File Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile=a.eeg
MarkerFile=a.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=2
SamplingInterval=4000

[Binary Infos]
BinaryFormat=IEEE_FLOAT_32

[Channel Infos]
Ch1=Oz,,0.5,µV
Ch2=Pz,,1,µV
"""
VMRK = """Brain Vision Data Exchange Marker File, Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile=a.eeg

[Marker Infos]
Mk1=New Segment,,1,1,0,20260101120000000000
Mk2=Stimulus,S  1,100,1,0
Mk3=Stimulus,S  2,200,1,0
Mk4=Comment,a comment,300,1,0
"""


def signal() -> Any:
    """(channels, rows), µV."""
    return np.random.default_rng(1).normal(0, 10, (len(CHANNELS), ROWS))


def brainvision(folder: Path, part: str) -> list[bytes]:
    """A file of a BrainVision recording."""
    return [{"vhdr": VHDR.encode(), "vmrk": VMRK.encode(), "eeg": signal().T.astype("<f4").tobytes()}[part]]


def open_brainvision(folder: Path, part: str) -> Read:
    """Play a BrainVision recording of which one file is damaged."""
    for one in ("vhdr", "vmrk", "eeg"):
        (folder / f"a.{one}").write_bytes(brainvision(folder, one)[0])
    return in_file(f"a.{part}", lambda file: play(folder / "a.vhdr"), folder)


def edf(folder: Path) -> list[bytes]:
    """EDF+ with annotations."""
    from training.datasets.edf_writer import Signal, write_edf

    signals = [Signal(name, "uV", 500.0) for name in CHANNELS]
    records = (np.random.default_rng(k).normal(0, 10, (2, 50)) for k in range(4))
    write_edf(folder / "a.edf", signals, 50, records, [(0.5, "s1"), (1.5, "s2"), (2.5, "s1")], "eegseek-simulated")
    return [(folder / "a.edf").read_bytes()]


def bdf(folder: Path) -> list[bytes]:
    """BDF with a status channel of 24 bits, in which markers stand."""
    n, rate, seconds = 3, 50, 4
    fields = [(b"\xffBIOSEMI", 8), (b"", 80), (b"", 80), (b"01.01.24", 8), (b"00.00.00", 8), (b"1024", 8),
              (b"24BIT", 44), (b"4", 8), (b"1", 8), (b"3", 4)]  # fmt: skip
    columns = (([b"Oz", b"Pz", b"Status"], 16), ([b""] * n, 80), ([b"uV", b"uV", b"Boolean"], 8), ([b"-262144"] * n, 8),
               ([b"262144"] * n, 8), ([b"-8388608"] * n, 8), ([b"8388607"] * n, 8), ([b""] * n, 80), ([b"50"] * n, 8),
               ([b""] * n, 32))  # fmt: skip
    fields += [(text, width) for texts, width in columns for text in texts]
    head = b"".join(text.ljust(width) for text, width in fields)
    values = np.random.default_rng(0).integers(-5000, 5000, (seconds, n, rate)).astype("<i4")
    values[:, 2] = 0
    values[:, 2, 10:15] = 3
    return [head + values.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()]


def fif(folder: Path) -> list[bytes]:
    """MNE's own format, with annotations."""
    import mne

    info = mne.create_info(list(CHANNELS), 250.0, "eeg")
    raw = mne.io.RawArray(signal() * 1e-6, info, verbose="ERROR")
    raw.set_annotations(mne.Annotations([0.2, 0.8, 1.2], [0, 0, 0.1], ["a", "b", "BAD_x"]))
    raw.save(folder / "a_raw.fif", overwrite=True, verbose="ERROR")
    return [(folder / "a_raw.fif").read_bytes()]


def eeglab(folder: Path) -> list[bytes]:
    """A ``.set`` of EEGLAB with its data inside."""
    from scipy.io import savemat

    places = [{"labels": name, "type": "EEG", "theta": 0.0, "radius": 0.1 * k} for k, name in enumerate(CHANNELS)]
    events = [{"type": "a", "latency": 50.0 * k, "duration": 1.0} for k in range(1, 4)]
    eeg = {"setname": "a", "nbchan": 2.0, "pnts": float(ROWS), "trials": 1.0, "srate": 250.0, "xmin": 0.0, "xmax": 1.6,
           "data": signal().astype("f4"), "chanlocs": places, "event": events, "icawinv": [], "epoch": [],
           "ref": "common"}  # fmt: skip
    savemat(folder / "a.set", {"EEG": eeg}, appendmat=False)
    return [(folder / "a.set").read_bytes()]


FORMATS: dict[str, tuple[Seeds, Open]] = {
    "edf": (edf, partial(open_played, name="a.edf", channels=CHANNELS)),
    "bdf": (bdf, partial(open_played, name="a.bdf", stim_channel="Status")),
    "fif": (fif, partial(open_played, name="a_raw.fif")),
    "eeglab": (eeglab, partial(open_played, name="a.set")),
    **{
        f"brainvision-{part}": (partial(brainvision, part=part), partial(open_brainvision, part=part))
        for part in ("vhdr", "vmrk", "eeg")
    },
}
"""Formats that there are valid files of: seeds and reader."""


def others() -> tuple[str, ...]:
    """Endings of the other names that MNE reads."""
    from acquisition.recordings.mne_files import EXTENSIONS

    known = (".vhdr", ".edf", ".bdf", ".fif", ".set")
    return tuple(ending for ending in EXTENSIONS if ending not in known)


def foreign(folder: Path) -> list[bytes]:
    """Files of another format than their name says: only what they begin with is damaged further."""
    return [edf(folder)[0], bdf(folder)[0], fif(folder)[0][:4000], VHDR.encode(), eeglab(folder)[0], b"\x00" * 2000]

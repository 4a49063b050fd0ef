"""The three files of BrainVision Core Data Format 1.0, and the stamps beside them, written as they come.

The libraries that write this format (pybv) take the whole recording in memory; an hour of 256 channels is gigabytes.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from acquisition.bids import files

SAMPLE_CHANNEL = "sample"
MODULO = 1 << 24
"""Whole numbers below this are exact in float32: the sample channel counts modulo this."""
_NPY_HEAD = 256
_NPY_MAGIC = b"\x93NUMPY\x01\x00" + (_NPY_HEAD - 10).to_bytes(2, "little")


def channel_names(names: Sequence[str]) -> list[str]:
    """Names that are one line each and differ, and that of the sample channel last."""
    given: list[str] = []
    for name in (*names, SAMPLE_CHANNEL):
        clean = wanted = " ".join(name.split()) or "unnamed"
        again = 1
        while clean in given:
            again += 1
            clean = f"{wanted}-{again}"
        given.append(clean)
    return given


def interval_us(rate_hz: float) -> float:
    """Sampling interval in µs, as a reader gets the very rate back from, where there is one."""
    interval = 1e6 / rate_hz
    near = (interval, math.nextafter(interval, 0.0), math.nextafter(interval, math.inf))
    return next((one for one in near if 1e6 / one == rate_hz), interval)


def header(stem: str, names: Sequence[str], rate_hz: float) -> str:
    """Text of the ``.vhdr``; the last name is the sample channel."""
    channels = [f"Ch{k}={_coded(name)},,1,µV" for k, name in enumerate(names[:-1], 1)]
    channels.append(f"Ch{len(names)}={_coded(names[-1])},,1,n/a")
    return "\n".join([
        "BrainVision Data Exchange Header File Version 1.0",
        "; made by eegseek from the journal of a session",
        "",
        "[Common Infos]",
        "Codepage=UTF-8",
        f"DataFile={stem}_eeg.eeg",
        f"MarkerFile={stem}_eeg.vmrk",
        "DataFormat=BINARY",
        "DataOrientation=MULTIPLEXED",
        f"NumberOfChannels={len(names)}",
        f"SamplingInterval={interval_us(rate_hz)!r}",
        "",
        "[Binary Infos]",
        "BinaryFormat=IEEE_FLOAT_32",
        "",
        "[Channel Infos]",
        *channels,
        "",
    ])  # fmt: skip


def markers_head(stem: str, began: str) -> str:
    """Beginning of the ``.vmrk``; ``began`` is the first sample's time, YYYYMMDDhhmmssuuuuuu."""
    return "\n".join([
        "BrainVision Data Exchange Marker File, Version 1.0",
        "",
        "[Common Infos]",
        "Codepage=UTF-8",
        f"DataFile={stem}_eeg.eeg",
        "",
        "[Marker Infos]",
        f"Mk1=New Segment,,1,1,0,{began}",
        "",
    ])  # fmt: skip


def marker(number: int, kind: str, description: str, row: int, points: int = 1) -> str:
    """A line of the ``.vmrk``; ``row`` is the first sample in the file, from 0, and ``points`` how many."""
    return f"Mk{number}={_coded(kind)},{_coded(description)},{row + 1},{points},0\n"


def _coded(text: str) -> str:
    return " ".join(text.split()).replace(",", r"\1")


def rows(samples: NDArray[np.float32], first: int) -> bytes:
    """Samples as they stand in the ``.eeg``, bit for bit, with their running numbers.

    Parameters
    ----------
    samples
        (channels, times) float32, µV.
    first
        Running number of the first.
    """
    channels, times = samples.shape
    block = np.empty((times, channels + 1), dtype="<f4")
    block[:, :channels] = samples.T
    block[:, channels] = np.arange(first, first + times) % MODULO
    return block.tobytes()


class Table:
    """A ``.npy`` of records that grows: its head is written again at the end.

    Parameters
    ----------
    file
        To make.
    dtype
        Of a record.
    """

    def __init__(self, file: Path, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        self.count = 0
        self._stream: BinaryIO = files.create(file)
        self._stream.write(self._head())

    def add(self, records: NDArray[np.void]) -> None:
        """Append records: (count,) of the table's type."""
        self._stream.write(records.astype(self.dtype, copy=False).tobytes())
        self.count += records.shape[0]

    def close(self) -> None:
        """Finish the file."""
        self._stream.seek(0)
        self._stream.write(self._head())
        files.keep(self._stream)

    def abandon(self) -> None:
        """Let go of an unfinished file."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _head(self) -> bytes:
        text = f"{{'descr': {self.dtype.descr!r}, 'fortran_order': False, 'shape': ({self.count},), }}"
        return _NPY_MAGIC + text.ljust(_NPY_HEAD - len(_NPY_MAGIC) - 1).encode() + b"\n"

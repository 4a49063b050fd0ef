"""EDF+ files [1]_, as consumer headsets' programs write them: a record a second, annotations in a signal of their own.

References
----------
.. [1] Kemp and Olivan (2003), European data format 'plus' (EDF+), Clinical Neurophysiology 114.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NOTE_BYTES = 1024
"""Of annotations a record."""
DIGITAL = 32767


@dataclass(frozen=True)
class Signal:
    """A channel: its name, unit, and the largest value that 16 bits stand for."""

    name: str
    unit: str
    largest: float


def write_edf(
    path: Path,
    signals: Sequence[Signal],
    rate_hz: int,
    records: Iterable[NDArray[np.float64]],
    notes: Sequence[tuple[float, str]],
    mark: str,
) -> None:
    """Write a recording.

    Parameters
    ----------
    path
        Of the file.
    signals
        Channels.
    rate_hz
        Whole number of samples a second, for all.
    records
        One second each: (signals, rate_hz), in the signals' units.
    notes
        Onset in seconds and text, ascending; at most about 30 in a second.
    mark
        Stands for the recorded person in the header.

    Raises
    ------
    ValueError
        More annotations fall into a second than a record holds.
    """
    scale = np.array([DIGITAL / signal.largest for signal in signals])[:, None]
    count = following = 0
    with path.open("wb") as stream:
        stream.write(_header(signals, rate_hz, 0, mark))
        for count, record in enumerate(records, 1):
            digital = np.clip(np.round(record * scale), -DIGITAL, DIGITAL).astype("<i2")
            text = f"+{count - 1}\x14\x14\x00"
            while following < len(notes) and notes[following][0] < count:
                text += f"+{notes[following][0]:.6f}\x14{notes[following][1]}\x14\x00"
                following += 1
            data = text.encode("utf-8")
            if len(data) > NOTE_BYTES:
                raise ValueError(f"{len(data)} bytes of annotations fall into second {count - 1}, {NOTE_BYTES} is most")
            stream.write(digital.tobytes() + data.ljust(NOTE_BYTES, b"\x00"))
        stream.seek(0)
        stream.write(_header(signals, rate_hz, count, mark))


def _header(signals: Sequence[Signal], rate_hz: int, records: int, mark: str) -> bytes:
    n = len(signals) + 1
    fields = [
        ("0", 8), (f"X X X {mark}", 80), ("Startdate 01-JAN-2024 X X X", 80), ("01.01.24", 8), ("00.00.00", 8),
        (str(256 * (n + 1)), 8), ("EDF+C", 44), (str(records), 8), ("1", 8), (str(n), 4),
    ]  # fmt: skip
    columns: list[tuple[list[str], int]] = [
        ([*(signal.name for signal in signals), "EDF Annotations"], 16),
        ([""] * n, 80),
        ([*(signal.unit for signal in signals), ""], 8),
        ([*(f"{-signal.largest:g}" for signal in signals), "-1"], 8),
        ([*(f"{signal.largest:g}" for signal in signals), "1"], 8),
        ([*(str(-DIGITAL) for _ in signals), "-32768"], 8),
        ([*(str(DIGITAL) for _ in signals), "32767"], 8),
        ([""] * n, 80),
        ([*(str(rate_hz) for _ in signals), str(NOTE_BYTES // 2)], 8),
        ([""] * n, 32),
    ]
    fields += [(text, width) for texts, width in columns for text in texts]
    return b"".join(text.encode("ascii")[:width].ljust(width) for text, width in fields)

"""Marker samples as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

END_LABEL = "eegseek:end"
"""Sent by our own outlet on the marker stream when a finite stream is over; never handed on as an event."""


def number_label(value: float | np.number) -> str:
    """A number as a label: whole ones without a trailing ``.0``, others as short as reads back the same."""
    number = float(value)
    if number.is_integer():
        return str(int(number))
    scalar = value if isinstance(value, np.floating) else np.float64(number)
    return np.format_float_positional(scalar, trim="-")


def text_label(values: Sequence[bytes]) -> str:
    """Label of a sample of a text stream: its first channel that is not empty, stripped; bad UTF-8 is replaced."""
    for value in values:
        text = bytes(value).decode("utf-8", errors="replace").strip()
        if text:
            return text
    return ""


def numeric_label(values: NDArray[np.number], names: Sequence[str | None] = ()) -> str:
    """Label of a sample of a numeric marker stream.

    One channel: its number. Several with a single 1 among zeros (one-hot): the channel's name, or its position from 1.
    Several otherwise: the numbers joined with commas; all zero: ``0``. Non-finite values give no label.
    """
    if not np.isfinite(values).all():
        return ""
    if len(values) == 1:
        return number_label(values[0])
    nonzero = np.flatnonzero(values)
    if nonzero.size == 0:
        return "0"
    if nonzero.size == 1 and values[nonzero[0]] == 1:
        place = int(nonzero[0])
        return (names[place] if place < len(names) else None) or str(place + 1)
    return ",".join(number_label(value) for value in values)

"""From the numbers that a device or a stream sends to the impedance of named electrodes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from acquisition.types import Impedance
from wire.impedance import measured

TYPES = ("impedance", "imp", "resistance")
"""Channel types of a stream, in lower case, that are impedances."""
KOHM = {
    "ohm": 1e-3,
    "ohms": 1e-3,
    "ω": 1e-3,  # both signs for ohm become this in lower case
    "kohm": 1.0,
    "kohms": 1.0,
    "kω": 1.0,
    "kiloohm": 1.0,
    "kiloohms": 1.0,
    "mohm": 1e3,
    "mω": 1e3,
    "megaohm": 1e3,
    "megaohms": 1e3,
}
"""Factor from a unit, in lower case, to kΩ: nobody measures electrodes in thousandths of an ohm."""
BY_ORDER = ("BRAINBIT_BOARD", "GANGLION_BOARD", "GANGLION_WIFI_BOARD", "GANGLION_NATIVE_BOARD")
"""Boards whose first resistance rows are those of the EEG channels, in order (BrainFlow 5.23's sources)."""
AFTER = {name: ("reference",) for name in BY_ORDER if name.startswith("GANGLION")}
"""What follows on them."""
_SAID = re.compile(r"impedance|resistance|imp(?![a-z])|[\s_:.()\[\]-]+", re.IGNORECASE)


def electrodes(board: str, channels: Sequence[str], rows: int) -> tuple[str, ...]:
    """Names of the electrodes of a BrainFlow board's resistance rows.

    Parameters
    ----------
    board
        BrainFlow's name.
    channels
        Of its EEG, in order.
    rows
        How many resistance rows there are.

    Returns
    -------
    Channel names where the order is known, ``reference``; else ``R1`` and so on.
    """
    known = (*channels, *AFTER.get(board, ())) if board in BY_ORDER else ()
    return tuple(known[k] if k < len(known) else f"R{k + 1}" for k in range(rows))


def said_of(board: str, rows: int) -> str:
    """What people should know of a board's impedances; empty where it measures none.

    Parameters
    ----------
    rows
        How many resistance rows it has beside its EEG.
    """
    if board in BY_ORDER or board.startswith("ANT_NEURO"):
        return f"'{board}' measures impedance only in a mode without EEG: look at it in its maker's program first"
    if rows:
        return f"BrainFlow does not say which electrodes the impedances of '{board}' are of: they are R1 and so on"
    return ""


def electrode(label: str, channels: Sequence[str]) -> str:
    """Which channel a stream's impedance is of, such as ``Fz`` for ``Fz impedance`` or ``Imp_FZ``; else the label."""
    bare = _SAID.sub("", label).casefold()
    return next((name for name in channels if _SAID.sub("", name).casefold() == bare), label)


def of_sample(
    places: Sequence[tuple[str, int, float]], channels: Sequence[str], row: NDArray[np.number]
) -> Impedance | None:
    """Impedance of one sample; None where nothing was measured.

    Parameters
    ----------
    places
        Electrode, column and factor to kΩ.
    channels
        Which of them are EEG channels.
    row
        (columns,) the sample; what is no measurement is left out.
    """
    found = {name: float(row[column]) * factor for name, column, factor in places}
    return _split({name: kohm for name, kohm in found.items() if measured(kohm)}, channels)


def _split(found: Mapping[str, float], channels: Sequence[str]) -> Impedance | None:
    if not found:
        return None
    inside = {name: kohm for name, kohm in found.items() if name in channels}
    return Impedance(inside, {name: kohm for name, kohm in found.items() if name not in channels})

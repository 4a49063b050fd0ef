"""Which columns of a stream are EEG, what they are called, and how they become microvolts. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.sources.impedance import KOHM, TYPES, electrode
from config.errors import SourceError

MICROVOLTS = {
    "": 1.0,
    "uv": 1.0,
    "\u00b5v": 1.0,  # micro sign
    "\u03bcv": 1.0,  # Greek mu
    "microvolt": 1.0,
    "microvolts": 1.0,
    "nv": 1e-3,
    "nanovolt": 1e-3,
    "nanovolts": 1e-3,
    "mv": 1e3,
    "millivolt": 1e3,
    "millivolts": 1e3,
    "v": 1e6,
    "volt": 1e6,
    "volts": 1e6,
    # mne-lsl writes the power of ten of a volt
    "-9": 1e-3,
    "-6": 1.0,
    "-3": 1e3,
    "0": 1e6,
}
"""Factor from a unit, in lower case, to µV; no unit is taken as µV."""
STIM_TYPES = ("stim", "stimulus", "trigger", "trig", "marker", "markers")


@dataclass(frozen=True)
class Channels:
    """What a stream says of its channels; None where it says nothing of one, an empty tuple where of none."""

    count: int
    labels: tuple[str | None, ...] = ()
    types: tuple[str | None, ...] = ()
    units: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How a block of samples (times, columns) is read.

    Attributes
    ----------
    names
        EEG channel names.
    columns
        Their columns.
    scale
        Factor of each to µV.
    stim
        Column of the stimulus channel, or None.
    notes
        What had to be assumed.
    impedance
        Electrode, column and factor to kΩ of each channel that is an impedance.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    scale: tuple[float, ...]
    stim: int | None = None
    notes: tuple[str, ...] = ()
    impedance: tuple[tuple[str, int, float], ...] = ()

    def eeg(self, rows: NDArray[np.number]) -> NDArray[np.float32]:
        """(channels, times) float32 µV, C-contiguous and new, of rows (times, columns)."""
        picked = rows.T if self.columns == tuple(range(rows.shape[1])) else rows.T[list(self.columns)]
        if all(factor == 1.0 for factor in self.scale):
            return np.array(picked, dtype=np.float32, order="C")
        scaled: NDArray[np.float32] = np.empty(picked.shape, dtype=np.float32)
        np.multiply(picked, np.asarray(self.scale)[:, None], out=scaled, casting="unsafe")
        return scaled


def choose(stream: str, found: Channels, *, given: Sequence[str], unit: str, stim: str | None) -> Layout:
    """Layout of a stream.

    Parameters
    ----------
    stream
        Its name, for errors.
    found
        What it says of its channels.
    given
        Names for a stream that has none.
    unit
        ``auto``, or the unit of all its EEG channels.
    stim
        None where events come another way, else the name of the stimulus channel (empty: the one that is typed so).

    Raises
    ------
    SourceError
        No EEG channel is left, the names do not fit, a unit is unknown, or the stimulus channel is not there.
    """
    labels, notes = _labels(stream, found, given)
    types = [(kind or "").strip().lower() for kind in (found.types or (None,) * found.count)]
    column = None if stim is None else _stim_column(stream, stim, labels, types)
    eeg = [k for k in range(found.count) if types[k] in ("", "eeg") and k != column]
    if not eeg:
        said = ", ".join(sorted({kind for kind in types if kind})) or "only the stimulus channel"
        raise SourceError(f"stream '{stream}' has no EEG channel (its channels are: {said}); choose another stream")
    impedance = _impedance(found, labels, types, tuple(labels[k] for k in eeg))
    taken = {column, *(place for _, place, _ in impedance)}
    dropped = [labels[k] for k in range(found.count) if k not in eeg and k not in taken]
    if dropped:
        notes.append(f"channels not typed EEG are left out: {', '.join(dropped)}")
    scale = tuple(_factor(stream, labels[k], found.units[k] if found.units else None, unit) for k in eeg)
    return Layout(tuple(labels[k] for k in eeg), tuple(eeg), scale, column, tuple(notes), impedance)


def _impedance(
    found: Channels, labels: Sequence[str], types: Sequence[str], names: Sequence[str]
) -> tuple[tuple[str, int, float], ...]:
    """Channels that are impedances, in a unit that is known: others are left out as any that is no EEG."""
    taken = []
    for k, kind in enumerate(types):
        unit = ((found.units[k] if found.units else None) or "").strip().casefold()
        if kind in TYPES and unit in KOHM:
            taken.append((electrode((found.labels[k] if found.labels else None) or labels[k], names), k, KOHM[unit]))
    return tuple(taken)


def _labels(stream: str, found: Channels, given: Sequence[str]) -> tuple[list[str], list[str]]:
    own = [(label or "").strip() for label in found.labels]
    if any(own):
        labels = [label or f"Ch{k + 1}" for k, label in enumerate(own)]
        ignored = bool(given) and list(given) != labels
        notes = [f"source.channels is not used: stream '{stream}' names its own channels"] if ignored else []
    elif given:
        if len(given) != found.count:
            raise SourceError(
                f"stream '{stream}' has {found.count} channels without names, source.channels gives {len(given)}; "
                "give one name a channel"
            )
        labels, notes = list(given), []
    else:
        labels = [f"Ch{k + 1}" for k in range(found.count)]
        notes = [f"stream '{stream}' names no channels: they are called Ch1 to Ch{found.count} (see source.channels)"]
    return _unique(labels, notes), notes


def _unique(labels: list[str], notes: list[str]) -> list[str]:
    """Later bearers of a name get ``-2``, ``-3`` and so on."""
    taken: set[str] = set()
    unique = []
    for label in labels:
        name, count = label, 1
        while name in taken:
            count += 1
            name = f"{label}-{count}"
        if name != label:
            notes.append(f"channel name '{label}' stands twice: the later one is called '{name}'")
        taken.add(name)
        unique.append(name)
    return unique


def _stim_column(stream: str, name: str, labels: list[str], types: list[str]) -> int:
    if name in labels:
        return labels.index(name)
    typed = [k for k, kind in enumerate(types) if kind in STIM_TYPES]
    if not name and len(typed) == 1:
        return typed[0]
    close = difflib.get_close_matches(name, labels, n=1, cutoff=0.5) if name else []
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    what = f"has no channel '{name}'{hint}" if name else "does not say which channel carries the stimuli"
    raise SourceError(f"stream '{stream}' {what}; set source.marker_channel to one of: {', '.join(labels)}")


def _factor(stream: str, label: str, said: str | None, unit: str) -> float:
    text = (said or "").strip() if unit == "auto" else unit
    factor = MICROVOLTS.get(text.lower())
    if factor is None:
        raise SourceError(
            f"channel '{label}' of stream '{stream}' is in '{text}', expected uV, mV, V or nV; say what it is with "
            "source.unit"
        )
    return factor

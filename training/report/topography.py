"""Maps of the scalp, one a piece of time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.protocols.schema import Topography
from training.report import words
from training.report.style import BLUE, DIVERGING, INK, Figure, drawing, source_of

MONTAGES = ("colin27_1005", "standard_1005")
"""Names of the extended 10-20 system, newer and older."""
FEWEST = 6
"""Channels with known places, below which bars say more than a map."""


def topography(data: Topography) -> Figure:
    """Maps where the channels' places are known, else bars."""
    values = np.array(data.values)
    info, kept = _places(data.channels)
    source = _maps(data, values[:, kept], info) if len(kept) >= FEWEST else _bars(data, values)
    whole = values.mean(axis=0)
    order = np.argsort(-whole)[:3]
    strongest = ", ".join(f"{data.channels[k]} ({whole[k]:.3g})" for k in order)
    drawn = "Maps of the scalp" if len(kept) >= FEWEST else "Bars a channel"
    alt = f"{drawn}: {data.name}, {data.unit}, {len(data.channels)} channels. Strongest: {strongest}."
    left = len(data.channels) - len(kept)
    caption = words.joined(
        f"{data.unit}, {len(data.channels)} channels; strongest: {strongest}",
        f"{left} channels without a known place are not drawn" if left and len(kept) >= FEWEST else "",
        data.note,
    )
    return Figure(source, alt, data.name, caption, wide=len(data.times_s) > 1)


def _places(channels: tuple[str, ...]) -> tuple[Any, list[int]]:
    """Info of the channels that the standard montage knows, upper and lower case alike, and which they are."""
    import mne

    built_in = mne.channels.get_builtin_montages()
    montage = mne.channels.make_standard_montage(next(name for name in MONTAGES if name in built_in))
    known = {name.lower(): name for name in montage.ch_names}
    kept, seen = [], set()
    for index, name in enumerate(channels):
        if name.lower() in known and name.lower() not in seen:
            kept.append(index)
            seen.add(name.lower())
    if len(kept) < FEWEST:
        return None, []
    info = mne.create_info([known[channels[k].lower()] for k in kept], 1.0, "eeg")
    info.set_montage(montage)
    return info, kept


def _maps(data: Topography, values: NDArray[np.float64], info: Any) -> str:
    import mne

    most = float(np.abs(values).max()) or 1.0
    count = len(values)
    with drawing(2.2 * count + 1.2, 2.8, 1, count) as (figure, axes):
        image = None
        for ax, row, time in zip(np.atleast_1d(axes), values, data.times_s, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                # only where there are electrodes: colours beyond them would be made up
                image, _ = mne.viz.plot_topomap(
                    row,
                    info,
                    axes=ax,
                    show=False,
                    cmap=DIVERGING,
                    vlim=(-most, most),
                    contours=0,
                    sensors=".",
                    extrapolate="local",
                )
            for line in ax.lines:
                line.set_color(INK)
            if count > 1:
                ax.set_title(f"{1000 * time:.0f} ms")
        figure.colorbar(image, ax=axes, label=data.unit, shrink=0.8)
        return source_of(figure)


def _bars(data: Topography, values: NDArray[np.float64]) -> str:
    count = len(values)
    with drawing(2.4 * count + 2, 0.9 + 0.25 * len(data.channels), 1, count) as (figure, axes):
        for ax, row, time in zip(np.atleast_1d(axes), values, data.times_s, strict=True):
            ax.barh(range(len(row)), row, color=BLUE)
            ax.set_yticks(range(len(row)), data.channels)
            ax.invert_yaxis()
            if count > 1:
                ax.set_title(f"{1000 * time:.0f} ms")
        figure.supxlabel(data.unit, fontsize=9)
        return source_of(figure)

"""Where electrodes are on a drawn head: MNE's montages, projected, as a small file, so that no page waits for MNE.

``python -m display.dashboard.head_table`` writes it anew; a test sees that it is what MNE says.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).parent / "positions.json"
MONTAGES = {
    "10-05": ("colin27_1005", "standard_1005"),
    "biosemi128": ("biosemi128",),
    "biosemi256": ("biosemi256",),
    "egi128": ("GSN-HydroCel-129",),
    "egi256": ("GSN-HydroCel-257",),
}
"""Name here to MNE's, the newer first."""
EQUATOR = 0.86
"""Radius at which electrodes lie that are a quarter of a circle from the vertex; the head's outline has 1."""


def project(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Azimuthal equidistant projection about the vertex, of places on a head.

    Parameters
    ----------
    places
        (electrodes, 3), any unit: right, front, up.

    Returns
    -------
    (electrodes, 2): right and front; the head's outline is the circle of radius 1.
    """
    off = places - centre(places)
    angle = np.arccos(off[:, 2] / np.linalg.norm(off, axis=1))
    around = np.arctan2(off[:, 1], off[:, 0])
    radius = angle / (np.pi / 2) * EQUATOR
    return np.stack([radius * np.cos(around), radius * np.sin(around)], axis=1)


def centre(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of the sphere that fits places best, by least squares: (3,)."""
    design = np.hstack([2 * places, np.ones((len(places), 1))])
    return np.asarray(np.linalg.lstsq(design, (places**2).sum(axis=1), rcond=None)[0][:3])


def made() -> dict[str, dict[str, list[float]]]:
    """The table by MNE: montage, then electrode, then right and front."""
    import mne

    known = set(mne.channels.get_builtin_montages())
    table = {}
    for name, theirs in MONTAGES.items():
        montage = mne.channels.make_standard_montage(next((one for one in theirs if one in known), theirs[-1]))
        places = montage.get_positions()["ch_pos"]
        flat = project(np.stack(list(places.values())))
        table[name] = {electrode: [round(float(v), 3) for v in xy] for electrode, xy in zip(places, flat, strict=True)}
    return table


if __name__ == "__main__":
    TABLE.write_text(json.dumps(made(), separators=(",", ":")) + "\n", "utf-8")

"""How unlike the training data a window is: two percentiles among held-out training windows, and their joint one.

The first is of the mean cosine distance of its embedding to the nearest training embeddings [1]_, which sees what the
encoder finds strange. The second is of the squared error with which principal components of training windows rebuild
it [2]_, which sees noise and electrodes in the wrong order, even where the encoder maps them among familiar vectors.

References
----------
.. [1] Sun et al. (2022), Out-of-distribution detection with deep nearest neighbors, ICML.
.. [2] Jackson & Mudholkar (1979), Control procedures for residuals associated with principal component analysis,
   Technometrics 21.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config import bundles
from config.bundles import EncoderSpec, NoveltySpec
from config.errors import BundleError

Floats = NDArray[np.float32]
UNUSUAL = "unusual"
"""Flag of a window whose percentile is above the bundle's ``unusual_above``."""


@dataclass(frozen=True)
class Arrays:
    """What `percentiles` needs, float32; the fields are the names in ``novelty.safetensors``.

    Attributes
    ----------
    bank
        (n, dim), training embeddings, unit norm.
    mean, scale
        (channels,), µV, of training windows.
    centre
        (channels * times,), mean of scaled training windows.
    components
        (k, channels * times), orthonormal.
    distances, errors, joint
        (held out,), rising: of held-out windows, the distance, the error, and the larger of their percentiles.
    """

    bank: Floats
    mean: Floats
    scale: Floats
    centre: Floats
    components: Floats
    distances: Floats
    errors: Floats
    joint: Floats

    def arrays(self) -> dict[str, Floats]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Fitted:
    """Novelty to be written beside an encoder.

    Attributes
    ----------
    fields
        Of `config.bundles.NoveltySpec`, without the hash.
    arrays
        Of ``novelty.safetensors``.
    """

    fields: Mapping[str, Any]
    arrays: Mapping[str, Floats]


@dataclass(frozen=True)
class Percentiles:
    """Of windows, (n,) each, 0 to 1; held-out training windows spread evenly over it.

    Attributes
    ----------
    distance
        Of the embedding to its nearest training embeddings.
    error
        Of rebuilding the window.
    joint
        Of the larger of the two.
    """

    distance: NDArray[np.float64]
    error: NDArray[np.float64]
    joint: NDArray[np.float64]


@dataclass(frozen=True)
class Novelty:
    """Novelty of a bundle, ready to judge single trials."""

    spec: NoveltySpec
    arrays: Arrays

    def percentiles(self, windows: NDArray[Any], vectors: NDArray[Any]) -> Percentiles:
        """Of windows (n, channels, times), µV, and their embeddings (n, dim), unit norm."""
        held = self.arrays
        distance = percentile(held.distances, distances(held.bank, vectors, self.spec.neighbours))
        error = percentile(held.errors, errors(held, windows))
        return Percentiles(distance, error, percentile(held.joint, np.maximum(distance, error)))

    def unusual(self, window: NDArray[Any], vector: NDArray[Any]) -> bool:
        """Whether a single trial (channels, times), with its embedding (dim,), is to be flagged."""
        found = self.percentiles(window[None], vector[None])
        return bool(found.joint[0] > self.spec.unusual_above)


def distances(bank: Floats, vectors: NDArray[Any], neighbours: int) -> NDArray[np.float64]:
    """Mean cosine distance (n,) of vectors (n, dim) to the nearest of a bank (m, dim)."""
    cosines = np.asarray(vectors, np.float32) @ bank.T
    k = min(neighbours, len(bank))
    return np.asarray(1 - np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1, dtype=np.float64))


def errors(held: Arrays, windows: NDArray[Any]) -> NDArray[np.float64]:
    """Mean squared error (n,) of rebuilding scaled windows (n, channels, times) from the components."""
    scaled = (np.asarray(windows, np.float32) - held.mean[:, None]) / held.scale[:, None]
    flat = scaled.reshape(len(windows), -1) - held.centre
    rebuilt = (flat @ held.components.T) @ held.components
    return np.asarray(((flat - rebuilt) ** 2).mean(axis=1, dtype=np.float64))


def percentile(known: Floats, values: NDArray[Any]) -> NDArray[np.float64]:
    """Share (n,) of known values, rising, that is below each value; equal ones count half."""
    wanted = np.asarray(values, np.float32)
    below, upto = np.searchsorted(known, wanted, "left"), np.searchsorted(known, wanted, "right")
    return np.asarray((below + upto) / (2 * len(known)), np.float64)


def load(folder: Path | str, spec: EncoderSpec) -> Novelty | None:
    """Novelty of an encoder bundle; None where it has none.

    Raises
    ------
    BundleError
        The file does not fit the encoder.
    """
    if spec.novelty is None:
        return None
    arrays = bundles.read_arrays(Path(folder) / bundles.NOVELTY_ARRAYS, finite=True)
    _check(arrays, spec, spec.novelty, folder)
    held = Arrays(**{name: np.ascontiguousarray(arrays[name], np.float32) for name in (f.name for f in fields(Arrays))})
    return Novelty(spec.novelty, held)


def _check(arrays: Mapping[str, NDArray[Any]], spec: EncoderSpec, novelty: NoveltySpec, folder: Path | str) -> None:
    flat = len(spec.channels) * spec.window.n_times
    wanted = {
        "bank": (novelty.n_bank, spec.dim),
        "mean": (len(spec.channels),),
        "scale": (len(spec.channels),),
        "centre": (flat,),
        "components": (novelty.components, flat),
        **dict.fromkeys(("distances", "errors", "joint"), (novelty.n_held_out,)),
    }
    for name, shape in wanted.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or not np.isfinite(found).all():
            raise BundleError(
                f"'{folder}' holds novelty array '{name}' of shape {None if found is None else found.shape}, expected "
                f"{shape} of finite numbers; train the encoder again"
            )

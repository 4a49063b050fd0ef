"""Corrections of a trained decoder's embeddings for a new person or day, fitted without labels on calibration data.

Whatever uses the scored queries as a set is marked ``transductive``: no live session can do that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.encoders.base import Vectors, unit_norm

Array = NDArray[np.float64]
Affine = tuple[Array, Array, Array]
Spread = Literal["none", "whiten", "match"]
SPREADS = ("none", "whiten", "match")
FEWEST = 8
"""Calibration queries."""
NEIGHBOURS = 10
"""Of the published CSLS."""


@dataclass(frozen=True)
class Posthoc:
    """Maps queries and gallery vectors to scores; made by `fit`.

    Attributes
    ----------
    query, gallery
        Affine maps (mean taken away (dim,), matrix (dim, dim), mean added (dim,)), or None.
    hubness
        (items,), mean cosine of each item with its nearest calibration queries, or None without CSLS.
    neighbours
        Of CSLS.
    transductive
        The hubness comes from the scored queries themselves.
    steps
        In words.
    """

    query: Affine | None = None
    gallery: Affine | None = None
    hubness: Array | None = None
    neighbours: int = NEIGHBOURS
    transductive: bool = False
    steps: tuple[str, ...] = ()

    def map_queries(self, queries: NDArray[Any]) -> Vectors:
        """Corrected queries (n, dim), unit norm."""
        return _apply(self.query, queries)

    def map_gallery(self, vectors: NDArray[Any]) -> Vectors:
        """Corrected gallery vectors (items, dim), unit norm."""
        return _apply(self.gallery, vectors)

    def cosines(self, queries: NDArray[Any], vectors: NDArray[Any]) -> Array:
        """Scores (n, items) of queries (n, dim) with gallery vectors (items, dim).

        Cosines, or with CSLS 2 cos - r(query) - r(item), which orders the items of a query by 2 cos - r(item) [1]_.

        References
        ----------
        .. [1] Conneau et al. (2018), Word translation without parallel data, ICLR.
        """
        plain = _cosines(self.map_queries(queries), self.map_gallery(vectors))
        if self.hubness is None:
            return plain
        if len(self.hubness) != len(vectors):
            raise SettingsError(
                f"the correction for hubs was fitted for {len(self.hubness)} items, but {len(vectors)} are searched; "
                "fit it for this gallery"
            )
        return np.asarray(2 * plain - _nearest(plain, self.neighbours)[:, None] - self.hubness[None, :])

    def on_queries(self, queries: NDArray[Any], vectors: NDArray[Any]) -> Posthoc:
        """The same with the hubness of the scored queries themselves: transductive, for comparison with papers."""
        hubness = _nearest(_cosines(self.map_gallery(vectors), self.map_queries(queries)), self.neighbours)
        steps = (*(step for step in self.steps if not step.startswith("CSLS")), "CSLS on the scored queries")
        return replace(self, hubness=hubness, transductive=True, steps=steps)


def fit(
    calibration: NDArray[Any],
    vectors: NDArray[Any],
    *,
    spread: Spread = "none",
    csls: bool = False,
    reference: NDArray[Any] | None = None,
    neighbours: int = NEIGHBOURS,
) -> Posthoc:
    """Corrections from embeddings of calibration trials whose labels are not used.

    Parameters
    ----------
    calibration
        (n, dim), embeddings of the person's calibration trials, none of which is scored.
    vectors
        (items, dim) of the gallery, unit norm.
    spread
        ``whiten``: zero mean and unit covariance of queries by the calibration trials, and of items by the gallery;
        ``match``: an affine map per user that gives the person's embeddings the mean and covariance of ``reference``
        [1]_; ``none``. Covariances are shrunk [2]_.
    csls
        Take from each item's score how near it is to calibration queries in general.
    reference
        (m, dim), embeddings of the trials that the decoder was trained on; for ``match``.
    neighbours
        Of CSLS.

    Raises
    ------
    SettingsError
        There are too few calibration trials, the spread is unknown, or ``match`` has no reference.

    References
    ----------
    .. [1] Sun, Feng & Saenko (2016), Return of frustratingly easy domain adaptation, AAAI.
    .. [2] Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, Journal of
       Multivariate Analysis 88.
    """
    if spread not in SPREADS:
        raise SettingsError(f"spread '{spread}' is not known; choose one of {', '.join(SPREADS)}")
    if len(calibration) < FEWEST:
        raise SettingsError(f"{len(calibration)} calibration trials are too few to correct by; give {FEWEST} or more")
    if spread == "match" and (reference is None or len(reference) < FEWEST):
        raise SettingsError("matching a person's embeddings needs those of the training trials; give a reference")
    made, steps = Posthoc(neighbours=neighbours), []
    if spread == "whiten":
        made = replace(made, query=_whitening(calibration), gallery=_whitening(vectors))
        steps.append("whitening")
    if spread == "match" and reference is not None:
        made = replace(made, query=_matching(calibration, reference))
        steps.append("affine map per user")
    if csls:
        near = _nearest(_cosines(made.map_gallery(vectors), made.map_queries(calibration)), neighbours)
        made = replace(made, hubness=near)
        steps.append("CSLS")
    return replace(made, steps=tuple(steps))


def _whitening(vectors: NDArray[Any]) -> Affine:
    mean, covariance = _moments(vectors)
    return mean, _power(covariance, -0.5), np.zeros_like(mean)


def _matching(vectors: NDArray[Any], reference: NDArray[Any]) -> Affine:
    mean, covariance = _moments(vectors)
    aim, wanted = _moments(reference)
    return mean, _power(covariance, -0.5) @ _power(wanted, 0.5), aim


def _moments(vectors: NDArray[Any]) -> tuple[Array, Array]:
    from sklearn.covariance import ledoit_wolf

    v = np.asarray(vectors, np.float64)
    covariance, _ = ledoit_wolf(v)
    return v.mean(axis=0), np.asarray(covariance)


def _power(covariance: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, values.max() * 1e-6)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def _apply(affine: Affine | None, vectors: NDArray[Any]) -> Vectors:
    if affine is None:
        return unit_norm(np.asarray(vectors, np.float32))
    taken, matrix, added = affine
    return unit_norm(np.asarray((np.asarray(vectors, np.float64) - taken) @ matrix + added, np.float32))


def _cosines(a: Vectors, b: Vectors) -> Array:
    return np.asarray(a, np.float64) @ np.asarray(b, np.float64).T


def _nearest(cosines: Array, k: int) -> Array:
    """Mean of the ``k`` largest of each row."""
    k = min(k, cosines.shape[1])
    return np.asarray(np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1))

"""Vectors that lie as image embeddings do, in any number: a seeded generator, and the statistics it was matched by.

A vector is ``mean + spread x (category + concept + picture)`` brought to unit length: Gaussian parts with a power-law
spectrum in one random basis, shared by the pictures of a category and of a concept, and a log-normal spread, as some
pictures lie nearer to the mean than others. The parameters were matched, by a search over a grid, to CLIP features of
THINGS' pictures: 200 test pictures of 200 concepts, and the lengths of 200 means of concepts. `real_statistics` and
`generated_statistics` are what was compared, and what ``eegseek bench gallery`` prints side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PER_CONCEPT = 10
"""Pictures of a concept, as in THINGS-EEG2's training set."""
PER_CATEGORY = 12
"""Concepts of a category: as in THINGS, some are near one another."""
ROWS = 65_536
"""Made at once; seeded one by one, so that any of them can be made alone."""
SAMPLE = 200
"""Vectors of different concepts that the statistics are taken of: as many as the real ones are."""


@dataclass(frozen=True)
class Shape:
    """How the vectors lie.

    Attributes
    ----------
    variance
        Of a vector about the mean, the squared length of the mean being 1.
    between
        Share of it that the concept explains.
    category
        Share of a concept that its category explains: up to this, evenly drawn.
    slope
        Of the variances: component k has ``k ** -slope``.
    spread
        Standard deviation of the logarithm of the spread.
    """

    variance: float = 0.84
    between: float = 0.57
    category: float = 1.0
    slope: float = 0.75
    spread: float = 0.18


class Generator:
    """Vectors of one seed, piece by piece.

    Parameters
    ----------
    dim
        Of a vector.
    seed
        Same seed, same vectors.
    shape
        How they lie.
    """

    def __init__(self, dim: int, seed: int = 0, shape: Shape | None = None) -> None:
        self.dim, self.seed, self.shape = dim, seed, shape or Shape()
        rng = np.random.default_rng((seed, 0))
        basis, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        variances = np.arange(1, dim + 1) ** -self.shape.slope
        variances *= self.shape.variance / variances.sum()
        self._parts = (basis * np.sqrt(variances)).T.astype(np.float32)
        mean = rng.standard_normal(dim)
        self._mean = (mean / np.linalg.norm(mean)).astype(np.float32)

    def piece(self, number: int, rows: int = ROWS) -> Array:
        """Vectors (rows, dim) float32, unit norm: the first of piece ``number``."""
        rng = np.random.default_rng((self.seed, 1, number))
        concepts = -(-rows // PER_CONCEPT)
        between = np.float32(np.sqrt(self.shape.between))
        within = np.float32(np.sqrt(1 - self.shape.between))
        categories = -(-concepts // PER_CATEGORY)
        share = np.float32(self.shape.category) * rng.random((concepts, 1), dtype=np.float32)
        shared = rng.standard_normal((categories, self.dim), dtype=np.float32).repeat(PER_CATEGORY, axis=0)[:concepts]
        shared *= np.sqrt(share)
        shared += np.sqrt(1 - share) * rng.standard_normal((concepts, self.dim), dtype=np.float32)
        shared = shared.repeat(PER_CONCEPT, axis=0)[:rows]
        own = rng.standard_normal((rows, self.dim), dtype=np.float32)
        spread = np.exp(self.shape.spread * rng.standard_normal((rows, 1), dtype=np.float32))
        vectors: Array = ((between * shared + within * own) * spread) @ self._parts
        vectors += self._mean
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def pieces(self, n: int) -> Iterator[Array]:
        """``n`` vectors in pieces of ``ROWS``."""
        for number, start in enumerate(range(0, n, ROWS)):
            yield self.piece(number, min(ROWS, n - start))


def statistics(vectors: NDArray[Any]) -> dict[str, float]:
    """What the generator was matched by.

    Parameters
    ----------
    vectors
        (n, dim), unit norm, of as many concepts.

    Returns
    -------
    Mean, SD and 99 % quantile of the cosines of pairs; the mean cosine with the nearest other; participation ratio of
    the covariance's eigenvalues, and the share of the first 20; intrinsic dimension by the ratio of the distances to
    the two nearest (TwoNN [1]_).

    References
    ----------
    .. [1] Facco et al. 2017, Estimating the intrinsic dimension of datasets by a minimal neighborhood information,
       Scientific Reports 7:12140.
    """
    x = np.asarray(vectors, np.float64)
    cosines = x @ x.T
    pairs = cosines[np.triu_indices(len(x), 1)]
    eigen = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    np.fill_diagonal(cosines, -1)
    near = np.sqrt(np.maximum(2 - 2 * np.sort(cosines, axis=1)[:, :-3:-1], 1e-12))
    return {
        "pairs, mean cosine": float(pairs.mean()),
        "pairs, SD": float(pairs.std()),
        "pairs, 99 %": float(np.quantile(pairs, 0.99)),
        "nearest, mean cosine": float(cosines.max(axis=1).mean()),
        "participation ratio": float(eigen.sum() ** 2 / (eigen**2).sum()),
        "first 20 eigenvalues, share": float(eigen[:20].sum() / eigen.sum()),
        "intrinsic dimension (TwoNN)": float(len(x) / np.log(near[:, 1] / near[:, 0]).sum()),
    }


def generated_statistics(generator: Generator) -> dict[str, float]:
    """The same of the generator's, with the mean length of a concept's mean of ten."""
    vectors = generator.piece(0, SAMPLE * PER_CONCEPT)
    means = vectors.reshape(SAMPLE, PER_CONCEPT, -1).mean(axis=1)
    return {
        **statistics(vectors[::PER_CONCEPT]),
        "length of a concept's mean": float(np.linalg.norm(means, axis=1).mean()),
    }


def real_statistics(things: Path) -> dict[str, float] | None:
    """The same of THINGS' CLIP features in a folder; None where they are not there."""
    test, centres = things / "clip_feature_maps_test.npy", things / "center_clip.npy"
    if not (test.is_file() and centres.is_file()):
        return None
    vectors = np.load(test, allow_pickle=False).reshape(SAMPLE, -1).astype(np.float64)
    lengths = np.linalg.norm(np.load(centres, allow_pickle=False), axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {**statistics(vectors), "length of a concept's mean": float(lengths.mean())}

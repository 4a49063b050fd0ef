"""Free search: a query that moves towards what the person attended to. Pure: vectors in, vectors out.

Rocchio's relevance feedback [1]_, with weights from the EEG in place of a person's marks: each picture that was shown
gets the log odds, by a decoder of attended against not attended, that it was attended to, less what is usual in its
round. The query is a sum of the pictures' vectors by these weights, with older rounds counting less.

References
----------
.. [1] Rocchio (1971), Relevance feedback in information retrieval, in: The SMART retrieval system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, unit_norm

FADE = 0.9
"""What an older round still counts after each newer one."""
MOST = 3.0
"""Weights are cut off there, in robust standard deviations: no single blink chooses the query."""


@dataclass(frozen=True)
class Search:
    """Where a search stands.

    Attributes
    ----------
    query
        (dim,) sum of weighted vectors; zeros before anything was attended to.
    shown
        Rows of the gallery that were shown, each once, in order.
    rounds
        So many were folded in.
    """

    query: NDArray[np.float64]
    shown: tuple[int, ...] = ()
    rounds: int = 0

    @classmethod
    def begin(cls, dim: int) -> Search:
        """A search that knows nothing yet."""
        return cls(np.zeros(dim))

    def after(self, rows: Sequence[int], log_odds: Sequence[float], vectors: Vectors) -> Search:
        """With one more round of pictures.

        Parameters
        ----------
        rows
            Gallery row of each picture of the round; one may stand there several times.
        log_odds
            How likely each was attended to, as the decoder says; only differences within the round count.
        vectors
            (items, dim) of the gallery, unit norm.
        """
        weights = relative(np.asarray(log_odds, np.float64))
        about = np.asarray(vectors[list(rows)], np.float64)
        # what all pictures of the round share says nothing of what was wanted
        step = weights @ (about - about.mean(axis=0)) if len(rows) else np.zeros_like(self.query)
        shown = tuple(dict.fromkeys((*self.shown, *map(int, rows))))
        return replace(self, query=FADE * self.query + step, shown=shown, rounds=self.rounds + 1)

    def ranking(self, vectors: Vectors) -> NDArray[np.int64]:
        """Rows (items,) of the gallery, best first; in their own order while nothing is known."""
        if not self.query.any():
            return np.arange(len(vectors))
        return np.asarray(np.argsort(-self.scores(vectors), kind="stable"), np.int64)

    def scores(self, vectors: Vectors) -> NDArray[np.float64]:
        """Cosine (items,) of each picture with the query; zeros while nothing is known."""
        if not self.query.any():
            return np.zeros(len(vectors))
        return np.asarray(vectors @ unit_norm(self.query[None])[0], np.float64)

    def next_round(self, vectors: Vectors, count: int, seed: int, share: float = 0.5) -> tuple[int, ...]:
        """Pictures to show next: a share of them the best so far, the others new ones where there are any.

        The best come again although they were shown: what stands beside them now are their rivals, and a picture that
        rose by chance falls again.

        Parameters
        ----------
        vectors
            (items, dim) of the gallery, unit norm.
        count
            How many, no more than the gallery holds.
        seed
            Of the draw and of the order, which is shuffled.
        share
            Of the best, where anything is known.
        """
        rng = np.random.default_rng([seed, self.rounds])
        ranked = self.ranking(vectors)
        count = min(count, len(ranked))
        best = ranked[: round(share * count) if self.query.any() else 0]
        left = rng.permutation(np.setdiff1d(ranked, best))
        fresh = ~np.isin(left, self.shown)
        others = np.concatenate([left[fresh], left[~fresh]])[: count - len(best)]
        return tuple(map(int, rng.permutation(np.concatenate([best, others]))))


def centred(vectors: Vectors) -> Vectors:
    """Vectors (items, dim) about their mean, unit norm: what all pictures share says nothing of what is looked for.

    Embeddings such as CLIP's lie in a narrow cone. A vector that is the mean itself stays zero.
    """
    about = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    norms = np.linalg.norm(about, axis=1, keepdims=True)
    return np.asarray(about / np.where(norms > 1e-9, norms, 1.0), np.float32)


def relative(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n,) about the round's median, in robust standard deviations, cut off at ``MOST``."""
    if not len(log_odds):
        return log_odds
    about = log_odds - np.median(log_odds)
    scale = 1.4826 * float(np.median(np.abs(about))) or float(about.std()) or 1.0
    return np.asarray(np.clip(about / scale, -MOST, MOST))

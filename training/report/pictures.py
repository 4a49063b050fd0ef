"""Data of a report's pictures, from embeddings and answers: confusions, dissimilarities, maps and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics import clusters, rsa
from training.metrics import metrics_probability as probability
from training.protocols.schema import Bin, Confusion, EmbeddingMap, Metric, Rdms, Reliability

Rows = NDArray[np.int64]
MOST_STIMULI = 200
"""Drawn in a matrix of dissimilarities."""
MOST_POINTS = 1000
PERPLEXITY = 30.0


def confusion(name: str, truth: Sequence[str], answer: Sequence[str], note: str = "") -> Confusion:
    """Shares of the classes answered (n,) for each class shown (n,), classes in alphabetical order."""
    labels, code = np.unique(np.asarray([*truth, *answer]), return_inverse=True)
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (code[: len(truth)], code[len(truth) :]), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = tuple(tuple(row) for row in share.tolist())
    return Confusion(name=name, labels=tuple(labels.tolist()), matrix=rows, note=note or f"{len(truth)} answers")


def dissimilarities(
    name: str,
    labels: Sequence[str],
    model: NDArray[Any],
    brain: NDArray[Any],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Rdms:
    """Dissimilarities of stimuli to a model and a brain, and how far they agree.

    Parameters
    ----------
    name, labels
        Title, and names of the stimuli.
    model, brain
        (n, dim), unit norm: the items' embeddings, and the mean embedding of the EEG of each.
    draws, seed
        Of the permutations, and of the stimuli drawn where there are very many.
    """
    pick = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST_STIMULI])
    sides = [1 - np.asarray(side[pick], np.float64) @ np.asarray(side[pick], np.float64).T for side in (model, brain)]
    found = rsa.compare(sides[0], [sides[1]], draws=draws, seed=seed)
    return Rdms(
        name=name,
        labels=tuple(labels[k] for k in pick),
        model=_rounded(sides[0]),
        brain=_rounded(sides[1]),
        agreement=Metric(
            value=found.value,
            chance=0.0,
            chance_by="permutation",
            n=len(pick) * (len(pick) - 1) // 2,
            p=found.permutation.p,
            test=found.permutation.method,
        ),
        note=f"1 - cosine; {len(pick)} of {len(labels)} stimuli" if len(pick) < len(labels) else "1 - cosine",
    )


def embedding_map(
    vectors: NDArray[Any], labels: Sequence[str], kinds: Sequence[str] = (), *, note: str = "", seed: int = 0
) -> EmbeddingMap:
    """t-SNE of embeddings [1]_, and k-means of those of the EEG in the full space against their classes.

    Parameters
    ----------
    vectors
        (n, dim), unit norm, n of 5 or more.
    labels
        Class of each.
    kinds
        ``EEG`` or ``gallery`` of each; empty: all EEG.
    note, seed
        For the caption; of the map and of the points drawn where there are very many.

    References
    ----------
    .. [1] van der Maaten & Hinton (2008), Visualizing data using t-SNE, JMLR 9.
    """
    from sklearn.manifold import TSNE

    kinds = tuple(kinds) or ("EEG",) * len(labels)
    pick = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST_POINTS])
    chosen = np.asarray(vectors, np.float64)[pick]
    names, sorts = [labels[k] for k in pick], np.array([kinds[k] for k in pick])
    perplexity = min(PERPLEXITY, (len(pick) - 1) / 4)
    # equal to cosine distances, for unit vectors, up to a factor
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(chosen)
    eeg = sorts == "EEG"
    found = _agreement(chosen[eeg], [name for name, keep in zip(names, eeg, strict=True) if keep], seed)
    return EmbeddingMap(
        method=f"t-SNE (perplexity {perplexity:.0f})",
        points=tuple((round(float(x), 3), round(float(y), 3)) for x, y in points),
        labels=tuple(names),
        kinds=tuple(sorts.tolist()),
        agreement=found,
        note=note or f"{len(pick)} embeddings",
    )


def _agreement(vectors: NDArray[Any], names: Sequence[str], seed: int) -> dict[str, Metric]:
    if not 2 <= len(set(names)) < len(names):
        return {}
    found = clusters.agreement(vectors, names, seed=seed)
    test = "shuffled classes"
    return {
        "adjusted_rand": Metric(value=found.rand, chance=0.0, chance_by="analytic", n=len(names), p=found.p, test=test),
        "normalised_mutual_information": Metric(
            value=found.information, chance=found.information_chance, chance_by="permutation", n=len(names)
        ),
    }


def reliability(name: str, confidence: NDArray[Any], correct: NDArray[np.bool_], note: str = "") -> Reliability:
    """Reliability of probabilities (n,) of answers that were right or not (n,), with their calibration error."""
    p, right = np.asarray(confidence, np.float64), np.asarray(correct, bool)
    found = probability.reliability(p, right)
    edges = np.floor(np.clip(found.confidence * 10, 0, 9.999)) / 10
    bins = tuple(
        Bin(low=float(low), high=float(low + 0.1), n=int(n), probability=float(claimed), right=float(share))
        for low, n, claimed, share in zip(edges, found.count, found.confidence, found.accuracy, strict=True)
    )
    base = float(right.mean())
    curve = probability.accuracy_against_coverage(p, right)
    n = len(p)
    return Reliability(
        name=name,
        bins=bins,
        metrics={
            "ece": Metric(value=found.error, chance=found.floor, chance_by="permutation", n=n),
            "brier": Metric(value=probability.brier_top(p, right), chance=base * (1 - base), chance_by="analytic", n=n),
            "coverage_area": Metric(value=curve.area, chance=curve.chance, chance_by="analytic", n=n),
        },
        note=note,
    )


def _rounded(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, 4) for value in row) for row in matrix.tolist())

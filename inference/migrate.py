"""Moves a gallery from one embedding model to another without its pictures, and says how far off it may be.

On anchors, items embedded by both models, an orthogonal Procrustes map [1]_ is fitted (semi-orthogonal where the
dimensions differ): both sides are centred, each modality on its own mean, and brought to one spread; the map is the
rotation that then brings them nearest to one another. Its error is measured on anchors that it has not seen.

References
----------
.. [1] Schönemann (1966), A generalized solution of the orthogonal Procrustes problem, Psychometrika 31.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.bundles import GallerySpec, fingerprint
from config.errors import BundleError
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from inference.inputs import Told, silent

Array = NDArray[np.float64]
FOLDS = 5
WARN_BELOW = 0.5
"""Held-out top-1 agreement below which a migrated gallery should not be trusted to single items."""


@dataclass(frozen=True)
class Map:
    """From one space to another: ``(x - mean_old) @ rotation * scale + mean_new``, means by modality.

    Attributes
    ----------
    rotation
        (old dim, new dim), rows or columns orthonormal.
    scale
        Spread of the new space over that of the old one.
    old_means, new_means
        (dim,) by modality.
    """

    rotation: Array
    scale: float
    old_means: dict[str, Array]
    new_means: dict[str, Array]

    def __call__(self, vectors: NDArray[np.float32], modalities: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, new dim), unit norm, of vectors (n, old dim) of items of these modalities."""
        old = np.stack([self.old_means[modality] for modality in modalities])
        new = np.stack([self.new_means[modality] for modality in modalities])
        return unit_norm((vectors - old) @ self.rotation * self.scale + new)


@dataclass(frozen=True)
class Error:
    """How well mapped vectors stand for real ones, on anchors that the map was not fitted on.

    Attributes
    ----------
    anchors, folds
        How many, and in how many parts they were held out.
    cosine, cosine_sd
        Mean and standard deviation of the cosine of mapped and real vectors.
    top1, top5
        How often the real vector of the same item is the nearest, or among the five nearest, to the mapped one, of
        the real vectors of all anchors.
    chance_top1, chance_top5
        What guessing gives.
    """

    anchors: int
    folds: int
    cosine: float
    cosine_sd: float
    top1: float
    top5: float
    chance_top1: float
    chance_top5: float


def migrate(
    old: Path, new_anchors: Path, out: Path, *, old_anchors: Path | None = None, progress: Told = silent
) -> tuple[GallerySpec, Error]:
    """Write a gallery in another model's space, from anchors embedded by both models.

    Parameters
    ----------
    old
        Gallery to be moved.
    new_anchors
        Gallery of the new model with some of the same items (by id).
    out
        Folder of the new gallery: the items and pictures of ``old`` with mapped vectors; feature sets are left out.
    old_anchors
        Gallery of the old model with the anchors, where ``old`` does not hold them; None: ``old``.
    progress
        Told (what, done, total).

    Returns
    -------
    The new gallery's spec, and the error on held-out anchors, which stands in its model text and in ``notes.json``.

    Raises
    ------
    BundleError
        Too few items are shared, a modality has no anchor, or the old galleries are of two spaces.
    """
    gallery, target = Gallery.load(old), Gallery.load(new_anchors)
    source = gallery if old_anchors is None else Gallery.load(old_anchors)
    if source.spec.space != gallery.spec.space:
        raise BundleError(
            f"the old anchors are of space '{source.spec.space}', the gallery of '{gallery.spec.space}'; give anchors "
            "embedded by the gallery's own model"
        )
    shared = [item.id for item in source.items if item.id in target.row_of]
    x = source.vectors[[source.row_of[name] for name in shared]]
    y = target.vectors[[target.row_of[name] for name in shared]]
    modalities = [source.items[source.row_of[name]].modality for name in shared]
    check_anchors(len(shared), gallery.spec.dim, target.spec.dim)
    _check_modalities({item.modality for item in gallery.items}, modalities)
    error = held_out_error(x, y, modalities, progress=progress)
    mapped = fit(x, y, modalities)(gallery.vectors, [item.modality for item in gallery.items])
    spec = write_gallery(
        out,
        gallery.items,
        mapped,
        space=target.spec.space,
        model=(
            f"migrated from {gallery.spec.space} ({gallery.spec.model}): held-out cosine {error.cosine:.3f}, top-1 "
            f"{error.top1:.3f} of {error.anchors} anchors"
        ),
        pictures={item.picture: old / item.picture for item in gallery.items if item.picture},
        notes={
            "migrated from": {"space": gallery.spec.space, "fingerprint": fingerprint(gallery.spec)},
            "anchors": {"fingerprint": fingerprint(target.spec)},
            "held-out error": asdict(error),
        },
    )
    return spec, error


def fit(x: NDArray[np.float32], y: NDArray[np.float32], modalities: Sequence[str]) -> Map:
    """The map that brings ``x`` (n, old dim) nearest to ``y`` (n, new dim), in least squares."""
    names = np.array(modalities)
    old = {str(name): x[names == name].mean(axis=0, dtype=np.float64) for name in np.unique(names)}
    new = {str(name): y[names == name].mean(axis=0, dtype=np.float64) for name in np.unique(names)}
    xc, yc = x - np.stack([old[m] for m in modalities]), y - np.stack([new[m] for m in modalities])
    u, _, v = np.linalg.svd(xc.T @ yc, full_matrices=False)
    rotation = u @ v
    # the spread of what is mapped, which is less than that of x where the new space has fewer dimensions
    spread = float(np.linalg.norm(xc @ rotation))
    return Map(rotation, float(np.linalg.norm(yc)) / max(spread, 1e-12), old, new)


def held_out_error(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    modalities: Sequence[str],
    *,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Told = silent,
) -> Error:
    """Cross-validated error of `fit`: each anchor is mapped by a map that was fitted without it."""
    names = np.array(modalities)
    part = _parts(names, folds, seed)
    cosines, ranks = np.empty(len(x)), np.empty(len(x))
    for k in range(folds):
        progress("fitting maps", k, folds)
        held = part == k
        mapped = fit(x[~held], y[~held], list(names[~held]))(x[held], list(names[held]))
        similar = mapped @ y.T
        own = similar[np.arange(int(held.sum())), np.flatnonzero(held)]
        cosines[held], ranks[held] = own, (similar > own[:, None]).sum(axis=1) + 1
    progress("fitting maps", folds, folds)
    n = len(x)
    return Error(
        anchors=n,
        folds=folds,
        cosine=float(cosines.mean()),
        cosine_sd=float(cosines.std()),
        top1=float((ranks <= 1).mean()),
        top5=float((ranks <= 5).mean()),
        chance_top1=1 / n,
        chance_top5=min(5, n) / n,
    )


def fewest_anchors(old_dim: int, new_dim: int) -> int:
    """Anchors needed: fewer leave directions of the map open, also when a part of them is held out."""
    return ceil((min(old_dim, new_dim) + 1) * FOLDS / (FOLDS - 1))


def check_anchors(count: int, old_dim: int, new_dim: int) -> None:
    """Refuse too few anchors.

    Raises
    ------
    BundleError
        There are fewer than `fewest_anchors`.
    """
    needed = fewest_anchors(old_dim, new_dim)
    if count < needed:
        raise BundleError(
            f"the galleries share {count} ids, and a map from {old_dim} to {new_dim} dimensions needs {needed} or "
            "more, as fewer leave it open in some directions; embed more of the same items with the new model"
        )


def _check_modalities(wanted: set[str], anchors: Sequence[str]) -> None:
    for modality in sorted(wanted):
        # a mean over fewer is not worth much, and every fold needs some
        if anchors.count(modality) < 2 * FOLDS:
            raise BundleError(
                f"the gallery holds items of modality '{modality}', but {anchors.count(modality)} anchors are of it, "
                f"at least {2 * FOLDS} are needed; add some to the anchors"
            )


def _parts(names: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each anchor, modalities spread evenly."""
    rng = np.random.default_rng(seed)
    part = np.empty(len(names), np.int64)
    for name in np.unique(names):
        index = rng.permutation(np.flatnonzero(names == name))
        part[index] = np.arange(len(index)) % folds
    return part

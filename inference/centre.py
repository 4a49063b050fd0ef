"""Closes the modality gap of a gallery: pictures and words each lie around a mean of their own [1]_, taken away here.

Between vectors of one model a picture is nearer to any picture than to its own word. Without the means both kinds can
stand in one ranking. The centred space is another one: encoders must be trained against a gallery centred by the same
means, and its name says by whose.

References
----------
.. [1] Liang et al. (2022), Mind the gap: understanding the modality gap in multi-modal contrastive representation
   learning, NeurIPS.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from config.bundles import GallerySpec
from config.errors import BundleError
from inference.gallery import Gallery, write_gallery


def centre(folder: Path, out: Path, *, like: Path | None = None) -> GallerySpec:
    """Gallery whose vectors have lost the mean of their modality; feature sets are left out.

    Parameters
    ----------
    folder
        Gallery to be centred.
    out
        Folder of the new one.
    like
        Gallery of the same space whose means are taken, as the pictures of a test should be centred like those of the
        training; None: its own.

    Raises
    ------
    BundleError
        The galleries are of two spaces, or a modality is missing from ``like``.
    """
    gallery = Gallery.load(folder)
    model = gallery if like is None else Gallery.load(like)
    if model.spec.space != gallery.spec.space:
        raise BundleError(
            f"gallery '{like}' is of space '{model.spec.space}', '{folder}' of '{gallery.spec.space}'; give one of the "
            "same space"
        )
    kinds = np.array([item.modality for item in gallery.items])
    known = np.array([item.modality for item in model.items])
    vectors = gallery.vectors.astype(np.float64)
    for kind in np.unique(kinds):
        if np.count_nonzero(known == kind) < 2:
            raise BundleError(f"'{like or folder}' has not two items of modality '{kind}', so no mean of it; add some")
        vectors[kinds == kind] -= model.vectors[known == kind].mean(axis=0, dtype=np.float64)
    return write_gallery(
        out,
        gallery.items,
        vectors,
        space=f"{gallery.spec.space}/centred-{model.fingerprint[:8]}",
        model=f"{gallery.spec.model}, each modality without its mean",
        pictures={item.picture: folder / item.picture for item in gallery.items if item.picture},
        notes={"centred like": model.fingerprint, "centred from": gallery.fingerprint},
    )

"""The gallery's side of a linear encoder that searches its own subspace: a projection, as an adapter of the bundle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.bundle import Adapted
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery


def projected(encoder: object, vectors: Vectors) -> Vectors:
    """Gallery vectors (items, dim), unit norm, in the space that a fitted encoder searches: its own, or as they are."""
    projection: NDArray[np.float32] | None = getattr(encoder, "projection", None)
    return vectors if projection is None else unit_norm(vectors @ projection)


def searched(encoder: object, gallery: Gallery) -> tuple[Vectors, Adapted | None]:
    """A gallery as a fitted encoder searches it, and what takes it there.

    Parameters
    ----------
    encoder
        Any that was fitted in closed form; one that searches a subspace has a ``projection``.
    gallery
        That it was trained towards.

    Returns
    -------
    Vectors (items, dim of the encoder), unit norm, and the adapter for the bundle; None where there is none.
    """
    projection: NDArray[np.float32] | None = getattr(encoder, "projection", None)
    if projection is None:
        return gallery.vectors, None
    from inference.adapter import EMBEDDINGS, AdapterParameters  # torch

    fields = {
        "space": gallery.spec.space,
        "dim": gallery.spec.dim,
        "features": EMBEDDINGS,
        "variants": (),
        "parameters": AdapterParameters(dim=projection.shape[1], residual=False).model_dump(),
    }
    return projected(encoder, gallery.vectors), Adapted(fields, {"project.weight": projection.T.copy()})

"""The image side that is learned with an encoder: mixes variants of a gallery's features and adapts them.

A gallery is indexed after the adapter (`adapt_gallery`), so a worker never runs one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt, ValidationError
from torch import nn
from torch.nn import functional

from config import bundles
from config.bundles import AdapterSpec, EncoderSpec, GallerySpec
from config.chain import Frozen, Probability
from config.errors import BundleError
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery, write_gallery

EMBEDDINGS = "embeddings"
"""The gallery's own vectors, as against one of its feature sets."""
BATCH = 1024


class AdapterParameters(Frozen):
    """Choices of the adapter; they stand in ``adapter.parameters`` of the bundle."""

    dim: PositiveInt | None = None
    """Of the space that items are projected into; None: that of the features, without a projection."""
    residual: bool = True
    """A linear step with dropout beside the identity, then a layer norm."""
    dropout: Probability = 0.85
    """Of the linear step."""


class Adapter(nn.Module):
    """Variants mixed per dimension, projected, and adapted.

    The mix weighs variants by a softmax per dimension. One projection serves all variants and items.

    Parameters
    ----------
    variants, dim
        Of the features: (n, variants, dim).
    parameters
        See `AdapterParameters`.
    """

    def __init__(self, variants: int, dim: int, parameters: AdapterParameters) -> None:
        super().__init__()
        self.dim = parameters.dim or dim
        self.mix = nn.Parameter(torch.zeros(variants, dim)) if variants > 1 else None
        self.project = nn.Linear(dim, self.dim, bias=False) if parameters.dim else None
        self.step = nn.Linear(self.dim, self.dim) if parameters.residual else None
        self.dropout = nn.Dropout(parameters.dropout)
        self.norm = nn.LayerNorm(self.dim) if parameters.residual else None
        if self.project is not None:
            nn.init.orthogonal_(self.project.weight)
        if self.step is not None:
            # it begins as the identity: what the features know is not lost on the way
            nn.init.zeros_(self.step.weight)
            nn.init.zeros_(self.step.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Items (n, dim), unit norm, of features (n, variants, dim)."""
        y = functional.normalize(features, dim=2)
        y = y[:, 0] if self.mix is None else (y * self.mix.softmax(0)).sum(1)
        if self.project is not None:
            y = self.project(y)
        if self.step is not None and self.norm is not None:
            y = self.norm(y + self.dropout(self.step(y)))
        return functional.normalize(y, dim=1)

    @torch.no_grad()
    def items(self, features: NDArray[Any]) -> Vectors:
        """Items (n, dim) float32, unit norm, in evaluation mode, batch by batch; on the CPU."""
        training, device = self.training, next(iter(self.parameters()), torch.empty(0)).device
        self.eval()
        parts = [
            self(torch.from_numpy(np.asarray(features[k : k + BATCH], np.float32)).to(device)).float().cpu().numpy()
            for k in range(0, len(features), BATCH)
        ]
        self.train(training)
        return unit_norm(np.concatenate(parts))


def features_of(folder: Path | None, gallery: Gallery, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Features (n, variants, dim) that an adapter takes, and the names of the variants.

    Raises
    ------
    BundleError
        The gallery has no such feature set.
    """
    if name == EMBEDDINGS:
        return gallery.vectors[:, None], ()
    if folder is None:
        raise BundleError(f"features '{name}' are read from the gallery's folder, which was not given")
    array = bundles.read_features(folder, gallery.spec, name)
    return array, next(f.variants for f in gallery.spec.features if f.name == name)


def parameters_of(options: dict[str, Any]) -> AdapterParameters:
    """Checked options.

    Raises
    ------
    BundleError
        One is unknown or out of range.
    """
    try:
        return AdapterParameters.model_validate(options)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(AdapterParameters.model_fields)
        raise BundleError(f"option '{where}' of the adapter: {first['msg']}; known are {known}") from error


def load_adapter(folder: Path, spec: EncoderSpec) -> Adapter:
    """Adapter of an encoder bundle, in evaluation mode.

    Raises
    ------
    BundleError
        The encoder was trained without one, or the weights do not fit.
    """
    from inference.encoders.network import load_weights

    adapter = _adapter_of(spec, folder)
    made = Adapter(max(1, len(adapter.variants)), adapter.dim, parameters_of(adapter.parameters))
    load_weights(made, bundles.read_arrays(folder / bundles.ADAPTER_WEIGHTS, finite=True), f"the adapter of '{folder}'")
    return made.eval()


def adapt_gallery(gallery_folder: Path, encoder_folder: Path, out: Path) -> GallerySpec:
    """Write a gallery as an encoder's adapter sees it: the same items and pictures, in the encoder's own space.

    Parameters
    ----------
    gallery_folder
        Of the space that the adapter starts from, with the features that it takes.
    encoder_folder
        Bundle with an adapter.
    out
        Folder of the new gallery.

    Raises
    ------
    BundleError
        The encoder has no adapter, or the gallery is of another space or lacks the features.
    """
    encoder, gallery = bundles.read_encoder_spec(encoder_folder), Gallery.load(gallery_folder)
    wanted, adapter = _adapter_of(encoder, encoder_folder), load_adapter(encoder_folder, encoder)
    if gallery.spec.space != wanted.space:
        raise BundleError(
            f"gallery '{gallery_folder}' is of space '{gallery.spec.space}', the adapter takes '{wanted.space}'; build "
            "the gallery with the model that the encoder was trained against"
        )
    features, variants = features_of(gallery_folder, gallery, wanted.features)
    if (variants, features.shape[2]) != (wanted.variants, wanted.dim):
        raise BundleError(
            f"features '{wanted.features}' of '{gallery_folder}' are {_named(variants)} of {features.shape[2]}; "
            f"the adapter takes {_named(wanted.variants)} of {wanted.dim}; build the gallery with these"
        )
    pictures = {item.picture: gallery_folder / item.picture for item in gallery.items if item.picture}
    return write_gallery(
        out,
        gallery.items,
        adapter.items(features),
        space=encoder.space,
        model=f"{gallery.spec.model}, through the adapter of an encoder",
        pictures=pictures,
    )


def _adapter_of(spec: EncoderSpec, folder: Path) -> AdapterSpec:
    if spec.adapter is None:
        raise BundleError(f"encoder '{folder}' was trained without an adapter; search it in '{spec.space}' as it is")
    return spec.adapter


def _named(variants: tuple[str, ...]) -> str:
    return f"variants {', '.join(variants)}" if variants else "embeddings"

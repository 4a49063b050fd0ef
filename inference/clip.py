"""Picture and text towers of open_clip, loaded with every doubt cleared: which weights, from where, in which space.

The space of their vectors is ``open_clip:MODEL/WEIGHTS``, with the published name of the weights (a tag of open_clip),
``sha256-…`` for a file of one's own, or ``random-SEED`` for an untrained network, which only tests have a use for.
Nothing is unpickled but through ``torch.load(weights_only=True)``.

References
----------
.. [1] Radford et al. (2021), Learning transferable visual models from natural language supervision, ICML.
.. [2] Cherti et al. (2023), Reproducible scaling laws for contrastive language-image learning, CVPR (open_clip).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference import clip_weights
from inference.clip_weights import RANDOM
from inference.encoders.base import unit_norm

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

PREFIX = "open_clip:"
TEXT_BATCH = 256


@dataclass(frozen=True)
class Clip:
    """An open_clip model, ready to embed.

    Attributes
    ----------
    name
        Of the architecture, such as ``ViT-B-32``.
    weights
        Tag, ``sha256-…`` or ``random-SEED``.
    device
        ``cpu`` or ``cuda``.
    model
        The network, in evaluation mode.
    transform
        RGB picture to (3, size, size) float32, as the weights want it.
    tokenizer
        Texts to (n, context) token numbers; made when it is first needed, as some have to be fetched.
    """

    name: str
    weights: str
    device: str
    model: Any
    transform: Callable[[Image.Image], Tensor]
    tokenizer: Callable[[], Callable[[list[str]], Tensor]]

    @property
    def space(self) -> str:
        """Name of the embedding space."""
        return f"{PREFIX}{self.name}/{self.weights}"

    @property
    def meaningless(self) -> bool:
        """Whether the weights are random."""
        return self.weights.startswith("random-")

    def texts(self, prompts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
        """Vectors (n, dim) float32, unit norm, of texts; those beyond the model's context are cut off.

        Raises
        ------
        BundleError
            The model's tokenizer cannot be fetched.
        """
        import torch

        tokenizer = self.tokenizer()
        parts = []
        for k in range(0, len(prompts), TEXT_BATCH):
            tokens = tokenizer(list(prompts[k : k + TEXT_BATCH])).to(self.device)
            with torch.inference_mode():
                parts.append(self.model.encode_text(tokens).float().cpu().numpy())
            if progress is not None:
                progress(min(k + TEXT_BATCH, len(prompts)), len(prompts))
        return unit_norm(np.concatenate(parts))


def load(model: str, pretrained: str = "", *, device: str = "auto", seed: int = 0, cache: Path | None = None) -> Clip:
    """A model of open_clip with its weights.

    Parameters
    ----------
    model
        Name in open_clip, such as ``ViT-B-32``.
    pretrained
        Tag of published weights, path of a file (``.safetensors``, or ``.pt`` that holds tensors only), ``none`` for
        random weights, or empty for the tag of `inference.clip_weights.default_tag`.
    device
        ``auto`` (CUDA if there, else CPU), ``cpu`` or ``cuda``.
    seed
        Of random weights.
    cache
        Folder where fetched weights are kept; None: the one that Hugging Face's libraries share.

    Raises
    ------
    BundleError
        The model or the tag is unknown, the weights cannot be fetched or do not fit, or the device is not there.
    """
    from inference.encoders import network

    model = model.replace("/", "-")
    clip_weights.check(model, pretrained)
    device = network.pick_device(device)
    if pretrained == RANDOM:
        made, weights = clip_weights.random(model, seed), f"random-{seed}"
    elif clip_weights.is_file(pretrained):
        made, weights = clip_weights.from_file(model, Path(pretrained))
    else:
        weights = pretrained or clip_weights.default_tag(model)
        made = clip_weights.from_tag(model, weights, cache)
    made.eval().requires_grad_(False).to(device)
    transform = clip_weights.transform(made)
    return Clip(model, weights, device, made, transform, lambda: clip_weights.tokenizer(model, cache))


def of_space(space: str, *, weights: str = "", device: str = "auto", cache: Path | None = None) -> Clip:
    """The model that made a space, by the space's name.

    Parameters
    ----------
    space
        Such as ``open_clip:ViT-B-32/laion2b_s34b_b79k``.
    weights
        File with the weights, where the space was made with a file.
    device, cache
        See `load`.

    Raises
    ------
    BundleError
        The space is not one of open_clip, or the weights are not those of the space.
    """
    name, slash, which = space.removeprefix(PREFIX).partition("/")
    if not space.startswith(PREFIX) or not slash:
        raise BundleError(
            f"space '{space}' is not one of open_clip, so no text model belongs to it; give a gallery of the "
            "classes in that space"
        )
    if "/" in which:
        raise BundleError(
            f"space '{space}' was derived from that of a model, so prompts have no place in it; build a gallery of "
            "words with the model, treat it alike (`eegseek gallery centre`), and give that"
        )
    kind, _, rest = which.partition("-")
    if kind == "random" and rest.isdigit():
        return load(name, RANDOM, device=device, seed=int(rest), cache=cache)
    if kind == "sha256" and not weights:
        raise BundleError(f"space '{space}' was made with a file of weights; name that file with --pretrained")
    found = load(name, weights or which, device=device, cache=cache)
    if found.space != space:
        raise BundleError(
            f"the weights make space '{found.space}', but '{space}' is needed; give the file it came from"
        )
    return found

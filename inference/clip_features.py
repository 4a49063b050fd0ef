"""What an open_clip picture tower says of a batch: its embedding, its intermediate layers, its answers to blurs.

Layers are outputs of blocks, before any closing norm, as they are; embeddings have unit norm. Blurs are Gaussian, with
kernel sizes given for a picture of 224 pixels and scaled with the model's own; the standard deviation goes with the
kernel, 0.15 k + 0.35 pixels, as OpenCV and torchvision choose it. Scaling pixels and blurring them commute, so the
blur is applied to what the network would be given.

References
----------
.. [1] Wu et al. (2025), Bridging the vision-brain gap with an uncertainty-aware blur prior, CVPR.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference.clip import Clip
from inference.encoders.base import unit_norm

if TYPE_CHECKING:
    from torch import Tensor

EMBEDDINGS, LAYERS, BLURS = "embeddings", "layers", "blurs"
REFERENCE_PIXELS = 224
LARGEST_BLUR = REFERENCE_PIXELS - 1


@dataclass(frozen=True)
class Wanted:
    """Feature sets beside the embedding.

    Attributes
    ----------
    layers
        Blocks of the tower, counted from 1.
    blurs
        Kernel sizes at 224 pixels, odd; 1 is the sharp picture.
    """

    layers: tuple[int, ...] = ()
    blurs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, values in ((LAYERS, self.layers), (BLURS, self.blurs)):
            if len(set(values)) != len(values):
                raise BundleError(f"{name} {values} name one twice; name each once")
        for kernel in self.blurs:
            if kernel % 2 == 0 or not 1 <= kernel <= LARGEST_BLUR:
                raise BundleError(f"blur kernel {kernel} is not odd and between 1 and {LARGEST_BLUR} pixels; change it")

    @property
    def variants(self) -> dict[str, tuple[str, ...]]:
        """Names of the variants of each set that is wanted."""
        both = {LAYERS: self.layers, BLURS: self.blurs}
        return {name: tuple(map(str, values)) for name, values in both.items() if values}


def features(clip: Clip, pictures: Tensor, wanted: Wanted) -> dict[str, NDArray[np.float32]]:
    """Vectors of a batch.

    Parameters
    ----------
    clip
        The model.
    pictures
        (n, 3, size, size) float32, as ``clip.transform`` gives them.
    wanted
        Layers and blurs.

    Returns
    -------
    ``embeddings`` (n, dim), unit norm; ``layers`` (n, layers, width), as they are; ``blurs`` (n, blurs, dim),
    unit norm.

    Raises
    ------
    BundleError
        The tower has no such layers, or they are not of one width.
    """
    pictures = pictures.to(clip.device)
    with _watched(clip, wanted.layers) as outputs:
        found = {EMBEDDINGS: _embedded(clip, pictures)}
    if wanted.layers:
        found[LAYERS] = _stacked(clip, [outputs[layer] for layer in wanted.layers], wanted.layers)
    if wanted.blurs:
        answers = [_embedded(clip, blurred(pictures, k)) if k > 1 else found[EMBEDDINGS] for k in wanted.blurs]
        found[BLURS] = np.stack(answers, axis=1)
    return found


def blurred(pictures: Tensor, kernel: int) -> Tensor:
    """Pictures (n, 3, size, size) under a Gaussian blur whose kernel has ``kernel`` pixels where the side has 224."""
    from torchvision.transforms.functional import gaussian_blur  # type: ignore[import-untyped]

    factor = pictures.shape[-1] / REFERENCE_PIXELS
    size = 2 * round((kernel - 1) / 2 * factor) + 1
    sigma = (0.15 * kernel + 0.35) * factor
    # one direction, then the other: a Gaussian is separable, and large kernels are slow in two dimensions
    across: Tensor = gaussian_blur(pictures, [size, 1], [sigma, sigma])
    both: Tensor = gaussian_blur(across, [1, size], [sigma, sigma])
    return both


def _embedded(clip: Clip, pictures: Tensor) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return unit_norm(clip.model.encode_image(pictures).float().cpu().numpy())


@contextmanager
def _watched(clip: Clip, layers: tuple[int, ...]) -> Iterator[dict[int, Any]]:
    """Outputs of blocks, (n, width) each, filled in while the tower runs."""
    outputs: dict[int, Any] = {}
    handles = []
    if layers:
        tower = _Tower(clip)
        for layer in layers:
            block = tower.block(layer)
            handles.append(block.register_forward_hook(_keep(outputs, layer, tower)))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _keep(outputs: dict[int, Any], layer: int, tower: _Tower) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        outputs[layer] = tower.pooled(output).float().cpu().numpy()

    return hook


class _Tower:
    """Where a picture tower's blocks are, and how what they give becomes one vector a picture."""

    def __init__(self, clip: Clip) -> None:
        self.name = clip.name
        visual = clip.model.visual
        trunk = getattr(visual, "trunk", None)
        self.batch_first, self.class_token, self.channels_last = True, True, False
        if hasattr(getattr(visual, "transformer", None), "resblocks"):
            self.blocks = list(visual.transformer.resblocks)
            self.batch_first = bool(visual.transformer.batch_first)
        elif trunk is not None and (hasattr(trunk, "blocks") or hasattr(trunk, "stages")):
            self.blocks = list(trunk.blocks if hasattr(trunk, "blocks") else trunk.stages)
            self.class_token = (getattr(trunk, "num_prefix_tokens", 0) or 0) > 0
            self.channels_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
        elif all(hasattr(trunk or visual, f"layer{k}") for k in range(1, 5)):
            self.blocks = [getattr(trunk or visual, f"layer{k}") for k in range(1, 5)]
        else:
            raise BundleError(
                f"layers of '{clip.name}' cannot be reached: its picture tower is a {type(visual).__name__}; leave "
                "--layers out, or choose a ViT, a ResNet or a timm model with blocks or stages"
            )

    def block(self, layer: int) -> Any:
        if not 1 <= layer <= len(self.blocks):
            raise BundleError(f"'{self.name}' has layers 1 to {len(self.blocks)}, not {layer}; change --layers")
        return self.blocks[layer - 1]

    def pooled(self, output: Any) -> Any:
        """The class token, or the mean over places where there is none: (n, width)."""
        if output.ndim == 4:
            return output.mean(dim=(1, 2) if self.channels_last else (2, 3))
        if output.ndim != 3:
            raise BundleError(f"layers of '{self.name}' are of shape {tuple(output.shape)}, which is not understood")
        tokens = output if self.batch_first else output.transpose(0, 1)
        return tokens[:, 0] if self.class_token else tokens.mean(dim=1)


def _stacked(clip: Clip, outputs: list[NDArray[np.float32]], layers: tuple[int, ...]) -> NDArray[np.float32]:
    widths = {layer: output.shape[1] for layer, output in zip(layers, outputs, strict=True)}
    if len(set(widths.values())) > 1:
        said = ", ".join(f"{layer}: {width}" for layer, width in widths.items())
        raise BundleError(f"layers of '{clip.name}' are of several widths ({said}); choose layers of one width")
    return np.stack(outputs, axis=1)

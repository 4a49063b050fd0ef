"""Picture embeddings without any pretrained model: a variational auto-encoder that was trained on pictures alone.

Its folder holds ``image-vae.json`` and ``image-vae.safetensors``. The name of the space holds the hash of the weights,
so that vectors of two trainings are never taken for one another's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from config.bundles import SHA256, canonical, file_sha256, parse, read_arrays, read_json
from config.chain import Frozen
from config.errors import BundleError

if TYPE_CHECKING:
    from inference.image_vae_net import ImageVAE

JSON, WEIGHTS = "image-vae.json", "image-vae.safetensors"
BATCH = 64
WIDTHS = (32, 64, 128, 256)
MOST = 1 << 14
"""Largest dim or width that is believed."""
Size = Annotated[PositiveInt, Field(le=MOST)]


class ImageVaeSpec(Frozen):
    """``image-vae.json``."""

    format: Literal["eegseek-image-vae"] = "eegseek-image-vae"
    version: Literal[1] = 1
    dim: Size
    widths: Annotated[tuple[Size, ...], Field(min_length=1, max_length=6)]
    training: dict[str, Any] = {}
    """Pictures, seed, losses: for people."""
    weights_sha256: SHA256


@dataclass(frozen=True)
class LoadedImageVae:
    """A trained picture auto-encoder, ready to embed.

    Attributes
    ----------
    spec
        ``image-vae.json``.
    net
        In evaluation mode, on ``device``.
    device
        ``cpu`` or ``cuda``.
    """

    spec: ImageVaeSpec
    net: ImageVAE
    device: str

    @property
    def space(self) -> str:
        """Name of the embedding space."""
        return f"image-vae:{self.spec.weights_sha256[:8]}"

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.spec.dim

    @property
    def model(self) -> str:
        """What makes the embeddings, for people."""
        return f"eegseek image VAE, trained on {self.spec.training.get('pictures', 'some')} pictures, no pretraining"

    def embed(
        self, paths: Sequence[Path | str], progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Vectors of pictures.

        Parameters
        ----------
        paths
            Files.
        progress
            Called with how many are done, and of how many.

        Returns
        -------
        (n, dim) float32, any norm.

        Raises
        ------
        BundleError
            A file is no picture.
        """
        import torch

        vectors = np.empty((len(paths), self.dim), np.float32)
        for start in range(0, len(paths), BATCH):
            some = paths[start : start + BATCH]
            pixels = np.stack([read_picture(path) for path in some])
            with torch.inference_mode():
                found = self.net(as_tensor(pixels).to(self.device))
            vectors[start : start + len(some)] = found.cpu().numpy()
            if progress is not None:
                progress(start + len(some), len(paths))
        return vectors


def load(folder: Path | str, device: str = "auto") -> LoadedImageVae:
    """Picture auto-encoder of a folder; hash, names and shapes are checked before anything runs.

    Parameters
    ----------
    folder
        As `training.fitting.image_vae.train_image_vae` wrote it.
    device
        ``auto`` (CUDA if there, else CPU), ``cpu`` or ``cuda``.

    Raises
    ------
    BundleError
        The folder is missing, changed or foreign, or the device is not there.
    """
    folder = Path(folder)
    path, weights = folder / JSON, folder / WEIGHTS
    spec = parse(ImageVaeSpec, read_json(path, "description of an image VAE"), path, "image VAE")
    if not weights.is_file() or file_sha256(weights) != spec.weights_sha256:
        raise BundleError(f"'{weights}' is missing, truncated or changed; copy the whole folder, or train it again")
    arrays = read_arrays(weights, finite=True)
    from inference.encoders.network import load_weights, pick_device
    from inference.image_vae_net import ImageVAE

    device = pick_device(device)
    net = ImageVAE(spec.dim, spec.widths)
    load_weights(net, arrays, "the image VAE")
    return LoadedImageVae(spec, net.eval().to(device).requires_grad_(False), device)


def write(folder: Path | str, fields: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ImageVaeSpec:
    """Write the folder in one step; an image VAE that is there already is replaced.

    Parameters
    ----------
    folder
        Where to.
    fields
        Of `ImageVaeSpec`, without the hash.
    arrays
        Weights, by name.
    """
    from safetensors.numpy import save_file

    from inference.bundle import replacing

    with replacing(Path(folder), JSON) as new:
        save_file({name: np.array(value, order="C") for name, value in arrays.items()}, new / WEIGHTS)
        spec = ImageVaeSpec(**{**fields, "weights_sha256": file_sha256(new / WEIGHTS)})
        (new / JSON).write_bytes(canonical(spec))
    return spec


def read_picture(path: Path | str) -> NDArray[np.uint8]:
    """Pixels (64, 64, 3) of a picture, its middle square.

    Raises
    ------
    BundleError
        It is no picture, or too large.
    """
    from PIL import Image, ImageOps

    from inference.inputs import opened

    with opened(path) as picture:
        return np.asarray(ImageOps.fit(picture.convert("RGB"), (64, 64), Image.Resampling.BICUBIC), np.uint8)


def as_tensor(pixels: NDArray[np.uint8]) -> Any:
    """Pictures (n, 3, 64, 64) between 0 and 1, float32, of pixels (n, 64, 64, 3)."""
    import torch

    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255

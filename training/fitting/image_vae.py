"""Trains the picture auto-encoder of `inference.image_vae` on pictures alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from config.errors import BundleError
from inference.encoders.generative import sample
from inference.encoders.network import pick_device, state_arrays
from inference.image_vae import WIDTHS, ImageVaeSpec, as_tensor, read_picture, write
from inference.image_vae_net import ImageVAE
from training.trials.epochs import Progress, silent

FEWEST_PICTURES = 16
HELD_SHARE = 0.05
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-4


def train_image_vae(
    paths: Sequence[Path],
    out: Path,
    *,
    dim: int = 128,
    epochs: int = 30,
    batch: int = 128,
    seed: int = 0,
    device: str = "auto",
    widths: Sequence[int] = WIDTHS,
    progress: Progress = silent,
) -> ImageVaeSpec:
    """Train on pictures and write the folder that `inference.image_vae.load` reads.

    The loss is the evidence bound with the noise of the pixels at its best for each batch [1]_, so that nothing weighs
    reconstruction against prior by hand. Pictures are kept in memory as 12 kB each.

    Parameters
    ----------
    paths
        Pictures; those of a test set do not belong here.
    out
        Folder to write.
    dim
        Length of the embedding.
    epochs, batch
        Passes over the pictures, and pictures at once.
    seed
        Of weights, order and noise.
    device
        ``auto``, ``cpu`` or ``cuda``.
    widths
        Of the convolutions.
    progress
        Told what is being done, and how far it is.

    Raises
    ------
    BundleError
        There are too few pictures, one cannot be read, or a size makes no network.

    References
    ----------
    .. [1] Rybkin, Daniilidis and Levine (2021), Simple and effective VAE training with calibrated decoders, ICML.
    """
    if len(paths) < FEWEST_PICTURES:
        raise BundleError(f"{len(paths)} pictures are too few to train on, {FEWEST_PICTURES} or more are needed")
    device = pick_device(device)
    pixels = np.empty((len(paths), 64, 64, 3), np.uint8)
    for k, path in enumerate(paths):
        pixels[k] = read_picture(path)
        progress("reading pictures", k + 1, len(paths))
    with torch.random.fork_rng(devices=[torch.device(device)] if device == "cuda" else []):
        torch.manual_seed(seed)
        try:
            net = ImageVAE(dim, tuple(widths)).to(device)
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"an image VAE of dim {dim} cannot be made: {error}") from error
        order = np.random.default_rng(seed).permutation(len(paths))
        held, kept = np.split(order, [max(1, round(len(order) * HELD_SHARE))])
        losses = _fit(net, pixels[kept], epochs, batch, device, progress)
    record = {
        "pictures": len(paths),
        "held_out": len(held),
        "epochs": epochs,
        "batch": batch,
        "seed": seed,
        "losses": [round(loss, 3) for loss in losses],
        "held_out_error": _error(net.eval(), pixels[held], device),
        "error_of_the_mean_picture": _spread(pixels[kept], pixels[held]),
    }
    return write(out, {"dim": dim, "widths": tuple(widths), "training": record}, state_arrays(net))


def bound(net: ImageVAE, pictures: torch.Tensor) -> torch.Tensor:
    """Negative evidence bound of a picture, nats, but for a constant: mean over pictures (n, 3, side, side)."""
    mean, log_variance = net.encode(pictures)
    error = (net.decode(sample(mean, log_variance, net.training)) - pictures).square().mean()
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
    return 0.5 * pictures[0].numel() * error.clamp_min(1e-6).log() + divergence


def _fit(
    net: ImageVAE, pixels: NDArray[np.uint8], epochs: int, batch: int, device: str, progress: Progress
) -> list[float]:
    """Mean loss of each pass."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    losses = []
    net.train()
    for epoch in range(epochs):
        parts = np.array_split(torch.randperm(len(pixels)).numpy(), -(-len(pixels) // batch))
        total = 0.0
        for part in parts:
            loss = bound(net, as_tensor(pixels[part]).to(device))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * len(part)
        losses.append(total / len(pixels))
        progress("training the image VAE", epoch + 1, epochs)
    return losses


@torch.no_grad()
def _error(net: ImageVAE, pixels: NDArray[np.uint8], device: str) -> float:
    """Mean squared error of the reconstruction, of pixels between 0 and 1."""
    parts = np.array_split(pixels, -(-len(pixels) // 256))
    errors = []
    for part in parts:
        pictures = as_tensor(part).to(device)
        errors += (net.decode(net(pictures)) - pictures).square().mean((1, 2, 3)).tolist()
    return round(float(np.mean(errors)), 5)


def _spread(kept: NDArray[np.uint8], held: NDArray[np.uint8]) -> float:
    """The same error for whoever answers with the mean of the training pictures."""
    mean = kept.mean(0, dtype=np.float64)
    return round(float(np.mean([((picture - mean) ** 2).mean() for picture in held])) / 255**2, 5)

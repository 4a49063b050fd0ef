"""An encoder as its paper has it, and an index as FAISS's tutorial has it: what a script would use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from config import bundles
from inference.bundle import restore_network
from inference.encoders import network
from inference.encoders.nice import NICE
from inference.loaded import LoadedEncoder


def plain(
    folder: Path, encoder: LoadedEncoder, vectors: NDArray[np.float32], top_k: int
) -> Callable[[NDArray[np.float32]], tuple[int, float]]:
    """Best row and cosine of a window (1, channels, times), by the network's own layers and ``IndexFlatIP``.

    Parameters
    ----------
    folder, encoder
        The bundle, and what it holds; without normalisation.
    vectors
        (n, dim) float32, unit norm.
    top_k
        Items searched.
    """
    import faiss

    spec = encoder.spec
    net = restore_network(spec, bundles.read_arrays(folder / bundles.ENCODER_WEIGHTS))
    layers = (published(net) if isinstance(net, NICE) else net).eval()
    network.limit_threads()
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(spec.dim)
    index.add(vectors)

    def decode(window: NDArray[np.float32]) -> tuple[int, float]:
        with torch.inference_mode():
            vector = nn.functional.normalize(layers(torch.from_numpy(np.ascontiguousarray(window))))
        cosines, rows = index.search(vector.numpy(), top_k)
        return int(rows[0, 0]), float(cosines[0, 0])

    return decode


def published(net: NICE) -> nn.Module:
    """NICE layer by layer, in the order of the paper [1]_, with the weights of ours.

    References
    ----------
    .. [1] Song et al. (2024), Decoding natural images from EEG for object recognition, ICLR.
    """
    return nn.Sequential(
        nn.Unflatten(1, (1, -1)),
        net.temporal,
        nn.AvgPool2d((1, net.width), (1, net.stride)),
        net.norm1,
        nn.ELU(),
        net.spatial,
        net.norm2,
        nn.ELU(),
        net.dropout,
        net.mix,
        Steps(),
        net.project,
    )


class Steps(nn.Module):
    """(n, filters, 1, steps) to (n, steps x filters), the order of features of the paper."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of each window in one row."""
        return x.squeeze(2).transpose(1, 2).flatten(1)

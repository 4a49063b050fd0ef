"""Image features computed from pixels alone: no network, no download, nothing fitted, so the space is fixed.

A picture becomes 64 × 64 pixels of CIE Lab. The median pixel is its ground; how far a pixel is from it (in Lab) is its
contrast, and what has contrast is the figure. Five blocks, each brought to unit norm and weighted; the whole has unit
norm:

- place: where the figure is, the lowest 6 × 6 cosines of the contrast, but for the mean;
- colour: of the figure against the ground, a soft histogram of a* and b* (5 × 5) and of lightness (5), each pixel
  counted by its contrast;
- edges: a histogram of oriented gradients [1]_ of the contrast (8 orientations in 4 × 4 cells);
- texture: uniform local binary patterns [2]_ of the contrast, each pixel counted by its contrast;
- ground: its lightness, a* and b* in soft bins.

Histograms are square roots, centred on their own mean: so pictures differ in sign too, and cosines spread around zero.

References
----------
.. [1] Dalal and Triggs (2005), Histograms of oriented gradients for human detection, CVPR.
.. [2] Ojala et al. (2002), Multiresolution gray-scale and rotation invariant texture classification with local binary
   patterns, IEEE TPAMI 24 (7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from config.errors import BundleError
from inference.inputs import opened

SIDE = 64
COSINES = 6
CELLS, ORIENTATIONS = 4, 8
COLOUR_BINS = np.linspace(-60.0, 60.0, 5)
COLOUR_WIDTH = 25.0
GROUND_LIGHTNESS, GROUND_COLOUR = np.linspace(10.0, 110.0, 6), np.linspace(-60.0, 60.0, 9)
GROUND_WIDTHS = (20.0, 12.0)
LBP = ((8, 1.0),)
"""Neighbours and radius, in pixels."""
WEIGHTS = {"place": 1.0, "colour": 1.0, "edges": 1.0, "texture": 0.5, "ground": 1.0}
DIM = (COSINES**2 - 1) + 30 + CELLS**2 * ORIENTATIONS + sum(points + 2 for points, _ in LBP) + 24
SPACE = f"pixels-v1:{DIM}"
MODEL = "eegseek pixels v1: place, colour, edges, texture and ground of a picture, computed from its pixels"

Array = NDArray[np.float64]
Picture = str | Path | NDArray[np.uint8]


def embed(pictures: Sequence[Picture], progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
    """Vectors of pictures.

    Parameters
    ----------
    pictures
        Paths, or arrays (height, width, 3) uint8.
    progress
        Called with how many are done, and of how many.

    Returns
    -------
    (n, ``DIM``) float32, unit norm.

    Raises
    ------
    BundleError
        A file is no picture, or an array is not (height, width, 3) uint8.
    """
    vectors = np.empty((len(pictures), DIM), dtype=np.float32)
    for k, picture in enumerate(pictures):
        vectors[k] = features(_pixels(picture))
        if progress is not None:
            progress(k + 1, len(pictures))
    return vectors


def features(pixels: NDArray[np.uint8]) -> Array:
    """Vector (``DIM``,) of unit norm of a picture (height, width, 3) uint8.

    A block in which there is nothing to see (a picture of one colour has no place and no edges) is zero.
    """
    from skimage.color import rgb2lab

    resized = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    lab: Array = rgb2lab(np.asarray(resized, dtype=np.float32) / np.float32(255.0))
    ground = np.median(lab.reshape(-1, 3), axis=0)
    figure = lab - ground
    contrast = np.linalg.norm(figure, axis=2)
    blocks = {
        "place": _place(contrast),
        "colour": _colour(figure, contrast),
        "edges": _edges(contrast),
        "texture": _texture(contrast),
        "ground": _ground(ground),
    }
    vector = np.concatenate([WEIGHTS[name] * _unit(block) for name, block in blocks.items()])
    return np.asarray(vector / np.linalg.norm(vector))


def _place(contrast: Array) -> Array:
    from scipy.fft import dctn

    return np.asarray(dctn(contrast, norm="ortho")[:COSINES, :COSINES].reshape(-1)[1:], dtype=np.float64)


def _colour(figure: Array, contrast: Array) -> Array:
    light, a, b = (_soft(figure[:, :, k].reshape(-1), COLOUR_BINS, COLOUR_WIDTH) for k in range(3))
    weights = contrast.reshape(-1, 1) / max(float(contrast.sum()), 1e-9)
    pairs = (a * weights).T @ b
    return np.concatenate([_spread(pairs.reshape(-1)), _spread((light * weights).sum(axis=0))])


def _edges(contrast: Array) -> Array:
    from skimage.feature import hog

    cell = (SIDE // CELLS, SIDE // CELLS)
    found = hog(contrast, ORIENTATIONS, pixels_per_cell=cell, cells_per_block=(CELLS, CELLS), block_norm="L1")
    return _spread(found)


def _texture(contrast: Array) -> Array:
    from skimage.feature import local_binary_pattern

    grey = np.round(np.clip(contrast, 0.0, 100.0) * 2.55).astype(np.uint8)
    weights = contrast.reshape(-1)
    parts = []
    for points, radius in LBP:
        codes = local_binary_pattern(grey, points, radius, method="uniform").astype(np.intp).reshape(-1)
        parts.append(_spread(np.bincount(codes, weights, points + 2).astype(np.float64)))
    return np.concatenate(parts)


def _ground(ground: Array) -> Array:
    parts = [_soft(ground[:1], GROUND_LIGHTNESS, GROUND_WIDTHS[0])]
    parts += [_soft(ground[k : k + 1], GROUND_COLOUR, GROUND_WIDTHS[1]) for k in (1, 2)]
    return np.concatenate([part[0] - part.mean() for part in parts])


def _soft(values: Array, bins: Array, width: float) -> Array:
    """How near each of (n,) values is to each bin: (n, bins); beyond the outer bins a value counts as theirs."""
    inside = np.clip(values, bins[0], bins[-1])
    return np.asarray(np.exp(-0.5 * ((inside[:, None] - bins) / width) ** 2))


def _spread(counts: Array) -> Array:
    roots = np.sqrt(counts)
    return np.asarray(roots - roots.mean(), dtype=np.float64)


def _unit(block: Array) -> Array:
    length = float(np.linalg.norm(block))
    return block / length if length > 1e-9 else block * 0.0


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise BundleError(f"a picture is {picture.shape} {picture.dtype}; expected (height, width, 3) uint8")
        return picture
    with opened(picture) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)

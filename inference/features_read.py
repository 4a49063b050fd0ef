"""Feature files of published decoders, read without danger: NICE [1]_, ATM [2]_ and UBP [3]_.

- NICE: ``.npy`` of floats, (n, 1, dim) for pictures (``clip_feature_maps_test.npy``) or (n, dim) for class centres
  (``center_clip.npy``).
- ATM: ``.pt`` with ``img_features`` (n, dim) and ``text_features`` (m, dim), of pictures and of concepts.
- UBP: ``.pt`` with ``img_features`` and ``text_features`` as dicts from path or text to a vector; with its
  uncertainty-aware blurs ``img_features`` holds one such dict for each of ``low``, ``medium`` and ``high``.

References
----------
.. [1] Song et al. (2024), Decoding natural images from EEG for object recognition, ICLR.
.. [2] Li et al. (2024), Visual decoding and reconstruction via EEG embeddings with guided diffusion, NeurIPS.
.. [3] Wu et al. (2025), Bridging the vision-brain gap with an uncertainty-aware blur prior, CVPR.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference.inputs import read_npy

Format = Literal["auto", "nice", "atm", "ubp"]
BLURS = ("low", "medium", "high")
"""Of UBP; the middle one stands for the picture."""


@dataclass(frozen=True)
class Vectors:
    """Vectors of a file.

    Attributes
    ----------
    values
        (n, dim) float32.
    names
        Of the items, where the file has them: paths of pictures, or texts.
    concepts
        True where an item is a concept (a class centre or a text), not a picture.
    variants
        Names, and (n, variants, dim) float32, where the file holds several of each picture.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...] = ()
    concepts: bool = False
    variants: tuple[tuple[str, ...], NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class FeatureFile:
    """What a file holds.

    Attributes
    ----------
    kind
        Whose format it is.
    images, text
        Vectors of pictures (or centres of them) and of texts; None where there are none.
    """

    kind: str
    images: Vectors | None
    text: Vectors | None


def read_features_file(path: Path, kind: Format = "auto") -> FeatureFile:
    """Features of a published file.

    Parameters
    ----------
    path
        ``.npy`` (NICE) or ``.pt`` (ATM, UBP).
    kind
        Whose it is; ``auto``: by what it holds.

    Raises
    ------
    BundleError
        It cannot be read, would run code, or holds something else.
    """
    if path.suffix.lower() == ".npy":
        if kind not in ("auto", "nice"):
            raise BundleError(f"'{path}' is a .npy, which is NICE's format, not that of {kind}; give --format nice")
        vectors = np.array(read_npy(path), np.float32)
        return FeatureFile("nice", Vectors(vectors, concepts=path.name.startswith("center")), None)
    held = _load(path)
    if not isinstance(held, dict) or not {"img_features", "text_features"} & set(held):
        what = f"the keys {', '.join(map(str, list(held)[:5]))}" if isinstance(held, dict) else type(held).__name__
        raise BundleError(f"'{path}' holds {what}; expected a dict with 'img_features' and 'text_features'")
    images, text = held.get("img_features"), held.get("text_features")
    found = "ubp" if isinstance(images if images is not None else text, Mapping) else "atm"
    if kind not in ("auto", found):
        raise BundleError(f"'{path}' is in the format of {found}, not of {kind}; give --format {found}")
    read = _ubp if found == "ubp" else _atm
    return FeatureFile(found, read(path, "img_features", images), read(path, "text_features", text))


def _atm(path: Path, key: str, given: Any) -> Vectors | None:
    return None if given is None else Vectors(_matrix(path, key, given), concepts=key == "text_features")


def _ubp(path: Path, key: str, given: Any) -> Vectors | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or not given:
        raise BundleError(f"'{path}' holds '{key}' as {type(given).__name__}; expected a dict from names to vectors")
    if key == "text_features":
        return Vectors(_rows(path, key, given), tuple(map(str, given)), concepts=True)
    if not set(BLURS) <= set(given):
        return Vectors(_rows(path, key, given), tuple(map(str, given)))
    names = list(given["medium"])
    if any(not isinstance(given[blur], Mapping) or set(given[blur]) != set(names) for blur in BLURS):
        raise BundleError(f"'{path}' holds other pictures for one blur than for another; make the file again")
    blurs = [_rows(path, key, {name: given[blur][name] for name in names}) for blur in BLURS]
    return Vectors(blurs[1], tuple(map(str, names)), variants=(BLURS, np.stack(blurs, axis=1)))


def _rows(path: Path, key: str, given: Mapping[Any, Any]) -> NDArray[np.float32]:
    rows = [_array(path, key, value).reshape(-1) for value in given.values()]
    if len({len(row) for row in rows}) != 1:
        raise BundleError(f"'{path}' holds vectors of several lengths in '{key}'; make the file again")
    return np.stack(rows)


def _matrix(path: Path, key: str, given: Any) -> NDArray[np.float32]:
    array = _array(path, key, given)
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 2 or not array.size:
        raise BundleError(f"'{path}' holds '{key}' of shape {array.shape}; expected (n, dim)")
    return array


def _array(path: Path, key: str, given: Any) -> NDArray[np.float32]:
    import torch

    if not isinstance(given, torch.Tensor) or not given.is_floating_point():
        raise BundleError(f"'{path}' holds '{key}' as {type(given).__name__}; expected tensors of floats")
    return given.detach().to("cpu", torch.float32).numpy().copy()


def _load(path: Path) -> Any:
    import torch

    if not path.is_file():
        raise BundleError(f"feature file '{path}' is not there; check its path")
    try:
        # UBP's names of pictures are numpy's texts: plain values, which run nothing
        with torch.serialization.safe_globals(_plain_texts()):
            return torch.load(path, map_location="cpu", weights_only=True)
    # torch raises many kinds for what is truncated, foreign or refused
    except Exception as error:
        refused = re.search(r"(?:GLOBAL|global) `?([\w.]+)", str(error))
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:160]
        why = f"it would call {refused[1]}, which is refused" if refused else first
        raise BundleError(
            f"'{path}' is no file of tensors that is safe to read: {why}; expected one that torch.save wrote with "
            "tensors, texts and dicts only"
        ) from error


def _plain_texts() -> list[Any]:
    from numpy._core.multiarray import scalar

    return [
        np.dtype,
        np.dtypes.StrDType,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]

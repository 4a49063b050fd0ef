"""Which pictures a simulated participant sees, in which order, and what each evokes in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.errors import SourceError

RESPONSES, UNEXPLAINED, LABELS = "responses", "unexplained", "labels"
TIE_BREAK = 0.25
"""Share of a sample by which onsets follow a sample: never half-way between two, where rounding would be a toss-up."""
RANDOM_LATENTS = 32


@dataclass(frozen=True)
class Responses:
    """What each picture evokes.

    Attributes
    ----------
    labels
        The marker of each picture.
    vectors
        (pictures, latents) float64: one weight for each spatial pattern and its kernel, what other features explain
        first, then what nothing explains. Only ratios matter: the whole is scaled to the signal-to-noise ratio.
    """

    labels: tuple[str, ...]
    vectors: NDArray[np.float64]


def write_responses(
    path: Path, labels: list[str], responses: NDArray[np.float32], unexplained: NDArray[np.float32]
) -> None:
    """Write a file that `read_responses` reads."""
    from safetensors.numpy import save_file

    arrays = {RESPONSES: np.ascontiguousarray(responses), UNEXPLAINED: np.ascontiguousarray(unexplained)}
    save_file(arrays, path, metadata={LABELS: json.dumps(labels)})


def read_responses(path: str, stimuli: int, generator: np.random.Generator) -> Responses:
    """Responses to the pictures that are shown.

    Parameters
    ----------
    path
        A ``.safetensors`` file with ``responses`` (pictures, latents) float32, perhaps ``unexplained`` (pictures, m)
        float32, and in its metadata perhaps ``labels``, a JSON list of the pictures' markers (default 1, 2, ...).
        Empty: each picture is a random unit vector.
    stimuli
        The first so many pictures are shown.
    generator
        For random vectors.

    Raises
    ------
    SourceError
        The file is missing, foreign or truncated, or holds fewer pictures.
    """
    if not path:
        vectors = generator.standard_normal((stimuli, RANDOM_LATENTS))
        return Responses(_numbers(stimuli), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    read = read_all(path)
    if stimuli > len(read.vectors):
        count = len(read.vectors)
        raise SourceError(f"'{path}' holds {count} pictures, fewer than source.stimuli = {stimuli}; lower it")
    return Responses(read.labels[:stimuli], read.vectors[:stimuli])


def read_all(path: str) -> Responses:
    """Responses to all pictures of a file.

    Raises
    ------
    SourceError
        The file is missing, foreign or truncated.
    """
    arrays, labels = _read(Path(path))
    parts = [arrays[name] for name in (RESPONSES, UNEXPLAINED) if name in arrays]
    if RESPONSES not in arrays or any(p.ndim != 2 or len(p) != len(parts[0]) or p.dtype.kind != "f" for p in parts):
        shapes = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        raise SourceError(f"'{path}' holds {shapes}; expected responses (pictures, latents) float32, see the docs")
    vectors = np.concatenate(parts, axis=1, dtype=np.float64)
    labels = labels or _numbers(len(vectors))
    if not np.isfinite(vectors).all() or len(labels) != len(vectors) or len(set(labels)) != len(labels):
        raise SourceError(f"'{path}' must hold finite responses, and one label of its own for each picture")
    return Responses(labels, vectors)


def order(n: int, repeats: int, generator: np.random.Generator) -> Iterator[int]:
    """Picture indices: every picture once in each of ``repeats`` blocks, drawn anew, none twice in a row (if n > 1)."""
    last = -1
    for _ in range(repeats):
        block = generator.permutation(n)
        if n > 1 and block[0] == last:
            swap = int(generator.integers(1, n))
            block[0], block[swap] = block[swap], block[0]
        last = int(block[-1])
        yield from block.tolist()


def onset_row(k: int, first_row: int, rate_hz: float, rsvp_hz: float) -> float:
    """Row of the k-th onset: evenly paced to the nearest sample, and a quarter of one later."""
    return first_row + int(k * rate_hz / rsvp_hz + 0.5) + TIE_BREAK


def _numbers(n: int) -> tuple[str, ...]:
    return tuple(str(k + 1) for k in range(n))


def _read(path: Path) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            labels = json.loads((file.metadata() or {}).get(LABELS, "[]"))
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"'{path}' is not a whole file of responses (.safetensors): {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
        raise SourceError(f"'{path}' has labels that are not a JSON list of texts")
    return arrays, tuple(labels)

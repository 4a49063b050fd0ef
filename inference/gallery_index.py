"""Gives a gallery bundle its index: built in pieces, its recall measured, kept beside the vectors.

What is kept are plain arrays in a safetensors file with their hash, never FAISS' own files: FAISS trusts the counts and
row numbers in those, so that a changed file reads or writes anywhere in memory. The arrays are checked, name by name
(`inference.indexes.schema`), and the index is put together of them at load, in seconds for a million vectors.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from config import bundles
from config.bundles import GallerySpec
from config.errors import BundleError
from config.index_spec import INDEX_ARRAYS, INDEX_JSON, IndexSpec
from inference.encoders.base import Vectors, unit_norm
from inference.indexes.arrays_file import map_arrays
from inference.indexes.build import Told, build
from inference.indexes.choose import candidates, free_memory, serve
from inference.indexes.kinds import kind
from inference.indexes.measure import Truth

PARTIAL = ".index.partial"
"""Folder in the bundle that holds the pieces of a build under way."""
GOAL = 0.95
"""Recall at ten that an effort is chosen for."""
MAPPED_ABOVE = 1 << 30
"""Bytes of vectors above which they stay in their file, mapped."""
OFF = 1e-4
"""How far from 1 the length of a vector that is searched where it stands may be."""
ROWS = 65_536


def vectors_of(folder: Path, spec: GallerySpec, *, mapped: bool | None = None) -> Vectors:
    """Vectors of a gallery bundle (n, dim) float32, unit norm: in memory, or mapped where they are large.

    Raises
    ------
    BundleError
        They are not what ``gallery.json`` says, or not finite.
    """
    large = 4 * spec.n_items * spec.dim > MAPPED_ABOVE if mapped is None else mapped
    if not large:
        return unit_norm(bundles.read_vectors(folder, spec))
    vectors = map_arrays(folder / bundles.GALLERY_VECTORS).get("embeddings")
    if vectors is None or vectors.shape != (spec.n_items, spec.dim) or vectors.dtype != np.float32:
        raise BundleError(f"'{folder}' holds no embeddings of ({spec.n_items}, {spec.dim}) float32; build it again")
    for start in range(0, len(vectors), ROWS):
        lengths = np.linalg.norm(vectors[start : start + ROWS], axis=1)
        if not np.isfinite(lengths).all():
            raise BundleError(f"'{folder}' holds non-finite embeddings; build the gallery again")
        if np.abs(lengths - 1).max() > OFF:
            return unit_norm(bundles.read_vectors(folder, spec))
    return vectors


def index_gallery(
    folder: Path | str,
    asked: str = "auto",
    *,
    seed: int = 0,
    goal: float = GOAL,
    told: Told = lambda what, done, total: None,
) -> IndexSpec:
    """Build the index of a gallery bundle, or change it; a build that was stopped goes on where it was.

    Parameters
    ----------
    folder
        The bundle.
    asked
        A kind, or ``auto``: by size and free memory.
    seed
        Of training, and of the queries that recall is measured with.
    goal
        Recall at ten: the least effort of a search that reaches it is taken, at every cosine of the queries.
    told
        Told of progress.

    Returns
    -------
    ``index.json`` as it was written.

    Raises
    ------
    BundleError
        The bundle cannot be used or written.
    SettingsError
        There is no such kind.
    """
    folder = Path(folder)
    spec = bundles.read_gallery_spec(folder)
    names = (asked,) if asked != "auto" else candidates(spec.n_items, spec.dim, free_memory())
    kind(names[0])
    # mapped, so that a kind that leaves them in their file is measured as it will be
    vectors = vectors_of(folder, spec, mapped=True)
    told("searching exactly, to compare with", 0, 1)
    truth = Truth(vectors, seed)
    try:
        for name in names:
            made = _indexed(folder, spec, name, asked, vectors, truth, seed, goal, told)
            if made.recall_at_10 >= goal:
                break
        shutil.rmtree(folder / PARTIAL, ignore_errors=True)
    except OSError as error:
        raise BundleError(f"the index of '{folder}' cannot be written: {error.strerror}; make room") from error
    return made


def _indexed(
    folder: Path,
    spec: GallerySpec,
    name: str,
    asked: str,
    vectors: Vectors,
    truth: Truth,
    seed: int,
    goal: float,
    told: Told,
) -> IndexSpec:
    """One kind built, measured and written."""
    from safetensors.numpy import save_file

    arrays = build(name, vectors, seed=seed, partial=folder / PARTIAL, identity=spec.vectors_sha256, told=told)
    # from here on the old index is gone: its description first, so that no wrong pair is ever there
    (folder / INDEX_JSON).unlink(missing_ok=True)
    (folder / INDEX_ARRAYS).unlink(missing_ok=True)
    digest = None
    if arrays:
        new = folder / f"{INDEX_ARRAYS}.new"
        save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, new)
        del arrays
        new.replace(folder / INDEX_ARRAYS)
        digest = bundles.file_sha256(folder / INDEX_ARRAYS)
    fields = {
        "kind": name,
        "asked": asked,
        "effort": kind(name).efforts[0],
        "seed": seed,
        "n_items": spec.n_items,
        "dim": spec.dim,
        "vectors_sha256": spec.vectors_sha256,
        "arrays_sha256": digest,
        "recall": (),
        "memory_bytes": 0,
    }
    in_memory = kind(name).vectors == "memory" and 4 * spec.n_items * spec.dim <= MAPPED_ABOVE
    index = serve(np.array(vectors) if in_memory else vectors, name, IndexSpec(**fields), folder)
    for done, effort in enumerate(efforts := kind(name).efforts):
        told(f"measuring {name}", done, len(efforts))
        if hasattr(index, "effort"):
            index.effort = effort
        found = IndexSpec(
            **{**fields, "effort": effort, "recall": truth.recall(index), "memory_bytes": index.memory_bytes}
        )
        if found.recall_at_10 >= goal:
            break
    new = folder / f"{INDEX_JSON}.new"
    new.write_bytes(bundles.canonical(found))
    new.replace(folder / INDEX_JSON)
    return found

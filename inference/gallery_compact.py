"""Folds a gallery's edits into a new bundle, which holds the same items and vectors and goes by the same name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config import bundles
from config.bundles import GALLERY_JSON, GallerySpec
from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, Head, Log, line_of, read_log
from inference.bundle import replacing
from inference.encoders.base import Vectors
from inference.gallery import NOTES_JSON, Gallery, write_gallery
from inference.gallery_edit import writing
from inference.gallery_version import Version, version


def compact(folder: Path | str, out: Path | str | None = None) -> GallerySpec:
    """Fold a gallery's edits into a new bundle, which goes by the same fingerprint; the log begins anew.

    Parameters
    ----------
    folder
        The bundle.
    out
        Where the new one is written; None: in its place, in one step.

    Raises
    ------
    BundleError
        The gallery has no edits, cannot be read, or the new one cannot be written.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    with writing(folder):
        log = read_log(folder)
        if not log.edits:
            raise BundleError(f"gallery '{folder}' has no edits to fold in; nothing was written")
        spec = bundles.read_gallery_spec(folder)
        last = version(Gallery.of_bundle(folder)).edited(log.edits)
        kept = np.delete(np.arange(spec.n_items), last.gone)
        items, stored = last.folded().items, _stored(folder, spec, log, kept, last)
        notes = bundles.read_json(folder / NOTES_JSON, "notes") if (folder / NOTES_JSON).is_file() else None
        with replacing(Path(out or folder), GALLERY_JSON) as new:
            written = write_gallery(
                new,
                items,
                stored,
                space=spec.space,
                model=spec.model,
                pictures={item.picture: folder / item.picture for item in items if item.picture},
                features={
                    s.name: (s.variants, bundles.read_features(folder, spec, s.name)[kept]) for s in spec.features
                },
                notes=notes,
            )
            # as they were: to scale them once more would change their last bits, and with them those of answers
            save_file({"embeddings": stored}, new / bundles.GALLERY_VECTORS)
            sha = bundles.file_sha256(new / bundles.GALLERY_VECTORS)
            written = written.model_copy(update={"vectors_sha256": sha})
            (new / GALLERY_JSON).write_bytes(bundles.canonical(written))
            was = (*log.head.was, *log.names[:-1])
            head = Head(base=bundles.fingerprint(written), name=log.name, was=was)
            (new / GALLERY_EDITS).write_bytes(line_of(head))
    return written


def _stored(folder: Path, spec: GallerySpec, log: Log, kept: NDArray[np.int64], last: Version) -> Vectors:
    """Vectors as they stand in the files, in the order of the last version."""
    raw = {item.id: row for one in log.edits for item, row in zip(one.add, one.rows(spec.dim), strict=True)}
    added = [raw[item.id][None] for item in last.added]
    return np.concatenate([bundles.read_vectors(folder, spec)[kept], *added])

"""Several galleries of one space put together, so that one search finds pictures and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import GallerySpec, Item, fingerprint, read_features
from config.errors import BundleError
from inference.gallery import Gallery, write_gallery


def merge(folders: Sequence[Path], out: Path, *, prefix: str = "") -> GallerySpec:
    """Gallery of all items of several galleries.

    Parameters
    ----------
    folders
        Of galleries in one space, two or more.
    out
        Folder of the new one.
    prefix
        Put before the ids of all but the first, such as ``text:``, where ids would stand twice.

    Raises
    ------
    BundleError
        There are fewer than two, their spaces differ, or an id stands twice.
    """
    if len(folders) < 2:
        raise BundleError("one gallery cannot be merged; name two or more")
    loaded = [Gallery.load(folder) for folder in folders]
    for folder, other in zip(folders[1:], loaded[1:], strict=True):
        _check_space(folders[0], loaded[0].spec, folder, other.spec)
    items = list(loaded[0].items)
    for number, gallery in enumerate(loaded[1:], 2):
        taken = {item.picture.partition("/")[0] for item in items}
        place = next(name for k in count(number) if (name := str(k)) not in taken)
        items += [_renamed(item, prefix, place) for item in gallery.items]
    _check_ids(items)
    sources = [folder / item.picture for folder, g in zip(folders, loaded, strict=True) for item in g.items]
    features, dropped = _features(folders, loaded)
    return write_gallery(
        out,
        items,
        np.concatenate([gallery.vectors for gallery in loaded]),
        space=loaded[0].spec.space,
        model=" + ".join(dict.fromkeys(gallery.spec.model for gallery in loaded)),
        pictures={item.picture: source for item, source in zip(items, sources, strict=True) if item.picture},
        features=features,
        notes={
            "merged from": [fingerprint(gallery.spec) for gallery in loaded],
            **({"features left out, as not every gallery has them": dropped} if dropped else {}),
        },
    )


def _renamed(item: Item, prefix: str, place: str) -> Item:
    """An item of another gallery than the first; its picture goes to ``place``, as two galleries may have one path."""
    picture = f"{place}/{item.picture}" if item.picture else ""
    return item.model_copy(update={"id": prefix + item.id, "picture": picture})


def _check_space(first: Path, one: GallerySpec, second: Path, other: GallerySpec) -> None:
    if (one.space, one.dim) != (other.space, other.dim):
        raise BundleError(
            f"gallery '{first}' is of space '{one.space}' ({one.dim}-d) and '{second}' of '{other.space}' "
            f"({other.dim}-d), which cannot be compared; build both with one model, or move one "
            "over with `eegseek gallery migrate`"
        )


def _check_ids(items: Sequence[Item]) -> None:
    twice = [name for name, times in Counter(item.id for item in items).items() if times > 1]
    if twice:
        raise BundleError(
            f"{len(twice)} ids stand in more than one gallery, such as '{twice[0]}'; tell them apart with --prefix "
            "text: (put before the ids of all but the first gallery)"
        )


def _features(
    folders: Sequence[Path], loaded: Sequence[Gallery]
) -> tuple[dict[str, tuple[tuple[str, ...], NDArray[Any]]], list[str]]:
    """Feature sets that all galleries have alike, and the names of the others."""
    sets = [{s.name: s for s in gallery.spec.features} for gallery in loaded]
    shared = [name for name, s in sets[0].items() if all(other.get(name) == s for other in sets[1:])]
    joined = {}
    for name in shared:
        arrays = [read_features(folder, gallery.spec, name) for folder, gallery in zip(folders, loaded, strict=True)]
        joined[name] = (sets[0][name].variants, np.concatenate(arrays))
    return joined, sorted({name for known in sets for name in known} - set(shared))

"""What can be shown: pictures of a gallery, pictures in folders, and plain things that the program draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from config.bundles import Item, read_gallery_spec
from config.errors import PlanError
from config.items_table import read_items_table
from config.presentation import CATCH, MAX_LABEL, Drawing, Stimulus
from config.steady import steady

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
COLOURS = {
    "red": "#c8102e",
    "green": "#1b9e4b",
    "blue": "#1f4fd8",
    "yellow": "#f2c500",
    "white": "#ffffff",
    "black": "#000000",
}
PATTERNS = ("checker", "grating")
PLAIN = (*COLOURS, *PATTERNS)
"""Categories that the program draws."""
CELLS = (4, 6, 8, 12, 16)
CATCH_STIMULUS = Stimulus(id=f"{CATCH}/ring", category=CATCH, drawing=Drawing(shape="ring", colour="#e69f00", size=0.5))
"""What catch trials show: an orange ring, which is no picture's."""


def of_gallery(
    folder: Path, categories: Sequence[str] = (), *, by: str = "label", most: int = 0
) -> tuple[Stimulus, ...]:
    """Pictures of a gallery.

    Parameters
    ----------
    folder
        Of the gallery bundle.
    categories
        Those to show, and to tell apart; empty: every picture, each for itself.
    by
        Where an item's category stands: ``label``, or the name of an attribute.
    most
        Pictures of each category (or of all, without categories), the first ones; 0: all.

    Returns
    -------
    In the gallery's order. Their ids are ``category/id``, or the item's id where there are no categories; ``truth`` is
    the item's id.

    Raises
    ------
    BundleError
        The gallery cannot be read.
    PlanError
        It has no pictures, or none of a category.
    """
    items = steady(folder, lambda: read_items_table(folder, read_gallery_spec(folder)))
    pictures = [item for item in items if item.picture]
    if not pictures:
        raise PlanError(
            f"gallery '{folder}' has no pictures, only words or vectors; choose one that was built of pictures"
        )
    if not categories:
        return tuple(_of_item(folder, item, "") for item in pictures[: most or None])
    found: dict[str, list[Item]] = {category: [] for category in categories}
    there = Counter(_category(item, by) for item in pictures)
    for item in pictures:
        known = found.get(_category(item, by))
        if known is not None and (not most or len(known) < most):
            known.append(item)
    for category, members in found.items():
        if not members:
            few = ", ".join(f"'{name}'" for name, _ in there.most_common(8) if name) or f"none: items have no {by}"
            raise PlanError(f"gallery '{folder}' has no picture with {by} '{category}'; it has, for example, {few}")
    return tuple(_of_item(folder, item, category) for category, members in found.items() for item in members)


def of_folder(folder: Path, categories: Sequence[str] = (), *, most: int = 0) -> tuple[Stimulus, ...]:
    """Pictures in a folder: each subfolder is a category; without subfolders each picture is for itself.

    Parameters
    ----------
    folder
        With pictures, or with subfolders that have them.
    categories
        Subfolders to use; empty: all.
    most
        Pictures of each category, the first ones by name; 0: all.

    Raises
    ------
    PlanError
        There is none, or a category has no folder.
    """
    if not folder.is_dir():
        raise PlanError(f"'{folder}' is no folder; give one with pictures, or with a subfolder for each category")
    named = {
        child.name: child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")
    }
    if missing := [category for category in categories if category not in named]:
        raise PlanError(f"'{folder}' has no subfolder '{missing[0]}'; it has: {', '.join(named) or 'none'}")
    where = {name: named[name] for name in categories or named} or {"": folder}
    found = [stimulus for name, inside in where.items() for stimulus in _inside(name, inside)[: most or None]]
    if not found:
        raise PlanError(f"'{folder}' holds no pictures ({', '.join(suffix[1:] for suffix in SUFFIXES)})")
    return tuple(found)


def plain(categories: Sequence[str]) -> tuple[Stimulus, ...]:
    """Things drawn by the program, five of each category, which differ in form and size.

    Raises
    ------
    PlanError
        A category is not known.
    """
    if unknown := [name for name in categories if name not in PLAIN]:
        raise PlanError(f"the program cannot draw '{unknown[0]}'; it draws {', '.join(PLAIN)}")
    return tuple(
        Stimulus(id=f"{name}/{number}", category=name, drawing=drawing)
        for name in dict.fromkeys(categories)
        for number, drawing in enumerate(_drawings(name), 1)
    )


def missing_pictures(stimuli: Sequence[Stimulus]) -> list[str]:
    """Files of pictures that are not there."""
    return [stimulus.picture for stimulus in stimuli if stimulus.picture and not Path(stimulus.picture).is_file()]


def _inside(name: str, folder: Path) -> list[Stimulus]:
    """Pictures of one category's folder, by name."""
    return [
        Stimulus(id=f"{name}/{path.name}" if name else path.name, category=name, picture=str(path.resolve()))
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and path.is_file() and _fits(f"{name}/{path.name}")
    ]


def _of_item(folder: Path, item: Item, category: str) -> Stimulus:
    name = item.id if not category or item.id.startswith(f"{category}/") else f"{category}/{item.id}"
    if not _fits(name):
        raise PlanError(
            f"the id '{name:.80}' of gallery '{folder}' cannot be a marker; it is too long or has odd letters"
        )
    picture = str((folder / item.picture).resolve())
    return Stimulus(id=name, category=category, picture=picture, truth=item.id)


def _fits(name: str) -> bool:
    return len(name) <= MAX_LABEL and name == name.strip() and name.isprintable()


def _category(item: Item, by: str) -> str:
    return item.label if by == "label" else item.attributes.get(by, "")


def _drawings(name: str) -> list[Drawing]:
    if name in PATTERNS:
        return [Drawing(shape="checker" if name == "checker" else "grating", cells=cells) for cells in CELLS]
    colour = COLOURS[name]
    return [
        Drawing(shape="square", colour=colour),
        Drawing(shape="square", colour=colour, size=0.7),
        Drawing(shape="disc", colour=colour),
        Drawing(shape="disc", colour=colour, size=0.7),
        Drawing(shape="ring", colour=colour),
    ]

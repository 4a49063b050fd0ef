"""What ``eegseek gallery`` shows, and how its lists of numbers are read."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.bundles import GallerySpec, Item, fingerprint, read_json
from config.errors import SettingsError
from inference.gallery import NOTES_JSON, Gallery
from inference.migrate import WARN_BELOW, Error

SHOWN = 5
"""Items of each modality that ``info`` shows."""


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers, separated by commas; ``…`` goes on in the last step: ``1,3,9,15,…,63``.

    Raises
    ------
    SettingsError
        It is something else.
    """
    found: list[int] = []
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for k, part in enumerate(parts):
        if part in ("…", "..."):
            found += _between(found, parts[k + 1 :], option, text)
        elif re.fullmatch(r"\d{1,5}", part):
            found.append(int(part))
        else:
            raise SettingsError(f"{option} '{text}' has '{part}'; expected whole numbers such as 4,6,8,10")
    return tuple(found)


def written(out: Path, spec: GallerySpec) -> str:
    """One line on a new gallery."""
    sets = "; ".join(f"{s.name}: {', '.join(s.variants)} ({s.dim}-d)" for s in spec.features)
    return f"{out}: {spec.n_items} items of {spec.dim} dimensions in space '{spec.space}', {fingerprint(spec)}" + (
        f"; with {sets}" if sets else ""
    )


def info(folder: Path, gallery: Gallery) -> RenderableType:
    """All that is known of a gallery, and a few of its items."""
    spec = gallery.spec
    kinds = Counter(item.modality for item in gallery.items)
    rows = Table(title=str(folder), show_header=False)
    facts = {
        "made by": spec.model,
        "space": spec.space,
        "dimensions": str(spec.dim),
        "items": f"{len(gallery)} ({', '.join(f'{kind} {count}' for kind, count in kinds.items())})",
        "labels": str(len({item.label for item in gallery.items})),
        "pictures": str(sum(bool(item.picture) for item in gallery.items)),
        "fingerprint": gallery.fingerprint,
        **{f"features {s.name}": f"{', '.join(s.variants)} ({s.dim}-d)" for s in spec.features},
    }
    if (folder / NOTES_JSON).is_file():
        facts |= {key: _said(value) for key, value in read_json(folder / NOTES_JSON, "notes of a gallery").items()}
    for name, value in facts.items():
        rows.add_row(name, Text(value))
    items = Table("id", "label", "modality", "picture", title=f"the first {SHOWN} of each modality")
    for kind in kinds:
        for item in [item for item in gallery.items if item.modality == kind][:SHOWN]:
            items.add_row(*_row(item))
    return Group(rows, items)


def migrated(error: Error) -> RenderableType:
    """How far a migrated gallery is off."""
    table = Table("", "held out", "chance", title=f"{error.anchors} anchors, each mapped without itself")
    table.add_row("cosine with the real vector", f"{error.cosine:.3f} (SD {error.cosine_sd:.3f})", "0")
    table.add_row("real vector is the nearest", f"{error.top1:.3f}", f"{error.chance_top1:.4f}")
    table.add_row("real vector is among the nearest five", f"{error.top5:.3f}", f"{error.chance_top5:.4f}")
    if error.top1 >= WARN_BELOW:
        return table
    warning = "the two models see the anchors too differently: embed the pictures again rather than use this gallery"
    return Group(table, Text(f"note: {warning}", style="yellow"))


def _row(item: Item) -> tuple[Text, ...]:
    """Cells; as `Text`, so that brackets in a label are not taken for markup."""
    return tuple(Text(cell) for cell in (item.id, item.label, item.modality, item.picture))


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _between(found: list[int], rest: list[str], option: str, text: str) -> list[int]:
    """Numbers that an ellipsis stands for."""
    end = int(rest[0]) if rest and re.fullmatch(r"\d{1,5}", rest[0]) else -1
    step = found[-1] - found[-2] if len(found) > 1 else 0
    if step <= 0 or end <= found[-1] or (end - found[-1]) % step:
        raise SettingsError(f"{option} '{text}' cannot be counted on; expected such as 9,15,…,63, in equal steps")
    return list(range(found[-1] + step, end, step))

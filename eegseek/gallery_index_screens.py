"""What ``eegseek gallery index`` and ``info`` show of an index."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.index_spec import IndexSpec
from inference.gallery import Gallery
from inference.indexes.choose import without_build
from inference.indexes.kinds import kind

MIB = 2**20


def spec_table(spec: IndexSpec, goal: float = 0.0) -> RenderableType:
    """An index that a gallery was given; with a note where it finds less than it was to."""
    table = _table()
    table.add_row("kind", f"{spec.kind}: {kind(spec.kind).about}" + (" (chosen)" if spec.asked == "auto" else ""))
    for found in spec.recall:
        made = "gallery vectors themselves" if found.cosine >= 1 else f"queries at cosine {found.cosine:g}"
        table.add_row(f"recall@10, {made}", f"{found.at_10:.3f} ({found.queries} queries)")
    if spec.effort:
        table.add_row("effort of a search", str(spec.effort))
    table.add_row("memory", f"{spec.memory_bytes / MIB:.1f} MiB")
    if spec.recall_at_10 >= goal:
        return table
    note = f"note: less than {goal:g} is found even with the most effort; take 8bit, whose first ten are always right"
    return Group(table, Text(note, style="yellow"))


def index_table(gallery: Gallery) -> RenderableType:
    """How a gallery is searched: its own index, else what its size asks for."""
    if gallery.choice.built is not None:
        return spec_table(gallery.choice.built)
    table, name = _table(), without_build(len(gallery))
    table.add_row("kind", f"{name}: {kind(name).about} (by size; `eegseek gallery index` builds another)")
    table.add_row("recall@10", "1, as the first ten are those of exact search")
    table.add_row("memory", f"{gallery.index.memory_bytes / MIB:.1f} MiB")
    return table


def _table() -> Table:
    return Table(title="index", title_justify="left", show_header=False)

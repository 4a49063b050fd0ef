"""``eegseek gallery``: build one, or look around in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from config.bundles import GallerySpec, fingerprint
from config.errors import SettingsError

app = typer.Typer(help="Build galleries of pictures, labels or embeddings, and search them.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="Folder of the gallery bundle.")]


@app.command()
def build(
    out: Folder,
    images: Annotated[Path | None, typer.Option(help="A folder of pictures (subfolders name their labels).")] = None,
    labels: Annotated[Path | None, typer.Option(help="A file: one label a line, or a .csv/.tsv with id,label.")] = None,
    label: Annotated[list[str], typer.Option("--label", help="A label, or id=label; repeat for each.")] = [],  # noqa: B006
    embeddings: Annotated[Path | None, typer.Option(help="A .npy of vectors; needs --table and --space.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="A .csv/.tsv beside --embeddings: id,label[,modality,picture].")
    ] = None,
    space: Annotated[str, typer.Option(help="Name of the embedding space of --embeddings.")] = "",
    model: Annotated[str, typer.Option(help="What embeds --images.")] = "pixels",
) -> None:
    """Build a gallery from pictures, from labels, or from given embeddings.

    For example: [bold]eegseek gallery build two --label 1=left --label 2=right[/bold]
    """
    from inference.build import from_embeddings, from_labels

    ways = [images is not None, labels is not None or bool(label), embeddings is not None]
    if sum(ways) != 1:
        raise SettingsError("give one of --images, --labels or --label, and --embeddings: what the gallery is made of")
    if images is not None:
        spec = _from_pictures(images, out, model)
    elif embeddings is not None:
        if table is None or not space:
            raise SettingsError("--embeddings needs --table (one row a vector) and --space (the name of their space)")
        spec = from_embeddings(embeddings, table, out, space=space)
    elif labels is not None:
        spec = from_labels(labels, out)
    else:
        spec = from_labels({text.partition("=")[0]: text.partition("=")[2] or text for text in label}, out)
    typer.echo(f"{out}: {spec.n_items} items of {spec.dim} dimensions in space '{spec.space}', {fingerprint(spec)}")


@app.command()
def search(
    gallery: Folder,
    item: Annotated[str, typer.Argument(help="Id of an item.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many neighbours.")] = 10,
) -> None:
    """Show the items nearest to one of the gallery's own."""
    from inference.gallery import Gallery

    loaded = Gallery.load(gallery)
    rows = Table("rank", "id", "label", "modality", "cosine")
    for rank, (found, cosine) in enumerate(loaded.neighbours(item, k), 1):
        rows.add_row(str(rank), found.id, found.label, found.modality, f"{cosine:.4f}")
    Console().print(rows)


def _from_pictures(images: Path, out: Path, model: str) -> GallerySpec:
    from inference.build import from_pictures

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("embedding pictures", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return from_pictures(images, out, model=model, progress=told)

"""``eegseek gallery``: build galleries, import them, move them, put them together, and look around in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.errors import SettingsError
from config.index_kinds import AskedIndex
from eegseek import cli_gallery_edit, cli_gallery_milvus, cli_gallery_moves

app = typer.Typer(
    help="Build galleries of pictures, words, labels or embeddings; search, merge and migrate them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Folder = Annotated[Path, typer.Argument(help="Folder of the gallery bundle.")]
MODELS = "pixels (no network), vae (with --weights), or a model of open_clip: ViT-B-32, ViT-L-14, ViT-H-14, RN50, …"


@app.command()
def build(
    out: Folder,
    images: Annotated[Path | None, typer.Option(help="A folder of pictures (subfolders name their labels).")] = None,
    text: Annotated[
        Path | None, typer.Option(help="Words for the text side of --model: one a line, or a .csv/.tsv (THINGS').")
    ] = None,
    model: Annotated[str, typer.Option(help=f"What embeds: {MODELS}")] = "pixels",
    pretrained: Annotated[
        str, typer.Option(help="Weights of an open_clip model: a tag, a file, or none (random). Empty: the usual.")
    ] = "",
    template: Annotated[
        list[str], typer.Option(help="Prompt of --text: {} or {label}, {definition}. Repeat for an ensemble.")
    ] = [],  # noqa: B006
    layers: Annotated[str, typer.Option(help="Keep blocks of the picture tower too, counted from 1: 4,6,8,10")] = "",
    blur: Annotated[
        str, typer.Option(help="Keep embeddings of blurred pictures too; kernels at 224 px: 1,3,9,15,…,63")
    ] = "",
    weights: Annotated[Path | None, typer.Option(help="Bundle folder of --model vae.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cache: Annotated[Path | None, typer.Option(help="Folder of fetched weights; else the shared one.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of random weights.")] = 0,
    labels: Annotated[Path | None, typer.Option(help="A file: one label a line, or a .csv/.tsv with id,label.")] = None,
    label: Annotated[list[str], typer.Option("--label", help="A label, or id=label; repeat for each.")] = [],  # noqa: B006
    embeddings: Annotated[Path | None, typer.Option(help="A .npy of vectors; needs --table and --space.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="A .csv/.tsv beside --embeddings: id,label[,modality,picture].")
    ] = None,
    space: Annotated[str, typer.Option(help="Name of the embedding space of --embeddings.")] = "",
) -> None:
    """Build a gallery from pictures, words, both in one space, labels, or given embeddings.

    An interrupted build of pictures goes on where it stopped when the same command is given again.

    Two categories: [bold]eegseek gallery build two --label 1=left --label 2=right[/bold]

    Pictures: [bold]eegseek gallery build test --images test_images --model ViT-B-32 --layers 4,6,8,10[/bold]

    Words: [bold]eegseek gallery build words --text words.tsv --model ViT-B-32 --template "a photo of a {}."[/bold]
    """
    from eegseek.gallery_screens import numbers, written
    from inference.build import from_embeddings, from_labels, from_pictures_and_texts
    from inference.build_parts import Choice
    from inference.clip_features import Wanted
    from training.progress import bar

    embedded = images is not None or text is not None
    ways = [embedded, labels is not None or bool(label), embeddings is not None]
    if sum(ways) != 1:
        raise SettingsError(
            "give one of --images and --text (or both), --labels or --label, and --embeddings: "
            "what the gallery is made of"
        )
    if template and text is None:
        raise SettingsError("--template is for words; name their file with --text")
    if embedded:
        wanted = Wanted(numbers(layers, "--layers"), numbers(blur, "--blur"))
        choice = Choice(model, pretrained, weights, wanted, device, seed, cache)
        _warn(choice.pretrained)
        with bar() as told:
            spec = from_pictures_and_texts(images, text, out, choice=choice, templates=template, progress=told)
    elif embeddings is not None:
        if table is None or not space:
            raise SettingsError("--embeddings needs --table (one row a vector) and --space (the name of their space)")
        spec = from_embeddings(embeddings, table, out, space=space)
    elif labels is not None:
        spec = from_labels(labels, out)
    else:
        spec = from_labels({text.partition("=")[0]: text.partition("=")[2] or text for text in label}, out)
    typer.echo(written(out, spec))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="clip_feature_maps_test.npy, ViT-H-14_features_test.pt, …")],
    out: Folder,
    kind: Annotated[Literal["auto", "nice", "atm", "ubp"], typer.Option("--format", help="Whose file it is.")] = "auto",
    metadata: Annotated[Path | None, typer.Option(help="THINGS-EEG2's image_metadata.npy: names the rows.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the pictures: names the rows, and is copied.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="A .csv/.tsv that names the rows: id,label[,picture].")] = None,
    which: Annotated[Literal["images", "text", "both"], typer.Option(help="Vectors taken from .pt files.")] = "images",
    space: Annotated[str, typer.Option(help="Name of their space, where it is known: open_clip:MODEL/WEIGHTS")] = "",
) -> None:
    """Make a gallery of a published feature file (NICE, ATM, UBP), so that nothing is embedded again.

    For example: [bold]eegseek gallery import ViT-H-14_features_test.pt test --metadata image_metadata.npy[/bold]
    """
    from eegseek.gallery_screens import written
    from inference.features_import import Source, import_features

    spec = import_features(file, out, Source(metadata, images, table), kind=kind, which=which, space=space)
    typer.echo(written(out, spec))


@app.command("train-vae")
def train_vae(
    out: Folder,
    images: Annotated[Path, typer.Option(help="A folder of pictures, none of them from a test set.")],
    dim: Annotated[int, typer.Option(min=1, help="Length of an embedding.")] = 128,
    epochs: Annotated[int, typer.Option(min=1, help="Passes.")] = 30,
    batch: Annotated[int, typer.Option(min=2)] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train an auto-encoder of pictures, for --model vae: embeddings without any pretrained model.

    For example: [bold]eegseek gallery train-vae vae --images training_images[/bold]
    """
    from inference.inputs import find_pictures
    from training.fitting.image_vae import train_image_vae
    from training.progress import bar

    with bar() as told:
        train_image_vae(
            find_pictures(images), out, dim=dim, epochs=epochs, batch=batch, seed=seed, device=device, progress=told
        )
    typer.echo(f"{out}: an auto-encoder of pictures; use it with --model vae --weights {out}")


@app.command()
def info(gallery: Folder) -> None:
    """Show what a gallery holds: model, space, sizes, modalities, features, its index, and a few items."""
    from eegseek.gallery_index_screens import index_table
    from eegseek.gallery_screens import info as drawn
    from inference.gallery import Gallery

    loaded = Gallery.load(gallery)
    Console().print(drawn(gallery, loaded), index_table(loaded))


@app.command()
def index(
    gallery: Folder,
    kind: Annotated[AskedIndex, typer.Option(help="auto chooses by size and free memory.")] = "auto",
    recall: Annotated[
        float, typer.Option(min=0, max=1, help="Of the ten nearest: searches take the least effort that finds as many.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of training, and of the queries that recall is measured with.")] = 0,
) -> None:
    """Give a gallery its index, or change it, and measure what share of the ten nearest it finds.

    An interrupted build goes on where it stopped when the same command is given again.

    For example: [bold]eegseek gallery index things --kind pq[/bold]
    """
    from eegseek.gallery_index_screens import spec_table
    from inference.gallery_index import index_gallery
    from training.progress import bar

    with bar() as told:
        spec = index_gallery(gallery, kind, seed=seed, goal=recall, told=told)
    Console().print(spec_table(spec, recall))


@app.command()
def search(
    gallery: Folder,
    item: Annotated[str | None, typer.Argument(help="Id of an item.")] = None,
    text: Annotated[str, typer.Option(help="In place of an item: words, for galleries of open_clip models.")] = "",
    k: Annotated[int, typer.Option("-k", min=1, help="How many neighbours.")] = 10,
    pretrained: Annotated[str, typer.Option(help="Of --text: the file of weights, where the space needs it.")] = "",
    cache: Annotated[Path | None, typer.Option(help="Of --text: folder of fetched weights.")] = None,
) -> None:
    """Show the items nearest to one of the gallery's own, or to words.

    For example: [bold]eegseek gallery search things --text "a photo of a small animal"[/bold]
    """
    from inference.gallery import Gallery

    if (item is None) != bool(text):
        raise SettingsError("give the id of an item, or words with --text: what is to be searched for")
    loaded = Gallery.load(gallery)
    if item is not None:
        hits = loaded.neighbours(item, k)
    else:
        from inference.clip import of_space

        hits = loaded.nearest(of_space(loaded.spec.space, weights=pretrained, cache=cache).texts([text])[0], k)
    rows = Table("rank", "id", "label", "modality", "cosine")
    for rank, (found, cosine) in enumerate(hits, 1):
        rows.add_row(str(rank), escape(found.id), escape(found.label), escape(found.modality), f"{cosine:.4f}")
    Console().print(rows)


app.command("merge")(cli_gallery_moves.merge)
app.command("migrate")(cli_gallery_moves.migrate)
app.command("adapt")(cli_gallery_moves.adapt)
app.command("centre")(cli_gallery_moves.centre)
app.command("add")(cli_gallery_edit.add)
app.command("remove")(cli_gallery_edit.remove)
app.command("compact")(cli_gallery_edit.compact)
app.command("milvus")(cli_gallery_milvus.milvus)


def _warn(pretrained: str) -> None:
    from inference.build_parts import MEANINGLESS
    from inference.clip_weights import RANDOM

    if pretrained == RANDOM:
        Console(stderr=True).print(f"note: {MEANINGLESS}", style="yellow")

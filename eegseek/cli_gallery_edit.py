"""``eegseek gallery add``, ``remove`` and ``compact``: galleries that change, also while a session serves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from config.gallery_log import GALLERY_EDITS

LARGE_BYTES = 64 << 20
"""Of edits: above it their reading is felt."""
Folder = Annotated[Path, typer.Argument(help="Folder of the gallery bundle.")]
Live = Annotated[
    bool, typer.Option("--live", help="A running session serves it: wait until all its workers answer by the edit.")
]
Run = Annotated[str, typer.Option(help="Of --live: the session's run.folder; empty: this user's default.")]


def add(
    gallery: Folder,
    source: Annotated[
        Path, typer.Option("--from", help="A folder of pictures, a file of words, or a .npy of vectors (with --table).")
    ],
    table: Annotated[Path | None, typer.Option(help="A .csv/.tsv beside a .npy: id,label[,modality,picture].")] = None,
    weights: Annotated[
        str, typer.Option(help="File (open_clip) or folder (vae) of weights, where the space was made with one.")
    ] = "",
    prefix: Annotated[str, typer.Option(help="Put before the ids of words, such as text:")] = "",
    cache: Annotated[Path | None, typer.Option(help="Folder of fetched weights; else the shared one.")] = None,
    live: Live = False,
    run: Run = "",
) -> None:
    """Add items to a gallery, embedded by the model that made it; a session that serves it follows.

    For example: [bold]eegseek gallery add things --from new_pictures --live[/bold]
    """
    from config.bundles import read_gallery_spec, read_json
    from inference.gallery import NOTES_JSON
    from inference.gallery_edit import edit
    from inference.gallery_more import from_source
    from training.progress import bar

    spec, keep = read_gallery_spec(gallery), gallery.with_name(f"{gallery.name}.adding")
    notes = read_json(gallery / NOTES_JSON, "notes of a gallery") if (gallery / NOTES_JSON).is_file() else {}
    prompts = [str(one) for one in notes.get("templates", ())]
    with bar() as told:
        made = from_source(
            source,
            spec,
            keep,
            table=table,
            weights=weights,
            cache=cache,
            prefix=prefix,
            templates=prompts,
            progress=told,
        )
    words = f"{len(made.items)} items added"
    _carry_out(gallery, live, run, words, lambda: edit(gallery, made.items, made.vectors, pictures=made.pictures))


def remove(
    gallery: Folder,
    ids: Annotated[list[str], typer.Argument(help="Ids of items, as `gallery search` shows them.")],
    live: Live = False,
    run: Run = "",
) -> None:
    """Remove items from a gallery; a session that serves it follows.

    For example: [bold]eegseek gallery remove things aardvark_01b abacus_02s --live[/bold]
    """
    from inference.gallery_edit import edit

    _carry_out(gallery, live, run, f"{len(ids)} items removed", lambda: edit(gallery, remove=ids))


def compact(
    gallery: Folder,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it here; else in place, in one step.")] = None,
) -> None:
    """Fold what was added and removed into a new bundle; it goes by the same fingerprint, and answers the same.

    For example: [bold]eegseek gallery compact things[/bold]
    """
    from config.gallery_log import read_log, read_spec
    from config.index_spec import read_index_spec
    from inference.gallery_compact import compact as compacted
    from inference.gallery_index import index_gallery
    from training.progress import bar

    edits, built = len(read_log(gallery).edits), read_index_spec(gallery, read_spec(gallery).vectors_sha256)
    spec, place = compacted(gallery, out), out or gallery
    if built is not None:
        # a session that starts before this is done searches by size: slower, and as right
        with bar() as told:
            index_gallery(place, built.asked, seed=built.seed, told=told)
    again = f", its index ({built.kind}) built again" if built else ""
    typer.echo(f"{place}: {edits} edits folded into a bundle of {spec.n_items} items{again}, {read_log(place).name}")


def _carry_out(gallery: Path, live: bool, run: str, words: str, edit: Callable[[], str]) -> None:
    if live:
        from eegseek.live import edit_live

        name, workers = edit_live(gallery, run, edit)
        typer.echo(f"{gallery}: {words}; {workers} workers answer by {name}")
    else:
        typer.echo(f"{gallery}: {words}; it goes by {edit()}")
    if (size := (gallery / GALLERY_EDITS).stat().st_size) > LARGE_BYTES:
        typer.echo(f"its edits take {size >> 20} MB, read at every start; fold them in with `eegseek gallery compact`")

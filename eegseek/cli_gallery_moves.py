"""``eegseek gallery merge``, ``migrate``, ``adapt`` and others: new galleries from old ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the new gallery.")]


def merge(
    galleries: Annotated[list[Path], typer.Argument(help="Galleries of one space, two or more.")],
    out: Out,
    prefix: Annotated[str, typer.Option(help="Put before the ids of all but the first, such as text:")] = "",
) -> None:
    """Put galleries of one space together: pictures and words in one search.

    For example: [bold]eegseek gallery merge pictures words -o both --prefix text:[/bold]
    """
    from eegseek.gallery_screens import written
    from inference.merge import merge as merged

    typer.echo(written(out, merged(galleries, out, prefix=prefix)))


def migrate(
    old: Annotated[Path, typer.Argument(help="Gallery to be moved.")],
    new_anchors: Annotated[Path, typer.Argument(help="Some of its items, embedded by the new model.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new gallery.")],
    old_anchors: Annotated[
        Path | None, typer.Option(help="The anchors embedded by the old model, where OLD does not hold them.")
    ] = None,
) -> None:
    """Move a gallery to another embedding model, without embedding it again, and report the error.

    A rotation and the means are fitted on the items that both galleries hold: the anchors.

    The error is that on anchors which a map has not seen; it stands in the new gallery.

    For example: [bold]eegseek gallery migrate all-vit-b anchors-vit-h all-vit-h[/bold]
    """
    from eegseek.gallery_screens import migrated, written
    from inference.migrate import migrate as moved
    from training.progress import bar

    with bar() as told:
        spec, error = moved(old, new_anchors, out, old_anchors=old_anchors, progress=told)
    Console().print(migrated(error))
    typer.echo(written(out, spec))


def centre(
    gallery: Annotated[Path, typer.Argument(help="Gallery of pictures and words.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new gallery.")],
    like: Annotated[Path | None, typer.Option(help="Take the means of this gallery, such as the training's.")] = None,
) -> None:
    """Take away the mean of each modality, so that pictures and words can stand in one ranking.

    The new space is another one: train the encoder against a gallery centred by the same means (--like).

    For example: [bold]eegseek gallery centre test test-centred --like training[/bold]
    """
    from eegseek.gallery_screens import written
    from inference.centre import centre as centred

    typer.echo(written(out, centred(gallery, out, like=like)))


def adapt(
    gallery: Annotated[Path, typer.Argument(help="Gallery that the encoder was trained against, or one like it.")],
    encoder: Annotated[Path, typer.Argument(help="Encoder bundle with an adapter on the image side.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new gallery.")],
) -> None:
    """Map a gallery through an encoder's image side, so that its answers can be looked up in it.

    For example: [bold]eegseek gallery adapt things-test bundles/sub-08 things-test-adapted[/bold]
    """
    from eegseek.gallery_screens import written
    from inference.adapter import adapt_gallery

    typer.echo(written(out, adapt_gallery(gallery, encoder, out)))

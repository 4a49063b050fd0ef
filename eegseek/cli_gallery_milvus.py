"""``eegseek gallery milvus``: put a gallery's vectors into Milvus, and measure what a search there finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.errors import SettingsError


def milvus(
    gallery: Annotated[Path, typer.Argument(help="Folder of the gallery bundle.")],
    address: Annotated[
        str,
        typer.Argument(help="http://HOST:19530 of a cluster (token: EEGSEEK_MILVUS_TOKEN), or a .db of Milvus Lite."),
    ],
    kind: Annotated[str, typer.Option("--index", help="HNSW, IVF_FLAT, IVF_SQ8, FLAT or AUTOINDEX.")] = "HNSW",
    queries: Annotated[int, typer.Option(min=1, help="Queries of each kind that recall is measured with.")] = 100,
) -> None:
    """Fill a gallery's vectors into Milvus, and report recall@10 against exact search.

    An interrupted fill goes on where it stopped when the same command is given again.

    For example: [bold]eegseek gallery milvus things http://127.0.0.1:19530[/bold]
    """
    import time
    from statistics import median
    from typing import get_args

    from config.bundles import fingerprint
    from inference.gallery import Gallery
    from inference.indexes.measure import Truth
    from inference.milvus import Kind, connect, fill
    from inference.milvus_client import Place
    from training.progress import bar

    if kind not in get_args(Kind):
        raise SettingsError(f"--index '{kind}' is not known; choose one of {', '.join(get_args(Kind))}")
    loaded = Gallery.of_bundle(gallery)
    spec = loaded.spec
    place = Place(address, fingerprint(spec), spec.n_items, spec.dim)
    with bar() as told:
        new = fill(place, loaded.vectors, kind, lambda done, total: told("filling", done, total))  # type: ignore[arg-type]
    truth, index, took = Truth(loaded.vectors, count=queries), connect(place), []
    try:
        found = truth.recall(index)
        for query in next(iter(truth.queries.values())):
            began = time.perf_counter()
            index.search(query[None], 10)
            took.append(1000 * (time.perf_counter() - began))
    finally:
        index.close()
    recall = ", ".join(f"{one.at_10:.3f} at cosine {one.cosine:g}" for one in found)
    typer.echo(f"{place.uri}: {spec.n_items} vectors of {gallery} ({new} put in now) as {index.kind}")
    typer.echo(
        f"recall@10 {recall}; {median(took):.2f} ms a query; use it with --set inference.index=milvus:{place.uri}"
    )

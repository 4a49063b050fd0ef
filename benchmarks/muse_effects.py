"""What artefacts and causality do to the scores of the Muse recordings: ``python -m benchmarks.muse_effects``.

One recording left out, the preset's chain and window, the decoder's options by inner splits. Each row gives the score
without and with a treatment, with intervals from resampling recordings, and the paired difference.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Column, Table

from benchmarks.machine import machine
from benchmarks.muse_folds import DATA_SETS, PRESET, plan
from config.errors import EegseekError, told
from config.settings import RecordingSource
from inference import build
from inference.gallery import Gallery
from training.evaluation.artefacts_effect import Method, effect
from training.evaluation.causality import cost_of_causality
from training.protocols.schema import Metric, Row

CUTOFF = 20.0


def measure(data: Path, *, encoder: str = "riemann", cutoff: float = CUTOFF, console: Console | None = None) -> Any:
    """All rows, by data set.

    Parameters
    ----------
    data
        Folder as ``EEGSEEK_DATA`` names it.
    encoder
        One that is fitted in closed form.
    cutoff
        Of ASR, standard deviations.
    console
        Where to draw.
    """
    console = console or Console()
    found: dict[str, list[dict[str, Any]]] = {}
    for one in DATA_SETS:
        files = sorted((data / "muse" / one.name).glob("*.csv"))
        sources = [RecordingSource(file=str(file)) for file in files]
        with tempfile.TemporaryDirectory(prefix="eegseek-muse-") as scratch:
            build.from_labels(one.labels, Path(scratch) / "gallery")
            gallery = Gallery.load(Path(scratch) / "gallery")
        cost = cost_of_causality(sources, plan(), gallery, encoder=encoder)
        rows = [cost.row("cost of causality", "the same windows through causal and through zero-phase filters")]
        for method in get_args(Method):
            treated = effect(method, sources, plan(), gallery, encoder=encoder, cutoff=cutoff)
            rows.append(treated.scores.row("artefacts", method, notes=(treated.said,)))
        console.print(table(one.name, rows))
        found[one.name] = [row.model_dump(mode="json") for row in rows]
    return {"preset": PRESET, "encoder": encoder, "cutoff": cutoff, "data_sets": found, "machine": machine()}


def table(name: str, rows: Sequence[Row]) -> Table:
    """Rows of a data set."""
    drawn = Table(
        "what", Column("scores", no_wrap=True), "AUC", "95 %", "trials", title=f"{name}: one recording left out"
    )
    for row in rows:
        for k, (score, metric) in enumerate(row.metrics.items()):
            drawn.add_row(row.protocol if k == 0 else "", score, *_texts(metric))
        drawn.add_row(*("", *row.notes)[:2]) if row.notes else None
        drawn.add_section()
    return drawn


def _texts(metric: Metric) -> tuple[str, str, str]:
    value = "n/a" if metric.value is None else f"{metric.value:+.3f}" if metric.chance == 0 else f"{metric.value:.3f}"
    between = "n/a" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
    return value, between, "" if metric.chance == 0 else str(metric.n)


def main(argv: list[str] | None = None) -> int:
    """``python -m benchmarks.muse_effects``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.muse_effects", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("EEGSEEK_DATA"), help="default: EEGSEEK_DATA")
    parser.add_argument("--encoder", default="riemann", help="one that is fitted in closed form")
    parser.add_argument("--cutoff", type=float, default=CUTOFF, help="of ASR, standard deviations")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    given = parser.parse_args(argv)
    if given.data is None:
        parser.error("name the folder of recordings with --data or EEGSEEK_DATA")
    try:
        found = measure(Path(given.data), encoder=given.encoder, cutoff=given.cutoff)
    except EegseekError as error:
        sys.stderr.write(f"eegseek: {told(error)}\n")
        return 1
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Single runs of an evaluation, where two items are told apart, and how many stimuli can give so many repeats."""

from __future__ import annotations

import numpy as np

from inference.gallery import Gallery
from training.confidence import scoring
from training.protocols.answers import Answers
from training.protocols.conditions import Conditions
from training.protocols.schema import Metric, Row
from training.trials import repeats
from training.trials.epochs import Trials

RUN = "one of two, in run"


def by_run(given: Answers, trials: Trials, gallery: Gallery, base: Conditions, protocol: str) -> list[Row]:
    """A row with the area under the curve for each of several runs, where two items are told apart."""
    shown, runs = np.unique(trials.rows), given.units["runs"]
    if len(shown) != 2 or len(np.unique(runs)) < 2:
        return []
    cosines = given.vectors @ gallery.vectors[shown].T
    areas = scoring.run_aucs(scoring.Scored(cosines, np.searchsorted(shown, given.rows), given.units))
    rows = []
    for run, area in areas.items():
        origin, n = trials.origins[run], int(np.count_nonzero(runs == run))
        metric = Metric(value=area if np.isfinite(area) else None, chance=0.5, chance_by="analytic", n=n)
        found = base.row(
            protocol,
            f"{RUN} {origin.name}",
            n_way=2,
            gallery="shown images",
            repeats=1,
            metrics={"auc": metric},
            subjects=(origin.subject,),
            notes=(f"run {origin.name} alone",),
        )
        rows.append(found)
    return rows


def able(trials: Trials, count: int) -> tuple[str, ...]:
    """That not all stimuli have so many repeats, where that is so."""
    sizes = [len(group) for group in repeats.groups(trials)]
    enough = sum(size >= count for size in sizes)
    return (f"{enough} of {len(sizes)} stimuli have {count} repeats or more",) if enough < len(sizes) else ()

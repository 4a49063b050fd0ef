"""Zero-shot retrieval: find the picture that a person saw among those shown, or in a whole gallery.

Against the pictures shown (the field's 200-way), against class centres, and against every item of the gallery (such as
16,740-way), for averages over growing numbers of repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.gallery import Gallery
from training.confidence import scoring
from training.protocols import classes, runs
from training.protocols.answers import Answers, Encode, Retrieval, answers, join, join_units, retrieve
from training.protocols.conditions import Conditions
from training.protocols.extras import derived, more, per_minute
from training.protocols.schema import Curve, GalleryKind, Row
from training.protocols.statistics import retrieval_metrics
from training.trials import repeats
from training.trials.epochs import Progress, Trials, silent

MOST_COSINES = 300_000_000
"""Answers times items that are compared for a repeat count; beyond, a random part of the answers is scored."""
PROTOCOL, FAMILIAR = "zero-shot", "held-out recordings"
ALONE = "the picture among those shown, by this subject"


@dataclass(frozen=True)
class Part:
    """Answers of one decoder, and the gallery in its space."""

    given: Answers
    gallery: Gallery


@dataclass(frozen=True)
class Options:
    """How to score.

    Attributes
    ----------
    n_way
        Things told apart, where fewer than were shown; the scores are exact expectations over subsets. Empty: all.
    repeats
        Repeat counts; empty: powers of two, as far as the data go.
    centres, everything
        Score against class centres, and against the whole gallery, too.
    unit
        What intervals resample.
    rounds, seed
        Random subsets of each stimulus, and their seed.
    """

    n_way: tuple[int, ...] = ()
    repeats: tuple[int, ...] = ()
    centres: bool = False
    everything: bool = True
    unit: scoring.Unit = "auto"
    rounds: int = 4
    seed: int = 0


def counts(trials: Trials, wanted: Sequence[int] = ()) -> tuple[int, ...]:
    """Repeat counts to score: those wanted, or powers of two as far as the data go, and the most that there are.

    Raises
    ------
    SettingsError
        The data hold fewer repeats.
    """
    sizes = np.array([len(group) for group in repeats.groups(trials)])
    most = min(int(np.quantile(sizes, 0.5, method="lower")), repeats.COUNTS[-1])
    if not wanted:
        powers = [1 << k for k in range(most.bit_length())]
        return tuple(dict.fromkeys([*powers, most]))
    for count in wanted:
        if count < 1 or (sizes >= count).sum() < 2:
            raise SettingsError(
                f"averages of {count} repeats are asked for, but the recordings hold at most {sizes.max()} of a "
                "stimulus and subject; ask for fewer (--repeats)"
            )
    return tuple(sorted(set(wanted)))


def zero_shot(
    encode: Encode,
    trials: Trials,
    gallery: Gallery,
    base: Conditions,
    options: Options,
    progress: Progress = silent,
    *,
    protocol: str = PROTOCOL,
) -> tuple[list[Row], list[Curve]]:
    """Rows for each repeat count and gallery, and top-1 against repeats.

    Parameters
    ----------
    encode
        Windows (n, channels, times) in µV to unit vectors.
    trials
        That the encoder has not seen.
    gallery
        In the encoder's space.
    base
        Conditions of the rows.
    protocol
        Its name in the rows.
    """
    rows: list[Row] = []
    shown = np.unique(trials.rows)
    for way in options.n_way:
        if not 2 <= way <= len(shown):
            raise SettingsError(
                f"--n-way {way} needs as many items shown, the recordings show {len(shown)}; ask for 2 to {len(shown)}"
            )
    if options.centres:
        classes.check_centres(gallery, shown)
    wanted = counts(trials, options.repeats)
    for done, count in enumerate(wanted):
        progress("scoring averages", done, len(wanted))
        most = max(MOST_COSINES // len(gallery), 100)
        given = answers(encode, trials, count, rounds=options.rounds, most=most, seed=options.seed)
        pace, last = per_minute(trials), count == wanted[-1]
        found = rows_of([Part(given, gallery)], shown, base, options, protocol, pace, alone=last)
        rows += [row.model_copy(update={"notes": (*row.notes, *runs.able(trials, count))}) for row in found]
        rows += runs.by_run(given, trials, gallery, base, protocol) if count == 1 else []
    progress("scoring averages", len(wanted), len(wanted))
    return rows, curves_of(rows)


def rows_of(
    parts: Sequence[Part],
    shown: NDArray[np.int64],
    base: Conditions,
    options: Options,
    protocol: str,
    pace: float | None,
    *,
    alone: bool = True,
) -> list[Row]:
    """Rows of answers against each kind of gallery, and of each of several subjects.

    Parameters
    ----------
    parts
        Answers of one decoder, or of several.
    shown
        Rows of the items that were shown, sorted.
    pace
        Presentations a minute, where known.
    alone
        Whether each subject has a row of their own.
    """
    count, items = parts[0].given.repeats, len(parts[0].gallery)
    units = join_units([part.given.units for part in parts])
    unit = unit_of(units, count, options.unit)
    among = join([_among(part, shown) for part in parts])
    rows: list[Row] = []

    def add(found: Retrieval, ways: Sequence[int], kind: GalleryKind, what: str) -> None:
        for way in ways:
            scores = retrieval_metrics(found, way, unit, seed=options.seed)
            scores |= derived(scores, way, pace, count)
            if kind != "class centres" and way == found.size:
                pool = shown if kind == "shown images" else np.arange(items)
                scores |= more([(part.given, part.gallery) for part in parts], pool, unit, options.seed)
            text = what if way == found.size else f"{what}, mean over all subsets of {way}"
            rows.append(base.row(protocol, text, n_way=way, gallery=kind, repeats=count, metrics=scores))

    add(among, options.n_way or (len(shown),), "shown images", "the picture among those shown")
    if options.centres:
        centre = [classes.centres(part.gallery, shown) for part in parts]
        near = [
            retrieve(part.given.vectors, c.of_row[part.given.rows], c.vectors, part.given.units)
            for part, c in zip(parts, centre, strict=True)
        ]
        which = "means of other pictures" if centre[0].others_only else "means that hold the shown pictures"
        add(join(near), (near[0].size,), "class centres", f"the class of the picture, by {which}")
    if options.everything and items > len(shown):
        rest = np.setdiff1d(np.arange(items), shown)
        add(join([_among(part, shown, rest) for part in parts]), (items,), "all", "the picture among the whole gallery")
    return rows + (_by_subject(among, count, base, options, protocol) if alone else [])


def _among(part: Part, shown: NDArray[np.int64], rest: NDArray[np.int64] | None = None) -> Retrieval:
    vectors, given = part.gallery.vectors, part.given
    place = np.searchsorted(shown, given.rows)
    return retrieve(given.vectors, place, vectors[shown], given.units, None if rest is None else vectors[rest])


def _by_subject(among: Retrieval, count: int, base: Conditions, options: Options, protocol: str) -> list[Row]:
    """A row for each of several subjects."""
    subjects = np.unique(among.units["subjects"])
    if len(subjects) < 2:
        return []
    rows = []
    way = options.n_way[0] if options.n_way else among.size
    for subject in subjects:
        index = np.flatnonzero(among.units["subjects"] == subject)
        units = {name: unit[index] for name, unit in among.units.items()}
        part = Retrieval(among.ranks[index], among.truth[index], among.size, units)
        scores = retrieval_metrics(part, way, unit_of(units, count, "auto"), seed=options.seed)
        name = base.subjects[int(subject)] if int(subject) < len(base.subjects) else str(subject)
        row = base.row(
            protocol, ALONE, n_way=way, gallery="shown images", repeats=count, metrics=scores, subjects=(name,)
        )
        rows.append(row)
    return rows


def unit_of(units: scoring.Units, count: int, wanted: scoring.Unit) -> str | None:
    """What intervals of these answers resample; averages are of no run, so runs give way to what there is."""
    if wanted == "runs" and count != 1:
        wanted = "auto"
    return scoring.choose_unit(units, wanted)


def curves_of(rows: Sequence[Row]) -> list[Curve]:
    """Top-1 against repeats, for each kind of gallery."""
    return [curve for kind in ("shown images", "class centres", "all") if (curve := _curve(rows, kind))]


def _curve(rows: Sequence[Row], kind: str) -> Curve | None:
    """Top-1 against repeats, of the rows over all subjects against one kind of gallery."""
    mine = [row for row in rows if row.gallery == kind and row.what != ALONE]
    if not mine:
        return None
    way = mine[0].n_way
    mine = [row for row in mine if row.n_way == way and "top1" in row.metrics]
    return curve_of(f"top-1 of {way}, {kind}, against repeats", "repeats averaged", mine, [r.repeats for r in mine])


def curve_of(name: str, x_label: str, rows: Sequence[Row], x: Sequence[float], metric: str = "top1") -> Curve:
    """A curve through one score of some rows."""
    found = [row.metrics[metric] for row in rows]
    return Curve(
        name=name,
        x_label=x_label,
        y_label=metric,
        x=tuple(float(v) for v in x),
        y=tuple(m.value for m in found),
        low=tuple(m.low for m in found),
        high=tuple(m.high for m in found),
        chance=tuple(m.chance for m in found),
        log_x="repeats" in x_label,
    )

"""What learning from all subjects adds to learning from one's own data alone: a line for each encoder and objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.comparison.compare_tables import Line
from training.evaluation.row_tables import cell
from training.metrics import bootstrap, metrics_transfer, significance
from training.protocols.schema import Metric

SIDES = ("over chance, own", "over chance, all")
HEAD = ("encoder", "objective", "subjects", "repeats", *SIDES, "gain", "p", "errors removed")
TITLE = "Transfer: trained on all subjects against own data, top-1 at the most repeats. In brackets 95 % intervals."


@dataclass(frozen=True)
class Effect:
    """Mean over the subjects whose two cells both succeeded.

    Attributes
    ----------
    before, after
        Share of the way from chance to perfect, trained on own data and on those of all.
    gain
        Their difference, tested across subjects.
    errors_removed
        Share of the errors of all subjects that pooling removes; negative where it adds some.
    left_out
        Subjects of whom a cell failed.
    """

    encoder: str
    objective: str
    subjects: int
    repeats: int
    before: float
    after: float
    gain: Metric
    errors_removed: Metric
    left_out: int = 0


def effects(lines: Sequence[Line]) -> list[Effect]:
    """Of each encoder and objective that has subjects scored in both ways, largest gain first."""
    groups: dict[tuple[str, str], dict[str, dict[bool, Line]]] = {}
    for line in lines:
        if not line.mean:
            mine = groups.setdefault((line.encoder, line.objective), {})
            mine.setdefault(line.data, {})[line.pooled > 0] = line
    found = [_effect(*names, list(sides.values())) for names, sides in groups.items()]
    return sorted([one for one in found if one], key=lambda one: -(one.gain.value or 0.0))


def _effect(encoder: str, objective: str, sides: Sequence[dict[bool, Line]]) -> Effect | None:
    asked = [side for side in sides if len(side) == 2]
    scores, repeats = [], 0
    for side in asked:
        own, pooled = side[False].averaged, side[True].averaged
        if own is None or pooled is None or own.value is None or pooled.value is None or own.chance is None:
            continue
        scores.append((own.value, pooled.value, own.chance))
        repeats = max(repeats, side[False].repeats[1])
    if not scores:
        return None
    values = np.array(scores, np.float64)
    each = [metrics_transfer.transfer(*score) for score in scores]
    before, after = (np.array([getattr(one, name) for one in each], np.float64) for name in ("before", "after"))
    tested = significance.paired(after, before)
    n = len(scores)

    def gain(index: NDArray[np.int64]) -> float:
        return float((after - before)[index].mean())

    def removed(index: NDArray[np.int64]) -> float:
        # of the errors of all: one subject with hardly any would make a mean of shares meaningless
        return metrics_transfer.transfer(*values[index].mean(axis=0)).errors_removed

    everyone = np.arange(n)
    sizes = {name: bootstrap.interval(of, everyone) for name, of in (("gain", gain), ("removed", removed))}

    def metric(value: float, bounds: tuple[float, float] | None, **more: Any) -> Metric:
        low, high = bounds or (None, None)
        unit = "subjects" if bounds else ""
        return Metric(value=value, chance=0.0, chance_by="analytic", low=low, high=high, n=n, unit=unit, **more)

    return Effect(
        encoder,
        objective,
        n,
        repeats,
        float(before.mean()),
        float(after.mean()),
        metric(gain(everyone), sizes["gain"], p=tested.p, test=tested.method),
        metric(float(removed(everyone)), sizes["removed"]),
        left_out=len(asked) - n,
    )


def screen(found: Sequence[Effect]) -> Table:
    """For the terminal."""
    drawn = Table(title=TITLE)
    for name in HEAD:
        drawn.add_column(name, no_wrap=name in HEAD[:2])
    for one in found:
        drawn.add_row(*_cells(one))
    return drawn


def markdown(found: Sequence[Effect]) -> str:
    """As a Markdown table under its title."""
    rows = [f"| {' | '.join(cells)} |" for cells in (HEAD, *(_cells(one) for one in found))]
    return "\n".join([TITLE, "", rows[0], f"|{'---|' * len(HEAD)}", *rows[1:]]) + "\n"


def records(found: Sequence[Effect]) -> list[dict[str, Any]]:
    """Flat records, for CSV and JSON."""
    out = []
    for one in found:
        record: dict[str, Any] = {
            name: getattr(one, name)
            for name in ("encoder", "objective", "subjects", "left_out", "repeats", "before", "after")
        }
        for name in ("gain", "errors_removed"):
            for part in ("value", "low", "high"):
                record[f"{name}_{part}"] = getattr(getattr(one, name), part)
        out.append(record | {"gain_p": one.gain.p, "gain_test": one.gain.test})
    return out


def _cells(one: Effect) -> list[str]:
    left = f" ({one.left_out} failed)" if one.left_out else ""
    gain, removed = (cell(metric.model_copy(update={"chance": None})) for metric in (one.gain, one.errors_removed))
    p = "" if one.gain.p is None else f"{one.gain.p:.3g}"
    sides = [f"{one.before:.3f}", f"{one.after:.3f}"]
    return [one.encoder, one.objective, f"{one.subjects}{left}", f"{one.repeats}×", *sides, gain, p, removed]

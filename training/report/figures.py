"""Figures of a report: each from a part of `training.protocols.schema`, with words for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.protocols.schema import Confusion, Curve, EmbeddingMap, Metric, Rdms, Reliability
from training.report import words
from training.report.style import (
    BLUE,
    COLOURS,
    FAINT,
    INK,
    MARKERS,
    SEQUENTIAL,
    VERMILION,
    Figure,
    drawing,
    source_of,
)

MOST_CLASSES = 12
"""That a legend names."""
MOST_TICKS = 30


def curve(data: Curve) -> Figure:
    """A score against a condition, with its interval and chance."""
    x, y = np.array(data.x), _values(data.y)
    with drawing() as (figure, axes):
        if data.low and data.high:
            axes.fill_between(x, _values(data.low), _values(data.high), color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(x, y, color=BLUE, marker="o", markersize=4)
        if data.chance:
            axes.plot(x, _values(data.chance), color=INK, linestyle="--", linewidth=1, label=_dashed(data))
            axes.legend(loc="best")
        if data.log_x and (x > 0).all():
            axes.set_xscale("log")
            axes.set_xticks(x, [f"{value:g}" for value in x])
            axes.minorticks_off()
        axes.set_xlabel(data.x_label)
        axes.set_ylabel(data.y_label)
        source = source_of(figure)
    shown = [(a, b) for a, b in zip(data.x, data.y, strict=True) if b is not None]
    alt = f"Line plot of {data.y_label} against {data.x_label}"
    if shown:
        (first, at_first), (last, at_last) = shown[0], shown[-1]
        best, at_best = max(shown, key=lambda pair: pair[1])
        alt += f": {at_first:.3g} at {first:g}, {at_last:.3g} at {last:g}, highest {at_best:.3g} at {best:g}"
    chance = [value for value in data.chance if value is not None]
    alt += f"; {_dashed(data)} {chance[-1]:.3g}." if chance else "."
    caption = words.joined(
        f"{data.y_label} against {data.x_label}",
        "band: 95 % interval" if data.low else "",
        f"dashed: {_dashed(data)}" if data.chance else "",
        data.note,
    )
    return Figure(source, alt, data.name, caption)


def _dashed(data: Curve) -> str:
    """What the dashed line is: guessing, or what is to be expected at each x."""
    return "chance" if len(set(data.chance)) == 1 else "expected by chance"


def confusion(data: Confusion) -> Figure:
    """Shares of answers, a row a class that was shown."""
    matrix = np.array(data.matrix)
    size = len(data.labels)
    side = min(3.4 + 0.12 * size, 7.0)
    with drawing(side + 0.8, side) as (figure, axes):
        image = axes.imshow(matrix, cmap=SEQUENTIAL, vmin=0, vmax=max(float(matrix.max()), 1e-9), aspect="equal")
        figure.colorbar(image, ax=axes, label="share of the row", shrink=0.8)
        _ticks(axes, data.labels)
        axes.set_xlabel("answered")
        axes.set_ylabel("shown")
        source = source_of(figure)
    diagonal = float(np.diag(matrix).mean())
    chance = 1 / size
    alt = (
        f"Matrix of {size} by {size} classes: on average {diagonal:.0%} of a class is answered as itself, by chance "
        f"{chance:.1%} would be."
    )
    caption = words.joined(
        f"share of each shown class (row) answered as each class (column); {size} classes", data.note
    )
    return Figure(source, alt, data.name, caption, wide=size > 20)


def dissimilarities(data: Rdms) -> Figure:
    """Model and brain side by side, as percentiles, so that both use all of the colours."""
    size = len(data.labels)
    with drawing(8.4, 4.0, 1, 2) as (figure, axes):
        for ax, matrix, name in zip(axes, (data.model, data.brain), ("pictures (model)", "EEG (brain)"), strict=True):
            image = ax.imshow(_percentiles(np.array(matrix)), cmap=SEQUENTIAL, vmin=0, vmax=100)
            ax.set_title(name)
            _ticks(ax, data.labels, few=12)
        figure.colorbar(image, ax=axes, label="dissimilarity (percentile)", shrink=0.85)
        source = source_of(figure)
    agree = f"Spearman's rho {words.metric('rho', data.agreement)}" if data.agreement else ""
    alt = f"Two matrices of the dissimilarities of {size} stimuli, of pictures and of EEG. {agree}".strip() + "."
    caption = words.joined(f"dissimilarity of {size} stimuli, as percentiles; {agree}", data.note)
    return Figure(source, alt, data.name, caption, wide=True)


def embedding_map(data: EmbeddingMap) -> Figure:
    """Embeddings in two dimensions, a colour and a marker for each of the most frequent classes."""
    points, labels = np.array(data.points), np.array(data.labels)
    kinds = np.array(data.kinds or ("EEG",) * len(labels))
    names, counts = np.unique(labels, return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][:MOST_CLASSES]
    if len(names) > 3 * MOST_CLASSES:
        frequent = frequent[:0]
    with drawing(7.4, 4.6) as (figure, axes):
        gallery = kinds != "EEG"
        rest = ~np.isin(labels, frequent)
        axes.scatter(*points[rest & ~gallery].T, s=10, color=FAINT, linewidth=0)
        axes.scatter(*points[rest & gallery].T, s=26, color=FAINT, marker="x", linewidth=0.8)
        for k, name in enumerate(frequent):
            own, colour = labels == name, COLOURS[k % len(COLOURS)]
            marker = MARKERS[(k // len(COLOURS) + k) % len(MARKERS)]
            axes.scatter(*points[own & ~gallery].T, s=16, color=colour, marker=marker, linewidth=0, label=name)
            axes.scatter(*points[own & gallery].T, s=90, facecolor="none", edgecolor=colour, marker=marker)
        if len(frequent):
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
        source = source_of(figure)
    agree = "; ".join(f"{words.name(key)} {words.metric(key, value)}" for key, value in data.agreement.items())
    alt = f"Scatter plot of {len(labels)} embeddings of {len(names)} classes in two dimensions by {data.method}."
    if agree:
        alt += f" k-means of the EEG's embeddings against the classes: {agree}."
    caption = words.joined(
        f"{data.method} of {len(labels)} embeddings, {len(names)} classes; axes have no unit",
        "small: EEG, large and hollow: pictures" if gallery.any() else "",
        f"k-means against the classes: {agree}" if agree else "",
        data.note,
    )
    return Figure(source, alt, "Map of the embeddings", caption, wide=True)


def reliability(data: Reliability) -> Figure:
    """What was claimed against what was right; the diagonal is honest."""
    from training.metrics.metrics_probability import wilson

    claimed, right = np.array([b.probability for b in data.bins]), np.array([b.right for b in data.bins])
    count = np.array([b.n for b in data.bins], np.int64)
    low, high = wilson(right, count)
    with drawing(4.6, 4.2) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="perfect")
        bars = np.clip(np.stack([right - low, high - right]), 0, None)
        axes.errorbar(claimed, right, yerr=bars, fmt="o", color=BLUE, capsize=2, label="answers")
        top = max(1.0, float(count.max(initial=1)))
        axes.bar([b.low for b in data.bins], 0.15 * count / top, 0.1, align="edge", color=VERMILION, alpha=0.35)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("probability claimed")
        axes.set_ylabel("share right")
        axes.legend(loc="upper left")
        source = source_of(figure)
    scores = "; ".join(f"{words.name(key)} {words.metric(key, value)}" for key, value in data.metrics.items())
    off = float(np.average(claimed - right, weights=count)) if count.sum() else 0.0
    tends = "too sure" if off > 0.02 else "too modest" if off < -0.02 else "about right"
    alt = f"Reliability of {data.name} over {count.sum()} answers: on the whole {tends} ({off:+.2f}). {scores}."
    caption = words.joined(
        f"share of right answers against the probability claimed, {count.sum()} answers",
        "bars at the points: 95 % interval; bars at the foot: how many answers",
        scores,
        data.note,
    )
    return Figure(source, alt, f"Reliability: {data.name}", caption)


def forest(rows: Sequence[tuple[str, Metric]], label: str, name: str) -> Figure:
    """One score of several rows, with intervals and chance."""
    kept = [(text, m, m.value) for text, m in rows if m.value is not None]
    with drawing(7.4, 0.8 + 0.32 * len(kept)) as (figure, axes):
        for place, (_, one, value) in enumerate(reversed(kept)):
            if one.low is not None and one.high is not None:
                axes.plot([one.low, one.high], [place, place], color=BLUE, linewidth=2)
            axes.plot(value, place, "o", color=BLUE)
            if one.chance is not None:
                axes.plot(one.chance, place, "|", color=INK, markersize=12)
        axes.set_yticks(range(len(kept)), [text for text, *_ in reversed(kept)])
        axes.set_xlabel(label)
        source = source_of(figure)
    listed = "; ".join(f"{text}: {words.metric(name, one)}" for text, one, _ in kept)
    caption = f"{label} of each row; lines: 95 % interval, upright strokes: chance"
    return Figure(
        source, f"{label} of {len(kept)} rows. {listed}.", f"{words.name(name)} of each row", caption, wide=True
    )


def _ticks(axes: object, labels: Sequence[str], few: int = MOST_TICKS) -> None:
    """Names of the classes where they can be read, else none."""
    if len(labels) <= few:
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)  # type: ignore[attr-defined]
        axes.set_yticks(range(len(labels)), labels, fontsize=7)  # type: ignore[attr-defined]
    else:
        axes.set_xticks([])  # type: ignore[attr-defined]
        axes.set_yticks([])  # type: ignore[attr-defined]


def _percentiles(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    pairs = ~np.eye(len(matrix), dtype=bool)
    out = np.zeros_like(matrix)
    out[pairs] = 100 * (rankdata(matrix[pairs]) - 1) / max(1, pairs.sum() - 1)
    return out


def _values(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)

"""Figures of a session's page. Each takes what `training.calibration.session_material` gathered; None without data."""

from __future__ import annotations

import numpy as np

from config.calibration import Evidence, Map, Progress
from training.calibration.session_material import Material
from training.report.style import BLUE, COLOURS, FAINT, INK, SEQUENTIAL, VERMILION, Figure, drawing, source_of

MOST_CHANNELS = 8
"""Of evoked responses and spectra: those with the largest differences, or the first."""


def spectra(made: Material) -> Figure | None:
    """Power of every channel against frequency."""
    signal = made.signal
    if signal is None or not signal.pieces:
        return None
    frequencies, power = signal.spectrum
    shown = power[:MOST_CHANNELS]
    with drawing() as (figure, axes):
        for k, row in enumerate(shown):
            axes.semilogy(frequencies[2:], np.maximum(row[2:], 1e-6), color=COLOURS[k % 6], label=signal.channels[k],
                          linestyle="-" if k < 6 else "--", linewidth=1.2)  # fmt: skip
        axes.legend(fontsize=8, ncols=2)
        axes.set_xlabel("frequency (Hz)")
        axes.set_ylabel("power (µV²/Hz)")
        source = source_of(figure)
    title = "Spectrum of the raw signal"
    more = f"; the first {MOST_CHANNELS} of {len(power)} channels" if len(power) > MOST_CHANNELS else ""
    alt = f"Power density against frequency for {', '.join(signal.channels[:MOST_CHANNELS])}."
    caption = f"Mean of {signal.pieces} pieces of 2 s{more}. A peak at 50 or 60 Hz is mains, one near 10 Hz alpha."
    return Figure(source, alt, title, caption)


def level(made: Material) -> Figure | None:
    """Peak-to-peak of every channel through the session."""
    signal = made.signal
    if signal is None or len(signal.spans_uv) < 2:
        return None
    spans = signal.spans_uv
    minutes = np.linspace(0, made.duration_s / 60, len(spans))
    with drawing() as (figure, axes):
        for k in range(min(MOST_CHANNELS, spans.shape[1])):
            axes.semilogy(minutes, np.maximum(spans[:, k], 0.1), color=COLOURS[k % 6], label=signal.channels[k],
                          linestyle="-" if k < 6 else "--", linewidth=0.8)  # fmt: skip
        axes.legend(fontsize=8, ncols=2)
        axes.set_xlabel("time in the session (min)")
        axes.set_ylabel("peak-to-peak in 2 s (µV)")
        source = source_of(figure)
    middle = ", ".join(f"{n} {v:.0f} µV" for n, v in zip(signal.channels, np.median(spans, axis=0), strict=True))
    return Figure(source, f"Peak-to-peak against time. Medians: {middle}.", "How large it was", f"Medians: {middle}.")


def evoked(made: Material) -> Figure | None:
    """Mean response of every category, with its standard error, at the channels that differ most."""
    if not made.epochs or not sum(map(len, (one.spec.labels for one in made.epochs))):
        return None
    spec = made.epochs[0].spec
    windows, labels = made.windows, made.labels
    times = 1e3 * (spec.window.start_s + np.arange(spec.window.n_times) / spec.window.rate_hz)
    channels = _telling(made.progress.map if made.progress else None, spec.channels)
    columns = min(2, len(channels))
    rows = -(-len(channels) // columns)
    names = np.unique(labels)
    with drawing(4.2 * columns + 0.6, 2.3 * rows + 0.4, rows, columns) as (figure, axes):
        flat = np.atleast_1d(axes).ravel()
        for ax, channel in zip(flat, channels, strict=False):
            for k, name in enumerate(names):
                mine = windows[labels == name, channel].astype(np.float64)
                mean, error = mine.mean(axis=0), mine.std(axis=0) / np.sqrt(len(mine))
                colour = COLOURS[k % 6]
                ax.fill_between(times, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)
                ax.plot(times, mean, color=colour, linewidth=1.4, label=f"{name} ({len(mine)})",
                        linestyle=("-", "--", "-.", ":")[k % 4])  # fmt: skip
            ax.axvline(0, color=FAINT, linewidth=0.8)
            ax.axhline(0, color=FAINT, linewidth=0.5)
            ax.set_title(spec.channels[channel])
        for ax in flat[len(channels) :]:
            ax.set_visible(False)
        flat[0].legend(fontsize=8)
        figure.supxlabel("time after the picture (ms)", fontsize=9)
        figure.supylabel("µV", fontsize=9)
        source = source_of(figure)
    counts = ", ".join(f"{name} {int(np.sum(labels == name))}" for name in names)
    alt = f"Mean responses at {', '.join(spec.channels[c] for c in channels)}. Trials: {counts}."
    return Figure(source, alt, "Mean response per category",
                  f"Band: one standard error. Calibration trials kept: {counts}.", wide=True)  # fmt: skip


def path(progress: Progress | None) -> Figure | None:
    """Evidence against chance, trial by trial."""
    if progress is None or not progress.whole.path:
        return None
    with drawing() as (figure, axes):
        _line(axes, progress.whole, BLUE, "all channels", "-")
        if progress.ocular is not None and progress.ocular.path:
            _line(axes, progress.ocular, VERMILION, "frontal channels alone", "--")
        axes.axhline(progress.threshold_log10_e, color=INK, linestyle=":", linewidth=1)
        axes.annotate(f"{1 / progress.rules.alpha:.0f} to 1", (0, progress.threshold_log10_e), fontsize=8,
                      textcoords="offset points", xytext=(2, 3), color=INK)  # fmt: skip
        axes.set_xlabel("scored trials")
        axes.set_ylabel("log10 of the e-value")
        axes.legend(fontsize=8)
        source = source_of(figure)
    end = progress.whole.log10_e
    alt = f"Evidence of all channels ends at 10^{end:.1f}; the line stands at 10^{progress.threshold_log10_e:.1f}."
    caption = (
        "Bets on the next label by decoders that were trained on earlier blocks. A session without anything to decode "
        f"passes the dotted line with a probability of at most {progress.rules.alpha:.0%}, however often it is looked "
        "at. Dots: ends of blocks, where it is judged."
    )
    return Figure(source, alt, "Evidence, as it grew", caption)


def blocks(progress: Progress | None) -> Figure | None:
    """Score of every block."""
    if progress is None or not progress.whole.blocks:
        return None
    with drawing() as (figure, axes):
        told = [(progress.whole, BLUE, "o", "all channels")]
        if progress.ocular is not None:
            told.append((progress.ocular, VERMILION, "s", "frontal channels alone"))
        for evidence, colour, marker, name in told:
            x = [one.block + 1 for one in evidence.blocks]
            axes.plot(x, [one.auc for one in evidence.blocks], color=colour, marker=marker, label=name)
        axes.axhline(0.5, color=INK, linestyle="--", linewidth=1, label="chance")
        axes.set_xlabel("block")
        axes.set_ylabel("AUC within the block")
        axes.set_ylim(0, 1.02)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=8)
        source = source_of(figure)
    scores = ", ".join(f"{one.block + 1}: {one.auc:.2f}" for one in progress.whole.blocks)
    return Figure(source, f"AUC of each block: {scores}.", "Score of each block",
                  "Each by a decoder that was trained on the blocks before it only.")  # fmt: skip


def repeats(progress: Progress | None) -> Figure | None:
    """Accuracy in the calibration against the number of trials averaged."""
    if progress is None or not progress.repeats:
        return None
    x = [one.repeats for one in progress.repeats]
    y = [one.accuracy for one in progress.repeats]
    with drawing() as (figure, axes):
        axes.fill_between(x, [o.low for o in progress.repeats], [o.high for o in progress.repeats], color=BLUE,
                          alpha=0.25, linewidth=0)  # fmt: skip
        axes.plot(x, y, color=BLUE, marker="o")
        axes.axhline(progress.chance, color=INK, linestyle="--", linewidth=1, label="chance")
        axes.set_xscale("log", base=2)
        axes.set_xticks(x, [str(value) for value in x])
        axes.set_xlabel("trials averaged")
        axes.set_ylabel("share right")
        axes.set_ylim(0, 1.02)
        axes.legend(fontsize=8)
        source = source_of(figure)
    said = ", ".join(f"{o.repeats}: {o.accuracy:.0%} of {o.averages}" for o in progress.repeats)
    return Figure(source, f"Share right by trials averaged: {said}.", "Accuracy against repeats",
                  f"Calibration, blocks not yet learned from. Band: 95 % interval. {said}.")  # fmt: skip


def carriers(found: Map | None) -> Figure | None:
    """Map of channels and times."""
    if found is None:
        return None
    values = np.array(found.values)
    with drawing(8.0, 1.3 + 0.32 * len(found.channels)) as (figure, axes):
        image = axes.imshow(values, aspect="auto", cmap=SEQUENTIAL, vmin=0,
                            vmax=max(float(values.max()), found.chance))  # fmt: skip
        axes.set_yticks(range(len(found.channels)), found.channels)
        step = max(1, len(found.times_s) // 12)
        axes.set_xticks(range(0, len(found.times_s), step), [f"{1e3 * t:.0f}" for t in found.times_s[::step]])
        axes.set_xlabel("time after the picture (ms)")
        rows, columns = np.nonzero(values > found.chance)
        # seen on dark and on light cells
        axes.scatter(columns, rows, s=18, facecolor="white", edgecolor="black", linewidth=0.8)
        figure.colorbar(image, ax=axes, label=found.unit)
        source = source_of(figure)
    row, column = np.unravel_index(values.argmax(), values.shape)
    strongest = f"{found.channels[row]} at {1e3 * found.times_s[column]:.0f} ms ({values.max():.1f})"
    counts = ", ".join(f"{name} {n}" for name, n in found.trials.items())
    caption = (
        f"{found.unit} of the difference between categories in windows of {1e3 * found.width_s:.0f} ms, from {counts} "
        f"trials. Dots: above {found.chance:.1f}, which the largest value of a map without any difference stays below "
        f"in 95 of 100. Strongest: {strongest}."
    )
    return Figure(source, f"Map of channels and times. Strongest: {strongest}.", "Which channels and times carry it",
                  caption, wide=True)  # fmt: skip


def frames(made: Material) -> Figure | None:
    """Histogram of the intervals between frames, as the presenter measured them."""
    timed = [one for one in made.frames if one.edges_ms and len(one.edges_ms) == len(one.counts)]
    if not timed:
        return None
    most = max(timed, key=lambda one: one.frames)
    with drawing() as (figure, axes):
        axes.bar(most.edges_ms, most.counts, width=most.bin_ms, align="edge", color=BLUE)
        axes.set_yscale("log")
        axes.set_xlabel("interval between frames (ms)")
        axes.set_ylabel("frames")
        source = source_of(figure)
    said = (
        f"{most.frames} frames; median {most.median_ms:.2f} ms, 99 % below {most.p99_ms:.2f} ms, longest "
        f"{most.longest_ms:.1f} ms; {most.dropped} dropped"
    )
    return Figure(source, f"Histogram of intervals between frames: {said}.", "The presenter's frames", f"{said}.")


def _line(axes: object, evidence: Evidence, colour: str, name: str, style: str) -> None:
    path_ = [0.0, *evidence.path]
    axes.plot(range(len(path_)), path_, color=colour, linestyle=style, label=name)  # type: ignore[attr-defined]
    ends = np.cumsum([one.trials for one in evidence.blocks])
    axes.plot(ends, [path_[k] for k in ends], color=colour, marker="o", markersize=4, linestyle="")  # type: ignore[attr-defined]


def _telling(found: Map | None, channels: tuple[str, ...]) -> list[int]:
    """Indices of the channels to draw, in their own order."""
    if len(channels) <= MOST_CHANNELS:
        return list(range(len(channels)))
    if found is None or found.channels != channels:
        return list(range(MOST_CHANNELS))
    return sorted(np.argsort(-np.array(found.values).max(axis=1))[:MOST_CHANNELS].tolist())

"""The parts of the live view of a terminal, each a list of lines for a given width. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from display.accuracy import MOST_REPEATS, Score, chance
from display.anytime import Summary
from display.latency import STAGES, Spread
from display.plain import answer_name, answer_words, end_words, percent, standing_words
from display.state import State
from wire.packets import Answer, Quality, Result

EIGHTHS = " ▏▎▍▌▋▊▉"
STYLE_OF = {
    "connected": "green", "recovered": "green", "waiting": "yellow", "stalled": "yellow", "paused": "yellow",
    "degraded": "yellow", "lost": "red", "stopped": "dim",
    "good": "green", "noisy": "yellow", "flat": "red", "railed": "red", "swapped": "red", "invalid": "red",
}  # fmt: skip
WORDS = {name: name.replace("_to_", " → ") for name, _, _ in STAGES}
SUMS = (
    ("due", ("sent", "rejected", "missed", "pending")),
    ("sent", ("answered", "expired", "dropped", "failed", "in_flight")),
)
PART_SUMS = (
    ("due", ("sent", "skipped", "rejected", "missed", "pending")),
    ("sent", ("answered", "expired", "dropped", "failed", "in_flight")),
)
"""Of parts of windows; drawn where there are any."""


@dataclass(frozen=True)
class Scores:
    """Accuracy and latency as drawn: costly to compute, so kept between redraws.

    Attributes
    ----------
    latest, single
        Of each stimulus's latest answer, and of single trials.
    by_repeats
        Of averaged answers, by the trials behind them.
    total, stages
        Recent latency, of whole windows.
    anytime
        Of the answers that stand, by version in words; empty where windows are only answered whole.
    parts
        Recent latency of parts of windows.
    """

    latest: Score | None
    single: Score | None
    by_repeats: dict[int, Score]
    total: Spread
    stages: dict[str, Spread]
    anytime: dict[str, Summary] = field(default_factory=dict)
    parts: Spread = field(default_factory=Spread)


def fit(line: Text, width: int) -> Text:
    """A line of exactly ``width`` cells."""
    line = line.copy()
    line.truncate(width, overflow="ellipsis", pad=True)
    return line


def beside(left: Sequence[Text], right: Sequence[Text], width: int, height: int) -> list[Text]:
    """Two columns of ``height`` lines."""
    half = (width - 2) // 2
    lines = []
    for k in range(height):
        line = Text().append_text(fit(left[k], half) if k < len(left) else Text(" " * half))  # the style ends there
        line.append("  ")
        lines.append(line.append_text(fit(right[k], width - half - 2)) if k < len(right) else line)
    return lines


def heading(words: str, width: int) -> Text:
    """A title on a rule."""
    line = Text(f"── {words} ", "bold cyan")
    return fit(line.append("─" * max(0, width - line.cell_len), "cyan"), width)


def bar(share: float, width: int) -> str:
    """A horizontal bar of ``width`` cells, in eighths of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


def head(state: State, at_s: float, width: int) -> list[Text]:
    """Who is measured and whether data flow, and why not; the banner where nobody is."""
    status = state.status
    line = Text(" eegseek ", "bold reverse")
    if status is None:
        return [line.append("  waiting for acquisition", "yellow")]
    silent = state.turns.silence(at_s)
    name = silent or status.state
    line.append(f"  {status.session}  {status.source}  ").append(name, STYLE_OF[name])
    if rate := status.gauges.get("rate_hz"):
        line.append(f"  {rate:g} Hz")
    lines = [line]
    if name != "connected":  # whole, where the list of processes has half the width
        words = status.message if silent is None else state.turns.silence_words(at_s)
        lines.append(Text(f" {name}: {words}", STYLE_OF[name]))
    if state.simulated:
        banner = "SIMULATED PARTICIPANT: no living head is measured"
        lines.append(Text(banner.center(width), "bold black on yellow"))
    return lines


def answers(state: State, top_k: int, width: int) -> list[Text]:
    """The latest whole window's answers, single trial and average side by side: always ``top_k + 2`` lines.

    Where windows have parts there is one more line above: what is said of a newer stimulus so far, provisionally.
    """
    return [*_early(state), *_latest(state, top_k, width)]


def _early(state: State) -> list[Text]:
    part = state.early
    if part is None:
        return []
    if state.latest is not None and state.latest.onset_s >= part.onset_s:
        return [Text()]  # the whole window is here
    line = Text("provisional", "bold yellow").append(f" after {end_words(part.part, part.end_s)}", "yellow")
    line.append(f", '{part.stimulus}': ")
    words = []
    for version, answer in enumerate(part.answers):
        standing = standing_words(state, part, version)
        words.append(answer_words(version, answer) + (f" ({standing})" if standing else ""))
    return [line.append(" · ".join(words))]


def _latest(state: State, top_k: int, width: int) -> list[Text]:
    result = state.latest
    if result is None:
        return [heading("no answer yet", width), *([Text()] * (top_k + 1))]
    label = state.true_label(result.stimulus)
    truth = f"truth: {label}" if label is not None else "truth unknown"
    title = heading(f"stimulus '{result.stimulus}' · {truth}", width)
    true_id = state.truth.of.get(result.stimulus)
    two = list(result.answers[:2])
    if len(two) == 1:
        return [title, *_answer(_name(state, result, 0), two[0], true_id, top_k, width)]
    half = (width - 2) // 2
    columns = [_answer(_name(state, result, v), answer, true_id, top_k, half) for v, answer in enumerate(two)]
    return [title, *beside(columns[0], columns[1], width, top_k + 1)]


def _name(state: State, result: Result, version: int) -> Text:
    """Whose answer it is, and how it relates to one committed before."""
    name = Text(answer_name(version, result.answers[version]), "bold")
    if standing := standing_words(state, result, version):
        name.append(f"  {standing}", "yellow")
    return name


def _answer(name: Text, answer: Answer, true_id: str | None, top_k: int, width: int) -> list[Text]:
    lines = [name]
    if answer.withheld:
        lines.append(Text("withheld: too unsure for an answer", "yellow"))
        return lines + [Text()] * (top_k - 1)
    bars = max(width // 3, 6)
    names = width - bars - 10
    for hit in answer.hits[:top_k]:
        right = hit.id == true_id
        name = fit(Text(("✓ " if right else "  ") + hit.label), names)
        name.stylize("green" if right else "")
        lines.append(name.append(" ").append(bar(hit.probability, bars), "cyan").append(f" {hit.probability:6.1%}"))
    return lines + [Text()] * (top_k + 1 - len(lines))


def accuracy(state: State, scores: Scores, width: int, rows: int) -> list[Text]:
    """Accuracy against chance, in at most ``rows`` lines; the reason where there is none."""
    lines = [heading("accuracy", width)]
    if state.truth.unknown:
        return [*lines, Text(state.truth.unknown, "yellow")]
    if scores.latest is None or scores.single is None:
        return [*lines, Text("no answer with a known truth yet")]
    depth = state.accuracy.depth
    first, five = chance(state.truth.n_items, 1), chance(state.truth.n_items, depth)
    lines = [
        heading(f"accuracy, chance {percent(first)} / {percent(five)}", width),
        Text(f"        top-1  top-{depth}  95 % of top-1", "dim"),
        _score("latest", scores.latest),
        _score("single", scores.single),
    ]
    for name, early in scores.anytime.items():
        after = "" if early.mean_s is None else f", at {early.mean_s:.3f} s"
        lines.append(Text(f"{name} committed, {early.coverage:.0%} early{after}", "dim"))
        if early.committed:
            lines.append(_score("      ", early.committed))
    others = {"withheld": sum(state.accuracy.withheld.values()), "truth unknown": state.unmapped}
    others["other gallery"] = state.foreign
    if words := ", ".join(f"{name} {value}" for name, value in others.items() if value):
        lines.append(Text(words, "dim"))
    left = rows - len(lines) - 1
    if left > 0 and len(scores.by_repeats) > 1:
        lines.append(Text("average of    top-1    of", "dim"))
        # the ends of the curve say most: keep the first and the last where not all fit
        kept = list(scores.by_repeats.items())
        kept = kept if len(kept) <= left else [*kept[: left - left // 2], *kept[len(kept) - left // 2 :]]
        named = [(f"{repeats}{'+' * (repeats == MOST_REPEATS)}", value) for repeats, value in kept]
        lines += [Text(f"{name:>10}   {value.top1:6.1%}  {value.n:>4}") for name, value in named]
    return lines


def _score(name: str, score: Score) -> Text:
    line = Text(f"{name} ").append(f"{score.top1:6.1%}", "bold").append(f" {score.top5:6.1%}")
    interval = score.top1_interval
    line.append(f"  {interval[0] * 100:.1f}–{interval[1] * 100:.1f}" if interval else "  (too few)", "dim")
    return line.append(f"  n {score.n}", "dim")


def latency(scores: Scores, width: int) -> list[Text]:
    """Latency by stage, recent results."""
    wide = width >= 56
    names = ("p50", "p95", "p99", "max") if wide else ("p50", "p99")
    lines = [heading("latency, ms", width), Text(" " * 21 + "".join(f"{name:>8}" for name in names), "dim")]
    parts = {"total of parts": scores.parts} if scores.parts.n else {}
    for name, spread in {"total": scores.total, **scores.stages, **parts}.items():
        values = [spread.table[column] for column in names]
        shown = "".join("       –" if value is None else f"{value:8.2f}" for value in values)
        lines.append(Text(f"{WORDS.get(name, name):<21}{shown}", "bold" if name == "total" else ""))
    return lines


def channels(quality: Quality | None, width: int, rows: int) -> list[Text]:
    """Each channel's state, the bad ones first, in at most ``rows`` lines."""
    lines = [heading("channels", width)]
    if quality is None:
        return [*lines, Text("not measured yet", "dim")]
    rated = list(zip(quality.channels, quality.states, quality.rms_uv, strict=True))
    good = sum(state == "good" for _, state, _ in rated)
    words = [Text(f"{good} of {len(rated)} good", "green" if good == len(rated) else "")]
    words += [
        Text(f"{name} {rms:.0f} µV" if state == "good" else f"{name} {state}", STYLE_OF[state])
        for name, state, rms in sorted(rated, key=lambda row: row[1] == "good")
    ]
    return lines + flow(words, width)[: max(rows - 1, 1)]


def processes(state: State, at_s: float, width: int) -> list[Text]:
    """Every process in words, those that are not well first: on a small screen the last lines are cut off."""
    rows = [(name, words, words.split(":")[0].split(",")[0]) for name, words in state.processes(at_s)]
    rows.sort(key=lambda row: row[2] == "connected")
    return [
        heading("processes", width),
        *(Text(f"{name}: ").append(words, STYLE_OF.get(one, "")) for name, words, one in rows),
    ]


def counters(state: State, width: int) -> list[Text]:
    """The sums that always hold, what was lost, and why stimuli were rejected."""
    count = state.counters
    lines = [_sum(count, "", whole, ends) for whole, ends in SUMS]
    if "parts_due" in count:
        lines += [Text("parts: ", "dim").append_text(_sum(count, "parts_", whole, ends)) for whole, ends in PART_SUMS]
    bad = count["lost"] + count["doubled"] + state.malformed
    last = Text(f"lost {count['lost']}  doubled {count['doubled']}", "bold red" if bad else "green")
    if lost_parts := count.get("parts_lost", 0):
        last.append(f"  parts lost {lost_parts}", "bold red")
    if state.malformed:
        last.append(f"  malformed {state.malformed}")
    if state.rejected_by:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(state.rejected_by.items(), key=lambda r: -r[1]))
        last.append(f"  rejected: {reasons}", "yellow")
    return [heading("windows", width), *lines, last]


def _sum(count: Mapping[str, int], prefix: str, whole: str, ends: Sequence[str]) -> Text:
    words = " + ".join(f"{name.replace('_', ' ')} {count.get(prefix + name, 0)}" for name in ends)
    return Text(f"{whole} {count.get(prefix + whole, 0)} = {words}")


def flow(words: Sequence[Text], width: int) -> list[Text]:
    """Words filled into lines."""
    lines: list[Text] = []
    for word in words:
        if lines and lines[-1].cell_len + 2 + word.cell_len <= width:
            lines[-1].append("  ").append_text(word)
        else:
            lines.append(word.copy())
    return lines

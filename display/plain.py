"""Lines for logs: one a result, one a change of state, and a summary at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from display.accuracy import AVERAGE, SINGLE, Score, chance
from display.latency import TOTAL, Spread, durations
from display.state import State
from wire.packets import Answer, Result

Write = Callable[[str], object]
COUNTED_EVERY_S = 10.0


def out(line: str) -> None:
    """Write a line to the standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer_name(version: int, answer: Answer) -> str:
    """``single trial`` or ``average of n``."""
    return f"average of {answer.repeats}" if version == AVERAGE else "single trial"


def answer_words(version: int, answer: Answer) -> str:
    """One answer in words."""
    name = answer_name(version, answer)
    if answer.withheld:
        return f"{name}: withheld"
    if not answer.hits:
        return f"{name}: nothing"
    best = answer.hits[0]
    return f"{name}: '{best.label}' {best.probability:.1%}"


def end_words(part: int, end_s: float | None) -> str:
    """Which part of a window: ``0.3 s``."""
    return f"part {part}" if end_s is None else f"{end_s:g} s"


def standing_words(state: State, result: Result, version: int) -> str:
    """How an answer relates to the one that is committed for its stimulus; empty where there is nothing to say."""
    held = state.anytime.of(result, version)
    if held is None or held.part > result.part:  # none yet; or this part came late, and is not committed to
        return ""
    if held.part == result.part:
        late = f", in place of the later '{held.instead_of}'" if held.instead_of else ""
        return f"committed{late}" if not held.whole else ""
    after, answer = end_words(held.part, held.end_s), result.answers[version]
    if answer.withheld or not answer.hits or answer.hits[0].id != held.id:
        says = "the full window says otherwise" if result.final else "this part says otherwise"
        return f"{says}; committed after {after}: '{held.label}'"
    return f"as committed after {after}"


def result_line(state: State, result: Result) -> str:
    """One result in words."""
    parts = [f"result {result.segment}.{result.sequence}", f"stimulus '{result.stimulus}'"]
    if not result.final:
        parts.insert(1, f"PROVISIONAL after {end_words(result.part, result.end_s)}")
    for version, answer in enumerate(result.answers):
        standing = standing_words(state, result, version)
        parts.append(answer_words(version, answer) + (f" ({standing})" if standing else ""))
    if (label := state.true_label(result.stimulus)) is not None:
        parts.append(f"truth: '{label}'")
    elif not state.truth.unknown:
        parts.append("truth unknown")
    if (took_ms := durations(result.stamps).get(TOTAL)) is not None:
        parts.append(f"{took_ms:.1f} ms")
    if result.flags:
        parts.append(", ".join(result.flags))
    return " | ".join(parts)


def percent(value: float | None) -> str:
    """A share for people."""
    return "unknown" if value is None else f"{value:.1%}"


def score_words(name: str, score: Score, depth: int) -> str:
    """One score in words, its interval included."""
    interval = score.top1_interval
    between = f" (95 % {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    return f"{name}: top-1 {score.top1:.1%}{between}, top-{depth} {score.top5:.1%}, n {score.n}"


def summary(state: State, numbers: dict[str, Any]) -> list[str]:
    """Some lines that say how the run went, from its report."""
    lines = []
    if state.simulated:
        lines.append("SIMULATED PARTICIPANT: no living head was measured")
    lines.append("windows: " + ", ".join(f"{name} {value}" for name, value in numbers["windows"].items()))
    if state.rejected_by:
        lines.append("rejected: " + ", ".join(f"{reason} {n}" for reason, n in sorted(state.rejected_by.items())))
    lines += latency_lines("latency, last needed sample to display", state.latencies.total())
    lines += accuracy_lines(state)
    lines += anytime_lines(state, numbers["anytime"])
    lines += [f"note: {note}" for note in state.truth.notes]
    if not numbers["complete"]:
        lines.append("the display left before the run ended: counters and lost are as last heard")
    return lines


def latency_lines(name: str, total: Spread) -> list[str]:
    """Percentiles in a line; none where nothing was timed."""
    if total.p50 is None:
        return []
    values = (("p50", total.p50), ("p95", total.p95), ("p99", total.p99), ("max", total.max))
    return [f"{name}: " + ", ".join(f"{word} {value:.1f} ms" for word, value in values)]


def anytime_lines(state: State, told: dict[str, Any] | None) -> list[str]:
    """What early answers brought; nothing where windows are only answered whole."""
    if told is None:
        return []
    lines = ["early parts (provisional): " + ", ".join(f"{name} {value}" for name, value in told["parts"].items())]
    lines += latency_lines("latency of parts", state.part_latencies.total())
    for version, name in ((SINGLE, "single trials"), (AVERAGE, "averages")):
        if (summary := state.anytime.summary(version)) is None:
            continue
        lines.append(f"{name}: {summary.words}")
        if summary.committed:
            lines.append(score_words(f"{name}, committed answers", summary.committed, state.accuracy.depth))
        if summary.whole:
            lines.append(score_words(f"{name}, full windows", summary.whole, state.accuracy.depth))
    return lines


def accuracy_lines(state: State) -> list[str]:
    """Accuracy beside chance, or why there is none."""
    if state.truth.unknown:
        return [state.truth.unknown]
    counted = state.accuracy
    scores = [("latest answer of each stimulus", counted.latest()), ("single trials", counted.single())]
    lines = [score_words(name, score, counted.depth) for name, score in scores if score]
    first, five = chance(state.truth.n_items, 1), chance(state.truth.n_items, counted.depth)
    return [*lines, f"chance: top-1 {percent(first)}, top-{counted.depth} {percent(five)}"] if lines else []


class Plain:
    """A display in lines. With ``quiet``, results make none: changes of state and the summary remain."""

    def __init__(self, write: Write = out, *, quiet: bool = False):
        self.write = write
        self.quiet = quiet
        self._told = 0
        self._counted_s: float | None = None
        self._open = False

    def open(self) -> None:
        """Be ready to write."""
        self._open = True

    def result(self, state: State, result: Result) -> None:
        """Write a result's line."""
        if not self.quiet:
            self.write(result_line(state, result))

    def tick(self, state: State, at_s: float) -> None:
        """Write what has changed since the last call."""
        state.turns.watch(at_s)
        for change in state.turns.since(self._told):
            self.write(change.words)
        self._told = state.turns.count
        if self.quiet:
            return
        if self._counted_s is None:
            self._counted_s = at_s
        elif at_s - self._counted_s >= COUNTED_EVERY_S:
            self._counted_s = at_s
            self.write("counters: " + ", ".join(f"{name} {value}" for name, value in state.counters.items()))

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Write the summary."""
        for line in summary(state, numbers) if self._open else ():
            self.write(line)
        self._open = False

"""What the Live page is told, as plain tables for the browser. Pure; read under the view's lock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from display.accuracy import Score, chance
from display.latency import TOTAL, durations
from display.panels import Scores
from display.plain import answer_name, end_words, standing_words
from display.state import State
from wire.packets import Answer, Result

HITS = 5
STRIP = 12
"""Latest answers in the strip."""
Table = dict[str, Any]


def newest(state: State) -> Result | None:
    """The result to be seen: the latest whole window's, or a provisional one of a stimulus that came after it."""
    whole, early = state.latest, state.early
    if early is not None and (whole is None or early.onset_s > whole.onset_s):
        return early
    return whole


def live(state: State, recent: Iterable[Result], at_s: float, wall_s: float) -> Table:
    """The newest answer and those before it.

    Parameters
    ----------
    state, recent
        Of the view.
    at_s, wall_s
        Now, on acquisition's clock and on the wall's: pages see the latter.

    Returns
    -------
    dict
        ``key`` identifies the result (empty: no answer yet); ``committed_ms`` is when it was committed, milliseconds
        since 1970 on this machine.
    """
    result = newest(state)
    if result is None:
        return {"key": "", "strip": []}
    true_id = state.truth.of.get(result.stimulus)
    committed = result.stamps.committed
    # what was answered before this display came took longer to get here than to be answered
    took = {} if committed is not None and committed < state.joined_s else durations(result.stamps)
    return {
        "key": "-".join(map(str, result.key)),
        "committed_ms": None if committed is None else 1e3 * (wall_s - at_s + committed),
        "stimulus": result.stimulus,
        "truth": None if true_id is None else {"id": true_id, "label": state.true_label(result.stimulus)},
        "truth_unknown": state.truth.unknown,
        "provisional": "" if result.final else end_words(result.part, result.end_s),
        "answers": [_answer(state, result, version, true_id) for version in reversed(range(result.versions))],
        "took_ms": took.get(TOTAL),
        "after_s": after_s(result),
        "flags": list(result.flags),
        "strip": [_strip(state, one) for one in _wholes(recent)[-STRIP:]],
    }


def after_s(result: Result) -> float | None:
    """From the picture's onset to its answer, s; None where the clock of the samples says nothing."""
    due, arrived, committed = result.stamps.sample_due, result.stamps.sample_in, result.stamps.committed
    if due is None or arrived is None or committed is None or due > arrived:
        return None
    return committed - result.onset_s


def _wholes(recent: Iterable[Result]) -> list[Result]:
    return sorted((one for one in recent if one.final), key=lambda one: one.onset_s)


def _answer(state: State, result: Result, version: int, true_id: str | None) -> Table:
    answer = result.answers[version]
    return {
        "name": answer_name(version, answer),
        "withheld": answer.withheld,
        "standing": standing_words(state, result, version),
        "hits": []
        if answer.withheld
        else [
            {
                "id": hit.id,
                "label": hit.label,
                "p": hit.probability,
                "right": None if true_id is None else hit.id == true_id,
                "text": hit.modality == "text",
            }
            for hit in answer.hits[:HITS]
        ],
    }


def _strip(state: State, result: Result) -> Table:
    """One answer in a few words: the average's where there is one."""
    answer: Answer = result.answers[-1]
    true_id = state.truth.of.get(result.stimulus)
    best = answer.hits[0] if answer.hits and not answer.withheld else None
    return {
        "key": "-".join(map(str, result.key)),
        "label": best.label if best else "withheld",
        "withheld": best is None,
        "truth": state.true_label(result.stimulus),
        "right": None if true_id is None or best is None else best.id == true_id,
    }


def scores(state: State, scored: Scores) -> Table:
    """Accuracy so far beside chance, and how fast answers come."""
    found: Table = {"unknown": state.truth.unknown, "rows": [], "notes": list(state.truth.notes)}
    n_items, depth = state.truth.n_items, state.accuracy.depth
    found["items"] = n_items
    for name, score in (("each picture's latest answer", scored.latest), ("single trials", scored.single)):
        if score is not None:
            found["rows"].append(_score(name, score, n_items, depth))
    others = {
        "withheld": sum(state.accuracy.withheld.values()),
        "of unknown truth": state.unmapped,
        "by another gallery": state.foreign,
    }
    found["others"] = [f"{value} {name}" for name, value in others.items() if value]
    found["early"] = [f"{name}: {summary.words}" for name, summary in scored.anytime.items()]
    found["p50"], found["p95"] = scored.total.p50, scored.total.p95
    return found


def _score(name: str, score: Score, n_items: int | None, depth: int) -> Table:
    return {
        "name": name,
        "top1": score.top1,
        "interval": score.top1_interval,
        "top5": score.top5,
        "depth": depth,
        "chance1": chance(n_items, 1),
        "chance5": chance(n_items, depth),
        "n": score.n,
        "stimuli": score.stimuli,
    }

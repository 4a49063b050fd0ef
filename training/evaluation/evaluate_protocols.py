"""The protocols by name, each a function of an evaluation."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.score import temperature
from training.evaluation import evaluate_treatments as treatments
from training.evaluation.evaluate_inputs import windows_of
from training.evaluation.evaluate_session import Evaluation, Found
from training.protocols import (
    anytime,
    categories,
    classes,
    concepts,
    few_shot,
    leaks,
    open_set,
    post_hoc,
    subjects,
    sweeps,
    texts,
    zero_shot,
)
from training.protocols.answers import Answers, answers
from training.protocols.conditions import Conditions, conditions
from training.protocols.data import Data


def _zero_shot(e: Evaluation) -> Found:
    base, _ = e.checked
    name = zero_shot.PROTOCOL if e.zero_shot_claimed else zero_shot.FAMILIAR
    return zero_shot.zero_shot(
        e.encoder.encode, e.trials, e.gallery, base, e.request.options, e.progress, protocol=name
    )


def _subjects(e: Evaluation) -> Found:
    learned = e.request.learned
    base = e.retrained(learned or e.request.scored)
    allow = e.request.allow_seen
    return subjects.leave_one_out(
        e.again, learned, e.request.scored, e.gallery, base, e.request.options, allow_seen=allow, progress=e.progress
    )


def _concepts(e: Evaluation) -> Found:
    data = e.request.learned or e.request.scored
    scored = conditions(e.encoder.spec, data.without_signal(e.plain))
    base = replace(scored, blocked=e.retrained(data).blocked)
    rows = concepts.hold_out_concepts(
        e.again, data, e.plain, base, e.request.options, folds=e.request.folds, progress=e.progress
    )
    return rows, []


def _few_shot(e: Evaluation) -> Found:
    base, _ = e.checked
    if e.zero_shot_claimed:
        seen = leaks.check_classes(e.encoder.spec, e.trials, e.gallery, allow_seen=e.request.allow_seen)
        base = replace(base, seen=base.seen or seen)
    # of a class of which one picture was shown, shots and answers are told apart by recording: averages have none
    shown = Counter(e.gallery.items[row].label for row in np.unique(e.trials.rows))
    given = answers(e.encoder.encode, e.trials, 1 if min(shown.values()) < 2 else 0)
    rows, curve = few_shot.few_shot(given, e.gallery, base, shots=e.request.shots, seed=e.request.options.seed)
    return rows, [curve]


def _texts(e: Evaluation) -> Found:
    # a recording has one text, so time within it cannot give that away: recordings are what must be new
    leaks.check_bundle(e.encoder.spec, e.trials, e.gallery, zero_shot=False)
    base, seed = conditions(e.encoder.spec, e.trials), e.request.options.seed
    return texts.texts(e.encoder.encode, e.trials, e.gallery, base, seed=seed, progress=e.progress), []


def _open_set(e: Evaluation) -> Found:
    base, _ = e.checked
    seed, rows = e.request.options.seed, []
    for given in _single_and_averaged(e):
        heat, _ = temperature(e.encoder.spec.calibration, max(given.repeats, 1), len(e.gallery))
        rows.append(open_set.pictures_taken_out(given, e.gallery, base, heat, seed=seed))
        if e.request.unknown and given.repeats == 1:
            unknown = e.encoder.encode(windows_of(e.request.scored, e.request.unknown))
            what = e.request.unknown
            rows.append(open_set.nothing_shown(given, unknown, e.gallery, base, heat, what=what, seed=seed))
    return rows, []


def _categories(e: Evaluation) -> Found:
    base, _ = e.checked
    members = _members(e)
    seed = e.request.options.seed
    return [categories.category_auc(g, e.gallery, members, base, seed=seed) for g in _single_and_averaged(e)], []


def _members(e: Evaluation) -> dict[str, NDArray[np.bool_]]:
    table = classes.read_categories(e.request.categories) if e.request.categories else None
    return classes.categories(e.gallery, table)


def _single_and_averaged(e: Evaluation) -> list[Answers]:
    """Answers to single trials, and to averages of the most repeats asked for, or that there are."""
    counts = zero_shot.counts(e.trials, e.request.options.repeats)
    wanted = dict.fromkeys((counts[0], counts[-1]))
    return [answers(e.encoder.encode, e.trials, n, rounds=1, seed=e.request.options.seed) for n in wanted]


def _window_end(e: Evaluation) -> Found:
    learned, base = _learned(e, "window-end")
    ends, options = e.request.ends_s, e.request.options
    return sweeps.window_ends(e.again, learned, e.request.scored, base, options, ends_s=ends, progress=e.progress)


def _channels(e: Evaluation) -> Found:
    learned, base = _learned(e, "channels")
    numbers, options = e.request.channels, e.request.options
    return sweeps.channel_counts(
        e.again, learned, e.request.scored, base, options, numbers=numbers, progress=e.progress
    )


def _learned(e: Evaluation, protocol: str) -> tuple[Data, Conditions]:
    """What sweeps learn from, checked against what they score."""
    learned = e.request.learned
    if learned is None:
        raise SettingsError(
            f"--protocol {protocol} trains a decoder for every point; name what to learn from with --train, once for "
            "each recording or epochs folder"
        )
    zero = e.zero_shot_claimed and not e.request.allow_seen
    known = learned.without_signal(e.gallery)
    leaks.check_sides(known, e.trials, zero_shot=zero)
    seen = e.zero_shot_claimed and bool(len(np.intersect1d(known.rows, e.trials.rows)))
    return learned, replace(e.retrained(learned), seen=seen)


def _post_hoc(e: Evaluation) -> Found:
    base, _ = e.checked
    calibration, learned = _calibration(e), e.request.learned
    reference = learned.trials(e.gallery) if learned else None
    return post_hoc.post_hoc(
        e.encoder.encode,
        e.trials,
        calibration.trials(e.gallery),
        e.gallery,
        base,
        e.request.options,
        reference=reference,
    ), []


def _calibration(e: Evaluation) -> Data:
    if e.request.calibration is None:
        raise SettingsError(
            "--protocol post-hoc fits corrections on recordings that are not scored; name these with --calibration"
        )
    return e.request.calibration


def _anytime(e: Evaluation) -> Found:
    base, _ = e.checked
    return anytime.anytime(e.encoder, e.trials, e.gallery, base, e.request.options, e.progress)


PROTOCOLS: dict[str, Callable[[Evaluation], Found]] = {
    "zero-shot": _zero_shot,
    "subjects": _subjects,
    "concepts": _concepts,
    "few-shot": _few_shot,
    "texts": _texts,
    "open-set": _open_set,
    "categories": _categories,
    "post-hoc": _post_hoc,
    "window-end": _window_end,
    "anytime": _anytime,
    "channels": _channels,
    "causality": treatments.causality,
    "artefacts": treatments.artefacts,
}
"""Name to what it does."""


NEEDS: dict[str, Callable[[Evaluation], object]] = {
    "categories": _members,
    "post-hoc": _calibration,
    "window-end": lambda e: _learned(e, "window-end"),
    "anytime": lambda e: anytime.check(e.encoder, e.trials),
    "channels": lambda e: _learned(e, "channels"),
    "causality": lambda e: treatments.closed_form(e, "causality"),
    "artefacts": lambda e: treatments.closed_form(e, "artefacts"),
}
"""What a protocol cannot do without, said before another has taken its time."""


def check_given(e: Evaluation) -> None:
    """Refuse an evaluation that lacks what one of its protocols needs.

    Raises
    ------
    SettingsError, RecordingError
        Names the protocol, and what to give.
    """
    for name in e.request.protocols:
        if name in NEEDS:
            NEEDS[name](e)


def check_protocol(name: str) -> None:
    """Refuse a protocol that there is not.

    Raises
    ------
    SettingsError
        Names those that there are.
    """
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=1, cutoff=0.4)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise SettingsError(f"unknown protocol '{name}'{hint}; known: {', '.join(PROTOCOLS)}")

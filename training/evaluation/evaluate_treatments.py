"""Protocols that filter recordings in other ways, and leave each of them out in turn."""

from __future__ import annotations

from typing import Any

from config.errors import SettingsError
from inference.encoders import registry
from training.evaluation.evaluate_session import Evaluation, Found
from training.protocols.retrain import method as method_of
from training.protocols.schema import Row

FEWEST_FOR_ASR = 4
"""Recordings: one is calibrated on, and three are left out in turn."""


def causality(e: Evaluation) -> Found:
    """What filters without a look ahead cost."""
    from training.evaluation.causality import cost_of_causality

    encoder, options = closed_form(e, "causality")
    found = cost_of_causality(e.request.sources, e.request.scored.plan, e.plain, encoder=encoder, **options)
    return [_marked(found.row("cost of causality", "the same windows through causal and zero-phase filters"), e)], []


def artefacts(e: Evaluation) -> Found:
    """What taking artefacts out does to the score."""
    from training.evaluation.artefacts_effect import Method, effect

    encoder, options = closed_form(e, "artefacts")
    methods: tuple[Method, ...] = ("faster", "faster-training", "asr")
    what = ("FASTER, training and test", "FASTER, training alone", "ASR, calibrated on the first recording")
    rows = []
    for method, text in zip(methods, what, strict=True):
        if method == "asr" and len(e.request.sources) < FEWEST_FOR_ASR:
            continue
        found = effect(method, e.request.sources, e.request.scored.plan, e.plain, encoder=encoder, **options)
        rows.append(_marked(found.scores.row("effect of artefacts", text, notes=(found.said,)), e))
    return rows, []


def closed_form(e: Evaluation, protocol: str) -> tuple[str, dict[str, Any]]:
    """Encoder and options for protocols that leave each recording out: the bundle's, where it is in closed form."""
    if not e.request.sources:
        raise SettingsError(
            f"--protocol {protocol} filters recordings anew; name the recordings themselves, no epochs folders"
        )
    e.check_unadapted()
    spec = e.encoder.spec
    own = not registry.is_network(spec.architecture)
    architecture, parameters = method_of(spec) if own else ("riemann", None)
    options = {
        "truth": e.request.scored.truth,
        "parameters": parameters,
        "seed": e.request.options.seed,
        "progress": e.progress,
    }
    return architecture, options


def _marked(row: Row, e: Evaluation) -> Row:
    blocked, _ = e.timed
    return row.model_copy(update={"blocked": blocked, "simulated": e.trials.simulated})

"""What every row of a decoder's scores must say of it: read from its bundle and from the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.bundles import EncoderSpec
from training.protocols.schema import GalleryKind, Metric, Row, Selection
from training.trials.epochs import Trials


@dataclass(frozen=True)
class Conditions:
    """Conditions that all rows of an evaluation share.

    Attributes
    ----------
    encoder, trained_by
        Name, and objectives or the closed form.
    selection
        How epoch or penalty were chosen.
    subjects
        Names of the subjects scored, by their number in the trials.
    transductive, causal, blocked, seen, simulated
        See `schema.Row`.
    """

    encoder: str
    trained_by: str
    selection: Selection
    subjects: tuple[str, ...] = ()
    transductive: bool = False
    causal: bool = True
    blocked: bool = False
    seen: bool = False
    simulated: bool = False

    def row(
        self,
        protocol: str,
        what: str,
        *,
        n_way: int,
        gallery: GalleryKind,
        repeats: int,
        metrics: dict[str, Metric],
        subjects: Sequence[str] | None = None,
        notes: Sequence[str] = (),
        transductive: bool = False,
    ) -> Row:
        """A row under these conditions."""
        return Row(
            protocol=protocol,
            what=what,
            subjects=tuple(self.subjects if subjects is None else subjects),
            encoder=self.encoder,
            trained_by=self.trained_by,
            repeats=repeats,
            n_way=n_way,
            gallery=gallery,
            selection=self.selection,
            transductive=self.transductive or transductive,
            causal=self.causal,
            blocked=self.blocked,
            seen=self.seen,
            simulated=self.simulated,
            metrics=metrics,
            notes=tuple(notes),
        )


def conditions(spec: EncoderSpec, trials: Trials, *, blocked: bool = False, seen: bool = False) -> Conditions:
    """Conditions of a bundle on trials."""
    return Conditions(
        encoder=spec.architecture,
        trained_by=trained_by(spec.training),
        selection=selection(spec.training),
        subjects=subject_names(trials),
        causal=spec.causal and trials.causal,
        blocked=blocked,
        seen=seen,
        simulated=spec.simulated or trials.simulated,
    )


def subject_names(trials: Trials) -> tuple[str, ...]:
    """Name of each subject, by its number in the trials."""
    return tuple(dict.fromkeys(origin.subject for origin in trials.origins))


def selection(training: dict[str, Any]) -> Selection:
    """How a bundle's epoch or penalty was chosen, from its training record."""
    validation = training.get("validation")
    kind = validation.get("kind") if isinstance(validation, dict) else None
    if "chosen_by" in training:  # closed form
        return "nothing chosen" if training["chosen_by"] == "none" or not kind else "validation-picked by inner splits"
    if "kept_epoch" in training:
        early = kind is not None and training.get("patience") is not None
        return "validation-picked by inner splits" if early else "fixed epoch"
    return "not recorded"


def trained_by(training: dict[str, Any]) -> str:
    """Objectives of a training record, with their weights where there are several."""
    objectives = training.get("objectives")
    if isinstance(objectives, list | tuple) and objectives:
        pairs = [_weighed(one) for one in objectives]
        return pairs[0][0] if len(pairs) == 1 else " + ".join(f"{weight:g} {name}" for name, weight in pairs)
    if "chosen_by" in training:
        return "closed form"
    return "infonce" if "kept_epoch" in training else "not recorded"


def _weighed(objective: object) -> tuple[str, float]:
    """Name and weight of an objective in a training record."""
    if isinstance(objective, dict):
        return str(objective.get("name")), float(objective.get("weight", 1.0))
    return str(objective), 1.0

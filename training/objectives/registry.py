"""Objectives by name, and their weighted sum. Imports torch only when one is made."""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import PositiveFloat, ValidationError

from config.chain import Frozen
from config.errors import SettingsError

if TYPE_CHECKING:
    from training.objectives.base import Objective
    from training.objectives.combined import Combined

OBJECTIVES = {
    "infonce": ("training.objectives.infonce", "InfoNCE"),
    "siglip": ("training.objectives.siglip", "SigLIP"),
    "multi_head": ("training.objectives.infonce", "MultiHead"),
    "snr": ("training.objectives.snr", "SNR"),
    "vae": ("training.objectives.vae", "VAE"),
    "siamese": ("training.objectives.similarity", "Siamese"),
    "rsa": ("training.objectives.similarity", "RSA"),
    "mmd": ("training.objectives.mmd", "MMD"),
    "mse": ("training.objectives.regression", "MSE"),
    "cosine": ("training.objectives.regression", "Cosine"),
}
"""Name to module and class, made from its options as keywords."""


class Term(Frozen):
    """An objective and its weight in the sum."""

    name: str
    weight: PositiveFloat = 1.0
    options: dict[str, float] = {}


DEFAULT = (Term(name="infonce"),)


def parse(text: str) -> Term:
    """Term of ``name``, ``name=weight`` or ``name=weight,option=value,…``, such as ``multi_head=0.5,heads=8``.

    Raises
    ------
    SettingsError
        The form, the name, the weight or an option is wrong.
    """
    first, *options = text.split(",")
    name, _, weight = first.partition("=")
    found = dict(_number(option, text) for option in options)
    try:
        term = Term(name=name.strip(), weight=json.loads(weight) if weight else 1.0, options=found)
    except (ValidationError, ValueError) as error:
        raise SettingsError(f"objective '{text}' needs a weight above 0, such as {name.strip()}=0.5") from error
    make(term)
    return term


def make(term: Term) -> Objective:
    """A term's objective, untrained.

    Raises
    ------
    SettingsError
        No objective has that name, or an option is unknown or out of range.
    """
    if term.name not in OBJECTIVES:
        near = difflib.get_close_matches(term.name, OBJECTIVES, n=1, cutoff=0.4)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise SettingsError(f"unknown objective '{term.name}'{hint}; known: {', '.join(OBJECTIVES)}")
    module, name = OBJECTIVES[term.name]
    cls = getattr(importlib.import_module(module), name)
    known = {p.name: p for p in inspect.signature(cls).parameters.values() if p.kind is p.KEYWORD_ONLY}
    for option in term.options:
        if option not in known:
            raise SettingsError(
                f"objective '{term.name}' has no option '{option}'; known: {', '.join(known) or 'none'}"
            )
    try:
        made: Objective = cls(**{key: _typed(value, known[key].default) for key, value in term.options.items()})
    except ValueError as error:
        raise SettingsError(f"objective '{term.name}': {error}") from error
    return made


def combine(terms: Sequence[Term]) -> Combined:
    """Weighted sum of objectives.

    Raises
    ------
    SettingsError
        There is none, one stands twice, or none of them brings vectors to their items.
    """
    from training.objectives.combined import Combined

    names = [term.name for term in terms]
    if not names or len(set(names)) < len(names):
        raise SettingsError(f"objectives {names} must be one or more, each once; a weight goes with =, as in mmd=0.5")
    made = {term.name: make(term) for term in terms}
    if not any(objective.aligns for objective in made.values()):
        raise SettingsError(
            f"objective {' + '.join(names)} never ties a window to its item; add one that does, such as infonce"
        )
    return Combined(made, {term.name: term.weight for term in terms})


def _number(option: str, text: str) -> tuple[str, float]:
    name, _, value = option.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise SettingsError(f"option '{option}' of objective '{text}' is not of the form name=number") from error


def _typed(value: float, default: Any) -> float | int:
    return int(value) if isinstance(default, int) and value == int(value) else value

"""What a comparison runs over: encoders by objectives by data."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import SettingsError
from inference.encoders import registry
from training.objectives.registry import OBJECTIVES, Term, make, parse
from training.protocols.data import Data
from training.protocols.zero_shot import Options

CLOSED_FORM = "closed form"


@dataclass(frozen=True)
class Pair:
    """What is learned from and scored together, such as a subject's training and test sets."""

    name: str
    learned: Data
    scored: Data


@dataclass(frozen=True)
class Grid:
    """What is compared.

    Attributes
    ----------
    encoders
        Names in the encoder registry.
    objectives
        Each one objective or several, summed: ``infonce`` or ``infonce=1+mmd=0.5``. Encoders in closed form have none.
    pairs
        Data.
    gallery
        Folder of the gallery that all learn towards and are scored in.
    star
        Every encoder with the first objective, and the first network that can with each other, in place of all pairs.
    training
        Further fields of `training.request.TrainRequest`, for networks alike.
    options
        How each is scored: zero-shot.
    transfer
        Each subject is also scored by what was trained on the training data of all.
    allow_seen, allow_blocked
        See `training.evaluation.evaluate_session.EvaluateRequest`.
    """

    encoders: tuple[str, ...]
    objectives: tuple[str, ...]
    pairs: tuple[Pair, ...]
    gallery: Path
    star: bool = False
    training: dict[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    transfer: bool = False
    allow_seen: bool = False
    allow_blocked: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class Cell:
    """One of the grid: an encoder, an objective, the number of a pair, and whether all pairs are learned from."""

    encoder: str
    objective: str
    pair: int
    pooled: bool = False


def cells(grid: Grid) -> list[Cell]:
    """All cells, data innermost.

    Raises
    ------
    SettingsError, BundleError
        An objective or encoder is unknown, or the grid is empty.
    """
    able = {objective: _first_able(grid.encoders, objective) for objective in grid.objectives}
    found: list[tuple[str, str]] = []
    for encoder in grid.encoders:
        if not registry.is_network(encoder):
            found.append((encoder, CLOSED_FORM))
            continue
        wanted = grid.objectives
        if grid.star:
            wanted = tuple(o for o in wanted if o == wanted[0] or able[o] == encoder)
        found += [(encoder, objective) for objective in wanted]
    if not found or not grid.pairs:
        raise SettingsError("nothing is compared: give one encoder or more, and data")
    pairs = [(pair, pooled) for pooled in (False, True)[: 1 + grid.transfer] for pair in range(len(grid.pairs))]
    return [Cell(encoder, objective, *pair) for encoder, objective in dict.fromkeys(found) for pair in pairs]


def _first_able(encoders: Sequence[str], objective: str) -> str:
    """The first network that can learn by an objective; the first of all where none can: its cell says why."""
    networks = [name for name in encoders if registry.is_network(name)]
    generates = any(make(term).generates for term in terms(objective))
    return next((name for name in networks if not generates or _generative(name)), networks[0] if networks else "")


def _generative(encoder: str) -> bool:
    module, name = registry.NETWORKS.get(encoder, ("", ""))
    return bool(module) and hasattr(getattr(importlib.import_module(module), name), "generate")


def known_objectives(given: Sequence[str]) -> tuple[str, ...]:
    """Objectives given; ``all`` stands for every one, beside ``infonce`` where it cannot stand alone."""
    found: list[str] = []
    for one in given:
        found += [one] if one != "all" else [n if make(Term(name=n)).aligns else f"infonce+{n}" for n in OBJECTIVES]
    return tuple(dict.fromkeys(found))


def terms(text: str) -> tuple[Term, ...]:
    """Objectives of ``infonce`` or ``infonce=1+mmd=0.5``.

    Raises
    ------
    SettingsError
        One is unknown.
    """
    return tuple(parse(part.strip()) for part in text.split("+"))


def by_subject(learned: Data, scored: Data) -> tuple[Pair, ...]:
    """A pair for each subject of the scored data.

    Raises
    ------
    SettingsError
        A subject has nothing to learn from.
    """
    pairs = []
    for name in scored.subjects:
        mine = learned.of_subject(name)
        if not mine.epochs:
            raise SettingsError(f"there is nothing to learn from of subject '{name}'; give their training epochs too")
        pairs.append(Pair(name or "recordings", mine, scored.of_subject(name)))
    return tuple(pairs)


def known_encoders(given: Sequence[str]) -> tuple[str, ...]:
    """Encoders given; ``all`` stands for every one that the registry knows by a name of its own."""
    own = registry.names()[:-1]
    return tuple(dict.fromkeys(name for one in given for name in (own if one == "all" else [one])))

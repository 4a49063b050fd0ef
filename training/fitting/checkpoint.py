"""Everything a fit needs to go on: one safetensors file, written whole or not at all, and never unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from config.errors import SettingsError

Tensors = dict[str, torch.Tensor]
KEY = "eegseek-checkpoint"


@dataclass
class Position:
    """Where a fit is.

    Attributes
    ----------
    epoch, step
        The epoch it is in, from 1, and the steps of it that are done.
    total
        Losses of this epoch so far, summed over windows; the sum of all first, then each objective's.
    best, kept
        Lowest validation loss so far, and its epoch.
    history
        Figures of each whole epoch.
    scaler
        Of mixed precision in float16.
    """

    epoch: int = 1
    step: int = 0
    total: list[float] = field(default_factory=list)
    best: float | None = None
    kept: int = 0
    history: list[dict[str, int | float]] = field(default_factory=list)  # an epoch stays a whole number
    scaler: dict[str, Any] = field(default_factory=dict)


POSITION = TypeAdapter(Position)


def save(path: Path, position: Position, groups: Mapping[str, Tensors]) -> None:
    """Write a checkpoint in place of the one that is there.

    Parameters
    ----------
    path
        Of the file.
    position
        Where the fit is.
    groups
        Tensors by group and name, such as those of the network and of the optimiser.
    """
    from safetensors.torch import save_file

    tensors = {
        f"{group}/{name}": value.detach().cpu().contiguous().clone()
        for group, named in groups.items()
        for name, value in named.items()
    }
    new = path.with_name(f"{path.name}.new")
    try:
        save_file(tensors, new, metadata={KEY: json.dumps(asdict(position))})
        new.replace(path)
    except OSError as error:
        raise SettingsError(f"checkpoint '{path}' cannot be written: {error.strerror or error}") from error


def load(path: Path) -> tuple[Position, dict[str, Tensors]]:
    """Position and groups of tensors of a checkpoint.

    Raises
    ------
    SettingsError
        It is no whole checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    groups: dict[str, Tensors] = {}
    try:
        with safe_open(path, framework="pt") as file:
            position = POSITION.validate_json((file.metadata() or {})[KEY])
            for key in file.keys():  # noqa: SIM118 - not a dict
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise SettingsError(f"'{path}' is no whole checkpoint ({error}); train without --resume") from error
    return position, groups


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """State of an optimiser, flat: ``index.name`` to tensor."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, named in state.items() for name, value in named.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put the state back into an optimiser made with the same parameters."""
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

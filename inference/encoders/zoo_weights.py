"""Pretrained weights of braindecode's models: from a safetensors file, a saved model's folder, or Hugging Face's hub.

The library's own loader unpickles where there is no safetensors file and leaves silently at random what the file lacks.
So the files are fetched as it does, but read here: only safetensors, and all of the network but its last layer must be
in it. Options of the architecture are not taken over from the file either, they must be named: an encoder bundle says
by itself what it is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from config.bundles import read_arrays, read_json
from config.errors import BundleError

WEIGHTS, CONFIG = "model.safetensors", "config.json"
HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(:(?P<file>[\w./-]+\.safetensors))?")
FROM_PLACES = "interpolation_layer."
"""Made from the channels' places, hence in no file."""


def load(body: nn.Module, source: Any, what: str, head: set[str], options: dict[str, Any]) -> None:
    """Put pretrained weights into a model.

    Parameters
    ----------
    body
        The model.
    source
        A ``.safetensors`` file, a folder with ``model.safetensors``, or a repository of the hub, such as
        ``braindecode/name`` or ``braindecode/name:file.safetensors``.
    what
        Name of the model, for errors.
    head
        Names of the tensors that belong to the last layer: these keep their first values.
    options
        Options that the model was made with; a ``config.json`` beside the weights must agree.

    Raises
    ------
    BundleError
        The weights cannot be had, or are those of another model.
    """
    weights, config = _find(source, what)
    if config:
        _check_options(read_json(config, "description of a saved model"), options, source, what)
    mapping = getattr(body, "mapping", None) or {}
    given = {mapping.get(name, name): array for name, array in read_arrays(weights).items()}
    state = body.state_dict()
    present = {value.data_ptr() for name, value in state.items() if name in given}
    for name, value in state.items():
        if name in head or name.startswith(FROM_PLACES):
            continue
        # a tensor that two layers share is saved under one of its names
        if name not in given and value.data_ptr() not in present:
            raise BundleError(
                f"pretrained weights '{source}' lack '{name}', which '{what}' has; they are another model's"
            )
        if name in given and given[name].shape != tuple(value.shape):
            raise BundleError(
                f"pretrained weights '{source}' hold '{name}' as {given[name].shape}, '{what}' needs "
                f"{tuple(value.shape)}; give the channels, window, rate and options that they were trained for"
            )
    with torch.no_grad():
        for name in state.keys() & given.keys() - head:
            state[name].copy_(torch.from_numpy(given[name].copy()))


def _find(source: Any, what: str) -> tuple[Path, Path | None]:
    """Weights, and the description beside them where there is one."""
    if not isinstance(source, str):
        raise BundleError(f"'pretrained' of '{what}' is {source!r}; expected the path of a file or a hub's repository")
    path = Path(source)
    if path.is_dir():
        return path / WEIGHTS, path / CONFIG if (path / CONFIG).is_file() else None
    if path.is_file():
        return path, None
    found = HUB.fullmatch(source)
    if not found:
        raise BundleError(
            f"pretrained weights '{source}' are no file or folder here; give a .safetensors file, a folder with "
            f"{WEIGHTS}, or a repository of the hub (owner/name)"
        )
    return _fetch(found["repository"], found["file"] or WEIGHTS), _fetch(found["repository"], CONFIG)


def _fetch(repository: str, file: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(repository, file))
    except (HfHubHTTPError, OSError, ValueError) as error:
        why = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise BundleError(
            f"pretrained weights '{repository}' cannot be fetched ('{file}': {why}); fetch its {WEIGHTS} by other "
            "means and give the file's path"
        ) from error


def _check_options(config: dict[str, Any], options: dict[str, Any], source: str, what: str) -> None:
    """Options in ``config.json`` that are plain values must be those of the model."""
    for name, ours in options.items():
        try:
            plain = json.loads(json.dumps(ours))
        except (TypeError, ValueError):
            continue  # a class, such as an activation, has no plain form to compare
        if name in config and config[name] != plain:
            raise BundleError(
                f"pretrained weights '{source}' were made with {name} = {config[name]!r}, '{what}' has {plain!r}; give "
                f"{name} as a parameter"
            )

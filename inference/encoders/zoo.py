"""Models of braindecode by name, given a linear layer onto the embedding where they offer features."""

from __future__ import annotations

import difflib
import inspect
import logging
import warnings
from typing import Any

import torch
from torch import nn

from config.errors import BundleError

PREFIX = "braindecode:"
DOWNLOADS = {"REVE": "electrode positions"}
"""Models that fetch something from the internet when they are made; eegseek never does."""
REFUSALS = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError, AttributeError, AssertionError, OSError)
"""What braindecode's constructors raise for sizes that they cannot take."""
SIGNAL = ("n_chans", "n_times", "sfreq", "n_outputs", "chs_info", "input_window_seconds")


class Features(nn.Module):
    """A braindecode model's features, averaged over what is neither window nor feature, then a linear layer.

    Parameters
    ----------
    body
        Model whose ``forward`` takes ``return_features=True`` and gives ``{"features": (n, ..., f)}``.
    features, dim
        f, and the length of the embedding.
    """

    def __init__(self, body: nn.Module, features: int, dim: int) -> None:
        super().__init__()
        self.body = body
        self.out = nn.Linear(features, dim)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.out(pooled(self.body(windows, return_features=True)["features"]))
        return y


def pooled(features: torch.Tensor) -> torch.Tensor:
    """Features (n, f) of (n, ..., f): the mean over channels, patches or tokens in between."""
    return features.flatten(1, -2).mean(1) if features.ndim > 2 else features


def names() -> list[str]:
    """Names of braindecode's models, without the prefix."""
    return sorted(_models())


def build(name: str, n_channels: int, n_times: int, rate_hz: float, dim: int, parameters: dict[str, Any]) -> nn.Module:
    """Network of a braindecode model that embeds windows.

    A model that offers ``return_features`` gets a linear layer after its (averaged) features, any other is made with
    ``n_outputs = dim``: its own last layer then maps onto the embedding.

    Raises
    ------
    BundleError
        The name is unknown, or the model cannot be made from channels, times and rate alone.
    """
    models = _models()
    if name not in models:
        near = difflib.get_close_matches(name, models, n=3, cutoff=0.4)
        hint = ", ".join(f"'{PREFIX}{n}'" for n in near) or "see braindecode.models"
        raise BundleError(f"braindecode has no model '{name}'; nearest: {hint}")
    if name in DOWNLOADS:
        raise BundleError(f"'{PREFIX}{name}' downloads {DOWNLOADS[name]}, which eegseek does not; choose another model")
    _known(name, models[name], parameters)
    sizes = {"n_chans": n_channels, "n_times": n_times, "sfreq": rate_hz, "n_outputs": dim}
    try:
        return _embedding(models[name](**sizes, **parameters), n_channels, n_times, dim)
    except REFUSALS as error:
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise BundleError(
            f"'{PREFIX}{name}' cannot embed {n_channels} channels x {n_times} times at {rate_hz:g} Hz ({why}); "
            "choose another window, parameters or model"
        ) from error


def _embedding(body: nn.Module, n_channels: int, n_times: int, dim: int) -> nn.Module:
    """The model itself or its features with a linear layer, tried on silence."""
    body.eval()
    silence = torch.zeros(2, n_channels, n_times)
    net = body
    with torch.no_grad():
        if "return_features" in inspect.signature(body.forward).parameters:
            net = Features(body, pooled(body(silence, return_features=True)["features"]).shape[-1], dim)
        shape = tuple(net(silence).shape)
    if shape != (2, dim):
        raise ValueError(f"it gives {shape} for two windows, not (2, {dim})")
    return net


def _known(name: str, model: type[nn.Module], parameters: dict[str, Any]) -> None:
    known = [key for key in inspect.signature(model.__init__).parameters if key not in ("self", *SIGNAL)]
    for key in parameters:
        if key not in known:
            raise BundleError(f"'{PREFIX}{name}' has no parameter '{key}'; known are {', '.join(known)}")


def _models() -> dict[str, type[nn.Module]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MNE's renaming of montages, at braindecode's import
        logging.getLogger("braindecode").setLevel(logging.WARNING)
        from braindecode.models.util import models_dict
    return dict(models_dict)

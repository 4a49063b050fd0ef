"""Encoders by name. Imports torch, braindecode and pyriemann only for the encoder that needs them."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from config.errors import BundleError

if TYPE_CHECKING:
    from torch import nn

    from inference.encoders.base import ClosedForm

NETWORKS = {
    "eegproject": ("inference.encoders.eegproject", "EEGProject"),
    "spatial_mlp": ("inference.encoders.spatial_mlp", "SpatialMLP"),
    "nice": ("inference.encoders.nice", "NICE"),
    "atm": ("inference.encoders.atm", "ATM"),
    "vae": ("inference.encoders.vae", "VAE"),
    "vrae": ("inference.encoders.vrae", "VRAE"),
    "eegnet_fusion": ("inference.encoders.eegnet_fusion", "EEGNetFusion"),
    "mi_eegnet": ("inference.encoders.mi_eegnet", "MIEEGNet"),
    "responses": ("inference.encoders.responses", "ResponseHead"),
}
"""Name to module and class, made from (channels, times, dim, **parameters)."""
STAGED = "staged"
CLOSED_FORM = {
    "riemann": ("inference.encoders.riemann", "Riemann"),
    "ensemble": ("inference.encoders.ensemble", "Ensemble"),
    "cca": ("inference.encoders.linear", "CCA"),
    "encoding": ("inference.encoders.linear", "Encoding"),
    STAGED: ("inference.encoders.staged", "Staged"),
}
"""Name to module and class: fitted without gradients (see `base.ClosedForm`). ``staged`` is made of the others, one for
each window end, where an encoder is to answer before its window ends."""
BRAINDECODE = "braindecode:"
MAX_VALUES = 1 << 28
"""Largest channels x times, or dim, that is believed."""


def names() -> list[str]:
    """Encoders known by name; ``braindecode:NAME`` stands for any model of braindecode, such as EEGNet."""
    return [*NETWORKS, *(name for name in CLOSED_FORM if name != STAGED), f"{BRAINDECODE}NAME"]


def is_network(architecture: str) -> bool:
    """Whether an encoder is a torch network.

    Raises
    ------
    BundleError
        No encoder has that name.
    """
    if architecture in NETWORKS or architecture.startswith(BRAINDECODE):
        return True
    if architecture in CLOSED_FORM:
        return False
    near = difflib.get_close_matches(architecture, [*NETWORKS, *CLOSED_FORM], n=1, cutoff=0.4)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise BundleError(f"unknown encoder '{architecture}'{hint}; known: {', '.join(names())}")


def closed_form(architecture: str) -> type[ClosedForm]:
    """Class of an encoder that is fitted in closed form."""
    module, name = CLOSED_FORM[architecture]
    cls: type[ClosedForm] = getattr(importlib.import_module(module), name)
    return cls


def build(
    architecture: str,
    *,
    channels: tuple[str, ...],
    times: int,
    rate_hz: float,
    dim: int,
    parameters: dict[str, Any] | None = None,
    restoring: bool = False,
) -> nn.Module:
    """Network of a torch encoder with its first weights: windows (n, channels, times) to (n, dim).

    Parameters
    ----------
    architecture
        A name of `names`, but not ``riemann``, which is fitted in closed form.
    channels
        Their names; models of braindecode get the places of the electrodes by them.
    times
        Samples in a window.
    rate_hz
        Sampling rate of the window, for models that need it.
    dim
        Length of the embedding.
    parameters
        Options of the architecture.
    restoring
        The weights come from a bundle: nothing pretrained is read.

    Raises
    ------
    BundleError
        The name or a parameter is unknown, or the encoder cannot be made with these sizes.
    """
    if not is_network(architecture):
        raise BundleError(f"'{architecture}' is no network; it is fitted in closed form")
    if max(len(channels) * times, dim) > MAX_VALUES:
        raise BundleError(f"'{architecture}' is asked for {len(channels)} x {times} -> {dim}, larger than any encoder")
    options = parameters or {}
    if architecture.startswith(BRAINDECODE):
        from inference.encoders import zoo

        name = architecture.removeprefix(BRAINDECODE)
        return zoo.build(name, channels, times, rate_hz, dim, options, restoring=restoring)
    module, name = NETWORKS[architecture]
    cls = getattr(importlib.import_module(module), name)
    _check_options(architecture, cls, options)
    try:
        net: nn.Module = cls(len(channels), times, dim, **options)
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        raise BundleError(
            f"'{architecture}' cannot be made for {len(channels)} channels x {times} times and {options}: {error}"
        ) from error
    return net


def _check_options(architecture: str, cls: type[Any], options: dict[str, Any]) -> None:
    signature = inspect.signature(cls.__init__).parameters.values()
    known = [p.name for p in signature if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for key in options:
        if key not in known:
            raise BundleError(f"'{architecture}' has no parameter '{key}'; known are {', '.join(known)}")

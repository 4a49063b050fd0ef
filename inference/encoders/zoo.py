"""Models of braindecode by name, given a linear layer onto the embedding where they offer features."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from config.errors import BundleError
from inference.encoders.zoo_parts import Averaged, Features, Padded, pooled

PREFIX = "braindecode:"
PRETRAINED = "pretrained"
"""Option of every model: where weights to begin from are (see `zoo_weights.load`)."""
MONTAGES = ("colin27_1005", "standard_1005")
"""Of MNE: the 10-05 system's places, by its newer and its older name."""
DOWNLOADS = {"REVE": "electrode positions"}
"""Models that fetch something from the internet when they are made; eegseek never does unasked."""
PATCHES = {
    "CBraMod": "patch_size",
    "CodeBrain": "patch_size",
    "InterpolatedLaBraM": "patch_size",
    "LUNA": "patch_size",
    "Labram": "patch_size",
    "ZUNA": "fine_time_pts",
}
"""Models that take whole patches only, and their option that holds a patch's samples: windows are padded with zeros."""
REFUSALS = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError, AttributeError, AssertionError, OSError)
"""What braindecode's constructors raise for sizes that they cannot take."""
SIGNAL = ("n_chans", "n_times", "sfreq", "n_outputs", "chs_info", "input_window_seconds")


def names() -> list[str]:
    """Names of braindecode's models, without the prefix."""
    return sorted(_models())


def build(
    name: str,
    channels: tuple[str, ...],
    n_times: int,
    rate_hz: float,
    dim: int,
    parameters: dict[str, Any],
    *,
    restoring: bool = False,
) -> nn.Module:
    """Network of a braindecode model that embeds windows.

    A model that offers ``return_features`` gets a linear layer after its (averaged) features, any other is made with
    ``n_outputs = dim``: its own last layer then maps onto the embedding. Models that ask for the places of electrodes
    get those of the 10-05 system on MNE's standard head, by the channels' names.

    Parameters
    ----------
    name
        Of the model.
    channels
        Names.
    n_times, rate_hz
        Samples of a window, and their rate.
    dim
        Length of the embedding.
    parameters
        Options of the model, and ``pretrained``.
    restoring
        The weights come from a bundle: ``pretrained`` is not read.

    Raises
    ------
    BundleError
        The name is unknown, the model cannot be made from channels, times and rate, or the pretrained weights cannot
        be had or do not fit.
    """
    models = _models()
    if name not in models:
        near = difflib.get_close_matches(name, models, n=3, cutoff=0.4)
        hint = ", ".join(f"'{PREFIX}{n}'" for n in near) or "see braindecode.models"
        raise BundleError(f"braindecode has no model '{name}'; nearest: {hint}")
    if name in DOWNLOADS:
        raise BundleError(f"'{PREFIX}{name}' downloads {DOWNLOADS[name]}, which eegseek does not; choose another model")
    model = models[name]
    known = options(model)
    for key in parameters:
        if key not in (*known, PRETRAINED):
            raise BundleError(f"'{PREFIX}{name}' has no parameter '{key}'; known are {', '.join([*known, PRETRAINED])}")
    given = {key: value for key, value in parameters.items() if key != PRETRAINED}
    places, unplaced = positions(channels, rate_hz)
    zeros = _missing(name, known, given, n_times)
    sizes = {"n_chans": len(channels), "n_times": n_times + zeros, "sfreq": rate_hz, "chs_info": places}

    def make(n_outputs: int) -> nn.Module:
        with _quiet():
            return model(**sizes, n_outputs=n_outputs, **given)

    try:
        body = make(dim)
        net = _embedding(body, channels, n_times + zeros, dim)
    except REFUSALS as error:
        why = str(error).strip().splitlines()[0][:200].rstrip(".") if str(error).strip() else type(error).__name__
        lost = f"; '{unplaced}' is no electrode of the 10-05 system" if unplaced else ""
        raise BundleError(
            f"'{PREFIX}{name}' cannot embed {len(channels)} channels x {n_times} times at {rate_hz:g} Hz "
            f"({why}{lost}); choose another window, parameters or model"
        ) from error
    if parameters.get(PRETRAINED) and not restoring:
        _begin(name, body, known, parameters, make(dim + 1))
    return Padded(net, zeros) if zeros else net


def positions(channels: tuple[str, ...], rate_hz: float) -> tuple[list[dict[str, Any]] | None, str]:
    """MNE's description of channels with their places, and the first that has none (then there is no description)."""
    import mne

    known = mne.channels.get_builtin_montages()
    montage = mne.channels.make_standard_montage(
        next(name for name in MONTAGES if name in known or name == MONTAGES[-1])
    )
    placed = {name.lower() for name in montage.ch_names}
    unplaced = next((name for name in channels if name.lower() not in placed), "")
    if unplaced:
        return None, unplaced
    info = mne.create_info(list(channels), rate_hz, "eeg", verbose="error")
    info.set_montage(montage, match_case=False, verbose="error")
    return list(info["chs"]), ""


def options(model: type[nn.Module]) -> dict[str, Any]:
    """Options of a model beyond the signal's, with their defaults; those that it hands on to its base too."""
    found: dict[str, Any] = {}
    for cls in model.__mro__:
        if "__init__" not in vars(cls):
            continue
        taken = inspect.signature(vars(cls)["__init__"]).parameters
        plain = {key: p.default for key, p in taken.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        found = {key: value for key, value in plain.items() if key not in ("self", *SIGNAL)} | found
        if not any(p.kind == p.VAR_KEYWORD for p in taken.values()):
            break
    return found


def _embedding(body: nn.Module, channels: tuple[str, ...], n_times: int, dim: int) -> nn.Module:
    """The model itself or its features with a linear layer, tried on silence."""
    body.eval()
    silence = torch.zeros(2, len(channels), n_times)
    net, takes = body, _takes(body)
    with torch.no_grad():
        if "return_features" in takes:
            told = {"ch_names": list(channels)} if "ch_names" in takes else {}
            features = pooled(body(silence, return_features=True, **told)["features"])
            net = Features(body, features.shape[-1], dim, told)
        shape = tuple(net(silence).shape)
        if len(shape) == 3 and shape[::2] == (2, dim):
            net, shape = Averaged(body), (2, dim)
    if shape != (2, dim):
        raise ValueError(f"it gives {shape} for two windows, not (2, {dim})")
    return net


def _takes(body: nn.Module) -> set[str]:
    """Arguments of ``forward`` and what it hands on to; no names of channels where others take their place."""
    forwards = [vars(cls)["forward"] for cls in type(body).__mro__ if "forward" in vars(cls) and cls is not nn.Module]
    found = {key for forward in forwards for key in inspect.signature(forward).parameters}
    return found - {"ch_names"} if hasattr(body, "interpolation_layer") else found


def _missing(name: str, known: dict[str, Any], given: dict[str, Any], n_times: int) -> int:
    """Zeros that make whole patches of a window."""
    if name not in PATCHES:
        return 0
    patch = given.get(PATCHES[name], known[PATCHES[name]])
    return -n_times % patch if isinstance(patch, int) and patch > 0 else 0


def _begin(name: str, body: nn.Module, known: dict[str, Any], parameters: dict[str, Any], other: nn.Module) -> None:
    """Pretrained weights into the body; what depends on the number of outputs (as in ``other``) begins anew."""
    from inference.encoders import zoo_weights

    ours, theirs = body.state_dict(), other.state_dict()
    head = {key for key in ours if key not in theirs or ours[key].shape != theirs[key].shape}
    chosen = {key: parameters.get(key, default) for key, default in known.items()}
    zoo_weights.load(body, parameters[PRETRAINED], f"{PREFIX}{name}", head, chosen)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without MNE's news of what it makes, and warnings of what it will rename."""
    import mne

    with warnings.catch_warnings(), mne.utils.use_log_level("ERROR"):
        warnings.simplefilter("ignore")
        yield


def _models() -> dict[str, type[nn.Module]]:
    with _quiet():
        logging.getLogger("braindecode").setLevel(logging.WARNING)
        from braindecode.models.util import interpolated_models_dict, models_dict
    return {**models_dict, **interpolated_models_dict}

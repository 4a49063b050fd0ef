"""Changes to training windows, by name and strength, drawn anew for every batch. Scoring never sees them.

They draw from torch's own generator, which `training.fitting.fit` seeds before every step.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from config.chain import Frozen
from config.errors import SettingsError

if TYPE_CHECKING:
    import torch

SMOOTHED = 5
"""Samples of the moving average of ``smooth``."""


class Augmentation(Frozen):
    """A change and how strong it is."""

    name: str
    strength: float


def noise(windows: torch.Tensor, strength: float) -> torch.Tensor:
    """White Gaussian noise, its standard deviation ``strength`` times that of each channel in the batch."""
    import torch

    scale = windows.std(dim=(0, 2), keepdim=True)
    return windows + strength * scale * torch.randn_like(windows)


def smooth(windows: torch.Tensor, strength: float) -> torch.Tensor:
    """A moving average over ``SMOOTHED`` samples, for each window with probability ``strength``; ends are repeated."""
    import torch
    from torch.nn import functional

    n, channels, times = windows.shape
    chosen = torch.rand(n, 1, 1, device=windows.device) < strength
    padded = functional.pad(windows, (SMOOTHED // 2, SMOOTHED // 2), mode="replicate")
    means = functional.avg_pool1d(padded.reshape(n * channels, 1, -1), SMOOTHED, stride=1)
    return torch.where(chosen, means.reshape(n, channels, times), windows)


def mask_channels(windows: torch.Tensor, strength: float) -> torch.Tensor:
    """Each channel of each window is zero with probability ``strength``."""
    import torch

    kept = torch.rand(*windows.shape[:2], 1, device=windows.device) >= strength
    return windows * kept


def mask_times(windows: torch.Tensor, strength: float) -> torch.Tensor:
    """One stretch of each window, ``strength`` of its length, is zero in all channels."""
    import torch

    n, _, times = windows.shape
    length = round(strength * times)
    start = torch.randint(0, times - length + 1, (n, 1, 1), device=windows.device)
    at = torch.arange(times, device=windows.device)
    return windows * ((at < start) | (at >= start + length))


def shift(windows: torch.Tensor, strength: float) -> torch.Tensor:
    """Each window is moved by up to ``strength`` of its length, earlier or later; its ends are repeated."""
    import torch

    n, channels, times = windows.shape
    most = round(strength * times)
    by = torch.randint(-most, most + 1, (n, 1, 1), device=windows.device)
    at = (torch.arange(times, device=windows.device) + by).clamp(0, times - 1)
    return windows.gather(2, at.expand(n, channels, times))


CHANGES: dict[str, tuple[Callable[[torch.Tensor, float], torch.Tensor], float, float, str]] = {
    "noise": (noise, 0.1, 10.0, "a fraction of each channel's standard deviation"),
    "smooth": (smooth, 0.3, 1.0, "a probability"),
    "channels": (mask_channels, 0.1, 0.9, "a probability"),
    "times": (mask_times, 0.1, 0.9, "a fraction of the window"),
    "shift": (shift, 0.02, 0.5, "a fraction of the window"),
}
"""Name to change, usual strength, greatest strength, and what the strength is."""


def parse(text: str) -> Augmentation:
    """Augmentation of ``name`` (with its usual strength) or ``name=strength``.

    Raises
    ------
    SettingsError
        The name is unknown, or the strength out of range.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if name not in CHANGES:
        near = difflib.get_close_matches(name, CHANGES, n=1, cutoff=0.4)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise SettingsError(f"unknown augmentation '{name}'{hint}; known: {', '.join(CHANGES)}")
    _, usual, most, what = CHANGES[name]
    try:
        strength = float(value) if equals else usual
    except ValueError:
        strength = -1.0
    if not 0 < strength <= most:
        raise SettingsError(f"augmentation '{text}': the strength is {what}, above 0 and at most {most:g}")
    return Augmentation(name=name, strength=strength)


def augment(windows: torch.Tensor, augmentations: Sequence[Augmentation]) -> torch.Tensor:
    """Windows (n, channels, times) changed by each augmentation in turn; the given ones stay as they are."""
    for one in augmentations:
        windows = CHANGES[one.name][0](windows, one.strength)
    return windows

"""Random truncation: one network learns to answer from whatever part of a window is known.

Each training window ends at one of the ends at which it will be asked, the whole window's among them, drawn anew for
every batch; what lies behind is zero after the normalisation, as `inference.bundle.LoadedEncoder` gives it live.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


def ends_of(part_times: Sequence[int], times: int) -> tuple[int, ...]:
    """Samples of each end, the whole window's last."""
    return *part_times, times


def until(windows: torch.Tensor, end: int) -> torch.Tensor:
    """Windows (n, channels, times) with zeros after so many samples; the given ones stay as they are."""
    if end == windows.shape[2]:
        return windows
    out = torch.zeros_like(windows)
    out[:, :, :end] = windows[:, :, :end]
    return out


def truncated(windows: torch.Tensor, part_times: Sequence[int]) -> torch.Tensor:
    """Windows (n, channels, times), each with zeros after an end of its own, all ends alike likely.

    Draws from torch's own generator, which the loop seeds before every step; without ``part_times`` nothing is drawn.
    """
    if not part_times:
        return windows
    ends = torch.tensor(ends_of(part_times, windows.shape[2]), device=windows.device)
    own = ends[torch.randint(len(ends), (len(windows),), device=windows.device)]
    known = torch.arange(windows.shape[2], device=windows.device) < own[:, None]
    return windows * known[:, None, :]

"""A decoder that is trained while its data arrive, and what may be said of it meanwhile (docs/calibration.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.calibration.calibration import Calibration as Calibration

__all__ = ["Calibration"]


def __getattr__(name: str) -> object:
    # the decoders' libraries are loaded only by who calibrates, not by who reads a state of it
    if name == "Calibration":
        from training.calibration.calibration import Calibration

        return Calibration
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

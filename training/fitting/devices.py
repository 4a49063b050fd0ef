"""Where a fit runs: one or several devices through Lightning Fabric, and in which precision."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import nn

from config.errors import SettingsError
from inference.encoders.network import pick_device
from training.fitting.learner import Everyone
from training.trials.epochs import Progress
from training.trials.examples import Index

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Result = TypeVar("Result")
PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


class Where(Protocol):
    """The part of `training.fitting.fit.FitSettings` that says where."""

    @property
    def device(self) -> str:
        """``auto``, ``cpu`` or ``cuda``."""
        ...

    @property
    def devices(self) -> int:
        """How many."""
        ...

    @property
    def precision(self) -> str:
        """``auto``, ``32``, ``bf16`` or ``16``."""
        ...


class _Box:
    """Keeps what is sent to a process from being searched for tensors, and taken apart, on the way."""

    def __init__(self, *contents: Any) -> None:
        self.contents = contents


def launch(
    work: Callable[..., Result], where: Where, progress: Progress, module: nn.Module, arguments: tuple[Any, ...]
) -> Result:
    """Call ``work(fabric, progress, module, *arguments)`` on every device; the first one's answer is given.

    Several devices take a process each, spawned, to which module and arguments are sent.

    Raises
    ------
    SettingsError
        There are not so many devices, or none of that precision.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.strategies import DDPStrategy

    device = pick_device(where.device)
    if device == "cuda":
        # without it matrix products on a GPU differ from run to run
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    available = torch.cuda.device_count() if device == "cuda" else where.devices
    if where.devices > available:
        raise SettingsError(f"{where.devices} devices are asked for, but torch finds {available}; use --devices")
    # an encoder may have parts that no objective uses, such as a decoder
    strategy: Any = "auto" if where.devices == 1 else DDPStrategy(start_method="spawn", find_unused_parameters=True)
    fabric = Fabric(
        accelerator=device, devices=where.devices, strategy=strategy, precision=_precision(where.precision, device)
    )
    if where.devices == 1:
        return work(fabric, progress, module, *arguments)
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    listener = threading.Thread(target=_pass_on, args=(queue, progress), daemon=True)
    listener.start()
    try:
        answer: Result = fabric.launch(_tell, module, _Box(work, queue, arguments))
        return answer
    finally:
        queue.put(None)
        listener.join()


def share(fabric: Fabric, part: Index) -> tuple[Index, Index]:
    """The batch, cut to a multiple of the devices, and this device's share of it."""
    size = len(part) // fabric.world_size
    part = part[: size * fabric.world_size]
    return part, part[fabric.global_rank * size : (fabric.global_rank + 1) * size]


def gatherer(fabric: Fabric) -> Everyone | None:
    """Gathers rows over devices, with their gradients; None where there is one device."""
    if fabric.world_size == 1:
        return None

    def everyone(rows: torch.Tensor) -> torch.Tensor:
        gathered: torch.Tensor = fabric.all_gather(rows, sync_grads=True)
        return gathered.flatten(0, 1)

    return everyone


def fused(fabric: Fabric) -> bool:
    """Whether the optimiser's step may be one kernel: float16's scaled gradients cannot be clipped within it."""
    return scaler(fabric) == {}


def scaler(fabric: Fabric) -> dict[str, Any]:
    """State of the gradient scaler of float16; empty otherwise."""
    return dict(fabric.strategy.precision.state_dict())


def load_scaler(fabric: Fabric, state: dict[str, Any]) -> None:
    """Put it back."""
    if state:
        fabric.strategy.precision.load_state_dict(state)


def _precision(wanted: str, device: str) -> Any:
    if wanted not in ("auto", *PRECISIONS):
        raise SettingsError(f"unknown precision '{wanted}'; known: auto, {', '.join(PRECISIONS)}")
    if device == "cpu":
        return PRECISIONS["32"]
    if wanted == "auto":
        wanted = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "16"
    return PRECISIONS[wanted]


def _tell(fabric: Fabric, module: nn.Module, box: _Box) -> Any:
    """In a process of several: only the first reports."""
    work, queue, arguments = box.contents

    def told(what: str, done: int, total: int) -> None:
        if fabric.is_global_zero:
            queue.put((what, done, total))

    return work(fabric, told, module, *arguments)


def _pass_on(queue: Any, progress: Progress) -> None:
    while (said := queue.get()) is not None:
        progress(*said)

"""Runs a torch network as an `Encoder`: evaluation mode, one thread, CPU in float32 or CUDA with autocast."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from config.errors import BundleError
from inference.encoders.base import Vectors, Windows, as_aligned
from inference.encoders.folding import quick
from inference.kernels import FEW, Floats


@runtime_checkable
class Foldable(Protocol):
    """A network that knows a cheaper form of itself for evaluation mode."""

    def folded(self) -> nn.Module:
        """The same function with fewer operations."""
        ...


@runtime_checkable
class Early(Protocol):
    """A network that does most of its work on the first samples of a window."""

    known: int
    """Samples that `begin` needs; 0 where nothing can be done before the last has come."""

    def begin(self, windows: torch.Tensor) -> Any:
        """What `finish` goes on from, of windows (n, channels, ``known`` or more)."""
        ...

    def finish(self, begun: Any, samples: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) by the samples from ``known`` on: what calling the network gives."""
        ...

    def arrays(self, begun: Any) -> tuple[Floats, ...]:
        """What was begun of few rows, for `finish_few`."""
        ...

    def finish_few(self, begun: tuple[Floats, ...], samples: Floats) -> Floats:
        """`finish` for few rows, to the same bits, without torch: after a pause its calls take longer than the work."""
        ...


@dataclass(frozen=True)
class Few:
    """What was begun of few rows."""

    arrays: tuple[Floats, ...]


def pick_device(device: str) -> str:
    """``cpu`` or ``cuda`` for ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    BundleError
        CUDA is asked for and not there.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise BundleError("device 'cuda' is asked for, but torch finds no CUDA device; use --set inference.device=auto")
    return "cuda" if device != "cpu" and there else "cpu"


class Network:
    """A torch network that embeds windows.

    Parameters
    ----------
    net
        Maps (n, channels, times) to (n, dim); put into evaluation mode and moved here.
    device
        ``cpu`` or ``cuda``.

    Attributes
    ----------
    known
        Samples that `begin` needs; 0 where there is nothing to begin with.
    """

    def __init__(self, net: nn.Module, device: str) -> None:
        net.eval()
        net = quick(net.folded() if isinstance(net, Foldable) else net)
        self.net = net.to(device).requires_grad_(False)
        self.device = device
        self._early = self.net if isinstance(self.net, Early) else None
        self.known = 0 if self._early is None or device != "cpu" else self._early.known

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows (n, channels, times) float32."""
        with torch.inference_mode(), _precision(self.device):
            out = self.net(self._batch(windows))
        return np.ascontiguousarray(out.float().cpu().numpy())

    def begin(self, windows: Windows) -> Any:
        """What `finish` goes on from, of the first ``known`` samples of windows."""
        net = self._needs_early()
        with torch.inference_mode():
            begun, few = net.begin(self._batch(windows)), len(windows) <= FEW and self.device == "cpu"
            return Few(net.arrays(begun)) if few else begun

    def finish(self, begun: Any, samples: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows whose first samples `begin` was given, by those from there on."""
        net = self._needs_early()
        if isinstance(begun, Few):
            return net.finish_few(begun.arrays, samples)
        with torch.inference_mode():
            out = net.finish(begun, self._batch(samples))
        return np.ascontiguousarray(out.numpy())

    def _needs_early(self) -> Early:
        if self._early is None:
            raise TypeError(f"{type(self.net).__name__} has nothing to begin with")
        return self._early

    def _batch(self, windows: Windows) -> torch.Tensor:
        # a buffer of known alignment: torch gives other last bits for another one
        return torch.from_numpy(as_aligned(windows)).to(self.device)


def limit_threads() -> None:
    """One thread, deterministic kernels: what `exact` mode needs, and what scales by processes."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def load_weights(net: nn.Module, arrays: dict[str, NDArray[Any]], what: str) -> None:
    """Put arrays into a network, every one of them and no other.

    Raises
    ------
    BundleError
        A name or a shape differs.
    """
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in arrays.items()}
    if wanted != given:
        odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))[0]
        raise BundleError(
            f"the weights do not fit {what}: '{odd}' is {given.get(odd, 'absent')} in the bundle and "
            f"{wanted.get(odd, 'absent')} in the network; train the encoder again"
        )
    with torch.no_grad():
        # copied into torch's own, aligned memory
        for name, value in net.state_dict().items():
            value.copy_(torch.from_numpy(np.array(arrays[name])))


def state_arrays(net: nn.Module) -> dict[str, NDArray[Any]]:
    """Arrays of a network's weights, for a bundle."""
    return {name: value.detach().cpu().contiguous().numpy().copy() for name, value in net.state_dict().items()}


def _precision(device: str) -> contextlib.AbstractContextManager[Any]:
    if device == "cpu":
        return contextlib.nullcontext()
    bfloat = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast("cuda", dtype=torch.bfloat16 if bfloat else torch.float16)

"""Last layers of networks for the few rows of one window, compiled (`inference.kernels`)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from inference import kernels
from inference.kernels import FEW, Floats


def few(rows: torch.Tensor) -> bool:
    """Whether so many rows are better done here than by torch; not where gradients or other precisions are wanted."""
    served = rows.dtype == torch.float32 and rows.device.type == "cpu" and not torch.is_grad_enabled()
    return served and len(rows) <= FEW


def array(tensor: torch.Tensor) -> Floats:
    """A tensor as a C-contiguous array, without copying where it is one."""
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


class Linear:
    """``start + x @ weight``, the columns of the weight side by side in memory.

    Parameters
    ----------
    weight
        (d, o), of a product with x from the left.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = array(weight.T)

    def __call__(self, x: Floats, start: Floats) -> Floats:
        """(n, o) of x (n, d) and start (n, o), or (1, o) for all."""
        out = np.empty((len(x), len(self._weight)), np.float32)
        kernels.products(self._weight, x, start, out)
        return out


class Head:
    """A projection's end: residual (GELU, linear, dropout) and layer norm, in evaluation mode.

    Parameters
    ----------
    rest
        These two layers, in a `torch.nn.Sequential`.

    Raises
    ------
    TypeError
        They are others.
    """

    def __init__(self, rest: nn.Module) -> None:
        _, _, active, linear, _, norm = (module for module in rest.modules() if module is not rest)
        known = isinstance(active, nn.GELU) and active.approximate == "none" and isinstance(linear, nn.Linear)
        if not known or not isinstance(norm, nn.LayerNorm):
            raise TypeError("the projection does not end with GELU, a linear layer and a layer norm")
        weights = rest.state_dict().values()
        self._weight, self._bias, self._scale, self._shift = (array(tensor) for tensor in weights)
        self._eps = norm.eps

    def __call__(self, x: Floats) -> Floats:
        """(n, dim) of the first linear layer's output (n, dim)."""
        out = np.empty_like(x)
        kernels.head(x, self._weight, self._bias, self._scale, self._shift, self._eps, out)
        return out

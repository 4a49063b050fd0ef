"""The ideal observer of participant v1 at every end of the window.

With times before channels the values known at an end are the first ones of the window. A Cholesky factor's leading part
factors the leading part of the matrix, so one factorisation serves all ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import v1
from training.bound.model import WindowModel
from training.bound.observer import Observer, Statistics, Whitened, whitened

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """Observers that know a window up to an end.

    Attributes
    ----------
    model
        Of whole windows.
    """

    model: WindowModel

    def until(self, times: int) -> Observer:
        """The observer of the first samples. Its filters are ordered times before channels; see `by_channel`."""
        values = times * self.model.shape[0]
        whole = self._whitened
        return Observer(replace(whole, lower=whole.lower[:values, :values], white=whole.white[:values]))

    def by_channel(self, statistics: Statistics) -> Statistics:
        """Statistics of such an observer for windows (n, channels, times)."""
        filters = statistics.filters.reshape(-1, self.model.shape[0], v1.RANK)
        return replace(statistics, filters=filters.swapaxes(0, 1).reshape(-1, v1.RANK))

    @cached_property
    def _whitened(self) -> Whitened:
        channels, times = self.model.shape

        def turned(responses: Array) -> Array:
            apart = responses.reshape(*responses.shape[:-1], channels, times)
            return np.ascontiguousarray(apart.swapaxes(-1, -2)).reshape(responses.shape)

        noise = tuple((time, space) for space, time in self.model.noise)
        return whitened(WindowModel(turned(self.model.own), turned(self.model.neighbours), noise))

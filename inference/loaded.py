"""An encoder bundle in memory: windows in, unit vectors out; some of the work before the window ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import EncoderSpec
from config.errors import BundleError
from inference.encoders import registry
from inference.encoders.base import Anticipating, Encoder, Vectors, Windows, aligned, unit_norm

BATCH = 256
"""Windows embedded at once when many are given, so that memory stays bounded."""


@dataclass(frozen=True)
class Begun:
    """What an encoder has done of windows before their last samples have come.

    Attributes
    ----------
    known
        (n, channels, times), µV: the samples that it was done on.
    state
        What the encoder goes on from.
    """

    known: NDArray[np.float32]
    state: Any

    def of(self, windows: NDArray[Any]) -> bool:
        """Whether these are the first samples of the windows."""
        return np.array_equal(windows[:, :, : self.known.shape[2]], self.known)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder bundle, ready to embed.

    Attributes
    ----------
    spec
        ``encoder.json``.
    fingerprint
        Of the whole bundle, weights included.
    device
        ``cpu`` or ``cuda``.
    encoder
        What embeds normalised windows.
    """

    spec: EncoderSpec
    fingerprint: str
    device: str
    encoder: Encoder

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, times) of a window."""
        return len(self.spec.channels), self.spec.window.n_times

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Samples that a window may hold, rising: those of the earlier ends, then of the whole window."""
        return *self.spec.window.part_times, self.spec.window.n_times

    @cached_property
    def known(self) -> int:
        """Samples of a window that the encoder can begin with; 0 where it needs all of them."""
        return 0 if self._early is None else self._early.known

    @cached_property
    def _early(self) -> Anticipating | None:
        return self.encoder if isinstance(self.encoder, Anticipating) else None

    def begin(self, known: NDArray[np.float32]) -> Begun | None:
        """Do what can be done before the last samples of windows have come; None where that is nothing.

        Parameters
        ----------
        known
            (n, channels, times), µV: the first samples of whole windows.
        """
        encoder, needs = self._early, self.known
        if encoder is None or not needs:
            return None
        if known.ndim != 3 or known.shape[1] != self.shape[0] or known.shape[2] < needs:
            return None
        first = known[:, :, :needs]
        return Begun(first, encoder.begin(self._normalised(first)))

    def encode(self, windows: NDArray[Any], begun: Begun | None = None) -> Vectors:
        """Embeddings of windows, normalisation included.

        Parameters
        ----------
        windows
            (n, channels, times), µV, as the chain cut them: whole, or what is known of them at one of the earlier ends
            (``window.part_times``). Networks get zeros for what is missing, after the normalisation.
        begun
            What `begin` gave for the first samples of these very windows: it is not done again, and the embeddings are
            the same, bit for bit. Anything else is let go.

        Returns
        -------
        (n, dim) float32, unit norm.

        Raises
        ------
        BundleError
            The windows have another shape than the encoder's.
        """
        if windows.ndim != 3 or windows.shape[1] != self.shape[0] or windows.shape[2] not in self.times:
            parts = self.times[:-1]
            also = f", or {', '.join(map(str, parts))} samples of an earlier end" if parts else ""
            raise BundleError(f"windows {windows.shape} do not fit the encoder, which takes (n, *{self.shape}){also}")
        if not len(windows):
            return np.empty((0, self.spec.dim), dtype=np.float32)
        pieces = [self._embed(windows[k : k + BATCH], begun) for k in range(0, len(windows), BATCH)]
        return unit_norm(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def _embed(self, windows: NDArray[Any], begun: Begun | None) -> Vectors:
        if begun is None or not begun.of(windows):
            begun = self.begin(windows)
        if begun is not None and self._early is not None:
            return self._early.finish(begun.state, self._normalised(windows, begun.known.shape[2]))
        return self.encoder.embed(self._normalised(windows))

    def _normalised(self, windows: NDArray[Any], since: int = 0) -> Windows:
        """From sample ``since`` on, in a buffer of known alignment (`aligned`), filled up with zeros for networks."""
        windows = windows[:, :, since:]
        n, channels, times = windows.shape
        out = aligned((n, channels, self.times[-1] - since if self._padded else times))
        known = out[:, :, :times]
        out[:, :, times:] = 0
        if self._scaling is None:
            known[...] = windows
            return out
        mean, scale = self._scaling
        np.subtract(windows, mean, out=known)
        np.divide(known, scale, out=known)
        if self._whitening is not None:
            known[...] = self._whitening @ known
        return out

    @cached_property
    def _padded(self) -> bool:
        return len(self.times) > 1 and registry.is_network(self.spec.architecture)

    @cached_property
    def _scaling(self) -> tuple[Windows, Windows] | None:
        """Mean and scale (channels, 1), µV."""
        norm = self.spec.normalisation
        if norm is None:
            return None
        return np.array(norm.mean_uv, np.float32)[:, None], np.array(norm.scale_uv, np.float32)[:, None]

    @cached_property
    def _whitening(self) -> NDArray[np.float32] | None:
        """(channels, channels)."""
        norm = self.spec.normalisation
        return np.array(norm.whitening, np.float32) if norm and norm.whitening else None

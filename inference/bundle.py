"""Encoder bundles: written in one step, loaded with every doubt cleared first."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from config import bundles
from config.bundles import AdapterSpec, EncoderSpec, NoveltySpec
from config.errors import BundleError
from inference.encoders import registry
from inference.encoders.base import Anticipating, Encoder, Vectors, Windows, aligned, unit_norm
from inference.encoders.staged import Staged
from inference.novelty import Fitted

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

    @property
    def known(self) -> int:
        """Samples of a window that the encoder can begin with; 0 where it needs all of them."""
        return self.encoder.known if isinstance(self.encoder, Anticipating) else 0

    def begin(self, known: NDArray[np.float32]) -> Begun | None:
        """Do what can be done before the last samples of windows have come; None where that is nothing.

        Parameters
        ----------
        known
            (n, channels, times), µV: the first samples of whole windows.
        """
        encoder, needs = self.encoder, self.known
        if not isinstance(encoder, Anticipating) or not needs:
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
        if begun is not None and isinstance(self.encoder, Anticipating):
            return self.encoder.finish(begun.state, self._normalised(windows, begun.known.shape[2]))
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


@dataclass(frozen=True)
class Adapted:
    """A trained adapter of the gallery's side (see `inference.adapter`), to be kept with its encoder.

    Attributes
    ----------
    fields
        Of `config.bundles.AdapterSpec`, without the hash.
    arrays
        Weights, by name.
    """

    fields: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def load_encoder(folder: Path | str, device: str = "auto", weights: str = "auto") -> LoadedEncoder:
    """Encoder of a bundle folder; hashes, names and shapes are checked before anything runs.

    Parameters
    ----------
    folder
        Holds ``encoder.json`` and ``model.safetensors``.
    device
        ``auto`` (CUDA if there, else CPU), ``cpu`` or ``cuda``. ``riemann`` runs on the CPU.
    weights
        ``auto``, ``float32`` or ``bfloat16``: see `inference.encoders.lean`.

    Raises
    ------
    BundleError
        The bundle is missing, truncated, changed or foreign, or the device is not there.
    """
    folder = Path(folder)
    spec = bundles.read_encoder_spec(folder)
    arrays = bundles.read_arrays(folder / bundles.ENCODER_WEIGHTS)
    try:
        encoder, device = _restore(spec, arrays, device, weights)
    except BundleError as error:
        raise BundleError(f"encoder bundle '{folder}': {error}") from error
    return LoadedEncoder(spec, bundles.fingerprint(spec), device, encoder)


def write_encoder(
    folder: Path | str,
    spec_fields: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    adapter: Adapted | None = None,
    novelty: Fitted | None = None,
) -> EncoderSpec:
    """Write an encoder bundle in one step; a bundle that is there already is replaced.

    Parameters
    ----------
    folder
        Where to.
    spec_fields
        Fields of `EncoderSpec`, without the hash.
    arrays
        Weights, by name.
    adapter
        Trained with the encoder. The encoder's space then is that of the gallery it started from, ``>``, and the first
        eight digits of the adapter's hash: vectors that went through another adapter are not to be searched.
    novelty
        How unlike the training data a window is, fitted with the encoder.

    Raises
    ------
    BundleError
        A field is wrong, or the folder holds something else than a bundle.
    """
    with replacing(Path(folder), bundles.ENCODER_JSON) as new:
        fields = {**spec_fields, "weights_sha256": _save(new / bundles.ENCODER_WEIGHTS, arrays)}
        try:
            if adapter:
                digest = _save(new / bundles.ADAPTER_WEIGHTS, adapter.arrays)
                fields["adapter"] = AdapterSpec(**{**adapter.fields, "weights_sha256": digest})
                fields["space"] = adapted_space(fields["adapter"])
            if novelty:
                digest = _save(new / bundles.NOVELTY_ARRAYS, novelty.arrays)
                fields["novelty"] = NoveltySpec(**{**novelty.fields, "arrays_sha256": digest})
            spec = EncoderSpec(**fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "fields"
            raise BundleError(f"encoder bundle '{folder}' cannot be written: {where}: {first['msg']}") from error
        (new / bundles.ENCODER_JSON).write_bytes(bundles.canonical(spec))
    return spec


def adapted_space(adapter: AdapterSpec) -> str:
    """Name of the space that an adapter maps a gallery into."""
    return f"{adapter.space}>{adapter.weights_sha256[:8]}"


def _save(file: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write arrays, and give the hash of the file."""
    from safetensors.numpy import save_file

    save_file({name: np.array(value, order="C") for name, value in arrays.items()}, file)
    return bundles.file_sha256(file)


@contextmanager
def replacing(folder: Path, marker: str) -> Iterator[Path]:
    """A new folder beside ``folder`` that takes its place when all went well, and goes away otherwise.

    Parameters
    ----------
    folder
        The place; it may be empty or hold a bundle, known by ``marker``.
    marker
        Name of the file that makes it a bundle.

    Raises
    ------
    BundleError
        The folder holds something else, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"'{folder}' is a file; choose a folder for the bundle")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise BundleError(f"folder '{folder}' is not empty and holds no bundle ({marker}); choose another")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise BundleError(f"bundle folder '{folder}' cannot be made: {error.strerror}; choose another") from error
    try:
        yield new
        new.chmod(0o755)
        _swap(new, folder)
    except OSError as error:
        raise BundleError(f"bundle '{folder}' cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _swap(new: Path, folder: Path) -> None:
    old = new.with_name(f"{new.name}-old")
    there = folder.exists()
    if there:
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if there and not folder.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _restore(spec: EncoderSpec, arrays: dict[str, NDArray[Any]], device: str, weights: str) -> tuple[Encoder, str]:
    if not registry.is_network(spec.architecture):
        return _restore_closed_form(spec, arrays), "cpu"
    from inference.encoders import network

    device = network.pick_device(device)
    net = registry.build(
        spec.architecture,
        channels=spec.channels,
        times=spec.window.n_times,
        rate_hz=spec.window.rate_hz,
        dim=spec.dim,
        parameters=spec.parameters,
        restoring=True,
    )
    network.load_weights(net, arrays, f"'{spec.architecture}'")
    return network.Network(net, device, weights), device


def _restore_closed_form(spec: EncoderSpec, arrays: dict[str, NDArray[Any]]) -> Encoder:
    model = registry.closed_form(spec.architecture).from_arrays(spec.parameters, arrays)
    wanted = (len(spec.channels), spec.window.n_times, spec.dim)
    if model.shape != wanted:
        raise BundleError(
            f"the weights of '{spec.architecture}' are for (channels, times, dim) {model.shape}, encoder.json says "
            f"{wanted}; train the encoder again"
        )
    stages = model.times if isinstance(model, Staged) else (model.shape[1],)
    if not set(spec.window.part_times) <= set(stages):
        raise BundleError(
            f"encoder.json says windows of {', '.join(map(str, spec.window.part_times))} samples are answered too, the "
            f"weights of '{spec.architecture}' are for {', '.join(map(str, stages))}; train the encoder again"
        )
    encoder: Encoder = model
    return encoder

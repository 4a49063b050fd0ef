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
from inference.encoders.base import Encoder, Vectors, Windows, aligned, unit_norm
from inference.novelty import Fitted

BATCH = 256
"""Windows embedded at once when many are given, so that memory stays bounded."""


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

    def encode(self, windows: NDArray[Any]) -> Vectors:
        """Embeddings of windows, normalisation included.

        Parameters
        ----------
        windows
            (n, channels, times), µV, as the chain cut them.

        Returns
        -------
        (n, dim) float32, unit norm.

        Raises
        ------
        BundleError
            The windows have another shape than the encoder's.
        """
        if windows.ndim != 3 or windows.shape[1:] != self.shape:
            raise BundleError(f"windows {windows.shape} do not fit the encoder, which takes (n, *{self.shape})")
        if not len(windows):
            return np.empty((0, self.spec.dim), dtype=np.float32)
        pieces = [self.encoder.embed(self._normalised(windows[k : k + BATCH])) for k in range(0, len(windows), BATCH)]
        return unit_norm(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def _normalised(self, windows: NDArray[Any]) -> Windows:
        """In a buffer of known alignment (see `aligned`)."""
        out = aligned(windows.shape)
        if self._scaling is None:
            out[...] = windows
            return out
        mean, scale = self._scaling
        np.subtract(windows, mean, out=out)
        np.divide(out, scale, out=out)
        if self._whitening is not None:
            out[...] = self._whitening @ out
        return out

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


def load_encoder(folder: Path | str, device: str = "auto") -> LoadedEncoder:
    """Encoder of a bundle folder; hashes, names and shapes are checked before anything runs.

    Parameters
    ----------
    folder
        Holds ``encoder.json`` and ``model.safetensors``.
    device
        ``auto`` (CUDA if there, else CPU), ``cpu`` or ``cuda``. ``riemann`` runs on the CPU.

    Raises
    ------
    BundleError
        The bundle is missing, truncated, changed or foreign, or the device is not there.
    """
    folder = Path(folder)
    spec = bundles.read_encoder_spec(folder)
    arrays = bundles.read_arrays(folder / bundles.ENCODER_WEIGHTS)
    try:
        encoder, device = _restore(spec, arrays, device)
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


def _restore(spec: EncoderSpec, arrays: dict[str, NDArray[Any]], device: str) -> tuple[Encoder, str]:
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
    return network.Network(net, device), device


def _restore_closed_form(spec: EncoderSpec, arrays: dict[str, NDArray[Any]]) -> Encoder:
    model = registry.closed_form(spec.architecture).from_arrays(spec.parameters, arrays)
    wanted = (len(spec.channels), spec.window.n_times, spec.dim)
    if model.shape != wanted:
        raise BundleError(
            f"the weights of '{spec.architecture}' are for (channels, times, dim) {model.shape}, encoder.json says "
            f"{wanted}; train the encoder again"
        )
    encoder: Encoder = model
    return encoder

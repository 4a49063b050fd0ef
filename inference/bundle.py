"""Encoder bundles: written in one step, loaded with every doubt cleared first."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from config import bundles
from config.bundles import AdapterSpec, EncoderSpec, NoveltySpec
from config.errors import BundleError
from inference.encoders import registry
from inference.encoders.base import Encoder
from inference.encoders.staged import Staged
from inference.loaded import LoadedEncoder
from inference.novelty import Fitted

if TYPE_CHECKING:
    from torch import nn


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
    arrays = bundles.read_arrays(folder / bundles.ENCODER_WEIGHTS, finite=True)
    try:
        encoder, device = _restore(spec, arrays, device)
    except BundleError as error:
        raise BundleError(f"encoder bundle '{folder}': {error}") from error
    return LoadedEncoder(spec, bundles.fingerprint(spec), device, encoder)


def restore_network(spec: EncoderSpec, arrays: dict[str, NDArray[Any]]) -> nn.Module:
    """Network of a bundle with its weights, as a plain module on the CPU.

    Parameters
    ----------
    spec
        Of an encoder that is a network.
    arrays
        Weights, by name.

    Raises
    ------
    BundleError
        The architecture is not known, or the weights are not its own.
    """
    from inference.encoders import network

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
    return net


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
    return network.Network(restore_network(spec, arrays), device), device


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

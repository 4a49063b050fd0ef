"""Schemas and safe readers of encoder and gallery bundles, and of session files. No torch, no FAISS, no pickle.

Sizes are checked before memory is taken; paths inside a bundle cannot leave its folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from config.bounded import TooLargeError, once, read_bounded
from config.chain import ChainSettings, Frozen, RejectionSettings, WindowSettings
from config.errors import BundleError

Model = TypeVar("Model", bound=Frozen)
MAX_JSON_BYTES = 16 << 20
ENCODER_JSON, ENCODER_WEIGHTS = "encoder.json", "model.safetensors"
ADAPTER_WEIGHTS = "adapter.safetensors"
NOVELTY_ARRAYS = "novelty.safetensors"
GALLERY_JSON, GALLERY_ITEMS, GALLERY_VECTORS = "gallery.json", "items.parquet", "embeddings.safetensors"
GALLERY_FEATURES = "features.safetensors"
SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Calibration(Frozen):
    """Temperature of the softmax over the gallery, fitted on held-out stimuli for one repeat count and gallery size."""

    repeats: PositiveInt
    temperature: PositiveFloat
    log_loss: float
    """Mean negative log probability of the true item, nats."""
    calibration_error: float
    """Expected calibration error of the top-1 probability."""
    n_stimuli: PositiveInt
    gallery_size: PositiveInt
    window_end_s: float | None = None
    """End of the windows that it was fitted on, seconds after the onset; None: the encoder's own."""
    commit_above: Annotated[float, Field(ge=0, le=1)] | None = None
    """An earlier window's answer is committed where its best item is right with at least this probability; None: never.
    Set on calibration data (see `training.confidence.anytime`)."""


class Relevance(Frozen):
    """Logistic function from the pattern of a query's cosines to how likely its best item is right.

    Fitted on held-out stimuli for one repeat count; see `inference.relevance`.
    """

    repeats: PositiveInt
    weights: tuple[float, float, float, float]
    """Of best cosine, margin, spread and log items, in this order."""
    intercept: float
    log_loss: float
    """Mean negative log probability of what held (right or wrong), nats; stimuli left out in turn."""
    calibration_error: float
    """Expected calibration error, stimuli left out in turn."""
    n_answers: PositiveInt
    gallery_sizes: tuple[PositiveInt, ...]
    """That it was fitted on."""


class NoveltySpec(Frozen):
    """How unlike the training data a window is (see `inference.novelty`); its arrays stand in a file of their own."""

    neighbours: PositiveInt
    """The distance is the mean over so many nearest training embeddings."""
    components: PositiveInt
    """Principal components by which windows are rebuilt."""
    unusual_above: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Windows whose percentile among held-out training windows is above this are flagged."""
    n_bank: PositiveInt
    """Training embeddings kept."""
    n_held_out: PositiveInt
    """Held-out windows that percentiles are taken of."""
    arrays_sha256: SHA256


class Normalisation(Frozen):
    """Scaling applied before the encoder: whitening @ ((x - mean) / scale), µV."""

    mean_uv: tuple[float, ...]
    scale_uv: tuple[PositiveFloat, ...]
    whitening: tuple[tuple[float, ...], ...] | None = None
    """A fixed channels x channels matrix (multivariate noise normalisation), fitted on training data only."""


class AdapterSpec(Frozen):
    """How a gallery's items are mapped into the encoder's own space, learned together with the encoder."""

    space: str
    """Of the gallery that it starts from."""
    dim: PositiveInt
    """Of the features that it takes."""
    features: str = "embeddings"
    """The gallery's embeddings, or the name of one of its feature sets."""
    variants: tuple[str, ...] = ()
    """Of the feature set, in the order of the weights."""
    parameters: dict[str, Any] = {}
    weights_sha256: SHA256


class EncoderSpec(Frozen):
    """``encoder.json``."""

    format: Literal["eegseek-encoder"] = "eegseek-encoder"
    version: Literal[1] = 1
    architecture: str
    """Name in the encoder registry, such as ``nice`` or ``braindecode:EEGNet``."""
    parameters: dict[str, Any] = {}
    """Sizes and options of the architecture, beyond channels, times and dim."""
    channels: tuple[str, ...]
    window: WindowSettings
    chain: ChainSettings
    rejection: RejectionSettings = RejectionSettings()
    normalisation: Normalisation | None = None
    space: str
    """Embedding space; the gallery's must be the same."""
    dim: PositiveInt
    adapter: AdapterSpec | None = None
    """Maps a gallery into ``space``, where it was trained with one."""
    calibration: tuple[Calibration, ...] = ()
    relevance: tuple[Relevance, ...] = ()
    """Answers are withheld by these where there are any, else by the probability of the best item."""
    novelty: NoveltySpec | None = None
    causal: bool = True
    """False where it was trained on files filtered without causality: a live run warns."""
    simulated: bool = False
    """Trained on a simulated participant."""
    training: dict[str, Any] = {}
    """Data, seed, versions, choices: for people."""
    scores: dict[str, Any] = {}
    weights_sha256: SHA256

    @model_validator(mode="after")
    def _fits(self) -> EncoderSpec:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError("channels must be named, each once")
        if self.chain.channels != self.channels:
            raise ValueError("the chain's channels and the encoder's must be the same, in the same order")
        norm = self.normalisation
        if norm and not len(norm.mean_uv) == len(norm.scale_uv) == len(self.channels):
            raise ValueError("normalisation must have one value a channel")
        if norm and norm.whitening and {len(norm.whitening), *map(len, norm.whitening)} != {len(self.channels)}:
            raise ValueError("whitening must be a channels x channels matrix")
        return self


class FeatureSet(Frozen):
    """Further features of every item, in several variants: layers of a vision model, or blurs of the picture."""

    name: str
    """Such as ``layers`` or ``blurs``."""
    variants: tuple[str, ...]
    dim: PositiveInt


class GallerySpec(Frozen):
    """``gallery.json``."""

    format: Literal["eegseek-gallery"] = "eegseek-gallery"
    version: Literal[1] = 1
    space: str
    """Name of the embedding space, such as ``pixels-v1:128`` or ``open_clip:ViT-B-32/laion2b``."""
    dim: PositiveInt
    metric: Literal["cosine"] = "cosine"
    model: str
    """What made the embeddings, for people."""
    n_items: PositiveInt
    items_sha256: SHA256
    vectors_sha256: SHA256
    features: tuple[FeatureSet, ...] = ()
    features_sha256: SHA256 | None = None


class Item(Frozen):
    """One item of a gallery."""

    id: str
    label: str
    modality: str = "image"
    picture: str = ""
    """Path of the picture relative to the bundle, empty where there is none."""
    attributes: dict[str, str] = {}


class SessionFile(Frozen):
    """Maps marker labels to gallery ids, where the truth is known."""

    format: Literal["eegseek-session"] = "eegseek-session"
    version: Literal[1] = 1
    truth: dict[str, str]
    """Marker label to gallery id."""
    notes: str = ""


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Object in a JSON file of bounded size.

    Raises
    ------
    BundleError
        It is missing, too large, or not a JSON object.
    """
    try:
        value = json.loads(read_bounded(path, MAX_JSON_BYTES), object_pairs_hook=once)
    except TooLargeError as error:
        raise BundleError(f"'{path}' is {error}, which no {what} is") from error
    except OSError as error:
        raise BundleError(f"'{path}' cannot be read ({error.strerror}); expected the {what}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"'{path}' is not JSON ({error}); expected the {what}") from error
    if not isinstance(value, dict):
        raise BundleError(f"'{path}' holds no JSON object; expected the {what}")
    return value


def parse(model: type[Model], value: dict[str, Any], path: Path, what: str) -> Model:
    """Model of a JSON object, the first mistake named."""
    try:
        text = json.dumps(value)
    except RecursionError as error:
        raise BundleError(f"'{path}' is not a valid {what}: it is nested too deeply") from error
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise BundleError(f"'{path}' is not a valid {what}: {where}: {first['msg']}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical(model: Frozen) -> bytes:
    """The bytes that are written and fingerprinted."""
    return json.dumps(model.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False).encode()


def fingerprint(model: Frozen) -> str:
    """First 16 hex digits of the SHA-256 of a spec, which holds the hashes of everything beside it."""
    return hashlib.sha256(canonical(model)).hexdigest()[:16]


def read_encoder_spec(folder: Path) -> EncoderSpec:
    """``encoder.json`` of a bundle, with its weights' hash checked.

    Raises
    ------
    BundleError
        The bundle is missing, truncated or foreign.
    """
    path = folder / ENCODER_JSON
    _check_inside(path, "encoder bundle")
    spec = parse(EncoderSpec, read_json(path, "description of an encoder bundle"), path, "encoder bundle")
    _check_hash(folder / ENCODER_WEIGHTS, spec.weights_sha256, "encoder bundle")
    if spec.adapter:
        _check_hash(folder / ADAPTER_WEIGHTS, spec.adapter.weights_sha256, "encoder bundle")
    if spec.novelty:
        _check_hash(folder / NOVELTY_ARRAYS, spec.novelty.arrays_sha256, "encoder bundle")
    return spec


def read_gallery_spec(folder: Path) -> GallerySpec:
    """``gallery.json`` of a bundle, with the hashes of its files checked."""
    path = folder / GALLERY_JSON
    _check_inside(path, "gallery bundle")
    spec = parse(GallerySpec, read_json(path, "description of a gallery bundle"), path, "gallery bundle")
    _check_hash(folder / GALLERY_ITEMS, spec.items_sha256, "gallery bundle")
    _check_hash(folder / GALLERY_VECTORS, spec.vectors_sha256, "gallery bundle")
    if spec.features_sha256:
        _check_hash(folder / GALLERY_FEATURES, spec.features_sha256, "gallery bundle")
    return spec


def read_session_file(path: Path) -> SessionFile:
    """A session file."""
    return parse(SessionFile, read_json(path, "session file"), path, "session file")


def read_vectors(folder: Path, spec: GallerySpec) -> NDArray[np.float32]:
    """Embeddings of a gallery: (n_items, dim) float32."""
    arrays = read_arrays(folder / GALLERY_VECTORS)
    vectors = arrays.get("embeddings")
    if vectors is None or vectors.shape != (spec.n_items, spec.dim) or vectors.dtype != np.float32:
        shape = None if vectors is None else (vectors.shape, str(vectors.dtype))
        raise BundleError(
            f"'{folder}' holds embeddings of {shape}, gallery.json says ({spec.n_items}, {spec.dim}) float32"
        )
    if not np.isfinite(vectors).all():
        raise BundleError(f"'{folder}' holds non-finite embeddings; build the gallery again")
    return vectors


def read_features(folder: Path, spec: GallerySpec, name: str) -> NDArray[Any]:
    """A feature set of a gallery: (n_items, variants, dim), floating point."""
    known = {features.name: features for features in spec.features}
    if name not in known:
        has = ", ".join(known) or "none"
        raise BundleError(
            f"gallery '{folder}' has no feature set '{name}' (it has: {has}); build it with --layers or --blur"
        )
    wanted = (spec.n_items, len(known[name].variants), known[name].dim)
    array = read_arrays(folder / GALLERY_FEATURES).get(name)
    if array is None or array.shape != wanted or array.dtype.kind != "f":
        raise BundleError(f"'{folder}' holds features '{name}' of another shape than gallery.json says, {wanted}")
    return array


def read_arrays(path: Path, *, finite: bool = False) -> dict[str, NDArray[Any]]:
    """Arrays of a safetensors file, which checks its own sizes.

    Parameters
    ----------
    path
        The file.
    finite
        Refuse floating point numbers that are not: weights with one answer nothing but NaN.

    Raises
    ------
    BundleError
        It is damaged, or holds types that numpy has not.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise BundleError(f"'{path}' is not a whole safetensors file: {why}") from error
    floats = {name: array for name, array in arrays.items() if finite and array.dtype.kind == "f"}
    bad = [name for name, array in floats.items() if not np.isfinite(array).all()]
    if bad:
        raise BundleError(f"array '{bad[0]:.80}' of '{path}' is not finite; train or copy it again")
    return arrays


def _check_hash(path: Path, expected: str, what: str) -> None:
    if not path.is_file():
        raise BundleError(f"'{path}' is missing from the {what}; copy the whole folder, or make the bundle again")
    _check_inside(path, what)
    if file_sha256(path) != expected:
        raise BundleError(
            f"'{path}' is truncated or changed (its SHA-256 differs from the {what}'s); copy or make it again"
        )


def _check_inside(path: Path, what: str) -> None:
    """A file of a bundle may be a link, but not to what lies outside."""
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise BundleError(f"'{path}' is a link that leaves the {what}, which is refused; copy the file itself there")

"""Files of arrays: pickles, ``.npy``, safetensors, parquet, ``.mat``, and parts of bundles that are made of them."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzz import texts
from benchmarks.fuzz.mutate import PLAIN
from benchmarks.fuzz.shaped import json_value
from benchmarks.fuzz.target import Read
from benchmarks.fuzz.texts import DIM, N, in_file
from config import bundles
from config.bundles import Item
from config.chain import ChainSettings
from config.safe_pickle import read_npy_object, read_object
from config.stored_array import StoredArray

RNG = np.random.default_rng(0)
LARGE_BYTES = 1 << 20


def touch(value: Any) -> None:
    """Read every array that a value holds, unless it is larger than any file here."""
    left = [value]
    for _ in range(10_000):
        if not left:
            return
        one = left.pop()
        if isinstance(one, StoredArray):
            _touch_array(one)
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one


def _touch_array(one: StoredArray) -> None:
    if one.nbytes > LARGE_BYTES:
        return
    one.read()
    if one.shape:
        one.rows(0, 2)
        one.columns(0, 2)


def pickles(folder: Path) -> list[bytes]:
    """What datasets' files look like inside, by every protocol, and bare numpy pickles."""
    value = {"eeg": RNG.normal(size=(3, 4)), "names": ["Oz", "é"], "rate": 1000, "f": 0.5, "none": None, "t": (1, (2,)),
             "s": np.array(["ab", "c"]), "big": 2**70, "set": {1, 2}, "b": b"xyz", "n": np.float32(2)}  # fmt: skip
    found = [pickle.dumps(value, protocol) for protocol in (0, 2, 3, 4, 5)]
    stream = io.BytesIO()
    np.save(stream, np.asarray(value, dtype=object), allow_pickle=True)
    return [*found, stream.getvalue(), pickle.dumps(np.asfortranarray(RNG.normal(size=(4, 70))), 4)]


def open_pickle(folder: Path) -> Read:
    """Read a pickle, and the arrays in it."""
    return in_file("a.npy", lambda file: touch(read_object(file)), folder)


def npys(folder: Path) -> list[bytes]:
    """Plain arrays of many types, in both orders and all versions of the format."""
    found = []
    for array in (
        RNG.normal(size=(3, 4)), np.asfortranarray(RNG.normal(size=(3, 4))).astype("f4"), np.arange(6), np.array("abc"),
        np.zeros((2, 0, 3), "f4"), np.float64(3), np.array([True, False]), RNG.normal(size=(3, 1, 2)).astype(">f4"),
    ):  # fmt: skip
        for version in ((1, 0), (2, 0), (3, 0)):
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asanyarray(array), version)
            found.append(stream.getvalue())
    return found


def open_npy(folder: Path) -> Read:
    """Read an array as a dataset's file."""
    return in_file("a.npy", lambda file: touch(read_npy_object(file)), folder)


def open_vectors_npy(folder: Path) -> Read:
    """Read an array as vectors for a gallery."""
    from inference.inputs import read_npy

    return in_file("a.npy", lambda file: read_npy(file).sum(), folder)


def open_features_npy(folder: Path) -> Read:
    """Read an array as features for simulated people."""
    from acquisition.participant.v1 import read_features

    return in_file("a.npy", read_features, folder)


def windows_npy(folder: Path) -> list[bytes]:
    """The windows of an epochs folder."""
    return _saved(np.zeros((2, 2, texts.WINDOW.n_times), np.float32))


def open_epochs(folder: Path, part: str) -> Read:
    """Read an epochs folder of which one file is damaged."""
    from training.trials.epoch_files import EPOCHS_JSON, WINDOWS_NPY, read_epochs

    (folder / EPOCHS_JSON).write_bytes(texts.epochs_json(folder)[0])
    (folder / WINDOWS_NPY).write_bytes(windows_npy(folder)[0])

    def read(file: Path) -> None:
        stored = read_epochs(folder)
        _ = stored.origin, stored.plan()
        if stored.spec.missed < 1000 and sum(stored.spec.refused.values()) < 1000:
            stored.epochs().data.sum()

    return in_file(EPOCHS_JSON if part == "json" else WINDOWS_NPY, read, folder)


def _saved(array: Any) -> list[bytes]:
    stream = io.BytesIO()
    np.save(stream, array)
    return [stream.getvalue()]


def vectors(folder: Path) -> list[bytes]:
    """The embeddings of a gallery."""
    from safetensors.numpy import save

    unit = RNG.normal(size=(N, DIM)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    more = {"layers": RNG.normal(size=(N, 2, 3)).astype(np.float16), "i": np.arange(3), "u": np.zeros(2, np.uint8)}
    return [save({"embeddings": unit}), save({"embeddings": unit, **more}, {"a": "b"})]


def safetensors_header(rng: Random, data: bytes) -> bytes:
    """The JSON header changed, its length made right again."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        return data
    header = json_value(rng, data[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def open_vectors(folder: Path) -> Read:
    """Read a gallery's embeddings, in memory and mapped, and its further features."""
    from inference.gallery_index import vectors_of

    spec = texts.gallery_spec()
    (folder / bundles.GALLERY_FEATURES).unlink(missing_ok=True)
    (folder / bundles.GALLERY_FEATURES).symlink_to(folder / bundles.GALLERY_VECTORS)

    def read(file: Path) -> None:
        vectors_of(folder, spec, mapped=True)
        bundles.read_vectors(folder, spec)
        if "layers" in bundles.read_arrays(file):
            bundles.read_features(folder, spec, "layers")

    return in_file(bundles.GALLERY_VECTORS, read, folder)


def parquet(folder: Path) -> list[bytes]:
    """The table of a gallery's items."""
    from inference.gallery import write_gallery

    items = [Item(id=str(k), label=f"é{k}", picture="p/a.png" if k else "", attributes={"a": "b"}) for k in range(N)]
    eye = np.eye(N, DIM, dtype=np.float32) + 0.1
    write_gallery(folder / "g", items, eye, space="s", model="m")
    return [(folder / "g" / bundles.GALLERY_ITEMS).read_bytes()]


def open_parquet(folder: Path) -> Read:
    """Read the table and every item of it."""
    from config.items_table import read_items_table

    spec = texts.gallery_spec()
    return in_file(bundles.GALLERY_ITEMS, lambda file: list(read_items_table(folder, spec)), folder)


INDEX_N, INDEX_DIM = 400, 8


def _index_vectors() -> Any:
    made = np.random.default_rng(3).normal(size=(INDEX_N, INDEX_DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def index_arrays(folder: Path, kind: str) -> list[bytes]:
    """The arrays of an index."""
    from config.index_spec import INDEX_ARRAYS
    from inference.gallery import write_gallery
    from inference.gallery_index import index_gallery

    items = [Item(id=str(k), label="x") for k in range(INDEX_N)]
    write_gallery(folder / kind, items, _index_vectors(), space="s", model="m")
    index_gallery(folder / kind, kind, goal=0.1)
    return [(folder / kind / INDEX_ARRAYS).read_bytes()]


def open_index(folder: Path, kind: str) -> Read:
    """Put an index together and search with it."""
    from config.index_spec import INDEX_ARRAYS, IndexSpec
    from inference.indexes.choose import serve
    from inference.indexes.kinds import TABLE

    held = _index_vectors()
    fields: dict[str, Any] = {
        "kind": kind, "asked": kind, "effort": TABLE[kind].efforts[0], "seed": 0, "n_items": INDEX_N, "dim": INDEX_DIM,
        "vectors_sha256": texts.FIXED, "recall": (), "memory_bytes": 0,
    }  # fmt: skip
    spec = IndexSpec(**fields)
    return in_file(INDEX_ARRAYS, lambda file: serve(held, kind, spec, folder).search(held[:2], 5), folder)


def riemann(channels: int, times: int, dim: int, filters: int = 2) -> dict[str, Any]:
    """Weights of a fitted ``riemann``; made up, as fitting it loads a library for seconds."""
    rng, stacked = np.random.default_rng(0), 2 * filters
    return {
        "filters": rng.normal(size=(filters, channels)),
        "prototypes": rng.normal(size=(filters, times)),
        "reference": np.eye(stacked) + 0.1,
        "weights": rng.normal(size=(stacked * (stacked + 1) // 2, dim)),
        "bias": rng.normal(size=dim),
    }


def weights(folder: Path) -> list[bytes]:
    """The weights of an encoder that is fitted in closed form."""
    from inference.bundle import write_encoder

    held = riemann(len(texts.CHANNELS), texts.WINDOW.n_times, DIM)
    fields = {"architecture": "riemann", "channels": texts.CHANNELS, "window": texts.WINDOW, "space": "s", "dim": DIM,
              "chain": ChainSettings(channels=texts.CHANNELS), "parameters": {"nfilter": 2}}  # fmt: skip
    write_encoder(folder / "e", fields, held)
    return [(folder / "e" / bundles.ENCODER_WEIGHTS).read_bytes()]


def open_weights(folder: Path) -> Read:
    """Load an encoder whose weights were changed together with their hash, and embed a window."""
    from inference.bundle import load_encoder

    weights(folder)
    spec = bundles.read_encoder_spec(folder / "e")
    window = np.random.default_rng(1).normal(size=(1, len(texts.CHANNELS), texts.WINDOW.n_times)).astype(np.float32)

    def read(file: Path) -> None:
        changed = spec.model_copy(update={"weights_sha256": bundles.file_sha256(file)})
        (folder / "e" / bundles.ENCODER_JSON).write_bytes(bundles.canonical(changed))
        load_encoder(folder / "e", "cpu").encode(window)

    return in_file(f"e/{bundles.ENCODER_WEIGHTS}", read, folder)


def mats(folder: Path) -> list[bytes]:
    """MATLAB files, packed and not, with what is not wanted beside what is."""
    from scipy.io import savemat

    held = {"LH": RNG.normal(size=(3, 4)), "RH": np.arange(6.0).reshape(2, 3), "text": "abc", "cell": {"a": 1}}
    found = []
    for packed in (False, True):
        savemat(folder / "a.mat", held, do_compression=packed)
        raw = (folder / "a.mat").read_bytes()
        found.append(b"MATLAB 5.0 MAT-file".ljust(116) + raw[116:])
    return found


def repacked(rng: Random, data: bytes) -> bytes:
    """What is inside a packed variable changed, and packed again."""
    at, parts = 128, []
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        parts.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if not parts:
        return data
    chosen = rng.randrange(len(parts))
    kind, body = parts[chosen]
    try:
        inside = zlib.decompress(body) if kind == 15 else body
    except zlib.error:
        return data
    inside = rng.choice(PLAIN)(rng, inside)
    parts[chosen] = (kind, zlib.compress(inside) if kind == 15 else inside)
    return data[:128] + b"".join(struct.pack("<II", kind, len(body)) + body for kind, body in parts)


def open_mat(folder: Path) -> Read:
    """Read two tables."""
    from training.datasets.mat_numbers import read_numbers

    return in_file("a.mat", lambda file: read_numbers(file, ("LH", "RH")), folder)


def torches(folder: Path) -> list[bytes]:
    """What ``torch.save`` writes: tensors, and arrays of numpy."""
    import torch

    found = []
    for held in ({"img_features": torch.ones(2, 3), "text_features": torch.ones(2, 3)},
                 {"eeg": np.ones((2, 3)), "label": [1, 2], "img": ["a", "b"]}):  # fmt: skip
        torch.save(held, folder / "a.pt")
        found.append((folder / "a.pt").read_bytes())
    return found


def open_torch(folder: Path, how: str) -> Read:
    """Read a file of torch as a dataset's, or as features."""
    from inference.features_read import read_features_file
    from training.datasets.torch_files import read_torch

    if how == "features":
        return in_file("a.pt", read_features_file, folder)
    return in_file("a.pt", lambda file: touch(read_torch(file)), folder)


INDEXES = {kind: (partial(index_arrays, kind=kind), partial(open_index, kind=kind)) for kind in ("pq", "hnsw", "ivf")}
"""Kinds of index whose arrays differ most: seeds and reader."""


def responses(folder: Path) -> list[bytes]:
    """What each picture evokes in a simulated participant."""
    from acquisition.participant.stimuli import write_responses

    file = folder / "seed.safetensors"
    write_responses(file, ["a", "b", "c"], RNG.normal(size=(3, 4)).astype("f4"), RNG.normal(size=(3, 2)).astype("f4"))
    return [file.read_bytes()]


def open_responses(folder: Path) -> Read:
    """Read responses."""
    from acquisition.participant.stimuli import read_all

    return in_file("a.safetensors", lambda file: read_all(str(file)), folder)


def checkpoints(folder: Path) -> list[bytes]:
    """Where a training run is."""
    import torch

    from training.fitting.checkpoint import Position, save

    file = folder / "seed.safetensors"
    position = Position(2, 5, [0.5, 0.25], 0.4, 1, [{"loss": 0.5}], {"scale": 2.0})
    save(file, position, {"network": {"weight": torch.zeros(2, 3)}, "optimizer": {"0.step": torch.ones(1)}})
    return [file.read_bytes()]


def open_checkpoint(folder: Path) -> Read:
    """Read a checkpoint."""
    from training.fitting.checkpoint import load

    return in_file("a.safetensors", load, folder)

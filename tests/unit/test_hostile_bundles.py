"""Bundles that somebody made to do harm: each is refused in one sentence, before memory is taken or anything runs."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import refused
from safetensors.numpy import load_file, save_file

from config import bundles
from config.bundles import BundleError, Item
from config.chain import ChainSettings, WindowSettings
from inference.bundle import load_encoder, write_encoder
from inference.encoders.network import state_arrays
from inference.encoders.riemann import Riemann
from inference.gallery import Gallery, write_gallery

CHANNELS = ("a", "b", "c")
N, DIM, TIMES = 5, 4, 100


@pytest.fixture(params=["riemann", "eegproject"])
def encoder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    rng = np.random.default_rng(0)
    if request.param == "riemann":
        windows, classes = rng.normal(size=(40, 3, TIMES)), np.arange(40) % 2
        arrays = Riemann({"nfilter": 2}).fit(windows, rng.normal(size=(40, DIM)), classes).arrays()
    else:
        from inference.encoders import registry

        arrays = state_arrays(registry.build("eegproject", channels=CHANNELS, times=TIMES, rate_hz=250.0, dim=DIM))
    fields: dict[str, Any] = {"architecture": request.param, "channels": CHANNELS, "space": "s", "dim": DIM,
                              "window": WindowSettings(end_s=0.4, rate_hz=250.0),
                              "chain": ChainSettings(channels=CHANNELS)}  # fmt: skip
    if request.param == "riemann":
        fields["parameters"] = {"nfilter": 2}
    write_encoder(tmp_path / "e", fields, arrays)
    return tmp_path / "e"


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    items = [Item(id=str(k), label="x") for k in range(N)]
    write_gallery(tmp_path / "g", items, np.eye(N, DIM, dtype=np.float32) + 0.1, space="s", model="m")
    return tmp_path / "g"


def signed(folder: Path) -> None:
    """The description says the hash of the weights that are there now: an attacker writes both."""
    path = folder / bundles.ENCODER_JSON
    text = json.loads(path.read_text())
    text["weights_sha256"] = bundles.file_sha256(folder / bundles.ENCODER_WEIGHTS)
    path.write_text(json.dumps(text))


class Attack:
    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Attack()),
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 99) + b"{}",
        b"",
        struct.pack("<Q", 70) + b'{"a":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,39999999996]}}'[:70],
        struct.pack("<Q", 63) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":"x"}  ',
        struct.pack("<Q", 5000) + b'{"a":' * 1000,
    ],
)
def test_weights_that_are_something_else(
    encoder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (encoder / bundles.ENCODER_WEIGHTS).write_bytes(content)
    signed(encoder)
    with refused(BundleError):
        load_encoder(encoder, "cpu")
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(encoder: Path, value: float) -> None:
    arrays = load_file(encoder / bundles.ENCODER_WEIGHTS)
    name = next(name for name in sorted(arrays) if arrays[name].dtype.kind == "f" and arrays[name].size > 1)
    arrays[name] = arrays[name].copy()
    arrays[name].flat[0] = value
    save_file(arrays, encoder / bundles.ENCODER_WEIGHTS)
    signed(encoder)
    with refused(BundleError, "finite"):
        load_encoder(encoder, "cpu")


@pytest.mark.parametrize("name", [bundles.ENCODER_WEIGHTS, bundles.ENCODER_JSON])
def test_a_link_out_of_the_bundle(encoder: Path, tmp_path: Path, name: str) -> None:
    (encoder / name).rename(tmp_path / "elsewhere")
    (encoder / name).symlink_to(tmp_path / "elsewhere")
    with refused(BundleError, "leaves the"):
        load_encoder(encoder, "cpu")


def test_pipes_and_devices_are_not_read(encoder: Path) -> None:
    path = encoder / bundles.ENCODER_JSON
    path.unlink()
    os.mkfifo(path)
    with refused(BundleError, "no regular file"):
        load_encoder(encoder, "cpu")
    path.unlink()
    path.symlink_to("/dev/zero")
    with refused(BundleError):
        load_encoder(encoder, "cpu")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"space": "s"', '"space": "s", "space": "t"'),
        ('"space": "s"', '"space": "s", "weights": "../../secret.safetensors"'),
        ('"space": "s"', '"space": ' + "[" * 3000 + "]" * 3000),
        ('"space": "s"', '"space": ' + "[" * 400_000),
        ('"dim": 4', '"dim": 1' + "0" * 5000),
        ('"dim": 4', '"dim": NaN'),
        ('"training": {}', '"training": ' + '{"a":' * 950 + "1" + "}" * 950),
    ],
)
def test_descriptions_that_are_traps(encoder: Path, old: str, new: str) -> None:
    path = encoder / bundles.ENCODER_JSON
    text = json.dumps(json.loads(path.read_text()))
    assert old in text
    path.write_text(text.replace(old, new))
    if "training" in old:  # plain words for people may be of any depth that can be read
        with pytest.MonkeyPatch.context():
            try:
                load_encoder(encoder, "cpu")
            except BundleError as error:
                assert "\n" not in str(error)
        return
    with refused(BundleError):
        load_encoder(encoder, "cpu")


def test_a_description_without_end(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_JSON_BYTES", 100)
    with refused(BundleError, "larger than 100 bytes"):
        load_encoder(encoder, "cpu")


def rewritten(folder: Path, **changes: Any) -> None:
    path = folder / bundles.GALLERY_JSON
    fields = {**json.loads(path.read_text()), **changes}
    for key, name in (("items_sha256", bundles.GALLERY_ITEMS), ("vectors_sha256", bundles.GALLERY_VECTORS)):
        fields[key] = bundles.file_sha256(folder / name)
    path.write_text(json.dumps(fields))


def test_more_rows_than_are_promised_are_not_read(gallery: Path) -> None:
    many = 3_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(many, np.int32)), pa.array(["x" * 10_000]))
    table = pa.table(dict.fromkeys(Item.model_fields, column))
    pq.write_table(table, gallery / bundles.GALLERY_ITEMS)
    assert (gallery / bundles.GALLERY_ITEMS).stat().st_size < 1 << 20  # of which 150 GB of text would come
    rewritten(gallery)
    with refused(BundleError, "gallery.json says 5"):
        Gallery.load(gallery)
    rewritten(gallery, n_items=many)
    with refused(BundleError, "would take 1430[0-9]{2} MB of memory for 3000000 items"):
        Gallery.load(gallery)


@pytest.mark.parametrize(
    "picture", ["../../etc/passwd", "/etc/passwd", "pictures\\..\\x.png", "a/\x00b.png", "a" * 5000]
)
def test_pictures_that_lead_elsewhere(gallery: Path, picture: str) -> None:
    table = pq.read_table(gallery / bundles.GALLERY_ITEMS).to_pydict()
    table["picture"] = [picture] * N
    pq.write_table(pa.table(table), gallery / bundles.GALLERY_ITEMS)
    rewritten(gallery)
    if len(picture) > 1000:  # inside, but no file has such a name: it is never there
        Gallery.load(gallery)
        return
    with refused(BundleError):
        Gallery.load(gallery)


@pytest.mark.parametrize("change", [{"n_items": 10**12}, {"dim": 10**12}, {"n_items": 10**400}, {"dim": 0}])
def test_sizes_that_are_claimed(gallery: Path, change: dict[str, int]) -> None:
    rewritten(gallery, **change)
    with refused(BundleError):
        Gallery.load(gallery)

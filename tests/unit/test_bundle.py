"""Encoder bundles: a round trip, and every way in which one can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from config import bundles
from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.bundle import load_encoder, replacing, write_encoder
from inference.encoders import registry
from inference.encoders.network import state_arrays
from inference.loaded import LoadedEncoder

CHANNELS = ("TP9", "AF7", "AF8", "TP10")
WINDOW = WindowSettings(end_s=0.4, rate_hz=250.0)


def fields(**other: Any) -> dict[str, Any]:
    base = {
        "architecture": "eegproject",
        "channels": CHANNELS,
        "window": WINDOW,
        "chain": ChainSettings(channels=CHANNELS),
        "space": "test:8",
        "dim": 8,
    }
    return {**base, **other}


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return registry.build("eegproject", channels=CHANNELS, times=100, rate_hz=250.0, dim=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_encoder(tmp_path / "encoder", fields(), state_arrays(network()))
    return tmp_path / "encoder"


@pytest.fixture
def windows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 4, 100)).astype(np.float32) * 20


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / bundles.ENCODER_JSON
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_round_trip_gives_the_networks_own_vectors(folder: Path, windows: np.ndarray) -> None:
    encoder = load_encoder(folder, "cpu")
    vectors = encoder.encode(windows)
    with torch.no_grad():
        expected = network().eval()(torch.from_numpy(windows)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected, atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.shape == (4, 100)
    assert encoder.device == "cpu"


def test_normalisation_is_applied_a_channel(tmp_path: Path, windows: np.ndarray) -> None:
    mean, scale = (1.0, 2.0, 3.0, 4.0), (10.0, 20.0, 30.0, 40.0)
    plain = write_encoder(tmp_path / "plain", fields(), state_arrays(network()))
    norm = bundles.Normalisation(mean_uv=mean, scale_uv=scale)
    scaled = write_encoder(tmp_path / "scaled", fields(normalisation=norm), state_arrays(network()))
    by_hand = (windows - np.array(mean)[:, None]) / np.array(scale)[:, None]
    given = load_encoder(tmp_path / "scaled", "cpu").encode(windows)
    assert np.allclose(given, load_encoder(tmp_path / "plain", "cpu").encode(by_hand), atol=1e-5)
    assert bundles.fingerprint(plain) != bundles.fingerprint(scaled)


def test_many_windows_are_embedded_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(folder, "cpu")
    many = np.random.default_rng(1).standard_normal((7, 4, 100)).astype(np.float32)
    whole = encoder.encode(many)
    monkeypatch.setattr("inference.loaded.BATCH", 3)
    assert np.allclose(encoder.encode(many), whole, atol=1e-6)
    assert encoder.encode(many[:0]).shape == (0, 8)


def test_input_is_left_as_it_was(folder: Path, windows: np.ndarray) -> None:
    before = windows.copy()
    windows.flags.writeable = False
    load_encoder(folder, "cpu").encode(windows)
    assert np.array_equal(windows, before)


@pytest.mark.parametrize("shape", [(5, 4, 99), (5, 3, 100), (4, 100)])
def test_windows_of_another_shape_are_refused(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(BundleError, match="do not fit the encoder"):
        load_encoder(folder, "cpu").encode(np.zeros(shape, np.float32))


def test_fingerprint_follows_weights_and_description(tmp_path: Path) -> None:
    prints = set()
    for name, (seed, space) in enumerate([(0, "a"), (1, "a"), (0, "b"), (0, "a")]):
        spec = write_encoder(tmp_path / str(name), fields(space=space), state_arrays(network(seed)))
        assert load_encoder(tmp_path / str(name), "cpu").fingerprint == bundles.fingerprint(spec)
        prints.add(bundles.fingerprint(spec))
    assert len(prints) == 3


@pytest.mark.parametrize("lost", [1, 400])
def test_truncated_weights(folder: Path, lost: int) -> None:
    path = folder / bundles.ENCODER_WEIGHTS
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(BundleError, match="truncated or changed"):
        load_encoder(folder, "cpu")


def test_missing_weights(folder: Path) -> None:
    (folder / bundles.ENCODER_WEIGHTS).unlink()
    with pytest.raises(BundleError, match="missing"):
        load_encoder(folder, "cpu")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "eegseek-gallery"}', "{}", "\x00"])
def test_foreign_description(folder: Path, text: str) -> None:
    (folder / bundles.ENCODER_JSON).write_text(text)
    with pytest.raises(BundleError, match=r"encoder\.json"):
        load_encoder(folder, "cpu")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        load_encoder(tmp_path / "nothing", "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "nicer"}, "did you mean 'nice'"),
        ({"parameters": {"width": 3}}, "no parameter 'width'"),
        ({"dim": 9}, "do not fit 'eegproject'"),
        ({"dim": 1 << 40}, "larger than any encoder"),
        ({"architecture": "riemann"}, "lack filters"),
        ({"version": 2}, "version"),
        ({"channels": ["a", "b"]}, "channels"),
    ],
)
def test_a_description_that_does_not_fit_its_weights(folder: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(folder, **changes)
    with pytest.raises(BundleError, match=message):
        load_encoder(folder, "cpu")


def test_weights_that_are_no_safetensors(folder: Path) -> None:
    path = folder / bundles.ENCODER_WEIGHTS
    path.write_bytes(b"PK\x03\x04 a pickle in a zip, say")
    rewrite(folder, weights_sha256=bundles.file_sha256(path))
    with pytest.raises(BundleError, match="safetensors"):
        load_encoder(folder, "cpu")


def test_cuda_where_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_encoder(folder, "auto").device == "cpu"
    with pytest.raises(BundleError, match="no CUDA device"):
        load_encoder(folder, "cuda")


def test_a_bundle_is_replaced_whole(folder: Path, windows: np.ndarray) -> None:
    (folder / "left-over").write_text("of the old bundle")
    write_encoder(folder, fields(), state_arrays(network(1)))
    assert sorted(path.name for path in folder.iterdir()) == [bundles.ENCODER_JSON, bundles.ENCODER_WEIGHTS]
    assert isinstance(load_encoder(folder, "cpu"), LoadedEncoder)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing temporary is left"


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(BundleError, match="holds no bundle"):
        write_encoder(tmp_path, fields(), {})
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    with pytest.raises(BundleError, match="is a file"):
        write_encoder(tmp_path / "thesis.txt", fields(), {})


def test_a_failure_while_writing_keeps_the_old_bundle(folder: Path) -> None:
    before = load_encoder(folder, "cpu").fingerprint
    with pytest.raises(BundleError, match="dim"):
        write_encoder(folder, fields(dim=0), state_arrays(network()))
    with pytest.raises(KeyError), replacing(folder, bundles.ENCODER_JSON):
        raise KeyError
    assert load_encoder(folder, "cpu").fingerprint == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = load_encoder(folder, "cpu").fingerprint, Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == folder and not self.name.endswith("-old"):
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BundleError, match="cannot be written: Permission denied"), replacing(folder, "encoder.json"):
        pass
    assert load_encoder(folder, "cpu").fingerprint == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]

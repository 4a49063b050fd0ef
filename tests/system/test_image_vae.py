"""The picture auto-encoder: it learns pictures, its folder gives the same vectors, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from config.errors import BundleError
from inference import image_vae
from inference.encoders.network import state_arrays
from inference.image_vae_net import ImageVAE
from training.fitting.image_vae import bound, train_image_vae

WIDTHS = (8, 12)


def pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Discs of some colour, at some place."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        picture = Image.new("RGB", (90, 70), tuple(int(v) for v in rng.integers(0, 256, 3)))
        x, y, r = rng.integers(20, 70), rng.integers(15, 55), rng.integers(8, 25)
        fill = tuple(int(v) for v in rng.integers(0, 256, 3))
        ImageDraw.Draw(picture).ellipse([x - r, y - r, x + r, y + r], fill=fill)
        made.append(folder / f"{k:03d}.png")
        picture.save(made[-1])
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    folder = tmp_path_factory.mktemp("vae")
    paths = pictures(folder / "pictures", 120)
    train_image_vae(paths, folder / "out", dim=12, epochs=12, batch=15, widths=WIDTHS, device="cpu")
    return folder / "out", paths


def test_it_learns_what_pictures_look_like(trained: tuple[Path, list[Path]]) -> None:
    record = image_vae.load(trained[0], "cpu").spec.training
    assert record["losses"][-1] < record["losses"][0]
    assert record["held_out_error"] < 0.85 * record["error_of_the_mean_picture"]
    assert (record["pictures"], record["held_out"]) == (120, 6)


def test_vectors_tell_pictures_apart_and_stay_the_same(trained: tuple[Path, list[Path]], tmp_path: Path) -> None:
    loaded, fresh = image_vae.load(trained[0], "cpu"), pictures(tmp_path, 70, seed=5)
    told: list[tuple[int, int]] = []
    vectors = loaded.embed(fresh, progress=lambda done, total: told.append((done, total)))
    assert vectors.shape == (70, loaded.dim)
    assert vectors.dtype == np.float32
    assert told == [(64, 70), (70, 70)]
    assert np.allclose(loaded.embed(fresh[::-1])[::-1], vectors, atol=1e-5)
    larger = []
    for k, path in enumerate(fresh):
        with Image.open(path) as picture:
            picture.resize((180, 140)).save(tmp_path / f"large-{k}.jpg", quality=95)
        larger.append(tmp_path / f"large-{k}.jpg")
    again = loaded.embed(larger)
    unit, other = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, again))
    assert (np.argmax(other @ unit.T, axis=1) == np.arange(70)).mean() > 0.95, "the same picture, larger, is nearest"


def test_the_space_is_that_of_the_weights(trained: tuple[Path, list[Path]], tmp_path: Path) -> None:
    loaded = image_vae.load(trained[0], "cpu")
    assert loaded.space == f"image-vae:{loaded.spec.weights_sha256[:8]}"
    for name, seed in (("same", 0), ("other", 1)):
        train_image_vae(trained[1][:20], tmp_path / name, dim=4, epochs=1, seed=seed, widths=(4,), device="cpu")
    train_image_vae(trained[1][:20], tmp_path / "again", dim=4, epochs=1, seed=0, widths=(4,), device="cpu")
    same, other, again = (image_vae.load(tmp_path / name).space for name in ("same", "other", "again"))
    assert same == again != other


def test_a_changed_folder_is_refused(trained: tuple[Path, list[Path]], tmp_path: Path) -> None:
    arrays = state_arrays(ImageVAE(4, (4,)))
    image_vae.write(tmp_path / "v", {"dim": 4, "widths": (4,)}, arrays)
    assert image_vae.load(tmp_path / "v").dim == 4
    spec = json.loads((tmp_path / "v" / image_vae.JSON).read_text())
    (tmp_path / "v" / image_vae.JSON).write_text(json.dumps({**spec, "dim": 5}))
    with pytest.raises(BundleError, match="the weights do not fit the image VAE"):
        image_vae.load(tmp_path / "v")
    (tmp_path / "v" / image_vae.JSON).write_text(json.dumps({**spec, "dim": 1 << 40}))
    with pytest.raises(BundleError, match=r"dim: .*less than or equal"):
        image_vae.load(tmp_path / "v")
    (tmp_path / "v" / image_vae.JSON).write_text(json.dumps(spec))
    weights = tmp_path / "v" / image_vae.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BundleError, match="truncated or changed"):
        image_vae.load(tmp_path / "v")
    with pytest.raises(BundleError, match="cannot be read"):
        image_vae.load(tmp_path / "nothing")


def test_what_cannot_be_trained_on_is_a_sentence(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "p", 20)
    with pytest.raises(BundleError, match="5 pictures are too few"):
        train_image_vae(paths[:5], tmp_path / "v")
    with pytest.raises(BundleError, match="must name one to six convolutions"):
        train_image_vae(paths, tmp_path / "v", widths=(4,) * 7)
    paths[3].write_bytes(b"no picture")
    with pytest.raises(BundleError, match=r"003\.png' cannot be read"):
        train_image_vae(paths, tmp_path / "v")
    assert not (tmp_path / "v").exists()


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    net = ImageVAE(4, (4, 6))
    bound(net, torch.rand(8, 3, 64, 64)).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

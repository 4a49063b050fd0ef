"""Low-level features of pictures that are made to have them, and a score that they explain or do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from config.errors import BundleError, RecordingError
from inference.encoders.base import unit_norm
from training.metrics import lowlevel

NAMES = list(lowlevel.NAMES)


def grating(cycles: float, vertical: bool, contrast: float = 0.5) -> NDArray[np.float64]:
    wave = 0.5 + 0.5 * contrast * np.sin(2 * np.pi * cycles * np.arange(128) / 128)
    plane = np.tile(wave, (128, 1)) if vertical else np.tile(wave, (128, 1)).T
    return np.repeat(plane[:, :, None], 3, axis=2)


def found(rgb: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(NAMES, lowlevel.of_pixels(rgb), strict=True))


def test_luminance_contrast_and_colour() -> None:
    grey = found(np.full((64, 64, 3), 0.3))
    assert grey["luminance"] == pytest.approx(0.3)
    assert grey["contrast"] == pytest.approx(0, abs=1e-9)
    assert grey["red-green"] == pytest.approx(0) and grey["blue-yellow"] == pytest.approx(0)
    assert found(np.broadcast_to([1.0, 0, 0], (8, 8, 3)))["red-green"] == 1
    assert found(np.broadcast_to([0.0, 0, 1], (8, 8, 3)))["blue-yellow"] == 1
    assert found(grating(4, True, 0.5))["contrast"] == pytest.approx(0.5 / np.sqrt(2))


@pytest.mark.parametrize(("vertical", "way"), [(True, "vertical"), (False, "horizontal")])
@pytest.mark.parametrize(("cycles", "band"), [(3, "2-4"), (12, "8-16"), (40, "32-64")])
def test_a_grating_is_in_its_band_and_orientation(vertical: bool, way: str, cycles: int, band: str) -> None:
    energies = {name: value for name, value in found(grating(cycles, vertical)).items() if "cycles" in name}
    assert max(energies, key=lambda name: energies[name]) == f"{band} cycles {way}"


def test_diagonals() -> None:
    y, x = np.mgrid[:128, :128]
    # bars along which x + y is constant run up to the right (rows count downwards)
    up = 0.5 + 0.25 * np.sin(2 * np.pi * 8 * (x + y) / 128)
    energies = {n: v for n, v in found(np.repeat(up[:, :, None], 3, 2)).items() if "cycles" in n}
    assert max(energies, key=lambda name: energies[name]) == "8-16 cycles diagonal up"


def test_files_are_read_as_linear_light(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (188, 188, 188)).save(tmp_path / "grey.png")
    (row,) = lowlevel.features([tmp_path / "grey.png"])
    assert row[0] == pytest.approx(0.5, abs=0.01)
    assert row.shape == (len(lowlevel.NAMES),)
    (tmp_path / "no.png").write_bytes(b"not a picture")
    with pytest.raises(BundleError, match="cannot be read"):
        lowlevel.features([tmp_path / "no.png"])


def made(share: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Embeddings (200, 16) of which a share of the variance is linear in five features."""
    rng = np.random.default_rng(seed)
    low = rng.standard_normal((200, 5))
    carried = low @ rng.standard_normal((5, 16)) / np.sqrt(5)
    own = rng.standard_normal((200, 16))
    return unit_norm(np.sqrt(share) * carried + np.sqrt(1 - share) * own), low


def queries(vectors: NDArray[np.float32], noise: float = 0.15) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return unit_norm(vectors + noise * rng.standard_normal(vectors.shape))


def test_a_score_that_low_level_features_explain() -> None:
    vectors, low = made(0.98)
    result = lowlevel.control(queries(vectors), np.arange(200), vectors, low)
    assert result.explained > 0.75
    assert result.alone > 0.3 > 10 * result.chance
    assert result.after < 0.5 * result.after_shuffled
    assert result.left < 0.5


def test_a_score_that_they_do_not_explain() -> None:
    vectors, low = made(0.0)
    result = lowlevel.control(queries(vectors), np.arange(200), vectors, low)
    assert result.explained < 0.05
    assert result.alone < 3 * result.chance
    assert result.left == pytest.approx(1, abs=0.05)
    assert result.full > 0.9


def test_more_features_than_items_are_refused() -> None:
    with pytest.raises(RecordingError, match="22 items or more"):
        lowlevel.control(np.eye(12), np.arange(12), np.eye(12), np.ones((12, 10)))

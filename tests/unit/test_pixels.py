"""Image features from pixels: fixed, and nearer for what looks alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from config.errors import BundleError
from eegseek.demo.pictures import Combination, choose, combinations, draw_all
from inference import pixels


def drawn(*shown: tuple[str, str, str, str], seed: int = 0) -> list[np.ndarray]:
    return [p.pixels for p in draw_all([Combination(*one) for one in shown], "test", seed)]


def kinds() -> list[Combination]:
    return combinations()[:: len(combinations()) // 40][:40]


def test_vectors_are_unit_norm_and_do_not_depend_on_company(tmp_path: Path) -> None:
    pictures = [p.pixels for p in draw_all(kinds(), "test", 0)]
    vectors = pixels.embed(pictures)
    assert vectors.shape == (40, pixels.DIM) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(pixels.embed(pictures[7:8]), vectors[7:8])
    file = tmp_path / "seven.png"
    Image.fromarray(pictures[7]).save(file)
    assert np.allclose(pixels.embed([file]), vectors[7:8], atol=1e-6)


def test_the_same_thing_drawn_again_is_nearer_than_other_things() -> None:
    first = pixels.embed([p.pixels for p in draw_all(kinds(), "one", 0)])
    again = pixels.embed([p.pixels for p in draw_all(kinds(), "two", 1)])
    cosines = first @ again.T
    same = np.diag(cosines).mean()
    others = cosines[~np.eye(40, dtype=bool)].mean()
    assert same > others + 0.2
    assert (cosines.argmax(axis=1) == np.arange(40)).mean() > 0.5


def test_pictures_are_seeded_and_none_stands_twice() -> None:
    gallery, others = choose(200, 1000, 3)
    assert len({*gallery, *others}) == 1200
    one, two = (list(draw_all(gallery[:3], "g", 3)) for _ in range(2))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, two, strict=True))
    assert all(p.shows.label.count(",") == 1 for p in one)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    with pytest.raises(BundleError, match=r"broken\.png"):
        pixels.embed([file])

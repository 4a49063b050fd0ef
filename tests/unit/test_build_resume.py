"""A build of pictures that is interrupted, by whatever, ends with the very bits of one that was not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from config.bundles import fingerprint
from inference import build, build_resume, pixels


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for k in range(11):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(folder / f"p{k:02d}.png")
    return folder


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_resume, "PART", 3)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures are embedded, call by call."""
    calls: list[int] = []
    real = pixels.embed

    def embed(some: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
        calls.append(len(some))
        return real(some, progress)

    monkeypatch.setattr(pixels, "embed", embed)
    return calls


@pytest.mark.parametrize("at", [1, 3, 8, 11])
def test_an_interrupted_build_ends_with_the_same_bits(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    whole = build.from_pictures(pictures, tmp_path / "whole")
    calls = counting(monkeypatch)

    def stop(what: str, done: int, total: int) -> None:
        if what == "embedding pictures" and done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.from_pictures(pictures, tmp_path / "g", progress=stop)
    assert not (tmp_path / "g").exists()
    calls.clear()
    seen: list[int] = []
    again = build.from_pictures(pictures, tmp_path / "g", progress=lambda what, done, total: seen.append(done))
    assert sum(calls) == 11 - (at - 1) // 3 * 3, "parts that were done are not done again"
    assert seen[-1] == 11
    assert seen[11:] == sorted(seen[11:])
    assert fingerprint(again) == fingerprint(whole)
    for name in ("embeddings.safetensors", "items.parquet", "gallery.json"):
        assert (tmp_path / "g" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "g.parts").exists()


def test_parts_that_are_torn_or_of_other_pictures_are_made_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(pictures, folder)

    def stop(what: str, done: int, total: int) -> None:
        if what == "embedding pictures" and done == 10:
            raise KeyboardInterrupt

    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            build.from_pictures(folder, tmp_path / "g", progress=stop)

    interrupted()
    torn = tmp_path / "g.parts" / "00001.safetensors"
    torn.write_bytes(torn.read_bytes()[:-7])
    calls = counting(monkeypatch)
    interrupted()
    assert calls == [3, 2]
    Image.new("RGB", (30, 30), "red").save(folder / "p00.png")
    calls.clear()
    build.from_pictures(folder, tmp_path / "g")
    assert calls == [3, 3, 3, 2], "another picture by a name: nothing kept is believed"

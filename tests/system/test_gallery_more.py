"""Pictures and words added to a gallery are embedded by the model that made it."""

from __future__ import annotations

import shutil
from pathlib import Path

import clip_data
import numpy as np
import pytest
import torch

from config.errors import BundleError
from inference import build, gallery_edit
from inference.build_parts import Choice
from inference.gallery import Gallery
from inference.gallery_more import from_source


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.set_num_threads(1)
    clip_data.register(tmp_path_factory.mktemp("configs"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return clip_data.pictures(tmp_path / "in", 3, 2)


def test_pictures_get_the_vectors_of_a_build(pictures: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    build.from_pictures(pictures, whole, choice=Choice("tiny-vit", "none"))
    new = tmp_path / "new"
    shutil.move(str(pictures / "00003_thing_c"), new / "00003_thing_c")
    spec = build.from_pictures(pictures, tmp_path / "g", choice=Choice("tiny-vit", "none"))
    made = from_source(new, spec, tmp_path / "keep")
    gallery_edit.edit(tmp_path / "g", made.items, made.vectors, pictures=made.pictures)
    grown, wanted = gallery_edit.load(tmp_path / "g"), Gallery.load(whole)
    assert [(item.id, item.label) for item in grown.items] == [(item.id, item.label) for item in wanted.items]
    assert np.allclose(grown.vectors, wanted.vectors, atol=1e-5)
    assert not (tmp_path / "keep").exists()
    with pytest.raises(BundleError, match="already"):
        gallery_edit.edit(tmp_path / "g", made.items, made.vectors)


def test_words_get_the_prompts_of_the_gallery(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("cat\ndog\nemu\n")
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    (tmp_path / "one.txt").write_text("emu\n")
    choice, prompts = Choice("tiny-vit", "none"), ("a photo of a {}.", "one {}")
    build.from_texts(tmp_path / "words.txt", tmp_path / "whole", choice=choice, templates=prompts)
    spec = build.from_texts(tmp_path / "two.txt", tmp_path / "g", choice=choice, templates=prompts)
    made = from_source(tmp_path / "one.txt", spec, tmp_path / "keep", templates=prompts)
    gallery_edit.edit(tmp_path / "g", made.items, made.vectors)
    assert np.allclose(gallery_edit.load(tmp_path / "g").vectors, Gallery.load(tmp_path / "whole").vectors, atol=1e-5)

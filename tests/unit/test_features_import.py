"""Feature files as NICE, ATM and UBP publish them become galleries; nothing in them is ever run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from config.bundles import GallerySpec, read_features
from config.errors import BundleError
from inference.features_import import Source, Which, import_features
from inference.features_read import read_features_file
from inference.gallery import Gallery

CONCEPTS = ("00001_aardvark", "00002_aircraft_carrier", "00003_bat1")
PER_CONCEPT = 2


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    """``image_metadata.npy`` in its genuine form, with three training concepts and two test ones."""
    training = [(folder, f"{folder[6:]}_{k:02d}b.jpg") for folder in CONCEPTS for k in (1, 5)]
    test = [(f"{k:05d}_{name}", f"{name}_09s.jpg") for k, name in ((1, "cat"), (2, "chess_piece"))]
    held = {
        f"{part}_img_{what}": [pair[column] for pair in pairs]
        for part, pairs in (("train", training), ("test", test))
        for column, what in enumerate(("concepts", "files"))
    }
    np.save(tmp_path / "image_metadata.npy", np.array(held, dtype=object), allow_pickle=True)
    return tmp_path / "image_metadata.npy"


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)


def nice(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def atm(path: Path, images: int, texts: int) -> Path:
    torch.save(
        {"text_features": torch.from_numpy(vectors(texts, 1)), "img_features": torch.from_numpy(vectors(images))}, path
    )
    return path


def imported(tmp_path: Path, file: Path, source: Source, which: Which = "images") -> tuple[GallerySpec, Gallery]:
    spec = import_features(file, tmp_path / "g", source, which=which)
    return spec, Gallery.load(tmp_path / "g")


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_nice_maps_get_the_names_of_their_part(tmp_path: Path, metadata: Path) -> None:
    spec, gallery = imported(
        tmp_path, nice(tmp_path / "clip_feature_maps_training.npy", vectors(6)[:, None]), Source(metadata)
    )
    assert spec.space == "nice:clip:6"
    assert [item.id for item in gallery.items[2:5]] == ["aircraft_carrier_01b", "aircraft_carrier_05b", "bat1_01b"]
    assert gallery.items[2].label == "aircraft carrier" and gallery.items[2].modality == "image"
    assert np.allclose(gallery.vectors, unit(vectors(6)), atol=1e-6)
    test = nice(tmp_path / "clip_feature_maps_test.npy", vectors(2)[:, None])
    spec, gallery = imported(tmp_path, test, Source(metadata))
    assert spec.space == "nice:clip:6" and list(gallery.row_of) == ["cat_09s", "chess_piece_09s"]


def test_centres_are_concepts(tmp_path: Path, metadata: Path) -> None:
    spec, gallery = imported(tmp_path, nice(tmp_path / "center_clip.npy", vectors(3)), Source(metadata))
    assert spec.space == "nice:clip:6"
    assert [(item.id, item.label) for item in gallery.items][1] == ("aircraft_carrier", "aircraft carrier")


def test_atm_gives_pictures_and_words(tmp_path: Path, metadata: Path) -> None:
    file = atm(tmp_path / "ViT-H-14_features_train.pt", 6, 3)
    spec, pictures = imported(tmp_path, file, Source(metadata))
    assert spec.space == "atm:ViT-H-14:6" and len(pictures) == 6
    _, both = imported(tmp_path, file, Source(metadata), "both")
    assert [(item.id, item.modality) for item in both.items[5:7]] == [("bat1_05b", "image"), ("text:aardvark", "text")]
    assert np.allclose(both.vectors[6:], unit(vectors(3, 1)), atol=1e-6)
    _, words = imported(tmp_path, file, Source(metadata), "text")
    assert list(words.row_of) == ["aardvark", "aircraft_carrier", "bat1"]


def test_ubp_names_its_rows_itself(tmp_path: Path) -> None:
    names = np.array([f"train_images/{folder}/{folder[6:]}_01b.jpg" for folder in CONCEPTS])
    given = {name: torch.from_numpy(row) for name, row in zip(names, vectors(3), strict=True)}
    text = {name: torch.from_numpy(row) for name, row in zip(np.array(["aardvark"]), vectors(1), strict=True)}
    blurs = {
        blur: {name: k * row for name, row in given.items()} for k, blur in enumerate(("low", "medium", "high"), 1)
    }
    torch.save({"img_features": given, "text_features": text}, tmp_path / "ubp_train.pt")
    spec, gallery = imported(tmp_path, tmp_path / "ubp_train.pt", Source())
    assert spec.space == "ubp:ubp:6"
    assert [(item.id, item.label) for item in gallery.items][1] == ("aircraft_carrier_01b", "aircraft carrier")
    torch.save({"img_features": blurs, "text_features": text}, tmp_path / "ubp_train.pt")
    spec, gallery = imported(tmp_path, tmp_path / "ubp_train.pt", Source())
    assert spec.features[0].variants == ("low", "medium", "high")
    assert np.allclose(read_features(tmp_path / "g", spec, "blurs")[:, 2], 3 * vectors(3))
    assert np.allclose(gallery.vectors, unit(vectors(3)), atol=1e-6)


def test_a_folder_of_pictures_names_the_rows_and_is_copied(tmp_path: Path) -> None:
    for folder in CONCEPTS:
        (tmp_path / "in" / folder).mkdir(parents=True)
        for k in range(PER_CONCEPT):
            Image.new("RGB", (8, 8), "red").save(tmp_path / "in" / folder / f"{folder[6:]}_{k:02d}.jpg")
    file = atm(tmp_path / "x_features_test.pt", 6, 3)
    _, both = imported(tmp_path, file, Source(images=tmp_path / "in"), "both")
    assert both.items[0].picture and not both.items[6].picture
    assert (tmp_path / "g" / both.items[0].picture).is_file()


class Attack:
    """What an attacker would put into a file: unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"img_features": torch.zeros(2, 3), "text_features": Attack(tmp_path / "owned")}, tmp_path / "a.pt")
    with pytest.raises(BundleError, match=r"it would call \w+.mkdir, which is refused"):
        read_features_file(tmp_path / "a.pt")
    assert not (tmp_path / "owned").exists()


def test_files_that_do_not_fit(tmp_path: Path, metadata: Path) -> None:
    out, file = tmp_path / "g", nice(tmp_path / "m.npy", vectors(5))
    with pytest.raises(BundleError, match="does not say what its 5 rows are"):
        import_features(file, out, Source())
    with pytest.raises(BundleError, match=r"holds 5 pictures, '.*' lists 6 \(training\), 2 \(test\)"):
        import_features(file, out, Source(metadata))
    with pytest.raises(BundleError, match="both name the rows"):
        import_features(file, out, Source(metadata, tmp_path))
    with pytest.raises(BundleError, match="holds pictures only"):
        import_features(file, out, Source(metadata), which="text")
    with pytest.raises(BundleError, match="give --format atm"):
        import_features(atm(tmp_path / "a.pt", 6, 3), out, Source(metadata), kind="ubp")
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(BundleError, match="holds list; expected a dict with 'img_features'"):
        import_features(tmp_path / "b.pt", out, Source(metadata))
    (tmp_path / "b.pt").write_bytes(b"nonsense")
    with pytest.raises(BundleError, match="no file of tensors"):
        import_features(tmp_path / "b.pt", out, Source(metadata))
    assert not out.exists()


def test_the_genuine_files_of_nice(data: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id,label\n" + "".join(f"picture_{k},concept {k}\n" for k in range(200)))
    for name in ("clip_feature_maps_test.npy", "center_clip.npy"):
        spec = import_features(data / "things" / name, tmp_path / name, Source(table=table))
        assert (spec.space, spec.dim, spec.n_items) == ("nice:clip:768", 768, 200)
    # a picture is most like the centre of its own concept, far above chance
    pictures, centres = (Gallery.load(tmp_path / n) for n in ("clip_feature_maps_test.npy", "center_clip.npy"))
    assert (centres.search(pictures.vectors, 1)[1][:, 0] == np.arange(200)).mean() > 0.5

"""Galleries made from pictures, labels and given embeddings."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from config.errors import BundleError, SettingsError
from inference import build, build_parts, inputs, pixels
from inference.build_parts import Choice
from inference.clip_features import Wanted
from inference.gallery import Gallery
from inference.text import Word

COLOURS = Choice("colours")


def mean_colours(paths: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    vectors = []
    for k, path in enumerate(paths):
        with Image.open(path) as picture:
            vectors.append(np.asarray(picture.convert("RGB"), float).mean(axis=(0, 1)) + 1)
        if progress:
            progress(k + 1, len(paths))
    return np.array(vectors)


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture model of three dimensions, so that these tests stand without the real one."""
    module = types.ModuleType("mean_colours")
    module.SPACE, module.DIM, module.embed = "colours:3", 3, mean_colours
    monkeypatch.setitem(sys.modules, "mean_colours", module)
    monkeypatch.setitem(build_parts.PICTURE_MODELS, "colours", "mean_colours")


def draw(path: Path, colour: str, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.mark.usefixtures("colours")
def test_pictures_become_items_with_labels_and_copies(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "00001_aircraft_carrier" / "aircraft_carrier_01b.jpg", "red")
    draw(tmp_path / "in" / "blue-square_003.PNG", "blue")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    seen: list[tuple[str, int, int]] = []
    spec = build.from_pictures(
        tmp_path / "in", tmp_path / "g", choice=COLOURS, progress=lambda *told: seen.append(told)
    )
    gallery = Gallery.load(tmp_path / "g")
    assert {item.id: item.label for item in gallery.items} == {
        "aircraft_carrier_01b": "aircraft carrier",
        "blue-square_003": "blue square",
    }
    assert (spec.space, spec.dim, spec.model) == ("colours:3", 3, "colours")
    assert seen == [(what, done, 2) for what in ("checking pictures", "embedding pictures") for done in (1, 2)]
    for item in gallery.items:
        with Image.open(tmp_path / "g" / item.picture) as picture:
            picture.load()
    red = gallery.vectors[gallery.row_of["aircraft_carrier_01b"]]
    assert red.argmax() == 0


@pytest.mark.usefixtures("colours")
def test_a_stem_that_stands_twice_gives_ids_by_path(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "cat" / "1.png", "red")
    draw(tmp_path / "in" / "dog" / "1.png", "blue")
    build.from_pictures(tmp_path / "in", tmp_path / "g", choice=COLOURS)
    assert sorted(Gallery.load(tmp_path / "g").row_of) == ["cat/1", "dog/1"]


@pytest.mark.usefixtures("colours")
def test_pictures_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    with pytest.raises(BundleError, match="no folder"):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS)
    folder.mkdir()
    with pytest.raises(BundleError, match="holds no picture"):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS)
    (folder / "fake.png").write_bytes(b"GIF or PNG, who knows")
    with pytest.raises(BundleError, match=r"fake\.png' cannot be read"):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS)
    draw(folder / "fake.png", "red", (30, 30))
    monkeypatch.setattr(inputs, "MAX_PIXELS", 899)
    with pytest.raises(BundleError, match="30 x 30, more than 899 pixels"):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS)
    monkeypatch.setattr(inputs, "MAX_PICTURE_BYTES", 10)
    with pytest.raises(BundleError, match="larger than"):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS)
    assert not (tmp_path / "g").exists()


@pytest.mark.usefixtures("colours")
def test_all_bad_pictures_are_named_before_any_work(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in "abcd":
        draw(folder / f"{name}.jpg", "red", (64, 64))
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "b.jpg")
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "c.jpg").write_bytes(b"no picture")
    seen: list[str] = []
    with pytest.raises(
        BundleError, match=r"b\.jpg' cannot be read to its end.*1 more cannot be used either: '.*c\.jpg'"
    ):
        build.from_pictures(folder, tmp_path / "g", choice=COLOURS, progress=lambda what, *_: seen.append(what))
    assert set(seen) == {"checking pictures"}


def test_options_of_open_clip_are_not_those_of_pixels() -> None:
    with pytest.raises(SettingsError, match="--layers is of open_clip models, not of 'pixels'"):
        Choice("pixels", wanted=Wanted(layers=(1,)))
    with pytest.raises(SettingsError, match="--weights is the trained folder of --model vae"):
        Choice("vae")
    with pytest.raises(BundleError, match="blur kernel 4 is not odd"):
        Wanted(blurs=(4,))
    with pytest.raises(BundleError, match="name one twice"):
        Wanted(layers=(4, 4))


def test_words_need_a_text_side(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'pixels' has no text side"):
        build.from_texts([Word("cat", "cat")], tmp_path / "g", choice=Choice())
    with pytest.raises(SettingsError, match="layers and blurs are of pictures"):
        wanted = Choice("ViT-B-32", wanted=Wanted(layers=(1,)))
        build.from_pictures_and_texts(tmp_path, [Word("cat", "cat")], tmp_path / "g", choice=wanted)


def test_the_features_that_come_with_eegseek(tmp_path: Path) -> None:
    for name, colour in (("red", "red"), ("orange", "#ff2000"), ("blue", "blue")):
        draw(tmp_path / "in" / f"{name}.png", colour, (32, 32))
    spec = build.from_pictures(tmp_path / "in", tmp_path / "g")
    assert (spec.space, spec.dim) == (pixels.SPACE, pixels.DIM)
    assert [item.id for item, _ in Gallery.load(tmp_path / "g").neighbours("red", 2)] == ["orange", "blue"]


def test_labels_are_orthogonal_and_their_space_is_theirs(tmp_path: Path) -> None:
    first = build.from_labels({"1": "house", "2": "face"}, tmp_path / "faces")
    gallery = Gallery.load(tmp_path / "faces")
    assert [(item.id, item.label, item.modality) for item in gallery.items] == [
        ("1", "house", "text"),
        ("2", "face", "text"),
    ]
    assert np.array_equal(gallery.vectors, np.eye(2))
    assert first.space.startswith("labels:2:")
    assert build.from_labels(["left", "right"], tmp_path / "sides").space != first.space
    assert build.from_labels({"1": "building", "2": "face"}, tmp_path / "again").space == first.space


def test_labels_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("cat\n\n dog \n")
    build.from_labels(tmp_path / "a.txt", tmp_path / "g")
    assert list(Gallery.load(tmp_path / "g").row_of) == ["cat", "dog"]
    (tmp_path / "a.tsv").write_text("id\tlabel\tsize\nc\tcat\tsmall\nd\tdog, big\tlarge\n", "utf-8")
    build.from_labels(tmp_path / "a.tsv", tmp_path / "g")
    loaded = Gallery.load(tmp_path / "g").items
    assert [(item.label, item.attributes) for item in loaded] == [
        ("cat", {"size": "small"}),
        ("dog, big", {"size": "large"}),
    ]


@pytest.mark.parametrize(("labels", "message"), [([], "0 labels"), (["a"] * 2, "twice"), (["a"] * 5000, "5000 labels")])
def test_labels_that_make_no_gallery(tmp_path: Path, labels: list[str], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        build.from_labels(labels, tmp_path / "g")


def test_given_embeddings(tmp_path: Path) -> None:
    given = np.random.default_rng(0).standard_normal((3, 1, 6)).astype(np.float16)
    np.save(tmp_path / "v.npy", given)
    draw(tmp_path / "pics" / "a.png", "red")
    (tmp_path / "t.csv").write_text("id,label,modality,picture\na,cat,image,pics/a.png\nb,dog,text,\nc,cow,,\n")
    spec = build.from_embeddings(tmp_path / "v.npy", tmp_path / "t.csv", tmp_path / "g", space="clip", model="ViT")
    gallery = Gallery.load(tmp_path / "g")
    assert (spec.space, spec.dim, spec.model) == ("clip", 6, "ViT")
    expected = given[:, 0].astype(float)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(gallery.vectors, expected, atol=1e-3)
    assert [item.modality for item in gallery.items] == ["image", "text", "text"]
    assert (tmp_path / "g" / "pics" / "a.png").is_file()


def test_real_features_of_things(data: Path, tmp_path: Path) -> None:
    features = data / "things" / "clip_feature_maps_test.npy"
    (tmp_path / "t.tsv").write_text("id\tlabel\n" + "".join(f"{k}\tconcept {k}\n" for k in range(1, 201)))
    spec = build.from_embeddings(features, tmp_path / "t.tsv", tmp_path / "g", space="clip:ViT-L/14")
    assert (spec.n_items, spec.dim) == (200, 768)


def test_pickled_and_foreign_arrays_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id\na\nb\n")
    path = tmp_path / "v.npy"
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(BundleError, match="not a plain"):
        build.from_embeddings(path, table, tmp_path / "g", space="s")
    for wrong in (np.zeros((2, 3), int), np.zeros(2), np.zeros((2, 3, 4))):
        np.save(path, wrong)
        with pytest.raises(BundleError, match="expected floats"):
            build.from_embeddings(path, table, tmp_path / "g", space="s")
    np.save(path, np.ones((2, 3)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BundleError, match="not a plain"):
        build.from_embeddings(path, table, tmp_path / "g", space="s")
    np.save(path, np.ones((3, 3)))
    with pytest.raises(BundleError, match=r"3 embeddings but .* 2 items"):
        build.from_embeddings(path, table, tmp_path / "g", space="s")
    np.savez(tmp_path / "v.npz", a=np.ones(3))
    with pytest.raises(BundleError, match="several arrays"):
        inputs.read_npy(tmp_path / "v.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,colour\na,red\n", "has the columns name, colour; expected id and label"),
        ("", "has the columns none"),
        ("id,label\na\n", "line 2"),
        ("id,label\na,b\nc,d,e\n", "line 3"),
        ("id,label\n,\n", "neither id nor label"),
        ('id,label\na,"unfinished\n', "is not a table"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BundleError, match=message):
        inputs.read_table(tmp_path / "t.csv")


def test_a_table_of_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,label\n\xff\xfe,x\n")
    with pytest.raises(BundleError, match="not UTF-8"):
        inputs.read_table(tmp_path / "t.csv")


def test_a_tables_pictures_stay_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    draw(tmp_path / "secret.png", "red")
    (tmp_path / "in" / "t.csv").write_text("id,picture\na,../secret.png\n")
    np.save(tmp_path / "v.npy", np.ones((1, 3)))
    with pytest.raises(BundleError, match="leaves the table's folder"):
        build.from_embeddings(tmp_path / "v.npy", tmp_path / "in" / "t.csv", tmp_path / "g", space="s")


def test_pictures_build_with_the_models_that_come_with_eegseek(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        picture = Image.new("RGB", (80, 60), (240, 240, 240))
        picture.paste(colour, (20, 20, 60, 40))
        picture.save(tmp_path / "in" / f"{name}.png")
    seen: list[tuple[str, int, int]] = []
    spec = build.from_pictures(tmp_path / "in", tmp_path / "g", progress=lambda *told: seen.append(told))
    assert spec.space.startswith("pixels-")
    assert seen[-1] == ("embedding pictures", 2, 2)

"""Galleries from galleries: feature sets kept, merged in one space, migrated between models with an honest error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from config.bundles import Item, read_features
from config.errors import BundleError
from eegseek.cli_gallery import app
from inference import migrate
from inference.centre import centre
from inference.gallery import Gallery, write_gallery
from inference.merge import merge

Array = NDArray[np.float64]


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """(rows, columns) with orthonormal rows or columns."""
    q = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))[0]
    return q if rows >= columns else q.T


def write(
    folder: Path, vectors: NDArray[np.float32], *, space: str = "a:8", prefix: str = "", modality: str = "image"
) -> Path:
    items = [Item(id=f"{prefix}{k}", label=f"concept {k}", modality=modality) for k in range(len(vectors))]
    write_gallery(folder, items, vectors, space=space, model="test")
    return folder


def randoms(n: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def test_feature_sets_are_kept_with_the_items(tmp_path: Path) -> None:
    given_set = randoms(3, 2 * 5).reshape(3, 2, 5).astype(np.float16)
    items = [Item(id=str(k), label="x") for k in range(3)]
    spec = write_gallery(
        tmp_path / "g", items, randoms(3, 4), space="s", model="m", features={"layers": (("4", "6"), given_set)}
    )
    assert (spec.features[0].variants, spec.features[0].dim) == (("4", "6"), 5)
    assert np.array_equal(read_features(tmp_path / "g", Gallery.load(tmp_path / "g").spec, "layers"), given_set)
    (tmp_path / "g" / "features.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match=r"features\.safetensors' is truncated or changed"):
        Gallery.load(tmp_path / "g")
    for wrong, message in ((given_set[:2], r"\(2, 2, 5\) for 3 items"), (given_set * np.nan, "not finite")):
        with pytest.raises(BundleError, match=message):
            write_gallery(
                tmp_path / "h", items, randoms(3, 4), space="s", model="m", features={"layers": (("4", "6"), wrong)}
            )


def test_pictures_and_words_in_one_search(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "cat.png").write_bytes(b"picture")
    cat, dog = np.eye(2, 4, dtype=np.float32)
    pictures = {"pictures/cat.png": tmp_path / "cat.png"}
    item = Item(id="cat", label="cat", picture="pictures/cat.png")
    for name in ("one", "two"):
        write_gallery(tmp_path / name, [item], cat[None], space="s", model="m", pictures=pictures)
    words = [Item(id="cat", label="cat", modality="text"), Item(id="dog", label="dog", modality="text")]
    write_gallery(tmp_path / "words", words, np.stack([cat + 0.1 * dog, dog]), space="s", model="n")
    with pytest.raises(BundleError, match="1 ids stand in more than one gallery, such as 'cat'"):
        merge([tmp_path / "one", tmp_path / "words"], tmp_path / "both")
    spec = merge([tmp_path / "one", tmp_path / "words"], tmp_path / "both", prefix="text:")
    both = Gallery.load(tmp_path / "both")
    assert spec.n_items == 3 and spec.model == "m + n"
    assert [(found.id, found.modality) for found, _ in both.neighbours("cat", 2)] == [
        ("text:cat", "text"),
        ("text:dog", "text"),
    ]
    merge([tmp_path / "one", tmp_path / "two"], tmp_path / "one", prefix="b:")
    for item in Gallery.load(tmp_path / "one").items:
        assert (tmp_path / "one" / item.picture).read_bytes() == b"picture"


def test_pictures_of_galleries_merged_one_after_the_other_are_kept_apart(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
        items, pictures = [Item(id=name, label=name, picture="x.png")], {"x.png": tmp_path / name}
        write_gallery(tmp_path / f"g{name}", items, randoms(1, 4), space="s", model="m", pictures=pictures)
    merge([tmp_path / "ga", tmp_path / "gb"], tmp_path / "ab")
    merge([tmp_path / "ab", tmp_path / "gc"], tmp_path / "abc")
    items = Gallery.load(tmp_path / "abc").items
    assert [(tmp_path / "abc" / item.picture).read_text() for item in items] == ["a", "b", "c"]


def test_merged_features_are_those_that_all_have(tmp_path: Path) -> None:
    sets = {
        "layers": (("4",), randoms(2, 3).reshape(2, 1, 3)),
        "blurs": (("1", "3"), randoms(2, 6).reshape(2, 2, 3)),
    }
    for name, kept in (("a", ("layers", "blurs")), ("b", ("layers",))):
        items = [Item(id=f"{name}{k}", label="x") for k in range(2)]
        features = {key: sets[key] for key in kept}
        write_gallery(tmp_path / name, items, randoms(2, 4), space="s", model="m", features=features)
    spec = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert [s.name for s in spec.features] == ["layers"]
    assert read_features(tmp_path / "c", spec, "layers").shape == (4, 1, 3)
    assert '"blurs"' in (tmp_path / "c" / "notes.json").read_text()


def test_spaces_that_differ_are_not_merged(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", randoms(3, 4)), write(tmp_path / "b", randoms(3, 4), space="b", prefix="b")
    with pytest.raises(BundleError, match=r"cannot be compared.*gallery migrate"):
        merge([first, second], tmp_path / "c")
    with pytest.raises(BundleError, match="name two or more"):
        merge([first], tmp_path / "c")


def test_centring_closes_the_gap_between_modalities(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    concepts = rng.standard_normal((40, 12))
    pictures, words = concepts + np.eye(12)[0] * 9, concepts + 0.5 * rng.standard_normal((40, 12)) - np.eye(12)[0] * 9
    write(tmp_path / "p", pictures.astype(np.float32))
    write(tmp_path / "w", words.astype(np.float32), modality="text")
    merge([tmp_path / "p", tmp_path / "w"], tmp_path / "both", prefix="text:")
    before = Gallery.load(tmp_path / "both")
    assert {item.modality for item, _ in before.neighbours("3", 30)} == {"image"}
    spec = centre(tmp_path / "both", tmp_path / "centred")
    after = Gallery.load(tmp_path / "centred")
    assert spec.space == f"a:8/centred-{before.fingerprint[:8]}"
    assert np.mean([after.neighbours(str(k), 1)[0][0].id == f"text:{k}" for k in range(40)]) > 0.8
    # a part of it, centred by the means of the whole, is what it is in the whole
    write(tmp_path / "few", pictures[:5].astype(np.float32))
    part = centre(tmp_path / "few", tmp_path / "few-centred", like=tmp_path / "both")
    assert part.space == spec.space
    assert np.allclose(Gallery.load(tmp_path / "few-centred").vectors, after.vectors[:5], atol=1e-6)
    with pytest.raises(BundleError, match="has not two items of modality 'text'"):
        centre(tmp_path / "w", tmp_path / "x", like=tmp_path / "p")


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 12), st.integers(4, 12), st.integers(0, 1000))
def test_two_rotations_of_one_space_are_mapped_exactly(old: int, new: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((80, min(old, new)))
    x = (hidden @ orthonormal(rng, min(old, new), old)).astype(np.float32)
    y = (3 * hidden @ orthonormal(rng, min(old, new), new) + rng.standard_normal(new)).astype(np.float32)
    mapped = migrate.fit(x[:60], y[:60], ["image"] * 60)(x[60:], ["image"] * 20)
    cosines = (mapped * y[60:]).sum(axis=1) / np.linalg.norm(y[60:], axis=1)
    assert cosines.min() > 0.9999


def test_the_error_is_that_of_items_which_the_map_has_not_seen() -> None:
    x, unrelated = randoms(60, 24), randoms(60, 24, seed=1)
    chance = migrate.held_out_error(x, unrelated, ["image"] * 60)
    assert abs(chance.cosine) < 0.15 and chance.top1 < 0.15
    # on the anchors that it was fitted on the same map looks far better
    seen = (migrate.fit(x, unrelated, ["image"] * 60)(x, ["image"] * 60) * unrelated).sum(axis=1)
    assert (seen / np.linalg.norm(unrelated, axis=1)).mean() > 0.4


def test_two_linear_views_of_one_set_of_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 16))
    a, b = hidden @ rng.standard_normal((16, 16)), hidden @ orthonormal(rng, 16, 24)
    write(tmp_path / "old", a.astype(np.float32), space="a:16")
    write(tmp_path / "anchors", b[:120].astype(np.float32), space="b:24")
    spec, error = migrate.migrate(tmp_path / "old", tmp_path / "anchors", tmp_path / "new")
    assert (spec.space, spec.dim, spec.n_items) == ("b:24", 24, 300)
    assert error.anchors == 120 and error.chance_top1 == 1 / 120
    # a random map is no rotation: most pictures are found again, and the error says that not all are
    assert 0.6 < error.cosine < 0.99 and 0.8 < error.top1 <= error.top5
    new, real = Gallery.load(tmp_path / "new"), b / np.linalg.norm(b, axis=1, keepdims=True)
    unseen = (new.vectors[120:] * real[120:]).sum(axis=1).mean()
    assert abs(unseen - error.cosine) < 0.05
    assert f"held-out cosine {error.cosine:.3f}" in spec.model


def test_each_modality_keeps_its_own_mean() -> None:
    rng = np.random.default_rng(0)
    hidden, turn = rng.standard_normal((80, 8)), orthonormal(rng, 8, 8)
    gap = np.where(np.arange(80) < 40, 5.0, -5.0)[:, None]
    x, y = hidden + gap, hidden @ turn - gap
    modalities = ["image"] * 40 + ["text"] * 40
    mapped = migrate.fit(x.astype(np.float32), y.astype(np.float32), modalities)(x.astype(np.float32), modalities)
    assert ((mapped * y).sum(axis=1) / np.linalg.norm(y, axis=1)).min() > 0.999


def test_too_few_anchors_are_refused(tmp_path: Path) -> None:
    old = write(tmp_path / "old", randoms(30, 16), space="a:16")
    few = write(tmp_path / "few", randoms(20, 16), space="b:16")
    with pytest.raises(BundleError, match="share 20 ids, and a map from 16 to 16 dimensions needs 22 or more"):
        migrate.migrate(old, few, tmp_path / "new")
    words = write(tmp_path / "words", randoms(30, 16), space="a:16", modality="text")
    anchors = write(tmp_path / "anchors", randoms(30, 16), space="b:16")
    with pytest.raises(BundleError, match="modality 'text', but 0 anchors are of it"):
        migrate.migrate(words, anchors, tmp_path / "new", old_anchors=old)
    with pytest.raises(BundleError, match="the old anchors are of space 'b:16'"):
        migrate.migrate(words, anchors, tmp_path / "new", old_anchors=anchors)


def test_a_gallery_is_migrated_by_command(tmp_path: Path) -> None:
    hidden = randoms(60, 8)
    write(tmp_path / "old", hidden)
    write(tmp_path / "anchors", hidden[:40][:, ::-1].copy(), space="b:8")
    folders = [str(tmp_path / name) for name in ("old", "anchors", "new")]
    done = CliRunner().invoke(app, ["migrate", *folders])
    assert done.exit_code == 0, done.output
    assert "40 anchors" in done.output and "60 items of 8 dimensions in space 'b:8'" in done.output
    shown = CliRunner().invoke(app, ["info", folders[2]])
    assert "held-out error" in shown.output and "migrated from" in shown.output
    done = CliRunner().invoke(app, ["centre", folders[0], str(tmp_path / "centred")])
    assert done.exit_code == 0 and "/centred-" in done.output, done.output

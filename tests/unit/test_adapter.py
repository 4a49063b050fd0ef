"""The image side: mixes, adapts, is kept with the encoder, and maps a gallery into the encoder's own space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_data import epochs, evaluated, gallery, plan, repeated, score

from config.bundles import ADAPTER_WEIGHTS, Item, read_encoder_spec
from config.errors import BundleError, SettingsError
from inference.adapter import Adapter, AdapterParameters, adapt_gallery, load_adapter, parameters_of
from inference.bundle import load_encoder
from inference.gallery import Gallery, check_fit, write_gallery
from training.objectives.registry import Term
from training.request import TrainRequest
from training.train import train

IDS = [f"p{k}" for k in range(60)]


def layered(folder: Path, seed: int = 0, ids: list[str] = IDS) -> Gallery:
    """A gallery whose middle layer of three, of six dimensions, is what the brain answers to."""
    rng = np.random.default_rng(seed)
    items = [Item(id=i, label=i, picture="pictures/one.png" if i == ids[0] else "") for i in ids]
    layers = rng.standard_normal((len(ids), 3, 8)).astype(np.float32)
    (folder.parent / "one.png").write_bytes(b"picture")
    write_gallery(
        folder,
        items,
        rng.standard_normal((len(ids), 5)).astype(np.float32),
        space="layered",
        model="test",
        pictures={"pictures/one.png": folder.parent / "one.png"},
        features={"layers": (("4", "8", "12"), layers)},
    )
    return Gallery.load(folder)


def by_layer(folder: Path, shown: Gallery, layer: int) -> Gallery:
    """The gallery that `training_data.epochs` makes windows from."""
    from config.bundles import read_features

    return Gallery(shown.spec, shown.items, read_features(folder, shown.spec, "layers")[:, layer])


def request(folder: Path, shown: Gallery, out: Path, **changes: object) -> TrainRequest:
    base = TrainRequest(
        epochs=(epochs(by_layer(folder, shown, 1), repeated(IDS, 4), signal=1.0),),
        gallery=shown,
        encoder="eegproject",
        out=out,
        plan=plan(),
        parameters={"dropout": 0.1},
        epochs_max=25,
        learning_rate=5e-3,
        validation_share=0.2,
        patience=None,
        device="cpu",
        features="layers",
        gallery_folder=folder,
    )
    return replace(base, **changes)


def test_it_begins_as_the_features_and_is_deterministic_when_evaluated() -> None:
    features = np.random.default_rng(0).standard_normal((7, 1, 8)).astype(np.float32)
    adapter = Adapter(1, 8, AdapterParameters())
    found = adapter.items(features)
    centred = features[:, 0] - features[:, 0].mean(1, keepdims=True)
    assert np.allclose(found, centred / np.linalg.norm(centred, axis=1, keepdims=True), atol=1e-4)
    with torch.no_grad():
        adapter.step.weight.normal_()
    assert np.array_equal(adapter.items(features), adapter.items(features)) and adapter.training
    assert not torch.equal(adapter(torch.from_numpy(features)), adapter(torch.from_numpy(features)))


def test_the_mix_weighs_variants_per_dimension() -> None:
    adapter = Adapter(3, 4, AdapterParameters(residual=False))
    features = torch.nn.functional.normalize(torch.randn(5, 3, 4), dim=2)
    with torch.no_grad():
        for dimension, variant in enumerate([2, 0, 1, 2]):
            adapter.mix[variant, dimension] = 50.0
    picked = features[:, [2, 0, 1, 2], range(4)]
    assert torch.allclose(adapter(features), torch.nn.functional.normalize(picked, dim=1), atol=1e-6)


def test_the_layer_that_the_brain_answers_to_is_found(tmp_path: Path) -> None:
    shown = layered(tmp_path / "gallery")
    spec = train(request(tmp_path / "gallery", shown, tmp_path / "bundle"))
    assert spec.adapter is not None and spec.adapter.variants == ("4", "8", "12") and spec.adapter.dim == 8
    assert spec.space == f"layered>{spec.adapter.weights_sha256[:8]}" and spec.dim == 8
    mix = load_adapter(tmp_path / "bundle", spec).mix.softmax(0)
    assert (mix.argmax(0) == 1).all()
    assert spec.scores["single_trial"]["mrr"]["value"] > 2 * spec.scores["single_trial"]["mrr"]["chance"]


def test_a_gallery_is_indexed_after_the_adapter(tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    shown = layered(folder)
    spec = train(request(folder, shown, tmp_path / "bundle", adapter={"dim": 6, "dropout": 0.2}))
    made = adapt_gallery(folder, tmp_path / "bundle", tmp_path / "adapted")
    check_fit(spec, made)
    adapted = Gallery.load(tmp_path / "adapted")
    assert adapted.items == shown.items and adapted.vectors.shape == (60, 6)
    assert (tmp_path / "adapted" / "pictures" / "one.png").read_bytes() == b"picture"
    unseen = layered(tmp_path / "unseen", 1)
    adapt_gallery(tmp_path / "unseen", tmp_path / "bundle", tmp_path / "unseen-adapted")
    seen = epochs(by_layer(tmp_path / "unseen", unseen, 1), repeated(IDS, 6), seed=9)
    mrr = score(evaluated(tmp_path / "bundle", [seen], tmp_path / "unseen-adapted", allow_seen=True), "mrr")
    assert mrr.value is not None and mrr.chance is not None and mrr.value > 2 * mrr.chance
    with pytest.raises(BundleError, match="'layered>"):
        check_fit(load_encoder(tmp_path / "bundle").spec, shown.spec)


def test_an_adapter_of_the_embeddings(tmp_path: Path) -> None:
    shown = gallery(tmp_path / "plain", IDS)
    made = (epochs(shown, repeated(IDS, 4)),)
    spec = train(
        TrainRequest(
            epochs=made,
            gallery=shown,
            encoder="eegproject",
            out=tmp_path / "b",
            plan=plan(),
            epochs_max=3,
            device="cpu",
            adapter={},
        )
    )
    assert spec.adapter is not None and spec.adapter.features == "embeddings" and spec.adapter.variants == ()
    assert adapt_gallery(tmp_path / "plain", tmp_path / "b", tmp_path / "a").space == spec.space
    again = read_encoder_spec(tmp_path / "b")
    assert again == spec
    (tmp_path / "b" / ADAPTER_WEIGHTS).write_bytes(b"other")
    with pytest.raises(BundleError, match="truncated or changed"):
        read_encoder_spec(tmp_path / "b")


def test_what_does_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    shown = layered(folder)
    good = request(folder, shown, tmp_path / "bundle", epochs_max=1)
    with pytest.raises(BundleError, match=r"no feature set 'blurs' \(it has: layers\)"):
        train(replace(good, features="blurs"))
    with pytest.raises(BundleError, match="option 'drop' of the adapter"):
        train(replace(good, adapter={"drop": 1}))
    with pytest.raises(SettingsError, match="would all become one by these objectives"):
        train(replace(good, objectives=(Term(name="mse"),)))
    with pytest.raises(SettingsError, match="learns nothing"):
        train(replace(good, features="embeddings", adapter={"residual": False}))
    with pytest.raises(SettingsError, match="'riemann' is fitted in closed form: a choice of features is for networks"):
        train(replace(good, encoder="riemann", parameters={}))
    assert parameters_of({}).dropout == 0.85
    train(good)
    gallery(tmp_path / "foreign", IDS)
    with pytest.raises(BundleError, match="is of space 'test:8', the adapter takes 'layered'"):
        adapt_gallery(tmp_path / "foreign", tmp_path / "bundle", tmp_path / "x")
    plain = replace(good, features="embeddings", out=tmp_path / "plain")
    train(replace(plain, epochs=(epochs(shown_in(shown), repeated(IDS, 4)),)))
    with pytest.raises(BundleError, match="was trained without an adapter"):
        adapt_gallery(folder, tmp_path / "plain", tmp_path / "x")


def shown_in(shown: Gallery) -> Gallery:
    """The gallery with vectors as long as `training_data.epochs` wants them."""
    return Gallery(shown.spec, shown.items, np.pad(shown.vectors, ((0, 0), (0, 3))))

"""Galleries by open_clip, with a tiny model and random weights: resumable, layered, blurred, in pictures and words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import clip_data
import numpy as np
import open_clip
import pytest
import torch
import typer
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms.functional import gaussian_blur
from training_data import epochs, plan, repeated
from typer.testing import CliRunner

from config.bundles import Item, read_arrays, read_features
from config.errors import BundleError
from eegseek.cli_classify import classify
from eegseek.cli_gallery import app
from inference import build, clip, clip_pictures, clip_weights, image_vae
from inference.adapter import Adapter, AdapterParameters
from inference.build_parts import Choice
from inference.bundle import Adapted, write_encoder
from inference.clip_features import Wanted, blurred, features
from inference.encoders.network import state_arrays
from inference.gallery import Gallery, write_gallery
from inference.image_vae_net import ImageVAE
from inference.text import Word
from training.classification.classify_command import classes_of
from training.request import TrainRequest
from training.train import train

TINY = Choice("tiny-vit", "none")
SPACE = "open_clip:tiny-vit/random-0"


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.set_num_threads(1)
    clip_data.register(tmp_path_factory.mktemp("configs"))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clip_pictures, "PART", 4)
    return clip_data.pictures(tmp_path / "in", 3, 4)


def stop_after(done: int) -> Callable[[str, int, int], None]:
    def told(what: str, now: int, _total: int) -> None:
        if what == "embedding pictures" and now >= done:
            raise KeyboardInterrupt

    return told


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_an_interrupted_build_goes_on_where_it_stopped(pictures: Path, tmp_path: Path) -> None:
    choice = Choice("tiny-vit", "none", wanted=Wanted((1, 3), (1, 9)))
    build.from_pictures(pictures, tmp_path / "whole", choice=choice)
    with pytest.raises(KeyboardInterrupt):
        build.from_pictures(pictures, tmp_path / "g", choice=choice, progress=stop_after(8))
    parts = tmp_path / "g.parts"
    assert len(list(parts.glob("*.safetensors"))) == 2 and not (tmp_path / "g").exists()
    torn = parts / "00001.safetensors"
    torn.write_bytes(torn.read_bytes()[:-100])
    seen: list[int] = []
    build.from_pictures(
        pictures,
        tmp_path / "g",
        choice=choice,
        progress=lambda what, done, _: seen.append(done) if "emb" in what else None,
    )
    # the first part was kept, the torn and the missing one were made
    assert seen == [8, 12]
    assert files(tmp_path / "g") == files(tmp_path / "whole")
    assert not parts.exists()


def test_parts_of_other_pictures_are_not_used(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build.from_pictures(pictures, tmp_path / "g", choice=TINY, progress=stop_after(4))
    first = sorted(pictures.rglob("*.jpg"))[0]
    Image.new("RGB", (40, 40), "blue").save(first)
    build.from_pictures(pictures, tmp_path / "g", choice=TINY)
    build.from_pictures(pictures, tmp_path / "fresh", choice=TINY)
    assert files(tmp_path / "g") == files(tmp_path / "fresh")
    (tmp_path / "h.parts").mkdir()
    (tmp_path / "h.parts" / "mine.txt").write_text("keep")
    with pytest.raises(BundleError, match="holds something else; move it away"):
        build.from_pictures(pictures, tmp_path / "h", choice=TINY)


def test_layers_are_those_of_the_blocks(pictures: Path, tmp_path: Path) -> None:
    spec = build.from_pictures(pictures, tmp_path / "g", choice=Choice("tiny-vit", "none", wanted=Wanted((3, 1))))
    assert spec.space == SPACE and spec.features[0].variants == ("3", "1")
    stored = read_features(tmp_path / "g", spec, "layers")
    model = clip.load("tiny-vit", "none")
    path = sorted(pictures.rglob("*.jpg"))[5]
    batch = model.transform(Image.open(path).convert("RGB"))[None]
    with torch.inference_mode():
        own = model.model.visual.forward_intermediates(batch, indices=[0, 2], output_extra_tokens=True)
    wanted = [prefix[0, 0].numpy() for prefix in own["image_intermediates_prefix"]][::-1]
    assert stored.dtype == np.float16 and np.allclose(stored[5], wanted, atol=5e-3)
    vector = own["image_features"][0].numpy()
    assert np.allclose(Gallery.load(tmp_path / "g").vectors[5], vector / np.linalg.norm(vector), atol=1e-5)
    with pytest.raises(BundleError, match="'tiny-vit' has layers 1 to 3, not 4"):
        build.from_pictures(pictures, tmp_path / "g", choice=Choice("tiny-vit", "none", wanted=Wanted((4,))))


def test_blurs_are_gaussian_and_scale_with_the_picture(pictures: Path, tmp_path: Path) -> None:
    noise = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(blurred(noise, 9), gaussian_blur(noise, [9, 9], [1.7, 1.7]), atol=1e-5)
    # half as many pixels across: half the kernel; and a blur leaves a plain picture as it is
    assert blurred(noise[..., :112, :112], 63).std() > blurred(noise, 63).std()
    assert torch.allclose(blurred(torch.ones(1, 3, 32, 32), 223), torch.ones(1, 3, 32, 32), atol=1e-5)
    model = clip.load("tiny-vit", "none")
    found = features(model, torch.randn(2, 3, 32, 32), Wanted(blurs=(1, 63)))
    assert np.array_equal(found["blurs"][:, 0], found["embeddings"])
    assert np.allclose(np.linalg.norm(found["blurs"], axis=2), 1, atol=1e-5)
    assert np.abs(found["blurs"][:, 1] - found["embeddings"]).max() > 0.01


@pytest.mark.parametrize(("name", "layers", "size"), [("tiny-resnet", (3,), 32), ("tiny-timm", (1, 2), 160)])
def test_other_towers_have_layers_too(name: str, layers: tuple[int, ...], size: int) -> None:
    model = clip.load(name, "none")
    found = features(model, torch.randn(2, 3, size, size), Wanted(layers))
    assert found["layers"].shape[:2] == (2, len(layers)) and np.isfinite(found["layers"]).all()
    if name == "tiny-resnet":
        with pytest.raises(BundleError, match=r"several widths \(1: 32, 3: 128\)"):
            features(model, torch.randn(2, 3, size, size), Wanted((1, 3)))


def test_words_are_the_mean_of_their_prompts_beside_pictures(pictures: Path, tmp_path: Path) -> None:
    words = [Word("thing_a", "thing a", "the first"), Word("dog", "dog", "it barks")]
    templates = ["a photo of a {}.", "{label}: {definition}"]
    spec = build.from_pictures_and_texts(pictures, words, tmp_path / "g", choice=TINY, templates=templates)
    both = Gallery.load(tmp_path / "g")
    assert spec.n_items == 14 and {item.modality for item in both.items} == {"image", "text"}
    assert both.items[13] == Item(id="text:dog", label="dog", modality="text", attributes={"definition": "it barks"})
    model = clip.load("tiny-vit", "none")
    tokens = open_clip.get_tokenizer("tiny-vit")(["a photo of a dog.", "dog: it barks"])
    with torch.inference_mode():
        mean = torch.nn.functional.normalize(model.model.encode_text(tokens), dim=1).mean(0).numpy()
    assert np.allclose(both.vectors[13], mean / np.linalg.norm(mean), atol=1e-5)
    assert {found.modality for found, _ in both.neighbours("text:dog", 13)} == {"image", "text"}
    notes = (tmp_path / "g" / "notes.json").read_text()
    assert "random weights" in notes and "{label}: {definition}" in notes


def test_weights_of_a_file_are_in_the_name_of_the_space(tmp_path: Path) -> None:
    other = clip.load("tiny-vit", "none", seed=7)
    assert other.space == "open_clip:tiny-vit/random-7"
    save_file(other.model.state_dict(), tmp_path / "w.safetensors")
    torch.save(other.model.state_dict(), tmp_path / "w.pt")
    loaded = [clip.load("tiny-vit", str(tmp_path / name)) for name in ("w.safetensors", "w.pt")]
    prompt = ["a photo of a cat"]
    for one in loaded:
        assert one.weights.startswith("sha256-") and np.allclose(one.texts(prompt), other.texts(prompt), atol=1e-6)
    assert np.abs(other.texts(prompt) - clip.load("tiny-vit", "none").texts(prompt)).max() > 0.01
    again = clip.of_space(loaded[0].space, weights=str(tmp_path / "w.safetensors"))
    assert again.space == loaded[0].space
    with pytest.raises(BundleError, match="name that file with --pretrained"):
        clip.of_space(loaded[0].space)
    with pytest.raises(BundleError, match="but 'open_clip:tiny-vit/sha256-0123' is needed"):
        clip.of_space("open_clip:tiny-vit/sha256-0123", weights=str(tmp_path / "w.pt"))


class Attack:
    """What an attacker would put into a file of weights."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_weights_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"state_dict": Attack(tmp_path / "owned")}, tmp_path / "attack.pt")
    save_file(clip.load("tiny-resnet", "none").model.state_dict(), tmp_path / "foreign.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"\0" * 40)
    for name in ("attack.pt", "foreign.safetensors", "torn.safetensors"):
        with pytest.raises(BundleError, match=f"{name}' holds no weights for 'tiny-vit'"):
            clip.load("tiny-vit", str(tmp_path / name))
    assert not (tmp_path / "owned").exists()
    for model, weights, message in (
        ("tiny-vit", str(tmp_path / "w.npz"), "is no file, and no weights that open_clip knows"),
        ("tiny-vit", str(tmp_path / "w.pt"), r"w\.pt' is not there"),
        ("tiny-vit", "", "lists no weights for 'tiny-vit'"),
        ("ViT-B-33", "", "unknown picture model 'ViT-B-33'; nearest: ViT-B-32"),
        ("ViT-B-32", "laion9b", "open_clip knows for 'ViT-B-32'; it knows openai"),
    ):
        with pytest.raises(BundleError, match=message):
            clip.load(model, weights)

    def offline(*_args: object, **_more: object) -> str:
        raise FileNotFoundError("Failed to download file (open_clip_model.safetensors)\nLast error: offline")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", offline)
    with pytest.raises(
        BundleError, match=r"not in the cache folder '.*' and cannot be fetched .* --pretrained FILE"
    ) as no:
        clip.load("ViT-B-32", cache=tmp_path / "cache")
    assert "laion/CLIP-ViT-B-32-laion2B-s34B-b79K" in str(no.value) and "\n" not in str(no.value)


def test_usual_weights() -> None:
    assert clip_weights.default_tag("ViT-B-32") == "laion2b_s34b_b79k"
    assert clip_weights.default_tag("ViT-H-14") == "laion2b_s32b_b79k"
    assert clip_weights.default_tag("RN50") == "openai"


def test_the_commands_from_pictures_to_classes(pictures: Path, tmp_path: Path) -> None:
    run, words = CliRunner(), tmp_path / "words.csv"
    words.write_text("label,definition\nthing a,one\nthing b,two\n")
    tiny = ["--model", "tiny-vit", "--pretrained", "none"]
    built = run.invoke(
        app, ["build", str(tmp_path / "p"), "--images", str(pictures), *tiny, "--layers", "1,3", "--blur", "1,3,5,…,9"]
    )
    assert built.exit_code == 0, built.output
    assert "12 items" in built.output and "blurs: 1, 3, 5, 7, 9" in built.output and "random weights" in built.output
    built = run.invoke(app, ["build", str(tmp_path / "w"), "--text", str(words), *tiny, "--template", "{label}"])
    assert built.exit_code == 0, built.output
    merged = run.invoke(app, ["merge", str(tmp_path / "p"), str(tmp_path / "w"), "-o", str(tmp_path / "both")])
    assert merged.exit_code == 0 and "14 items" in merged.output, merged.output
    shown = run.invoke(app, ["info", str(tmp_path / "both")])
    assert shown.exit_code == 0 and "image 12, text 2" in shown.output and SPACE in shown.output

    model = clip.load("tiny-vit", "none")
    vectors = model.texts(["thing a", "something else altogether"])
    items = [Item(id=name, label=name, modality="text") for name in ("left", "right")]
    write_gallery(tmp_path / "two", items, vectors, space=model.space, model="test")
    two = Gallery.load(tmp_path / "two")
    recorded = tuple(epochs(two, repeated(("left", "right"), 20, seed=k), signal=6.0, seed=k) for k in range(3))
    train(TrainRequest(recorded, two, "riemann", tmp_path / "bundle", plan(), parameters={"alpha": 1.0}))
    np.save(tmp_path / "v.npy", two.vectors)
    (tmp_path / "l.txt").write_text("left\nright\n")
    given = ["--embeddings", str(tmp_path / "v.npy"), "--labels", str(tmp_path / "l.txt")]
    prompts = ["--class", "left=thing a", "--class", "right=something else altogether"]
    named = run.invoke(typer_app(), [str(tmp_path / "bundle"), *given, *prompts])
    assert named.exit_code == 0, named.output
    assert "balanced accuracy 1.000" in named.output and "its answers mean nothing" in named.output


def typer_app() -> typer.Typer:
    made = typer.Typer()
    made.command()(classify)
    return made


def test_an_adapter_maps_galleries_and_prompts_alike(tmp_path: Path) -> None:
    model = clip.load("tiny-vit", "none")
    prompts = {"left": ["thing a", "a thing"], "right": ["something else"]}
    vectors = np.stack([model.texts(texts).mean(axis=0) for texts in prompts.values()])
    items = [Item(id=name, label=name, modality="text") for name in prompts]
    write_gallery(tmp_path / "two", items, vectors, space=model.space, model="test")
    two = Gallery.load(tmp_path / "two")
    recorded = tuple(epochs(two, repeated(("left", "right"), 20, seed=k), signal=6.0, seed=k) for k in range(2))
    spec = train(TrainRequest(recorded, two, "riemann", tmp_path / "bundle", plan(), parameters={"alpha": 1.0}))
    adapter = Adapter(1, spec.dim, AdapterParameters())
    torch.nn.init.normal_(adapter.step.weight)
    fields = {"space": spec.space, "dim": spec.dim}
    arrays = read_arrays(tmp_path / "bundle" / "model.safetensors")
    kept = Adapted(fields, {name: value.detach().numpy() for name, value in adapter.state_dict().items()})
    bundle = tmp_path / "adapted"
    spec = write_encoder(bundle, spec.model_dump(exclude={"weights_sha256", "adapter"}), arrays, kept)
    done = CliRunner().invoke(app, ["adapt", str(tmp_path / "two"), str(bundle), str(tmp_path / "mapped")])
    assert done.exit_code == 0, done.output
    mapped, classes = Gallery.load(tmp_path / "mapped"), classes_of(bundle, spec, prompts, None)
    assert mapped.spec.space == spec.space != two.spec.space
    assert np.allclose(classes.vectors, mapped.vectors, atol=1e-5)
    assert np.abs(classes.vectors - two.vectors).max() > 0.01


def test_the_image_vae_is_a_picture_model(pictures: Path, tmp_path: Path) -> None:
    widths = (8, 8)
    image_vae.write(tmp_path / "vae", {"dim": 6, "widths": widths}, state_arrays(ImageVAE(6, widths)))
    options = ["--images", str(pictures), "--model", "vae", "--weights"]
    built = CliRunner().invoke(app, ["build", str(tmp_path / "g"), *options, str(tmp_path / "vae")])
    assert built.exit_code == 0, built.output
    gallery = Gallery.load(tmp_path / "g")
    assert gallery.spec.space.startswith("image-vae:") and gallery.vectors.shape == (12, 6)
    with pytest.raises(BundleError, match="is no folder; expected that of a trained image VAE"):
        build.from_pictures(pictures, tmp_path / "h", choice=Choice("vae", weights=tmp_path / "nothing"))


def test_words_search_pictures(pictures: Path, tmp_path: Path) -> None:
    build.from_pictures_and_texts(pictures, [Word("cat", "cat"), Word("dog", "dog")], tmp_path / "g", choice=TINY)
    found = CliRunner().invoke(app, ["search", str(tmp_path / "g"), "--text", "a photo of a dog.", "-k", "1"])
    assert found.exit_code == 0, found.output
    assert "text:dog" in found.output and "1.0000" in found.output

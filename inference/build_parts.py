"""Pictures and words embedded by a chosen model: the parts that a gallery is put together from."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Item
from config.errors import BundleError, SettingsError
from inference.build_resume import embedded
from inference.clip_features import Wanted
from inference.inputs import Told, check_pictures, find_pictures, silent
from inference.text import TEMPLATE, Word, check_templates, prompts_of

if TYPE_CHECKING:
    from inference.clip import Clip

PICTURE_MODELS = {"pixels": "inference.pixels"}
"""Name to a module with ``SPACE``, ``DIM`` and ``embed(paths, progress)``; other names but ``vae`` are open_clip's."""
VAE = "vae"
"""A picture auto-encoder trained here (`inference.image_vae`), from its folder."""
MEANINGLESS = "random weights: an untrained network, whose distances mean nothing; for trying things out only"


@dataclass(frozen=True)
class Choice:
    """What embeds, and what it is asked for.

    Attributes
    ----------
    model
        A name of ``PICTURE_MODELS``, ``vae``, or one of open_clip, such as ``ViT-B-32``.
    pretrained
        Weights of an open_clip model: a tag, a file, or ``none`` (random); empty: the usual ones.
    weights
        Folder of the bundle of ``vae``.
    wanted
        Layers and blurs, of open_clip models.
    device
        ``auto``, ``cpu`` or ``cuda``.
    seed
        Of random weights.
    cache
        Folder for fetched weights; None: the shared one.
    """

    model: str = "pixels"
    pretrained: str = ""
    weights: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)
    device: str = "auto"
    seed: int = 0
    cache: Path | None = None

    def __post_init__(self) -> None:
        if (self.weights is not None) != (self.model == VAE):
            raise SettingsError(
                f"--weights is the trained folder of --model {VAE}, and of it alone; give both or neither"
            )
        if self.is_clip:
            return
        given = {"--pretrained": self.pretrained, "--layers": self.wanted.layers, "--blur": self.wanted.blurs}
        if odd := [option for option, value in given.items() if value]:
            raise SettingsError(
                f"{odd[0]} is of open_clip models, not of '{self.model}'; name one with --model ViT-B-32"
            )

    @property
    def is_clip(self) -> bool:
        """Whether the model is one of open_clip."""
        return self.model not in PICTURE_MODELS and self.model != VAE

    def clip(self) -> Clip:
        """The model of open_clip, loaded.

        Raises
        ------
        BundleError
            It has no text side, is unknown, or its weights are not to be had.
        """
        from inference.clip import load

        if not self.is_clip:
            raise BundleError(f"'{self.model}' has no text side; choose a model of open_clip, such as --model ViT-B-32")
        return load(self.model, self.pretrained, device=self.device, seed=self.seed, cache=self.cache)


@dataclass(frozen=True)
class Made:
    """Items with their vectors, ready to be written.

    Attributes
    ----------
    items, vectors
        Items, and (n, dim) float32.
    space, model
        As `inference.gallery.write_gallery` takes them.
    pictures, features
        Likewise.
    notes
        For ``notes.json``.
    """

    items: list[Item]
    vectors: NDArray[np.float32]
    space: str
    model: str
    pictures: dict[str, Path] = field(default_factory=dict)
    features: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


def of_pictures(folder: Path, choice: Choice, keep: Path, clip: Clip | None = None, progress: Told = silent) -> Made:
    """Pictures of a folder and its subfolders, embedded.

    Parameters
    ----------
    folder
        Where they are. An item's id is its file's stem (its path, where a stem stands twice); its label is the name of
        its subfolder, or of the file where it has none, in words.
    choice
        The model.
    keep
        Folder for finished parts of long builds.
    clip
        The model of open_clip, if it is loaded already.
    progress
        Told (what, done, total).

    Raises
    ------
    BundleError
        The folder holds no picture, some cannot be read or are too large, or the model cannot be had.
    """
    paths = find_pictures(folder)
    _check(choice)
    check_pictures(paths, lambda done, total: progress("checking pictures", done, total))
    items = picture_items([path.relative_to(folder) for path in paths])
    pictures = {item.picture: path for item, path in zip(items, paths, strict=True)}

    def told(done: int, total: int) -> None:
        progress("embedding pictures", done, total)

    if choice.is_clip:
        from inference import clip_pictures

        clip = clip or choice.clip()
        found = clip_pictures.embed(clip, paths, folder, keep, wanted=choice.wanted, progress=told)
        return Made(items, found.vectors, clip.space, _said(clip), pictures, found.features, _warned(clip))
    if choice.weights is not None:
        from inference import image_vae

        vae = image_vae.load(choice.weights, choice.device)
        return Made(items, embedded(vae.embed, paths, folder, keep, vae.space, told), vae.space, vae.model, pictures)
    module = importlib.import_module(PICTURE_MODELS[choice.model])
    vectors = embedded(module.embed, paths, folder, keep, module.SPACE, told)
    return Made(items, vectors, module.SPACE, choice.model, pictures)


def picture_items(relative: Sequence[Path]) -> list[Item]:
    """Items of pictures, by their paths below the folder."""
    stems = [path.stem for path in relative]
    unique = len(set(stems)) == len(stems)
    return [
        Item(
            id=stem if unique else where.with_suffix("").as_posix(),
            label=words(where.parent.name or stem),
            picture=f"pictures/{where.as_posix()}",
        )
        for stem, where in zip(stems, relative, strict=True)
    ]


def of_words(
    given: Sequence[Word], clip: Clip, templates: Sequence[str] = (), *, prefix: str = "", progress: Told = silent
) -> Made:
    """Words embedded by a text tower: the mean of the unit vectors of their prompts.

    Parameters
    ----------
    given
        Words.
    clip
        The model.
    templates
        Prompts with a place for the word (see `inference.text`); empty: ``TEMPLATE``.
    prefix
        Put before each id, so that words stand beside pictures of the same name.
    progress
        Told (what, done, total).

    Raises
    ------
    SettingsError
        A template cannot be filled.
    BundleError
        The tokenizer cannot be fetched.
    """
    templates = tuple(templates) or (TEMPLATE,)
    check_templates(templates)
    prompts = [prompt for word in given for prompt in prompts_of(word, templates)]
    single = clip.texts(prompts, lambda done, total: progress("embedding texts", done, total))
    vectors = single.reshape(len(given), len(templates), -1).mean(axis=1)
    items = [
        Item(
            id=prefix + word.id,
            label=word.label,
            modality="text",
            attributes={**word.attributes, **({"definition": word.definition} if word.definition else {})},
        )
        for word in given
    ]
    return Made(items, vectors, clip.space, _said(clip), notes={"templates": list(templates), **_warned(clip)})


def words(name: str) -> str:
    """``00001_aircraft_carrier`` and ``aircraft_carrier_01b`` as people write it: ``aircraft carrier``."""
    core = re.sub(r"^\d+[_-]+|[_-]+\d+[a-z]?$", "", name)
    return re.sub(r"[_-]+", " ", core).strip() or name


def _check(choice: Choice) -> None:
    """What is wrong with a model is said before pictures are read."""
    if choice.is_clip:
        from inference.clip_weights import check

        check(choice.model, choice.pretrained)
    elif choice.weights is not None and not choice.weights.is_dir():
        raise BundleError(f"'{choice.weights}' is no folder; expected that of a trained image VAE")


def _said(clip: Clip) -> str:
    return f"open_clip {clip.name}, weights {clip.weights}"


def _warned(clip: Clip) -> dict[str, Any]:
    return {"warning": MEANINGLESS} if clip.meaningless else {}

"""Weights of open_clip models: published ones by tag, files of one's own, or random ones. Never unpickled."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.bundles import file_sha256
from config.errors import BundleError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

RANDOM = "none"
"""As ``pretrained``: random weights."""
MOST_SAID = 120
"""Characters of a library's error that are passed on."""
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def default_tag(model: str) -> str:
    """Weights taken where none are named: the last of those trained longest on LAION-2B, else the first known.

    Raises
    ------
    BundleError
        open_clip lists none for this model.
    """
    tags = _tags(model)
    if not tags:
        raise BundleError(f"open_clip lists no weights for '{model}'; name a file with --pretrained FILE")
    long = [tag for tag in tags if tag.startswith("laion2b_s")]
    return long[-1] if long else tags[0]


def _tags(model: str) -> list[str]:
    from open_clip import list_pretrained_tags_by_model

    return list(list_pretrained_tags_by_model(model.replace("/", "-")))


def check(model: str, pretrained: str = "") -> None:
    """Refuse a model or weights that cannot be, before anything long is begun.

    Raises
    ------
    BundleError
        The model or the tag is unknown, or the file is not there.
    """
    import open_clip

    known = open_clip.list_models()
    if model.replace("/", "-") not in known:
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.4)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise BundleError(
            f"unknown picture model '{model}'{hint}; known: pixels, vae, and those of open_clip, such as ViT-B-32"
        )
    if is_file(pretrained):
        path = Path(pretrained)
        if not path.is_file():
            raise BundleError(f"file of weights '{path}' is not there; check its path")
        if path.suffix.lower() not in SUFFIXES:
            raise BundleError(f"'{path}' is no file of weights that is read; expected {', '.join(SUFFIXES)}")
    elif pretrained not in ("", RANDOM, *_tags(model)):
        raise BundleError(
            f"'{pretrained}' is no file, and no weights that open_clip knows for '{model}'; it knows {_some(model)}"
        )


def is_file(pretrained: str) -> bool:
    """Whether a file is meant, and not a tag."""
    return Path(pretrained).suffix.lower() in SUFFIXES or Path(pretrained).is_file()


def random(model: str, seed: int) -> Any:
    """A model with random weights, the same for the same seed."""
    import open_clip
    import torch

    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.create_model(model, pretrained_text=False)


def from_file(model: str, path: Path) -> tuple[Any, str]:
    """A model with the weights of a file, and what stands for these in the name of a space.

    Raises
    ------
    BundleError
        The file is damaged, would run code, or does not fit the model.
    """
    import open_clip

    try:
        with _quiet():
            made = open_clip.create_model(model, pretrained=str(path), pretrained_text=False)
    # torch and safetensors raise many kinds: unpickling refused, truncated, names or shapes that differ
    except Exception as error:
        raise BundleError(
            f"'{path}' holds no weights for '{model}': {_first(error)}; expected a state dict of tensors for this very "
            "model, best as .safetensors"
        ) from error
    return made, f"sha256-{file_sha256(path)[:16]}"


def from_tag(model: str, tag: str, cache: Path | None) -> Any:
    """A model with published weights, fetched unless they are in the cache.

    Raises
    ------
    BundleError
        They cannot be fetched.
    """
    import open_clip

    config = open_clip.get_pretrained_cfg(model, tag)
    try:
        with _quiet():
            # weights that were trained with the quick form of GELU give wrong vectors with the exact one
            return open_clip.create_model(
                model,
                pretrained=tag,
                cache_dir=None if cache is None else str(cache),
                force_quick_gelu=bool(config.get("quick_gelu", False)),
                require_pretrained=True,
            )
    # the hub's client and requests raise many kinds when there is no way out
    except Exception as error:
        from huggingface_hub.constants import HF_HUB_CACHE

        where = f"{config.get('hf_hub', '')}".rstrip("/") or config.get("url", "the network")
        raise BundleError(
            f"weights '{tag}' of '{model}' are not in the cache folder '{cache or HF_HUB_CACHE}' and cannot be fetched "
            f"({_first(error)}); go online once, copy the cache folder of a machine that has them, or download "
            f"{where} by hand and give it with --pretrained FILE"
        ) from error


def tokenizer(model: str, cache: Path | None) -> Callable[[list[str]], Tensor]:
    """Texts to token numbers, as the model wants them.

    Raises
    ------
    BundleError
        It cannot be fetched.
    """
    import open_clip

    try:
        with _quiet():
            found: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(
                model, cache_dir=None if cache is None else str(cache)
            )
    except Exception as error:
        raise BundleError(
            f"the tokenizer of '{model}' cannot be fetched ({_first(error)}); go online once, or choose a model with "
            "open_clip's own tokenizer, such as ViT-B-32"
        ) from error
    return found


def transform(model: Any) -> Callable[[Image.Image], Tensor]:
    """Pictures to what the network is given: resized, cropped, scaled."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    made: Callable[[Image.Image], Tensor] = image_transform_v2(
        PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
    )
    return made


def _some(model: str) -> str:
    tags = _tags(model)
    return ", ".join(tags[:6]) + (f" and {len(tags) - 6} more" if len(tags) > 6 else "") if tags else "none"


def _first(error: Exception) -> str:
    """What went wrong in the end, in a few words."""
    said = str(error).rpartition("Last error:")[2]
    line = next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)
    return (line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]} …").rstrip(".")


@contextmanager
def _quiet() -> Iterator[None]:
    """What open_clip logs is said in our own errors."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)

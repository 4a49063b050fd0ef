"""``eegseek classify`` as a plain function: recordings, epochs or stored embeddings in, classes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from config.bundles import EncoderSpec, read_encoder_spec, read_session_file
from config.errors import BundleError, SettingsError
from config.load import load_settings
from config.settings import RecordingSource
from inference.bundle import load_encoder
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery, check_fit
from training.classification import classify
from training.classification.classify import Classes
from training.classification.classify_draw import draw, write_answers, write_text
from training.classification.classify_windows import Stored, embed, epochs_of, notes_on, stored_windows
from training.confidence.scoring import Unit
from training.trials.epochs import Progress, silent


def classify_command(
    bundle: Path,
    recordings: Sequence[Path] | Stored,
    *,
    prompts: dict[str, list[str]] | None = None,
    gallery: Path | None = None,
    truth: Path | None = None,
    weights: str = "",
    cache: Path | None = None,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    unit: Unit = "auto",
    seed: int = 0,
    device: str = "auto",
    json_path: Path | None = None,
    answers_path: Path | None = None,
    progress: Progress = silent,
    console: Console | None = None,
) -> dict[str, Any]:
    """Name the class of each window by prompts, and score the answers where the truth is known.

    Parameters
    ----------
    bundle
        Folder of the encoder bundle.
    recordings
        Files, journals and epochs folders; or embeddings.
    prompts, gallery
        Prompts of each class, embedded by the text model of the encoder's space; or a gallery in that space, whose
        labels are the classes.
    truth
        Session file that maps marker labels to names of classes; else a label that is the name of a class stands
        for it.
    weights, cache
        Of the text model: its file, where the space was made with one, and the folder of fetched weights.
    config, preset, overrides
        Settings; only the markers and the reading of recordings are used.
    unit, seed, device
        See `training.classification.classify.report`; ``auto``, ``cpu`` or ``cuda``.
    json_path, answers_path
        Write the report (JSON), and the answer to each window (CSV), here too.
    progress, console
        Told (what, done, total); where to draw.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    spec = read_encoder_spec(bundle)
    known = read_session_file(truth).truth if truth else None
    classes = classes_of(bundle, spec, prompts, gallery, weights=weights, device=device, cache=cache)
    if isinstance(recordings, Stored):
        windows, notes = stored_windows(recordings, spec), []
    else:
        settings = load_settings(config, preset, overrides)
        base = settings.source if isinstance(settings.source, RecordingSource) else RecordingSource(file="")
        epochs, origins = epochs_of(recordings, spec, base, settings.markers, progress)
        windows = embed(load_encoder(bundle, device), epochs, origins, progress)
        notes = notes_on(spec, epochs, origins)
    found = classify.classify(windows, classes, known)
    told = classify.report(found, unit=unit, seed=seed)
    told["notes"] += notes
    (console or Console()).print(draw(told))
    if json_path:
        write_text(json_path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    if answers_path:
        write_answers(answers_path, windows, found)
    return told


def classes_of(
    bundle: Path,
    spec: EncoderSpec,
    prompts: dict[str, list[str]] | None,
    gallery: Path | None,
    *,
    weights: str = "",
    device: str = "auto",
    cache: Path | None = None,
) -> Classes:
    """Classes in an encoder's space, from prompts or from a gallery.

    Raises
    ------
    SettingsError
        Not one of the two is given.
    BundleError
        The gallery is of another space, no text model belongs to the encoder's, or its weights are not to be had.
    """
    if (prompts is None) == (gallery is None):
        raise SettingsError("give the classes once: prompts (--class name=prompt), or a gallery in the encoder's space")
    if gallery is not None:
        loaded = Gallery.load(gallery)
        check_fit(spec, loaded.spec)
        return classify.of_gallery(loaded)
    from inference.clip import of_space

    clip = of_space(spec.adapter.space if spec.adapter else spec.space, weights=weights, device=device, cache=cache)
    prompts = prompts or {}
    vectors = unit_norm(np.stack([clip.texts(texts).mean(axis=0) for texts in prompts.values()]))
    notes = ("random weights in the text model: its answers mean nothing",) if clip.meaningless else ()
    return Classes(tuple(prompts), _adapted(bundle, spec, vectors), prompts, notes)


def _adapted(bundle: Path, spec: EncoderSpec, vectors: Vectors) -> Vectors:
    """Vectors as the encoder's image side maps them, where it has one."""
    if spec.adapter is None:
        return vectors
    if spec.adapter.features != "embeddings":
        raise BundleError(
            f"the encoder '{bundle}' was trained against '{spec.adapter.features}' of pictures, which words do "
            "not have; train one against the embeddings, or classify by a gallery of pictures (--gallery)"
        )
    from inference.adapter import load_adapter

    return load_adapter(bundle, spec).items(vectors[:, None])

"""Pictures, galleries and what the participant responds to: everything that is there before any EEG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from acquisition.participant.stimuli import write_responses
from config.bundles import Item, SessionFile
from eegseek.demo import perception, pictures
from eegseek.demo.phases import Told, named
from eegseek.demo.pictures import Combination, Picture
from inference import pixels
from inference.gallery import write_gallery

GALLERY = 200
OTHERS = 9000
SHOWN = 50


@dataclass(frozen=True)
class Materials:
    """Where everything lies.

    Attributes
    ----------
    folder
        Of all.
    gallery, others
        Ids of the pictures in the gallery, and of those that the decoder is trained with.
    shown
        Ids of the pictures of the live session, all in the gallery.
    new_combinations
        Every attribute of the gallery's pictures stands in the other pictures too, though no combination does.
    """

    folder: Path
    gallery: tuple[str, ...]
    others: tuple[str, ...]
    shown: tuple[str, ...]
    new_combinations: bool

    @property
    def gallery_bundle(self) -> Path:
        """Bundle that is searched."""
        return self.folder / "gallery"

    @property
    def others_bundle(self) -> Path:
        """Bundle of the pictures that the decoder is trained with; it is never searched."""
        return self.folder / "other-pictures"

    @property
    def truth(self) -> Path:
        """Session file."""
        return self.folder / "truth.json"

    def responses(self, what: str) -> Path:
        """What pictures evoke: of ``gallery``, ``others`` or ``shown``."""
        return self.folder / f"participant-{what}.safetensors"


def prepare(folder: Path, seed: int, told: Told) -> Materials:
    """Draw and embed all pictures, and work out what each evokes in the participant.

    Parameters
    ----------
    folder
        To write into; it is there.
    seed
        Of pictures, participant and choice.
    told
        Progress.
    """
    gallery, others = _draw(seed, told)
    for name, drawn, what in (("gallery", gallery, "the gallery"), ("other-pictures", others, "the other pictures")):
        vectors = pixels.embed([p.pixels for p in drawn], progress=named(told, f"Embedding {what}"))
        _write_bundle(folder / name, drawn, vectors, keep_pictures=name == "gallery")
    shown = _choose_shown(gallery, seed)
    ids = tuple(p.id for p in gallery), tuple(p.id for p in others), tuple(p.id for p in shown)
    materials = Materials(folder, *ids, _new_combinations(gallery, others))
    _write_responses(materials, gallery, others, seed, told)
    truth = SessionFile(truth={name: name for name in ids[0]}, notes="a marker is the id of the picture shown")
    materials.truth.write_text(truth.model_dump_json(indent=1))
    _write_sheet(folder / "gallery.png", gallery)
    return materials


def _draw(seed: int, told: Told) -> tuple[list[Picture], list[Picture]]:
    drawn: list[list[Picture]] = [[], []]
    chosen = pictures.choose(GALLERY, OTHERS, seed)
    done = named(told, "Drawing pictures")
    for k, prefix in enumerate(("gallery", "other")):
        for picture in pictures.draw_all(chosen[k], prefix, seed):
            drawn[k].append(picture)
            done(len(drawn[0]) + len(drawn[1]), GALLERY + OTHERS)
    return drawn[0], drawn[1]


def _write_bundle(folder: Path, drawn: Sequence[Picture], vectors: NDArray[np.float32], *, keep_pictures: bool) -> None:
    sources = {}
    if keep_pictures:
        kept = folder.with_name("pictures")
        kept.mkdir(exist_ok=True)
        for picture in drawn:
            sources[f"pictures/{picture.id}.png"] = kept / f"{picture.id}.png"
            Image.fromarray(picture.pixels).save(kept / f"{picture.id}.png")
    items = [
        Item(
            id=picture.id,
            label=picture.shows.label,
            picture=f"pictures/{picture.id}.png" if keep_pictures else "",
            attributes=picture.shows.attributes,
        )
        for picture in drawn
    ]
    write_gallery(folder, items, vectors, space=pixels.SPACE, model=pixels.MODEL, pictures=sources)


def _write_responses(
    materials: Materials, gallery: list[Picture], others: list[Picture], seed: int, told: Told
) -> None:
    seen = perception.look(others, named(told, "Showing the other pictures' pixels to the eye"))
    participant = perception.fit(seen)
    shown = [p for p in gallery if p.id in set(materials.shown)]
    for what, drawn in (("others", others), ("gallery", gallery), ("shown", shown)):
        features = seen if what == "others" else perception.look(drawn)
        hidden = perception.unexplained(drawn, seed)
        labels = [p.id for p in drawn]
        write_responses(materials.responses(what), labels, participant.responses(features), hidden)


def _choose_shown(gallery: Sequence[Picture], seed: int) -> list[Picture]:
    rows = np.random.default_rng([seed, 13]).choice(len(gallery), SHOWN, replace=False)
    return [gallery[row] for row in sorted(rows.tolist())]


def _new_combinations(gallery: Sequence[Picture], others: Sequence[Picture]) -> bool:
    def values(drawn: Sequence[Picture]) -> set[tuple[str, str]]:
        return {pair for picture in drawn for pair in picture.shows.attributes.items()}

    combinations: set[Combination] = {picture.shows for picture in others}
    return values(gallery) <= values(others) and not any(picture.shows in combinations for picture in gallery)


def _write_sheet(path: Path, drawn: Sequence[Picture], columns: int = 20, side: int = 64) -> None:
    """All pictures of the gallery on one sheet."""
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side), "white")
    for k, picture in enumerate(drawn):
        small = Image.fromarray(picture.pixels).resize((side - 2, side - 2), Image.Resampling.LANCZOS)
        sheet.paste(small, (k % columns * side + 1, k // columns * side + 1))
    sheet.save(path)


def write_json(path: Path, value: object) -> None:
    """Write JSON, readable."""
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")

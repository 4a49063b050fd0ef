"""What a search needs beside its plans: the gallery it ranks, the one it decodes by, and a simulated participant."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from acquisition.participant.attention import looks_for
from acquisition.participant.stimuli import write_responses
from config.bundles import Item
from config.errors import SettingsError
from config.search import GOAL_JSON, MARKER, OTHER, OWN, WANTED, Goal
from config.session_ask import Ask, search_gallery
from eegseek.session.seek_plans import Things

SPACE = "attention"
"""A decoder of other categories does not fit."""
RESPONSES = "participant-responses.safetensors"
MOST_ITEMS = 50_000


def check(ask: Ask) -> None:
    """Refuse what cannot go together with a search.

    Raises
    ------
    SettingsError
        Names what excludes what.
    """
    others = (
        ("--pictures", bool(ask.pictures)),
        ("--categories", bool(ask.categories)),
        ("--recording", bool(ask.recordings)),
    )
    for name, given in others:
        if given:
            raise SettingsError(f"--search and {name} exclude each other: a search shows pictures of its own gallery")
    if not ask.presenter:
        raise SettingsError(
            "--search chooses what is shown as it goes, so it needs the presenter; leave --no-presenter out"
        )


def things_of(ask: Ask, folder: Path) -> tuple[Things, str]:
    """The pictures that are searched, and a hash of them and their vectors.

    Parameters
    ----------
    folder
        Of the session, into which its own gallery is drawn where no other is named.

    Raises
    ------
    BundleError
        The gallery cannot be read.
    SettingsError
        It has too few pictures, or too many.
    """
    from eegseek.session.own_gallery import write_own
    from inference.gallery import Gallery

    named = search_gallery(ask, folder)
    if named is None:
        raise SettingsError("the session was not asked to search; see --search")
    place = write_own(named) if ask.search == OWN else named
    gallery = Gallery.load(place)
    rows = [row for row, item in enumerate(gallery.items) if item.picture]
    if len(rows) > MOST_ITEMS:
        raise SettingsError(f"gallery '{place}' has {len(rows)} pictures, a search takes {MOST_ITEMS} at most")
    items = [gallery.items[row] for row in rows]
    pictures = tuple(str((place / item.picture).resolve()) for item in items)
    if missing := next((one for one in pictures if not Path(one).is_file()), ""):
        raise SettingsError(f"picture '{missing}' of gallery '{place}' is missing; build the gallery anew")
    ids = tuple(item.id for item in items)
    vectors = np.ascontiguousarray(gallery.vectors[rows], np.float32)
    things = Things(ids, tuple(item.label or item.id for item in items), pictures, vectors)
    return things, hashlib.sha256("\0".join(ids).encode() + vectors.tobytes()).hexdigest()


def write_categories(folder: Path) -> Path:
    """The gallery that is decoded by: ``wanted`` and ``other``, as orthogonal unit vectors; its folder."""
    from eegseek.session.materials import GALLERY
    from inference.gallery import write_gallery

    items = [Item(id=name, label=name, modality="text") for name in (WANTED, OTHER)]
    vectors = np.eye(2, dtype=np.float32)
    write_gallery(folder / GALLERY, items, vectors, space=f"{SPACE}:2", model="one direction a category")
    return folder / GALLERY


def write_participant(folder: Path, things: Things, seed: int, person: int) -> Path:
    """A simulated participant's secret goal, and what pictures evoke in somebody who looks for it; the file."""
    row = int(np.random.default_rng([seed, 4]).integers(len(things)))
    goal = Goal(id=things.ids[row], label=things.labels[row])
    (folder / GOAL_JSON).write_text(goal.model_dump_json(indent=1), "utf-8")
    labels, responses = looks_for(things.ids, things.vectors, row, person, (f"{WANTED}/", f"{OTHER}/", MARKER))
    path = folder / RESPONSES
    write_responses(path, labels, responses, np.zeros((len(responses), 0), np.float32))
    return path

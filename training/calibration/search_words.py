"""What a session's page says of a free search: the ranking by round, its best pictures, and a simulated goal."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from config.errors import BundleError, EegseekError, SettingsError
from config.search import SEARCH_JSON, Goal, SearchState, goal, read_search
from config.session_ask import read_ask, search_gallery
from display.dashboard.pictures import Pictures
from inference.gallery import Gallery
from training.calibration.attend import Search, centred
from training.report.style import Figure

BEST = 5
"""Places told of each round."""
PICTURES, SIDE = 6, 200
"""... and drawn of the last one, of so many pixels."""
NEAREST = 10
Row = tuple[str, ...]


def search_of(folder: Path) -> SearchState | None:
    """The search of a session's folder; None where none was made.

    Raises
    ------
    BundleError
        Its file is damaged.
    """
    return read_search(folder / SEARCH_JSON) if (folder / SEARCH_JSON).is_file() else None


def rows(state: SearchState) -> tuple[Row, ...]:
    """Of each round: number, pictures answered, pictures rejected, the best so far."""
    found = []
    for number, one in enumerate(state.rounds, 1):
        best = "; ".join(f"{place}. {r.label} ({r.score:+.2f})" for place, r in enumerate(one.best[:BEST], 1))
        found.append((str(number), str(len(one.seen)), str(one.rejected), best))
    return tuple(found)


def lead(folder: Path, state: SearchState | None) -> tuple[str, ...]:
    """Sentences before the ranking."""
    if state is None or not state.rounds:
        return ()
    said = [
        f"{state.items} pictures were ranked towards what was attended to, by {len(state.rounds)} rounds. A score is "
        "the cosine between a picture's vector, about the gallery's mean, and the query.",
        "Nobody told the session what was looked for, so that it cannot say how well it was found: you can.",
    ]
    hidden = goal(folder)
    if hidden is not None:
        said.append(simulated_words(folder, state, hidden))
    return tuple(said)


def simulated_words(folder: Path, state: SearchState, hidden: Goal) -> str:
    """How near a simulated participant's goal came to the top."""
    looked = f"SIMULATED: the participant looked for '{hidden.label}', which the session was not told"
    found = standing(folder, state, hidden)
    if found is None:
        return f"{looked}."
    place, near = found
    return (
        f"{looked}. In the end it stands in place {place} of {state.items} (by chance {(state.items + 1) / 2:g}), and "
        f"its {NEAREST} nearest neighbours at percentile {near:.2f} on average (1 is first, by chance 0.50)."
    )


def standing(folder: Path, state: SearchState, hidden: Goal) -> tuple[int, float] | None:
    """Place of a goal, from 1, and mean percentile of its nearest; None where the gallery is not there any more."""
    try:
        place = search_gallery(read_ask(folder), folder)
        if place is None:
            return None
        gallery = Gallery.load(place)
    except (BundleError, SettingsError):
        return None
    kept = [row for row, item in enumerate(gallery.items) if item.picture]
    names = {gallery.items[row].id: k for k, row in enumerate(kept)}
    if hidden.id not in names or len(kept) != state.items:
        return None
    raw = np.asarray(gallery.vectors[kept])
    order = ranking(state, raw, names)
    near = [k for k in np.argsort(-(raw @ raw[names[hidden.id]]), kind="stable").tolist() if k != names[hidden.id]]
    places = np.empty(len(order))
    places[order] = np.arange(len(order))
    percentile = 1 - places[near[:NEAREST]].mean() / max(1, len(order) - 1)
    return int(places[names[hidden.id]]) + 1, float(percentile)


def ranking(
    state: SearchState, vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]], names: dict[str, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Rows (items,), best first, from what is kept of every round."""
    space = centred(vectors)
    search = Search.begin(space.shape[1])
    for one in state.rounds:
        seen = [seen for seen in one.seen if seen.id in names]
        search = search.after([names[seen.id] for seen in seen], [seen.log_odds for seen in seen], space)
    return search.ranking(space)


def pictures(folder: Path, state: SearchState | None) -> tuple[Figure, ...]:
    """The best pictures of the last round, side by side; none where they cannot be read."""
    try:
        place = search_gallery(read_ask(folder), folder)
    except EegseekError:
        return ()
    if state is None or not state.rounds or place is None:
        return ()
    gallery, best = Pictures(place), state.rounds[-1].best[:PICTURES]
    read = [gallery.read(one.id) for one in best]
    if not any(read):
        return ()
    named = "; ".join(f"{number}. {one.label} ({one.score:+.2f})" for number, one in enumerate(best, 1))
    source = _strip([one[0] if one else b"" for one in read])
    return (Figure(source, f"Pictures, best first: {named}.", "The best in the end", f"{named}.", wide=True),)


def _strip(found: list[bytes]) -> str:
    """Pictures side by side, as a data URI; a gap where there is none."""
    from PIL import Image

    sheet = Image.new("RGBA", (len(found) * (SIDE + 10) - 10, SIDE))
    for k, data in enumerate(found):
        if data:
            with Image.open(io.BytesIO(data)) as picture:
                small = picture.convert("RGB")
                small.thumbnail((SIDE, SIDE))
            sheet.paste(small, (k * (SIDE + 10) + (SIDE - small.width) // 2, (SIDE - small.height) // 2))
    made = io.BytesIO()
    sheet.save(made, "PNG")
    return f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode('ascii')}"

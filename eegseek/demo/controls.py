"""What the same pipeline reaches where there is nothing to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from acquisition.offline import Epochs
from eegseek.demo.materials import GALLERY, Materials
from eegseek.demo.phases import Told
from eegseek.demo.teach import cut_session, plan, session
from inference.bundle import load_encoder
from inference.gallery import Gallery
from inference.loaded import LoadedEncoder

SESSIONS = 10
SHUFFLES = 2000


@dataclass(frozen=True)
class Answers:
    """Best rows (n,) of averaged answers, and the true rows (n,)."""

    found: NDArray[np.int64]
    truth: NDArray[np.int64]

    @property
    def top1(self) -> float:
        """Share that is right."""
        return float(np.mean(self.found == self.truth))


def last_answers(epochs: Epochs, encoder: LoadedEncoder, gallery: Gallery) -> Answers:
    """Answers to each stimulus's average over all of its repeats."""
    last = {label: k for k, label in enumerate(epochs.labels)}
    rows = np.array(list(last.values()), dtype=np.int64)
    _, found = gallery.search(encoder.encode(epochs.data[rows, 1]), 1)
    return Answers(found[:, 0], np.array([gallery.row_of[label] for label in last], dtype=np.int64))


def no_signal(materials: Materials, repeats: int, seed: int, told: Told) -> dict[str, Any]:
    """The participant's EEG without any response to the pictures, through the same chain, encoder and search.

    All pictures of the gallery are shown, so that an encoder with favourites gains nothing by them on average.
    """
    encoder, gallery = load_encoder(materials.folder / "encoder", "cpu"), Gallery.load(materials.gallery_bundle)
    what, found = "Control: no signal at all", []
    for k in range(SESSIONS):
        told(what, k, SESSIONS)
        source = session(materials.responses("gallery"), GALLERY, repeats, seed, "no_signal", signal=False)
        source = source.model_copy(update={"seed": source.seed + 1_000_000 * (k + 1)})
        found.append(last_answers(cut_session(source, plan(), lambda done, total: None), encoder, gallery))
    told(what, SESSIONS, SESSIONS)
    hits, n = sum(int(np.sum(a.found == a.truth)) for a in found), sum(len(a.truth) for a in found)
    return {
        "top1": hits / n,
        "interval": exact_interval(hits, n),
        "n": n,
        **against_chance(hits / n, n, len(gallery)),
        "repeats": repeats,
        "what": f"{SESSIONS} sessions without response, {n // SESSIONS} pictures each, averages of {repeats} repeats",
    }


def shuffled_gallery(answers: Answers, items: int, seed: int) -> dict[str, Any]:
    """The live session's own answers, looked up in a gallery whose pictures have changed places.

    ``top1`` is the mean over shuffles and ``interval`` that mean's own; ``spread`` holds 95 % of the single shuffles.
    """
    generator = np.random.default_rng([seed, 14])
    right = np.empty(SHUFFLES)
    for k in range(SHUFFLES):
        right[k] = np.mean(generator.permutation(items)[answers.found] == answers.truth)
    mean, error = float(right.mean()), float(1.96 * right.std(ddof=1) / np.sqrt(SHUFFLES))
    low, high = np.percentile(right, (2.5, 97.5))
    return {
        "top1": mean,
        "interval": [max(0.0, mean - error), mean + error],
        "n": len(answers.truth),
        # shuffles look up the same answers again: they are no further answers
        **against_chance(mean, len(answers.truth), items),
        "spread": [float(low), float(high)],
        "shuffles": SHUFFLES,
        "what": f"the live answers at the last repeat in {SHUFFLES} shuffled galleries",
    }


def against_chance(top1: float, n: int, items: int) -> dict[str, Any]:
    """The 95 % interval that guessing among ``items`` gives for ``n`` answers, and whether ``top1`` lies within."""
    low, high = (float(binom.ppf(q, n, 1 / items)) / n for q in (0.025, 0.975))
    return {"chance": 1 / items, "chance_interval": [low, high], "within_chance": low <= top1 <= high}


def exact_interval(hits: int, n: int) -> list[float]:
    """95 % interval of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0
    return [low, high]


def of_results(labels: Sequence[str], best: Sequence[str], gallery: Gallery) -> Answers:
    """Answers of marker labels and ids found."""
    rows = gallery.row_of
    return Answers(np.array([rows[item] for item in best], dtype=np.int64), np.array([rows[label] for label in labels]))

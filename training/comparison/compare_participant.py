"""A small data set of a simulated participant, on which a whole grid runs in minutes on one core."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import Epochs, cut
from acquisition.participant.stimuli import write_responses
from acquisition.plan import Plan
from acquisition.sources.participant import ParticipantReader
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import EegseekError
from config.settings import MarkerSettings, ParticipantSource
from inference.encoders.base import unit_norm
from inference.gallery import write_gallery
from training.trials.epoch_files import EpochsSpec, read_epochs, write_epochs
from training.trials.epochs import Progress

SPACE = "made-up"


@dataclass(frozen=True)
class Sizes:
    """How much there is of it.

    Attributes
    ----------
    learned, scored
        Pictures to learn from, and others that are scored.
    learned_repeats, scored_repeats
        How often each is shown.
    dim, rank
        Of the embeddings, and of the part of them that the participant responds to.
    unexplained
        Norm of the part of each response that no embedding explains; that of the explained part is 1.
    snr_db
        Of the EEG, see `config.settings.ParticipantSource`.
    people
        Simulated persons.
    seed
        Of everything.
    """

    learned: int = 420
    scored: int = 50
    learned_repeats: int = 4
    scored_repeats: int = 16
    dim: int = 64
    rank: int = 12
    unexplained: float = 0.5
    snr_db: float = -10.0
    people: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """Folders: of the gallery, and of the epochs of each person."""

    gallery: Path
    learned: tuple[Path, ...]
    scored: tuple[Path, ...]


def plan() -> Plan:
    """Chain and window of the data set."""
    chain = ChainSettings(notch_hz=(50.0,), highpass_hz=1.0, lowpass_hz=30.0)
    window = WindowSettings(start_s=0.0, end_s=0.8, rate_hz=125.0)
    return Plan(chain, window, RejectionSettings(peak_to_peak_uv=250.0), MarkerSettings())


def make(folder: Path, sizes: Sizes, progress: Progress) -> Made:
    """Make the data set, or find it where it has been made.

    Embeddings are drawn at random; the participant responds to a low-rank part of them, and to something of each
    picture that they do not hold. No picture that is scored is learned from.
    """
    made = Made(
        folder / "gallery",
        tuple(folder / f"person-{k}-training" for k in range(sizes.people)),
        tuple(folder / f"person-{k}-test" for k in range(sizes.people)),
    )
    names = [f"train-{k:04d}" for k in range(sizes.learned)] + [f"test-{k:03d}" for k in range(sizes.scored)]
    responses, vectors, hidden = _embeddings(sizes, len(names))
    items = [Item(id=name, label=name) for name in names]
    write_gallery(made.gallery, items, vectors, space=SPACE, model="drawn at random, for a comparison")
    first = slice(0, sizes.learned), slice(sizes.learned, None)
    for part, places, count in zip(first, (made.learned, made.scored), (sizes.learned, sizes.scored), strict=True):
        what = "training" if places is made.learned else "test"
        file = folder / f"responses-{what}.safetensors"
        write_responses(file, names[part], responses[part], hidden[part])
        for person, place in enumerate(places):
            progress(f"participant sees {count} pictures ({what})", person, sizes.people)
            _session(place, file, what, count, person, sizes)
        progress(f"participant sees {count} pictures ({what})", sizes.people, sizes.people)
    return made


def _embeddings(sizes: Sizes, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Responses (n, rank), embeddings (n, dim), and what these do not explain (n, rank)."""
    rng = np.random.default_rng([sizes.seed, 41])
    latent = rng.standard_normal((n, sizes.rank)) / np.sqrt(sizes.rank)
    axes = np.linalg.qr(rng.standard_normal((sizes.dim, sizes.rank)))[0]
    rest = rng.standard_normal((n, sizes.dim)) / np.sqrt(sizes.dim)
    vectors = unit_norm(latent @ axes.T + rest)
    hidden = sizes.unexplained * rng.standard_normal((n, sizes.rank)) / np.sqrt(sizes.rank)
    return (vectors @ axes).astype(np.float32), vectors, hidden.astype(np.float32)


def _session(place: Path, responses: Path, what: str, count: int, person: int, sizes: Sizes) -> None:
    said = f"simulated participant, {sorted(asdict(sizes).items())}, {plan().window}, {what} of person {person}"
    try:
        if read_epochs(place).spec.source == said:
            return
    except EegseekError:
        pass  # there is none yet
    source = ParticipantSource(
        responses=str(responses),
        stimuli=count,
        repeats=sizes.learned_repeats if what == "training" else sizes.scored_repeats,
        rsvp_hz=5.0,
        snr_db=sizes.snr_db,
        person=sizes.seed * 100 + person,
        seed=sizes.seed * 100 + 2 * person + (what == "test"),
        blinks_per_minute=0.0,
        speed=0.0,
        chunk_s=0.5,
    )
    found, wanted = cut(ParticipantReader(source), plan()), plan()
    write_epochs(place, _spec(found, wanted, f"person {person} {what}", str(person), said), [found.data[:, 0]])


def _spec(found: Epochs, wanted: Plan, name: str, subject: str, source: str) -> EpochsSpec:
    chain = wanted.chain.model_copy(update={"channels": found.channels})
    refused: dict[str, int] = {}
    for one in found.refused:
        refused[one.reasons[0]] = refused.get(one.reasons[0], 0) + 1
    return EpochsSpec(
        name=name,
        subject=subject,
        source=source,
        sha256="0" * 64,
        channels=found.channels,
        labels=found.labels,
        onsets_s=tuple(found.onsets_s.tolist()),
        chain=chain,
        window=wanted.window,
        rejection=wanted.rejection,
        causal=True,
        simulated=True,
        refused=refused,
        missed=len(found.missed),
        source_rate_hz=found.info.rate_hz,
    )

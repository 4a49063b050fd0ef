"""``python -m benchmarks.search``: where a free search leads, with a simulated participant, session by session.

No process, no socket: the simulated participant's EEG is cut by the live pipeline, the calibration is the session's own
(plan, bets, verdict), and so are rounds, decoder and ranking. What is told of each round: the place of the secret goal,
and how high its ten nearest neighbours stand. Only sessions that end as decodable search; how many do is told.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from acquisition.offline import Epochs, cut
from acquisition.participant.attention import looks_for
from acquisition.participant.reaction import Reaction
from acquisition.participant.session import WARM_BLOCKS
from acquisition.participant.stimuli import write_responses
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import BundleError, EegseekError
from config.presentation import Block as Shown
from config.search import MARKER, OTHER, WANTED
from config.settings import ParticipantSource
from eegseek.session.own_gallery import figures, vectors
from eegseek.session.seek_plans import MARKERS, Shape, Things, calibration, round_of
from eegseek.session.setup import SIMULATED_UV
from eegseek.session.sought import write_categories
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery
from training.calibration.attend import Search, centred
from training.calibration.blocks import Block
from training.calibration.calibration import Calibration
from training.calibration.decoder import Decoder, fit
from training.calibration.noise import plan_of_preset
from training.calibration.task import Task

MUSE, RATE_HZ = ("TP9", "AF7", "AF8", "TP10"), 256.0
NEAREST = 10
LEAD_S, TAIL_S = 4.0, 2.0


class Head:
    """A simulated head that is shown one presentation after the other: a source for `acquisition.offline.cut`."""

    def __init__(self, settings: ParticipantSource) -> None:
        self._reaction = Reaction(settings)
        self._parts = self._reaction.session.background()
        self._shown: list[tuple[float, str]] = []
        self._end = self._rows = self._first = self._row = 0
        for _ in range(WARM_BLOCKS):
            self._background()

    def show(self, shown: Sequence[tuple[float, str]]) -> Head:
        """What is shown next: onsets, s from the beginning, and labels."""
        self._shown, self._end = list(shown), round((shown[-1][0] + TAIL_S) * RATE_HZ)
        return self

    def open(self) -> StreamInfo:
        """Begin."""
        self._first, self._row = self._rows, 0
        return StreamInfo("simulated", "participant", RATE_HZ, MUSE, simulated=True, exact_rows=True)

    def read(self, timeout_s: float) -> Chunk:
        """A second of EEG, as long as there is one."""
        n = round(RATE_HZ)
        now = [(at, label) for at, label in self._shown if self._row <= at * RATE_HZ < self._row + n]
        for at, label in now:
            self._reaction.evoke(label, self._first + at * RATE_HZ)
        samples = (self._background() + self._reaction.block(n)).astype(np.float32)
        stamps = np.arange(self._row, self._row + n) / RATE_HZ
        events = tuple(Event(at, label, at * RATE_HZ) for at, label in now)
        self._row += n
        self._rows += n
        return Chunk(samples, stamps, stamps[-1], stamps, events=events, final=self._row >= self._end)

    def close(self) -> None:
        """Nothing to let go of: the head stays."""

    def _background(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(sum(part.block(round(RATE_HZ)) for part in self._parts))


@dataclass(frozen=True)
class Went:
    """How one session went.

    Attributes
    ----------
    verdict, auc
        Of the calibration.
    goal
        Place of the goal after each round, from 1.
    neighbours
        Mean percentile of its nearest after each round, 1 is first; 0.5 by chance.
    """

    verdict: str
    auc: float | None
    goal: list[int] = field(default_factory=list)
    neighbours: list[float] = field(default_factory=list)


def things_of(vectors_: Vectors | None) -> Things:
    """The session's own gallery, or one of given vectors (items, dim)."""
    if vectors_ is None:
        ids = tuple(one.id for one in figures())
        return Things(ids, ids, tuple("x" for _ in ids), vectors())
    ids = tuple(str(k) for k in range(len(vectors_)))
    return Things(ids, ids, tuple("x" for _ in ids), unit_norm(vectors_))


def percentile(ranking: np.ndarray[tuple[int, ...], np.dtype[np.int64]], rows: Sequence[int]) -> float:
    """Mean place of some rows in a ranking (items,): 1 is first, 0 is last, 0.5 is chance."""
    place = np.empty(len(ranking))
    place[ranking] = np.arange(len(ranking))
    return float(1 - place[list(rows)].mean() / (len(ranking) - 1))


def session(things: Things, snr_db: float, seed: int, shape: Shape, rounds: int, count: int) -> Went:
    """One simulated session."""
    rng = np.random.default_rng([seed, 4])
    goal = int(rng.integers(len(things)))
    near = [k for k in np.argsort(-(things.vectors @ things.vectors[goal]), kind="stable").tolist() if k != goal]
    with tempfile.TemporaryDirectory(prefix="eegseek-") as folder:
        labels, responses = looks_for(things.ids, things.vectors, goal, seed, (f"{WANTED}/", f"{OTHER}/", MARKER))
        write_responses(Path(folder) / "r.safetensors", labels, responses, np.zeros((len(labels), 0), np.float32))
        head = Head(
            ParticipantSource(
                channels=MUSE, rate_hz=RATE_HZ, snr_db=snr_db, person=seed, seed=seed,
                responses=str(Path(folder) / "r.safetensors"), react_to="offline",
            )
        )  # fmt: skip
        gallery = Gallery.load(write_categories(Path(folder)))
    base = plan_of_preset()
    rejection = base.rejection.model_copy(update={"peak_to_peak_uv": SIMULATED_UV})
    plan = replace(base, rejection=rejection, markers=base.markers.model_copy(update={"stimulus": MARKERS}))
    shown = calibration(things, shape)
    learning = Calibration(plan, Task.of(shown), gallery)
    for number, block in enumerate(shown.blocks):
        learning.take(_block(cut(head.show(_onsets(block)), plan), number))
        if learning.progress.verdict != "going_on":
            break
    progress = learning.progress
    if progress.verdict != "decodable":
        return Went(progress.verdict, progress.whole.auc)
    went = Went(progress.verdict, progress.whole.auc)
    decoder = _decoder(learning, gallery)
    space, search = centred(things.vectors), Search.begin(things.vectors.shape[1])
    for number in range(rounds):
        rows = search.next_round(space, count, shape.seed)
        epochs = cut(head.show(_onsets(round_of(things, rows, number + 1, shape).blocks[0])), plan)
        scores = decoder.scores(np.ascontiguousarray(epochs.data[:, 0]))
        answered = [things.ids.index(label.removeprefix(MARKER)) for label in epochs.labels]
        search = search.after(answered, (scores[:, 0] - scores[:, 1]).tolist(), space)
        ranking = search.ranking(space)
        went.goal.append(int(np.flatnonzero(ranking == goal)[0]) + 1)
        went.neighbours.append(percentile(ranking, near[:NEAREST]))
    return went


def _onsets(block: Shown) -> list[tuple[float, str]]:
    """Onsets of a block, s, and labels."""
    at, found = LEAD_S, []
    for trial in block.trials:
        found.append((at, trial.stimulus))
        at += trial.on_s + trial.blank_s
    return found


def _block(epochs: Epochs, number: int) -> Block:
    rejected = {"rejected": len(epochs.refused)} if epochs.refused else {}
    return Block(number, epochs.data[:, 0], epochs.labels, tuple(epochs.onsets_s.tolist()), rejected, simulated=True)


def _decoder(learning: Calibration, gallery: Gallery) -> Decoder:
    """Of all that was shown in the calibration, as its bundle."""
    from training.trials.epochs import Origin, gather

    kept = [block for block in learning.blocks if len(block)]
    epochs = [block.epochs(learning.channels, learning.plan.window.rate_hz) for block in kept]
    truth = {label: learning.task.categories[label] for block in kept for label in block.labels}
    trials = gather(epochs, [Origin(block.name) for block in kept], gallery, truth)
    wanted = np.stack([gallery.vectors[gallery.row_of[name]] for name in (WANTED, OTHER)])
    found = fit(trials, gallery.vectors, wanted, learning.rules.decoder, 0)
    if found is None:
        raise BundleError("the calibration kept trials of one category only")
    return found


def told(sessions: Sequence[Went], items: int, snr_db: float) -> str:
    """Sessions of one signal-to-noise ratio, in a line for each thing."""
    searched = [one for one in sessions if one.goal]
    aucs = [one.auc for one in sessions if one.auc is not None]
    line = f"{snr_db:+g} dB: {len(searched)} of {len(sessions)} decodable, median AUC {np.median(aucs):.2f}"
    if not searched:
        return line
    goal = np.array([one.goal for one in searched])
    near = np.array([one.neighbours for one in searched])
    places = ", ".join(f"{value:g}" for value in np.median(goal, axis=0))
    highs = ", ".join(f"{value:.2f}" for value in near.mean(axis=0))
    low = ", ".join(f"{value:.2f}" for value in np.quantile(near, 0.1, axis=0))
    return (
        f"{line}\n  median place of the goal of {items} by round (chance {(items + 1) / 2:g}): {places}\n"
        f"  its {NEAREST} nearest, mean percentile (chance 0.50): {highs}; a tenth of sessions below {low}"
    )


def parser() -> argparse.ArgumentParser:
    """Options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__.splitlines()[0])
    made.add_argument("--snr", type=float, nargs="+", default=[0.0, -6.0, -12.0, -18.0], help="dB")
    made.add_argument("--seeds", type=int, default=20, help="sessions of each")
    made.add_argument("--first", type=int, default=0, help="the first seed")
    made.add_argument("--rounds", type=int, default=6)
    made.add_argument("--pictures", type=int, default=40, help="of a round")
    made.add_argument("--blocks", type=int, default=12, help="of the calibration, at most")
    made.add_argument("--trials", type=int, default=40, help="of a block")
    made.add_argument("--on", type=float, default=0.3, help="s")
    made.add_argument("--blank", type=float, default=0.5, help="s")
    made.add_argument("--features", type=Path, help="vectors (.npy) of another gallery, a row an item")
    made.add_argument("--json", type=Path, help="write every session there")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run."""
    given = parser().parse_args(arguments)
    try:
        features = None
        if given.features is not None:
            features = np.load(given.features, allow_pickle=False).astype(np.float32)
            features = features.reshape(len(features), -1)
        things = things_of(features)
        found: dict[float, list[Went]] = {}
        for snr in given.snr:
            found[snr] = []
            for seed in range(given.first, given.first + given.seeds):
                shape = Shape(given.blocks, given.trials, given.on, given.blank, seed, attended=False, simulated=True)
                found[snr].append(session(things, snr, seed, shape, given.rounds, given.pictures))
            sys.stdout.write(told(found[snr], len(things), snr) + "\n")
            sys.stdout.flush()
    except EegseekError as error:
        sys.stderr.write(f"search: {error} [{error.code}]\n")
        return 1
    if given.json is not None:
        table = {f"{snr:g}": [vars(one) for one in sessions] for snr, sessions in found.items()}
        given.json.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

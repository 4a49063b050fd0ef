"""Whether a replay says what an evaluation says: every embedding, every window, and the scores of both."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from acquisition.offline import Epochs, cut
from acquisition.sources.factory import make_source
from benchmarks.live_replay import Replayed, replay_live
from config.bundles import read_session_file
from config.errors import RecordingError
from config.settings import RecordingSource
from inference.bundle import load_encoder
from inference.gallery import Gallery, check_fit
from inference.loaded import LoadedEncoder
from training.metrics import retrieval
from training.trials.epochs import plan_of, rows_of_labels

CLOSE = 0.9999
"""Cosine that every pair of embeddings must reach."""


@dataclass(frozen=True)
class Check:
    """What the two say.

    Attributes
    ----------
    windows, offline_windows, same_windows
        Answered by the replay, cut offline, and whether they are of the same stimuli.
    lowest_cosine
        Between the two embeddings of a window, single trial or running average.
    single_top1, single_top1_offline
        Share of single trials whose best item is the one shown.
    averaged_top1, averaged_top1_offline
        The same of each stimulus' last running average, all of its repeats.
    agrees
        The same windows, every cosine at least ``CLOSE``, and equal scores.
    """

    windows: int
    offline_windows: int
    same_windows: bool
    lowest_cosine: float
    single_top1: float
    single_top1_offline: float
    averaged_top1: float
    averaged_top1_offline: float
    agrees: bool


def compare(
    live: Replayed, epochs: Epochs, encoder: LoadedEncoder, gallery: Gallery, row_of: Mapping[str, int]
) -> Check:
    """Compare published results with embeddings of windows cut offline.

    Parameters
    ----------
    live
        What was published.
    epochs
        Of the same recording.
    encoder, gallery
        Those that the replay used.
    row_of
        Gallery row of each marker label.

    Raises
    ------
    RecordingError
        The recording gives no window whose item the gallery knows.
    """
    offline = [encoder.encode(epochs.data[:, version]) for version in range(2)]
    place = {int(sequence): k for k, sequence in enumerate(epochs.sequences)}
    shared = [(result, place[result.sequence]) for result in live.results if result.sequence in place]
    known = [(result, k) for result, k in shared if epochs.labels[k] in row_of]
    if not known:
        raise RecordingError("no answered window shows an item of the gallery; check the gallery, or give --truth")
    cosines = [float(result.data[version] @ offline[version][k]) for result, k in shared for version in range(2)]
    truth = np.array([row_of[epochs.labels[k]] for _, k in known])
    last = {epochs.labels[k]: n for n, (_, k) in enumerate(known)}  # the latest of each stimulus
    index = np.array(sorted(last.values()))
    published = [np.stack([result.data[version] for result, _ in known]) for version in range(2)]
    recomputed = [np.stack([offline[version][k] for _, k in known]) for version in range(2)]
    single, single_offline = (_top1(vectors, truth, gallery) for vectors in (published[0], recomputed[0]))
    averaged, averaged_offline = (
        _top1(vectors[index], truth[index], gallery) for vectors in (published[1], recomputed[1])
    )
    same = {result.sequence for result in live.results} == place.keys()
    lowest = min(cosines)
    agrees = same and lowest >= CLOSE and single == single_offline and averaged == averaged_offline
    return Check(
        len(live.results), len(place), same, lowest, single, single_offline, averaged, averaged_offline, agrees
    )


def check(
    recordings: Sequence[Path],
    bundle: Path,
    gallery: Path,
    *,
    truth: Path | None = None,
    direct: bool = False,
    json_path: Path | None = None,
    console: Console | None = None,
) -> bool:
    """Replay recordings, compare each with the evaluation of the same file, and draw a table.

    Parameters
    ----------
    recordings
        Played one after the other.
    bundle, gallery
        Folders.
    truth
        Session file; without it a marker's label is the item's id.
    direct
        As fast as it goes in place of real time through LSL.
    json_path
        Write the numbers here too.
    console
        Where to draw.

    Returns
    -------
    bool
        Whether all of them agree.
    """
    console = console or Console()
    encoder, loaded = load_encoder(bundle, "cpu"), Gallery.load(gallery)
    check_fit(encoder.spec, loaded.spec)
    row_of = rows_of_labels(loaded, read_session_file(truth).truth if truth else None)
    found: dict[str, Check] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress, tempfile.TemporaryDirectory() as work:
        for k, file in enumerate(recordings):
            task = progress.add_task(f"cutting {file.name}", total=None)
            epochs = cut(make_source(RecordingSource(file=str(file), speed=0.0)), plan_of(encoder.spec))
            total = len(epochs.labels) + len(epochs.refused)
            progress.update(task, description=f"replaying {file.name}", total=total)
            folder = Path(work) / str(k)
            folder.mkdir()
            told = partial(_advance, progress, task)
            live = replay_live(file, bundle, gallery, folder, direct=direct, told=told)
            found[str(file)] = compare(live, epochs, encoder, loaded, row_of)
    console.print(_table(found, direct))
    if json_path:
        rows = {name: asdict(one) for name, one in found.items()}
        json_path.write_text(json.dumps({"direct": direct, "recordings": rows}, indent=1) + "\n", "utf-8")
    return all(one.agrees for one in found.values())


def _advance(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


def _top1(vectors: NDArray[np.float32], truth: NDArray[np.int64], gallery: Gallery) -> float:
    return float(np.mean(retrieval.ranks(gallery.cosines(vectors), truth) <= 1))


def _table(found: Mapping[str, Check], direct: bool) -> Table:
    way = "as fast as it goes" if direct else "at real time through LSL"
    drawn = Table(title=f"Replay {way}, beside the evaluation of the same file")
    for name in ("recording", "windows", "same windows", "lowest cosine", "single top-1", "averaged top-1", "agrees"):
        drawn.add_column(name)
    for name, one in found.items():
        drawn.add_row(
            Path(name).name,
            f"{one.windows} of {one.offline_windows}",
            "yes" if one.same_windows else "NO",
            f"{one.lowest_cosine:.7f}",
            f"{one.single_top1:.4f} / {one.single_top1_offline:.4f}",
            f"{one.averaged_top1:.4f} / {one.averaged_top1_offline:.4f}",
            "yes" if one.agrees else "NO",
        )
    return drawn

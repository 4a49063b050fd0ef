"""Whether a fast replay says what a slow one says: windows bit for bit, and answers as ``throughput`` mode promises."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from acquisition.offline import Epochs, cut
from acquisition.plan import Plan
from acquisition.sources.factory import make_source
from benchmarks.processes import Processes
from benchmarks.throughput_probe import digest
from config.bundles import read_encoder_spec
from config.errors import ProcessError
from config.settings import (
    DispatchSettings,
    InferenceSettings,
    MarkerSettings,
    RecordingSource,
    RunSettings,
    SessionSettings,
    Settings,
)
from inference.encoders.base import Vectors
from inference.index import Rows
from inference.worker import Decoder
from wire.clock import now
from wire.packets import Result

TIE = 1e-5
"""Cosines closer than this may change places in ``throughput`` mode."""


def offline(recording: Path, bundle: Path) -> Epochs:
    """Every window of a recording, cut by the pipeline without processes."""
    spec = read_encoder_spec(bundle)
    plan = Plan(spec.chain, spec.window, spec.rejection, MarkerSettings())
    return cut(make_source(RecordingSource(file=str(recording), speed=0.0)), plan)


def hashes(epochs: Epochs) -> set[str]:
    """Number and hash of every window."""
    return {digest(int(number), data) for number, data in zip(epochs.sequences, epochs.data, strict=True)}


def sent_hashes(recording: Path, bundles: tuple[Path, Path], speed: float, limit_s: float) -> set[str]:
    """Number and hash of every window that the acquisition process sends, played at a speed.

    Raises
    ------
    ProcessError
        A process failed or did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="eegseek-") as place:
        folder = Path(place)
        (folder / "run").mkdir(mode=0o700)
        settings = Settings(
            session=SessionSettings(name="probe", folder=str(folder / "sessions")),
            source=RecordingSource(file=str(recording), speed=speed),
            dispatch=DispatchSettings(policy="block"),
            inference=InferenceSettings(encoder=str(bundles[0]), gallery=str(bundles[1]), spare=False),
            run=RunSettings(folder=str(folder / "run")),
        )
        config, found = folder / "settings.json", folder / "hashes.txt"
        config.write_text(settings.model_dump_json(), "utf-8")
        with Processes(folder / "logs") as processes:
            processes.start("probe", "benchmarks.throughput_probe", "--config", str(config), "--hashes", str(found))
            processes.start("acquisition", "acquisition", "--config", str(config))
            _await(processes, "acquisition", limit_s)
            processes.terminate("probe")
            _await(processes, "probe", 10.0)
        return set(found.read_text("utf-8").splitlines())


def _await(processes: Processes, name: str, limit_s: float) -> None:
    until = now() + limit_s
    while not processes.ended(name):
        processes.check()
        if now() > until:
            raise ProcessError(f"the replay's {name} did not end within {limit_s:g} s")
        time.sleep(0.05)
    processes.check()


def exact_answers(decoder: Decoder, epochs: Epochs) -> tuple[dict[int, Vectors], dict[int, tuple[Vectors, Rows]]]:
    """Embeddings, and best items with their cosines, of each window as ``exact`` mode computes them: one by one."""
    vectors, found = {}, {}
    for number, data in zip(epochs.sequences, epochs.data, strict=True):
        embedded = decoder.encoder.encode(data)
        vectors[int(number)] = embedded
        found[int(number)] = decoder.gallery.search(embedded, decoder.rules.top_k)
    return vectors, found


def agreement(results: Sequence[Result], decoder: Decoder, epochs: Epochs) -> tuple[float, bool]:
    """Lowest cosine between the answers' embeddings and those of ``exact`` mode, and whether their items are the same.

    Items are the same where they stand in the same order, but for neighbours whose cosines differ by less than ``TIE``.
    """
    vectors, found = exact_answers(decoder, epochs)
    lowest, same = 1.0, {r.sequence for r in results} == vectors.keys()
    for result in results:
        exact, (cosines, rows) = vectors[result.sequence], found[result.sequence]
        lowest = min(lowest, float(np.sum(result.data.astype(np.float64) * exact, axis=1).min()))
        for version, answer in enumerate(result.answers):
            given = [decoder.gallery.row_of[hit.id] for hit in answer.hits]
            same &= same_items(given, rows[version].tolist(), cosines[version].tolist())
            same &= bool(np.allclose([h.cosine for h in answer.hits], cosines[version], atol=TIE))
    return lowest, same


def same_items(given: Sequence[int], wanted: Sequence[int], cosines: Sequence[float]) -> bool:
    """Whether two lists of the best items agree but for ties.

    Parameters
    ----------
    given, wanted
        Rows of the gallery, best first.
    cosines
        Of ``wanted``.
    """
    if len(given) != len(wanted):
        return False
    place = {row: k for k, row in enumerate(wanted)}
    for k, row in enumerate(given):
        other = place.get(row)
        # an item that is not in the list can only have taken the place of one that ties with the last
        if abs(cosines[len(wanted) - 1 if other is None else other] - cosines[k]) >= TIE:
            return False
    return True

"""Epochs and galleries for tests of training: windows that carry the embedding of what was shown, on noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.account import Account
from acquisition.offline import Epochs
from acquisition.plan import Plan
from acquisition.types import Refused, StreamInfo
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings
from inference.gallery import Gallery, write_gallery
from training.evaluation.evaluate_report import evaluate_report
from training.evaluation.evaluate_session import EvaluateRequest
from training.protocols.data import Data
from training.protocols.schema import Metric, Report
from training.trials.epochs import Origin

CHANNELS = ("O1", "Oz", "O2", "Pz")
TIMES, DIM, SPACE = 32, 8, "test:8"


def plan(channels: tuple[str, ...] = CHANNELS) -> Plan:
    """Of the epochs here."""
    window = WindowSettings(start_s=0.0, end_s=0.32, rate_hz=100.0)
    return Plan(ChainSettings(channels=channels), window, RejectionSettings(), MarkerSettings())


def gallery(folder: Path, ids: Sequence[str], *, seed: int = 0, space: str = SPACE, dim: int = DIM) -> Gallery:
    """Random unit vectors; for two items, opposite ones."""
    vectors = np.random.default_rng(seed).standard_normal((len(ids), dim))
    if len(ids) == 2:
        vectors[1] = -vectors[0]
    write_gallery(folder, [Item(id=i, label=i) for i in ids], vectors.astype(np.float32), space=space, model="test")
    return Gallery.load(folder)


def epochs(
    shown: Gallery,
    labels: Sequence[str],
    *,
    signal: float = 1.0,
    seed: int = 0,
    channels: tuple[str, ...] = CHANNELS,
    refused: Sequence[Refused] = (),
    items: Sequence[str] | None = None,
) -> Epochs:
    """A recording in which ``labels`` were seen in this order (``items`` where labels are not ids)."""
    ids = items or labels
    rng = np.random.default_rng(seed)
    vectors = np.array([shown.vectors[shown.row_of[i]] if i in shown.row_of else np.zeros(DIM) for i in ids])
    mixing = np.random.default_rng(99).standard_normal((vectors.shape[1] if len(ids) else DIM, len(channels) * TIMES))
    data = 10 * (signal * vectors @ mixing + rng.standard_normal((len(ids), len(channels) * TIMES)))
    return of_data(data.reshape(-1, 1, len(channels), TIMES).astype(np.float32), labels, channels, refused)


def of_data(
    data: NDArray[np.float32], labels: Sequence[str], channels: tuple[str, ...], refused: Sequence[Refused] = ()
) -> Epochs:
    """Epochs with the given windows (n, versions, channels, times)."""
    n = len(labels)
    return Epochs(
        data=data,
        labels=tuple(labels),
        onsets_s=np.arange(n) * 0.5,
        repeats=np.ones(n, np.int64),
        sequences=np.arange(n),
        refused=list(refused),
        missed=[],
        account=Account(),
        info=StreamInfo("test", "recording", 100.0, channels),
    )


def repeated(ids: Sequence[str], repeats: int, seed: int = 0) -> list[str]:
    """Every id so many times, in random order."""
    return [str(i) for i in np.random.default_rng(seed).permutation(np.repeat(list(ids), repeats))]


def evaluated(
    bundle: Path, made: Sequence[Epochs], folder: Path, origins: Sequence[Origin] = (), **request: Any
) -> Report:
    """A bundle scored on epochs, against the gallery in ``folder``."""
    origins = origins or [Origin(f"run {k}") for k in range(len(made))]
    scored = Data(tuple(made), tuple(origins), plan())
    return evaluate_report(EvaluateRequest(bundle, folder, scored, device="cpu", **request))


def score(found: Report, name: str, repeats: int = 1) -> Metric:
    """A score of the first row with so many repeats."""
    return next(row.metrics[name] for row in found.rows if row.repeats == repeats)

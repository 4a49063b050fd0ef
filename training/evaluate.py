"""How good a bundle is on recordings: retrieval scores, each with chance and interval, and against repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import Epochs
from acquisition.plan import Plan
from config.bundles import EncoderSpec
from config.errors import BundleError, SettingsError
from config.settings import MarkerSettings
from inference.bundle import LoadedEncoder, load_encoder
from inference.gallery import Gallery, check_fit
from training import bootstrap, repeats, scoring
from training.epochs import Origin, Progress, Trials, gather, silent
from training.request import check_device
from training.scoring import Scored, Unit

Report = dict[str, Any]
ROUNDS = 20
"""Random subsets of each stimulus at each repeat count."""
MOST_COSINES = 50_000_000


def plan_of(spec: EncoderSpec, markers: MarkerSettings | None = None) -> Plan:
    """The plan by which a bundle's windows are cut."""
    return Plan(spec.chain, spec.window, spec.rejection, markers or MarkerSettings())


def evaluate(
    bundle: Path | str,
    epochs: Sequence[Epochs],
    gallery: Gallery,
    truth: Mapping[str, str] | None = None,
    *,
    origins: Sequence[Origin] = (),
    unit: Unit = "auto",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> Report:
    """Scores of an encoder bundle on recordings.

    Parameters
    ----------
    bundle
        Folder of the encoder bundle.
    epochs
        Of each recording, cut by `plan_of` its spec.
    gallery
        All of its items are searched for every answer.
    truth, origins
        See `training.epochs.gather`.
    unit
        What the 95 % intervals resample: subjects, stimuli or runs; never trials.
    seed
        Of the random subsets and resamplings.
    device, progress
        ``auto``, ``cpu`` or ``cuda``; told what is being done.

    Returns
    -------
    A dict that JSON can hold; `training.tables` draws it.

    Raises
    ------
    BundleError
        Bundle, gallery and windows do not fit one another.
    RecordingError
        No window is left whose item is known.
    SettingsError
        There are too few of the units that intervals are to resample, or the device is unknown.
    """
    check_device(device)
    encoder = load_encoder(bundle, device)
    check_fit(encoder.spec, gallery.spec)
    trials = gather(epochs, origins, gallery, truth)
    _check_windows(encoder, trials)
    chosen = _unit(trials, unit)
    single = _scored(encoder, trials, gallery, repeats.Subsets(np.arange(len(trials))[:, None]))
    return {
        **_about(encoder, trials, gallery),
        "interval": {"level": 0.95, "resamples": chosen},
        "single_trial": scoring.table(single, chosen, seed=seed),
        "auc_of_runs": _run_aucs(single, trials),
        "by_repeats": _curve(encoder, trials, gallery, chosen, seed, progress),
        "notes": _notes(encoder.spec, trials, chosen),
    }


def _about(encoder: LoadedEncoder, trials: Trials, gallery: Gallery) -> Report:
    """What was evaluated, on what, and what was left out."""
    return {
        "encoder": {"fingerprint": encoder.fingerprint, "architecture": encoder.spec.architecture},
        "gallery": {"fingerprint": gallery.fingerprint, "items": len(gallery), "space": gallery.spec.space},
        "trials": len(trials),
        "stimuli": len(np.unique(trials.rows)),
        "recordings": [origin.name for origin in trials.origins],
        "rejected_or_missed": trials.lost,
        "refused": trials.refused,
        "truth_unknown": sum(trials.unmapped.values()),
        "simulated": encoder.spec.simulated or trials.simulated,
    }


def _check_windows(encoder: LoadedEncoder, trials: Trials) -> None:
    if trials.channels != encoder.spec.channels:
        raise BundleError(
            f"the windows hold channels {', '.join(trials.channels)}, the encoder takes "
            f"{', '.join(encoder.spec.channels)}; cut the recordings by the bundle's own chain"
        )


def _unit(trials: Trials, wanted: Unit) -> str | None:
    units = _units(trials, np.arange(len(trials)))
    chosen = scoring.choose_unit(units, wanted)
    if wanted != "auto" and len(np.unique(units[wanted])) < bootstrap.FEWEST:
        raise SettingsError(
            f"intervals over {wanted} need {bootstrap.FEWEST} or more, the recordings hold "
            f"{len(np.unique(units[wanted]))}; choose another unit"
        )
    return chosen


def _units(trials: Trials, first: NDArray[np.int64]) -> scoring.Units:
    """Unit of answers, each known by its first trial."""
    return {
        "subjects": trials.subject[first],
        "stimuli": trials.rows[first],
        "runs": trials.recording[first],
    }


def _scored(encoder: LoadedEncoder, trials: Trials, gallery: Gallery, subsets: repeats.Subsets) -> Scored:
    first = subsets.members[:, 0]
    cosines = gallery.cosines(subsets.encode(trials, encoder.encode))
    return Scored(cosines, trials.rows[first], _units(trials, first))


def _run_aucs(single: Scored, trials: Trials) -> dict[str, float | None]:
    if single.cosines.shape[1] != 2:
        return {}
    found = scoring.run_aucs(single)
    return {trials.origins[run].name: (area if np.isfinite(area) else None) for run, area in found.items()}


def _curve(
    encoder: LoadedEncoder, trials: Trials, gallery: Gallery, unit: str | None, seed: int, progress: Progress
) -> list[Report]:
    """Scores of averages, for each repeat count: random subsets of the repeats, drawn without replacement.

    Averages of several runs belong to no single run, so only stimuli or subjects can be resampled here.
    """
    counts = repeats.counts(trials)
    members = repeats.groups(trials)
    points = []
    for done, count in enumerate(counts):
        progress("scoring averages", done, len(counts))
        rounds = repeats.rounds(len(members), ROUNDS)
        subsets = repeats.draw(members, count, rounds, np.random.default_rng((seed, count)))
        if len(subsets.members) * len(gallery) > MOST_COSINES:
            keep = MOST_COSINES // len(gallery)
            subsets = repeats.Subsets(np.random.default_rng(seed).permutation(subsets.members)[:keep])
        scored = _scored(encoder, trials, gallery, subsets)
        scored.units["runs"] = np.zeros_like(scored.truth) if count > 1 else scored.units["runs"]
        able = sum(len(m) >= count for m in members)
        scores = scoring.table(scored, unit if unit != "runs" else None, seed=seed)
        points.append({"repeats": count, "stimuli": able, "answers": len(scored.truth), **scores})
    progress("scoring averages", len(counts), len(counts))
    return points


def _notes(spec: EncoderSpec, trials: Trials, unit: str | None) -> list[str]:
    notes = []
    trained = {record.get("sha256") for record in spec.training.get("recordings", []) if isinstance(record, dict)}
    seen = [origin.name for origin in trials.origins if origin.sha256 in trained]
    if seen:
        notes.append(f"the encoder was trained on {', '.join(seen)}: these scores say nothing about new recordings")
    if unit is None:
        few = ", ".join(f"{count} {name}" for name, count in scoring.FEWEST.items())
        notes.append(f"no interval: it would need at least {few} (any one of these)")
    if len(np.unique(trials.rows)) < scoring.FEWEST["stimuli"]:
        notes.append("markers name categories: averages over repeats mix different pictures of one category")
    if not spec.causal:
        notes.append("the encoder was trained on files filtered without causality: it cannot do as well live")
    if trials.unmapped:
        notes.append(f"{sum(trials.unmapped.values())} windows whose truth is unknown are not scored")
    return notes

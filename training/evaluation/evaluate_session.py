"""One evaluation: bundle, gallery and trials, checked for leaks once, for all protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import BundleError, SettingsError
from config.settings import RecordingSource
from inference.bundle import load_encoder
from inference.gallery import Gallery, check_fit
from inference.loaded import LoadedEncoder
from training.confidence import scoring
from training.metrics import bootstrap
from training.protocols import concepts, leaks, zero_shot
from training.protocols.blocked import check_time
from training.protocols.conditions import Conditions, conditions
from training.protocols.data import Data
from training.protocols.retrain import Again, fitting
from training.protocols.schema import Curve, Row
from training.trials import split
from training.trials.epochs import Progress, Trials

Found = tuple[list[Row], list[Curve]]
"""What a protocol gives."""


@dataclass(frozen=True)
class EvaluateRequest:
    """What to score, and how.

    Attributes
    ----------
    bundle, gallery
        Folders.
    scored
        Epochs that the bundle has not seen.
    learned
        Epochs to learn from, for protocols that train again; None: the scored ones, where a protocol can do with that.
    protocols
        Names in `PROTOCOLS`.
    options
        Ways, repeats, galleries and intervals.
    shots, ends_s, channels, folds
        Of few-shot classes, of the sweeps, and of concept hold-out; empty: usual.
    calibration
        Epochs that post-hoc corrections are fitted on; never scored.
    sources
        The recordings that are scored, as files, for protocols that filter them in other ways.
    categories
        Table of categories; None: the items' attributes.
    unknown
        Marker of windows in which nothing of the gallery was shown, for the open set.
    allow_seen, allow_blocked
        Score what would be refused, and mark every row.
    device
        ``auto``, ``cpu`` or ``cuda``.
    with_figures
        Gather what a page draws, too.
    """

    bundle: Path
    gallery: Path
    scored: Data
    learned: Data | None = None
    protocols: tuple[str, ...] = ("zero-shot",)
    options: zero_shot.Options = field(default_factory=zero_shot.Options)
    shots: tuple[int, ...] = ()
    ends_s: tuple[float, ...] = ()
    channels: tuple[int, ...] = ()
    folds: int = concepts.FOLDS
    calibration: Data | None = None
    sources: tuple[RecordingSource, ...] = ()
    categories: Path | None = None
    unknown: str = ""
    allow_seen: bool = False
    allow_blocked: bool = False
    device: str = "auto"
    with_figures: bool = False


class Evaluation:
    """One evaluation: what several protocols need is made once."""

    def __init__(self, request: EvaluateRequest, work: Path, progress: Progress) -> None:
        self.request, self.work, self.progress = request, work, progress
        self.encoder: LoadedEncoder = load_encoder(request.bundle, request.device)
        self.plain = Gallery.load(request.gallery)
        self.gallery = fitting(request.gallery, self.plain, request.bundle, self.encoder.spec, work / "gallery")
        check_fit(self.encoder.spec, self.gallery.spec)
        self.trials: Trials = request.scored.trials(self.gallery)
        self._check_windows()
        self._check_unit()

    @cached_property
    def zero_shot_claimed(self) -> bool:
        """Markers that name few categories are met in training too; there recordings are new, not stimuli."""
        return len(np.unique(self.trials.rows)) >= split.FEW_ITEMS

    @cached_property
    def checked(self) -> tuple[Conditions, tuple[str, ...]]:
        """Conditions of the bundle on what is scored, every leak refused; and notes."""
        seen, notes = leaks.check_bundle(
            self.encoder.spec,
            self.trials,
            self.gallery,
            zero_shot=self.zero_shot_claimed,
            allow_seen=self.request.allow_seen,
        )
        blocked, more = self.timed
        seen = seen and self.zero_shot_claimed
        return conditions(self.encoder.spec, self.trials, blocked=blocked, seen=seen), (*notes, *more)

    @cached_property
    def timed(self) -> tuple[bool, tuple[str, ...]]:
        """Whether labels can be told from time, and notes."""
        return check_time(self.trials, self.gallery, allow_blocked=self.request.allow_blocked)

    @property
    def again(self) -> Again:
        """Trains as the bundle was trained."""
        request = self.request
        return Again(self.encoder.spec, self.plain, request.gallery, self.work, request.device, self.progress)

    def check_unadapted(self) -> None:
        """Refuse to train again towards a gallery that an adapter has changed: it would be adapted twice.

        Raises
        ------
        SettingsError
            Names the space that is needed.
        """
        adapter = self.encoder.spec.adapter
        if adapter is not None and self.plain.spec.space == self.encoder.spec.space:
            raise SettingsError(
                f"gallery '{self.request.gallery}' has been through the encoder's adapter, and decoders that are "
                f"trained again have adapters of their own; give the gallery of space '{adapter.space}' that it was "
                "made from"
            )

    def retrained(self, learned: Data) -> Conditions:
        """Conditions of decoders that are trained anew; what they learn from is checked for time as well."""
        self.check_unadapted()
        blocked, _ = self.timed
        if learned is not self.request.scored:
            trials = learned.without_signal(self.gallery)
            more, _ = check_time(trials, self.gallery, allow_blocked=self.request.allow_blocked)
            blocked = blocked or more
        return conditions(self.encoder.spec, self.trials, blocked=blocked)

    def _check_windows(self) -> None:
        have, want = self.trials.channels, self.encoder.spec.channels
        if have != want:
            raise BundleError(
                f"the windows hold channels {', '.join(have)}, the encoder takes {', '.join(want)}; cut the recordings "
                "by the bundle's own chain"
            )

    def _check_unit(self) -> None:
        wanted = self.request.options.unit
        have = 0 if wanted == "auto" else len(np.unique(self._units[wanted]))
        if wanted != "auto" and have < bootstrap.FEWEST:
            raise SettingsError(
                f"intervals over {wanted} need {bootstrap.FEWEST} or more, the recordings hold {have}; choose another "
                "unit (--unit)"
            )

    @property
    def _units(self) -> scoring.Units:
        return {"subjects": self.trials.subject, "stimuli": self.trials.rows, "runs": self.trials.recording}

    def about(self) -> dict[str, Any]:
        """What was scored, on what, and what was left out."""
        spec, trials = self.encoder.spec, self.trials
        return {
            "encoder": {"fingerprint": self.encoder.fingerprint, "architecture": spec.architecture},
            "gallery": {
                "fingerprint": self.gallery.fingerprint,
                "items": len(self.gallery),
                "space": self.gallery.spec.space,
                "model": self.gallery.spec.model,
            },
            "protocols": list(self.request.protocols),
            "trials": len(trials),
            "stimuli": len(np.unique(trials.rows)),
            "subjects": len(np.unique(trials.subject)),
            "recordings": [origin.name for origin in trials.origins],
            "channels": list(trials.channels),
            "window_s": [spec.window.start_s, spec.window.end_s],
            "rate_hz": spec.window.rate_hz,
            "rejected_or_missed": trials.lost,
            "refused": dict(trials.refused),
            "truth_unknown": sum(trials.unmapped.values()),
            "causal": spec.causal and trials.causal,
            "simulated": spec.simulated or trials.simulated,
            "seed": self.request.options.seed,
            "intervals": "95 %, percentile bootstrap over whole subjects, stimuli or runs, never trials",
        }

    def notes(self) -> list[str]:
        """What people should know of the scores."""
        notes: list[str] = []
        if "checked" in self.__dict__:
            notes += self.checked[1]
        elif "timed" in self.__dict__:
            notes += self.timed[1]
        if len(np.unique(self.trials.rows)) < split.FEW_ITEMS:
            notes.append("markers name categories: averages over repeats mix different pictures of one category")
        if not (self.encoder.spec.causal and self.trials.causal):
            notes.append("filters without causality were used: no live session can do as well")
        if scoring.choose_unit(self._units, self.request.options.unit) is None:
            few = ", ".join(f"{count} {name}" for name, count in scoring.FEWEST.items())
            notes.append(f"no interval: it would need at least {few} (any one of these)")
        if self.trials.unmapped:
            notes.append(f"{sum(self.trials.unmapped.values())} windows whose truth is unknown are not scored")
        if self.trials.simulated or self.encoder.spec.simulated:
            notes.append("simulated participant, not a person")
        return notes

"""What is trained on: recordings, cut now, or epochs folders, cut before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acquisition.offline import Epochs
from acquisition.plan import Plan
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError, SettingsError
from config.settings import RecordingSource, Settings
from training.trials.epoch_files import StoredEpochs, is_epochs, read_epochs
from training.trials.epochs import Origin, Progress, cut_recordings


@dataclass(frozen=True)
class Inputs:
    """Epochs, where they come from, the plan that cut them, and what was left out of them, in words."""

    epochs: tuple[Epochs, ...]
    origins: tuple[Origin, ...]
    plan: Plan
    notes: tuple[str, ...] = ()


def read_inputs(
    paths: Sequence[Path], settings: Settings, progress: Progress, *, asr: float = 0.0, faster: bool = False
) -> Inputs:
    """Epochs of recordings, or of epochs folders.

    Parameters
    ----------
    paths
        Files, journals included; or folders made by ``eegseek dataset epochs``.
    settings
        Chain, window, rejection and markers, and how recordings are read. Epochs folders bring their own chain.
    progress
        Told while recordings are cut.
    asr
        Cutoff, in standard deviations, of an artifact subspace reconstruction that is fitted on these recordings and
        becomes part of the chain; 0: none.
    faster
        Leave out the windows that FASTER's criteria find odd.

    Raises
    ------
    RecordingError
        Files and folders are mixed, or folders were not cut by one plan.
    SettingsError
        Settings ask for another chain than the folders'.
    """
    found = _read(paths, settings, progress, asr)
    return _without_outliers(found) if faster else found


def _without_outliers(inputs: Inputs) -> Inputs:
    from training.trials.artefacts import without_outliers

    kept = [without_outliers(epochs, inputs.plan.window.rate_hz) for epochs in inputs.epochs]
    left_out = sum(int(found.windows.sum()) for _, found in kept)
    windows = sum(len(epochs.labels) for epochs in inputs.epochs)
    return replace(
        inputs,
        epochs=tuple(epochs for epochs, _ in kept),
        notes=(*inputs.notes, f"FASTER left {left_out} of {windows} windows out"),
    )


def _read(paths: Sequence[Path], settings: Settings, progress: Progress, asr: float) -> Inputs:
    folders = [path for path in paths if is_epochs(path)]
    if not folders:
        plan, sources = _plan(settings), _sources(paths, settings)
        if asr:
            from training.trials.artefacts import with_asr

            plan = with_asr(sources, plan, cutoff=asr, progress=progress)
        return Inputs(*cut_recordings(sources, plan, progress), plan)
    if asr:
        raise SettingsError(
            "artifact subspace reconstruction is fitted on recordings, before windows are cut; give the recordings"
        )
    if len(folders) < len(paths):
        other = next(path for path in paths if not is_epochs(path))
        raise RecordingError(f"'{folders[0]}' is an epochs folder and '{other}' is none; give the one or the other")
    for name in ("chain", "window", "rejection"):
        if getattr(settings, name) is not None:
            raise SettingsError(
                f"[{name}] is that of the epochs in '{folders[0]}'; leave the preset and settings of it out, or give "
                "the recordings themselves"
            )
    return _stored([read_epochs(folder) for folder in folders], settings)


def _stored(stored: Sequence[StoredEpochs], settings: Settings) -> Inputs:
    first = stored[0].spec
    for one in stored[1:]:
        for name in ("channels", "chain", "window", "rejection", "unit"):
            if getattr(one.spec, name) != getattr(first, name):
                raise RecordingError(
                    f"epochs '{one.spec.name}' have another {name} than '{first.name}'; cut all by one plan with "
                    "`eegseek dataset epochs`"
                )
    return Inputs(
        tuple(one.epochs() for one in stored), tuple(one.origin for one in stored), stored[0].plan(settings.markers)
    )


def _plan(settings: Settings) -> Plan:
    chain, window = settings.chain or ChainSettings(), settings.window or WindowSettings()
    return Plan(chain, window, settings.rejection or RejectionSettings(), settings.markers)


def _sources(recordings: Sequence[Path], settings: Settings) -> list[RecordingSource]:
    """How each file is read: as ``[source]`` of kind ``recording`` says, where it is given."""
    base = settings.source if isinstance(settings.source, RecordingSource) else RecordingSource(file="")
    return [base.model_copy(update={"file": str(path), "speed": 0.0}) for path in recordings]

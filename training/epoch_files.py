"""Epochs kept in a folder: cut once from large recordings, or taken from a dataset's preprocessed files, then mapped.

``epochs.json`` says what they are, ``windows.npy`` holds the single trials, (n, channels, times) float32, in microvolts
unless ``unit`` says otherwise. The windows are mapped, not read: a part of them costs a part of the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from acquisition.account import Account
from acquisition.offline import Epochs
from acquisition.plan import Plan
from acquisition.types import Missed, Refused, StreamInfo
from config.bundles import file_sha256, parse, read_json
from config.chain import ChainSettings, Frozen, RejectionSettings, WindowSettings
from config.errors import RecordingError
from config.settings import MarkerSettings
from inference.bundle import replacing
from training.epochs import Origin

EPOCHS_JSON, WINDOWS_NPY = "epochs.json", "windows.npy"


class EpochsSpec(Frozen):
    """``epochs.json``."""

    format: Literal["eegseek-epochs"] = "eegseek-epochs"
    version: Literal[1] = 1
    name: str
    """Of the recording, as shown to people, such as ``sub-08 training``."""
    subject: str = ""
    source: str
    """Where they come from, for people: the dataset's files, and how they were processed."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the recorded file, or of the windows themselves; the same data under two names are refused by it."""
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    """Stimulus of each window."""
    onsets_s: tuple[float, ...]
    """Onset of each window in its recording; equal numbers where the file does not say."""
    chain: ChainSettings
    window: WindowSettings
    rejection: RejectionSettings
    causal: bool
    """False where a filter without causality was used: such windows carry the future, and nothing live may use them."""
    unit: Literal["uV", "whitened"] = "uV"
    """``whitened``: noise-normalised by the dataset's authors, without a unit."""
    simulated: bool = False
    refused: dict[str, int] = {}
    """Windows rejected when they were cut, by reason."""
    missed: int = 0
    source_rate_hz: PositiveFloat
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredEpochs:
    """An epochs folder, its windows mapped.

    Attributes
    ----------
    spec
        ``epochs.json``.
    windows
        (n, channels, times) float32, mapped read-only.
    """

    spec: EpochsSpec
    windows: NDArray[np.float32]

    @property
    def origin(self) -> Origin:
        """As `training.epochs.gather` takes it."""
        return Origin(self.spec.name, self.spec.sha256, self.spec.subject)

    def plan(self, markers: MarkerSettings | None = None) -> Plan:
        """The plan by which they were cut, or the nearest to it that a chain can say."""
        return Plan(self.spec.chain, self.spec.window, self.spec.rejection, markers or MarkerSettings())

    def epochs(self) -> Epochs:
        """As the pipeline would have given them, with the single trial as the only version."""
        spec = self.spec
        info = StreamInfo(spec.name, "recording", spec.source_rate_hz, spec.channels, simulated=spec.simulated)
        refused = [Refused(k, "", 0.0, (reason,)) for reason, count in spec.refused.items() for k in range(count)]
        return Epochs(
            data=self.windows[:, None],
            labels=spec.labels,
            onsets_s=np.array(spec.onsets_s),
            repeats=np.ones(len(spec.labels), np.int64),
            sequences=np.arange(len(spec.labels)),
            refused=refused,
            missed=[Missed(k, "", 0.0, "missed when the epochs were cut") for k in range(spec.missed)],
            account=Account(),
            info=info,
            channels=spec.channels,
        )


def is_epochs(path: Path) -> bool:
    """Whether a path is an epochs folder."""
    return (path / EPOCHS_JSON).is_file()


def read_epochs(folder: Path) -> StoredEpochs:
    """Epochs of a folder, their windows mapped.

    Raises
    ------
    BundleError
        ``epochs.json`` is missing or foreign.
    RecordingError
        The windows are missing, or not what ``epochs.json`` says.
    """
    path = folder / EPOCHS_JSON
    spec = parse(EpochsSpec, read_json(path, "description of an epochs folder"), path, "epochs folder")
    wanted = (len(spec.labels), len(spec.channels), spec.window.n_times)
    try:
        windows = np.load(folder / WINDOWS_NPY, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RecordingError(f"'{folder / WINDOWS_NPY}' cannot be mapped: {error}; make the epochs again") from error
    if windows.shape != wanted or windows.dtype != np.float32 or len(spec.onsets_s) != wanted[0]:
        raise RecordingError(
            f"'{folder / WINDOWS_NPY}' holds {windows.shape} {windows.dtype}, epochs.json says {wanted} float32; make "
            "the epochs again"
        )
    return StoredEpochs(spec, windows)


def write_epochs(folder: Path, spec: EpochsSpec, windows: Iterable[NDArray[np.float32]]) -> None:
    """Write an epochs folder in one step; one that is there is replaced.

    Parameters
    ----------
    folder
        Where to.
    spec
        What they are; ``labels`` and ``onsets_s`` give their number.
    windows
        Pieces (some, channels, times) float32, in order: what is large need never be in memory whole.

    Raises
    ------
    RecordingError
        The pieces do not come to as many windows as ``spec`` says.
    """
    shape = (len(spec.labels), len(spec.channels), spec.window.n_times)
    with replacing(folder, EPOCHS_JSON) as new:
        mapped = np.lib.format.open_memmap(new / WINDOWS_NPY, mode="w+", dtype=np.float32, shape=shape)
        done = 0
        for piece in windows:
            mapped[done : done + len(piece)] = piece
            done += len(piece)
        mapped.flush()
        if done != shape[0]:
            raise RecordingError(f"'{folder}' was given {done} windows for {shape[0]} labels")
        del mapped
        if spec.sha256 == "0" * 64:
            spec = spec.model_copy(update={"sha256": file_sha256(new / WINDOWS_NPY)})
        (new / EPOCHS_JSON).write_text(json.dumps(spec.model_dump(mode="json"), ensure_ascii=False) + "\n", "utf-8")

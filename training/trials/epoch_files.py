"""Epochs kept in a folder: cut once from large recordings, or taken from a dataset's preprocessed files, then mapped.

``epochs.json`` says what they are, ``windows.npy`` holds the single trials, (n, channels, times) float32, in microvolts
unless ``unit`` says otherwise. The windows are mapped, not read: a part of them costs a part of the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
from config.bundles import parse, read_json
from config.chain import ChainSettings, Frozen, RejectionSettings, WindowSettings
from config.errors import RecordingError
from config.settings import MarkerSettings
from config.stored_array import NPY_ERRORS, check_npy_header
from inference.bundle import replacing
from training.trials.epochs import Origin

EPOCHS_JSON, WINDOWS_NPY = "epochs.json", "windows.npy"
MOST_LEFT_OUT = 10_000_000
"""Windows that a recording can have lost."""
NO_HASH = "0" * 64
"""Stands for the hash of the windows, which is not known before they are written."""


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
    repeats: tuple[int, ...] = ()
    """Trials that each window is the mean of; empty: one each."""
    sessions: tuple[str, ...] = ()
    """Session of each window; empty: all of one, or the mean over several."""
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
        """As `training.trials.epochs.gather` takes it."""
        return Origin(self.spec.name, self.spec.sha256, self.spec.subject, self.spec.causal)

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
            repeats=np.array(spec.repeats or [1] * len(spec.labels), np.int64),
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
        check_npy_header(folder / WINDOWS_NPY)
        windows = np.load(folder / WINDOWS_NPY, mmap_mode="r", allow_pickle=False)
    except NPY_ERRORS as error:
        why = _first(error)
        raise RecordingError(f"'{folder / WINDOWS_NPY}' cannot be mapped: {why}; make the epochs again") from error
    if not isinstance(windows, np.ndarray):
        windows.close()
        raise RecordingError(f"'{folder / WINDOWS_NPY}' holds several arrays; make the epochs again")
    if windows.shape != wanted or windows.dtype != np.float32 or len(spec.onsets_s) != wanted[0]:
        raise RecordingError(
            f"'{folder / WINDOWS_NPY}' holds {windows.shape} {windows.dtype}, epochs.json says {wanted} float32; make "
            "the epochs again"
        )
    if {len(spec.repeats), len(spec.sessions)} - {0, wanted[0]} or not (
        1 <= min(spec.repeats, default=1) <= max(spec.repeats, default=1) <= MOST_LEFT_OUT
    ):
        raise RecordingError(f"'{path}' does not say of each window how many trials it is of; make the epochs again")
    left_out = (spec.missed, *spec.refused.values())
    if min(left_out) < 0 or sum(left_out) > MOST_LEFT_OUT:
        raise RecordingError(f"'{path}' says that {sum(left_out)} windows were left out, which cannot be")
    return StoredEpochs(spec, windows)


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


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
    with new_epochs(folder, len(spec.channels), spec.window.n_times) as new:
        for piece in windows:
            new.append(piece)
        new.finish(spec)


class NewEpochs:
    """An epochs folder in the making: windows are appended as they come, and what they are is said at the end."""

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        self.folder = folder
        self.shape = shape
        self.count = 0
        self._digest = hashlib.sha256()
        self._stream = (folder / WINDOWS_NPY).open("wb")
        self._head = self._header()

    def append(self, piece: NDArray[np.float32]) -> None:
        """Add windows (some, channels, times) float32."""
        if piece.shape[1:] != self.shape:
            raise RecordingError(f"windows of {piece.shape[1:]} (channels, times) were given, expected {self.shape}")
        data = np.ascontiguousarray(piece, dtype="<f4").data
        self._digest.update(data)
        self._stream.write(data)
        self.count += len(piece)

    def finish(self, spec: EpochsSpec) -> EpochsSpec:
        """Say what they are; a hash of zeros stands for that of the windows.

        Raises
        ------
        RecordingError
            Windows and labels do not fit.
        """
        if {self.count} != {len(spec.labels), len(spec.onsets_s)} or not {len(spec.repeats), len(spec.sessions)} <= {
            0,
            self.count,
        }:
            raise RecordingError(f"'{spec.name}' was given {self.count} windows for {len(spec.labels)} labels")
        self._stream.seek(0)
        if self._header() != self._head:
            raise RecordingError(f"'{spec.name}' holds more windows than a file can say")
        self.close()
        if spec.sha256 == NO_HASH:
            spec = spec.model_copy(update={"sha256": self._digest.hexdigest()})
        text = json.dumps(spec.model_dump(mode="json"), ensure_ascii=False)
        (self.folder / EPOCHS_JSON).write_text(text + "\n", "utf-8")
        return spec

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def _header(self) -> int:
        """Write the header; numpy leaves room in it for the first axis to grow."""
        header = {"descr": "<f4", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self._stream, header)
        return self._stream.tell()


@contextmanager
def new_epochs(folder: Path, channels: int, times: int) -> Iterator[NewEpochs]:
    """An epochs folder that takes its place when all went well; one that is there is replaced."""
    with replacing(folder, EPOCHS_JSON) as new:
        made = NewEpochs(new, (channels, times))
        try:
            yield made
        finally:
            made.close()

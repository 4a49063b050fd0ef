"""What a session's folder holds, gathered for its page: journal, calibration, windows, the presenter's log."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.journal_files import path, segments
from acquisition.journal_format import Bad, Header, Note, PacketRecord, Record, Torn
from acquisition.journal_read import read
from acquisition.types import Chunk, Gap, StreamInfo
from config.bundles import read_session_file
from config.calibration import CALIBRATION_EPOCHS, CALIBRATION_JSON, Progress, read_progress
from config.errors import EegseekError, RecordingError
from config.guide import read_guide
from config.presentation import read_plan
from display.presenter.timing import Timing
from training.calibration.session_files import Shown, read_shown, read_timing
from training.calibration.signal_state import Signal
from training.trials.epoch_files import StoredEpochs, is_epochs, read_epochs
from wire.packets import Rejected, Result
from wire.states import Change

REPORT_JSON, TRUTH_JSON, PLAN_JSON = "report.json", "truth.json", "plan.json"
LOGS = "presented*.jsonl"
STAGES = (
    ("sample arrives", "sample_due", "sample_in"),
    ("window is cut", "sample_in", "cut"),
    ("window is sent", "cut", "sent"),
    ("worker has it", "sent", "received"),
    ("encoded", "received", "embedded"),
    ("searched", "embedded", "searched"),
    ("answer is kept", "searched", "committed"),
)
"""Name, and the two stamps between which it lies."""


@dataclass
class Material:
    """All of it; what is not there is empty.

    Attributes
    ----------
    info
        The headset, as the last segment's journal tells.
    created
        Wall clock of the first segment.
    windows
        Calibration windows (n, channels, times), µV, with labels (n,), their channels and start, s, and rate, Hz.
    right
        Single and averaged answers by number of repeats: right, all. Only where the truth is known.
    stages_ms
        Durations by stage, ms, and ``total`` from the last sample to the kept answer.
    shown_ms
        From the last sample to the screen, as the display reported, ms percentiles.
    frames
        What the presenter measured of its frames, one a presentation.
    categories
        Category of each stimulus, as the plan says.
    faults
        What could not be read, in sentences.
    """

    folder: Path
    progress: Progress | None = None
    info: StreamInfo | None = None
    created: str = ""
    session: str = ""
    duration_s: float = 0.0
    signal: Signal | None = None
    epochs: tuple[StoredEpochs, ...] = ()
    truth: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    can_do: str = ""
    rejected: Counter[str] = field(default_factory=Counter)
    stimuli: int = 0
    results: int = 0
    withheld: int = 0
    right: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    items: int = 0
    stages_ms: dict[str, list[float]] = field(default_factory=dict)
    shown_ms: Shown = field(default_factory=Shown)
    frames: tuple[Timing, ...] = ()
    gaps: int = 0
    lost_samples: float = 0.0
    notes: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    simulated: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def labels(self) -> NDArray[np.str_]:
        """Category of every calibration window."""
        return np.array([self.categories.get(name, name) for one in self.epochs for name in one.spec.labels], dtype=str)

    @property
    def windows(self) -> NDArray[np.float32]:
        """Of every calibration window (n, channels, times), µV."""
        return np.concatenate([one.windows for one in self.epochs])


def gather(folder: Path) -> Material:
    """Everything in a session's folder.

    Raises
    ------
    RecordingError
        It is no session's folder.
    """
    found = segments(folder)
    made = Material(folder, session=folder.name)
    if not found and not (folder / CALIBRATION_JSON).is_file():
        raise RecordingError(
            f"'{folder}' holds neither a journal (segment-0000.esj) nor a {CALIBRATION_JSON}; give the folder of a "
            "session"
        )
    _calibration(made)
    for segment in found:
        try:
            for record in read(path(folder, segment)):
                _fold(made, record)
        except EegseekError as error:
            made.faults.append(str(error))
    _display(made)
    return made


def _calibration(made: Material) -> None:
    folder = made.folder
    try:
        if (folder / CALIBRATION_JSON).is_file():
            made.progress = read_progress(folder / CALIBRATION_JSON)
            made.simulated |= made.progress.simulated
        kept = folder / CALIBRATION_EPOCHS
        places = sorted(kept.iterdir()) if kept.is_dir() else []
        made.epochs = tuple(read_epochs(place) for place in places if is_epochs(place))
        if (folder / TRUTH_JSON).is_file():
            made.truth = dict(read_session_file(folder / TRUTH_JSON).truth)
        if (folder / PLAN_JSON).is_file():
            plan = read_plan(folder / PLAN_JSON)
            made.categories = {one.id: one.category for one in plan.stimuli if one.category}
            made.truth = made.truth or plan.truth
        made.categories = made.categories or made.truth
        guide = read_guide(folder)
        made.can_do = guide.can_do if guide is not None else ""
    except EegseekError as error:
        made.faults.append(str(error))


def _fold(made: Material, record: Record) -> None:
    if isinstance(record, Header):
        made.info, made.session = record.info, record.session
        made.created = made.created or record.created
        made.simulated |= record.info.simulated
        if not made.truth:
            made.truth = _truth_of(record.settings)
        if made.signal is None or made.signal.channels != record.info.channels:
            made.signal = Signal(record.info.channels, record.info.rate_hz)
    elif isinstance(record, Chunk) and made.signal is not None:
        made.signal.add(record.samples)
        made.duration_s += record.samples.shape[1] / made.signal.rate_hz
    elif isinstance(record, Gap):
        made.gaps += 1
        made.lost_samples += record.missing
    elif isinstance(record, Note):
        made.notes.append(record.text)
    elif isinstance(record, Bad):
        made.notes.append(f"marked as bad, {record.seconds:g} s: {record.text}")
    elif isinstance(record, Change):
        if record.role == "source" or record.state in ("lost", "degraded"):
            made.states.append(record.words)
    elif isinstance(record, Torn):
        made.faults.append(f"the journal ends torn ({record.reason}); {record.lost_bytes} bytes are lost")
    elif isinstance(record, PacketRecord):
        _packet(made, record)


def _packet(made: Material, record: PacketRecord) -> None:
    packet = record.packet
    if isinstance(packet, Rejected) and not packet.part:
        made.stimuli += 1
        made.rejected.update(reason.partition(":")[0] for reason in packet.reasons)
    elif isinstance(packet, Result) and packet.final:
        made.stimuli += 1
        made.results += 1
        made.simulated |= packet.simulated
        made.withheld += any(answer.withheld for answer in packet.answers[:1])
        _stamps(made, packet)
        wanted = made.truth.get(packet.stimulus)
        if wanted is None:
            return
        for kind, answer in zip(("single trials", "averages"), packet.answers, strict=False):
            key = kind, (answer.repeats if kind == "averages" else 1)
            right, n = made.right.get(key, (0, 0))
            hit = bool(answer.hits) and answer.hits[0].id == wanted
            made.right[key] = (right + hit, n + 1)
            made.items = max(made.items, len(answer.hits))


def _stamps(made: Material, result: Result) -> None:
    stamps = result.stamps
    for name, first, second in (*STAGES, ("total", "sample_due", "committed")):
        start, end = getattr(stamps, first), getattr(stamps, second)
        if start is not None and end is not None:
            made.stages_ms.setdefault(name, []).append(1e3 * (end - start))


def _truth_of(settings: str) -> dict[str, str]:
    """Truth that the run's settings name, where its file is still there."""
    try:
        named = json.loads(settings).get("session", {}).get("truth", "")
        return dict(read_session_file(Path(named)).truth) if named and Path(named).is_file() else {}
    except (ValueError, RecursionError, AttributeError, EegseekError):
        return {}


def _display(made: Material) -> None:
    try:
        if (made.folder / REPORT_JSON).exists():
            made.shown_ms = read_shown(made.folder / REPORT_JSON)
    except EegseekError as error:
        made.faults.append(str(error))
    for log in sorted(made.folder.glob(LOGS)):
        try:
            timed = read_timing(log)
        except EegseekError as error:
            made.faults.append(str(error))
        else:
            made.frames += (timed,) if timed is not None else ()

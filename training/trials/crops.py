"""Long recordings in crops, one text each: how EEG is paired with reports about it, without any marker [1]_.

The very pipeline that runs live cuts them: a marker is set every so many seconds.

References
----------
.. [1] N'dir, Schirrmeister & Ball (2025), EEG-CLIP: learning EEG representations from natural language descriptions,
   arXiv:2503.16531.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.offline import Epochs, cut
from acquisition.plan import Plan
from acquisition.recordings import Recording, read_recording
from acquisition.recordings.converted import recording_sha256
from acquisition.types import Chunk, Event, StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError, SettingsError
from config.load import load_settings
from config.settings import RecordingSource
from training.trials.epoch_files import EpochsSpec, write_epochs
from training.trials.epochs import Progress, reasons, silent

LEAD_S = 12.0
"""Before the first crop, so that the chain has settled."""


@dataclass(frozen=True)
class Described:
    """A recording, the id of its text in the gallery, and whose it is."""

    file: Path
    text: str
    subject: str = ""


class Crops:
    """A recording as a source, its markers replaced by one every ``step_s``, all of one label.

    Parameters
    ----------
    recording
        Read, with or without markers of its own.
    label
        Of every crop.
    step_s
        From one crop's onset to the next.
    first_s
        Onset of the first.
    """

    def __init__(self, recording: Recording, label: str, step_s: float, first_s: float = LEAD_S) -> None:
        self.recording, self.label, self.step_s, self.first_s = recording, label, step_s, first_s
        self._row = self._crop = 0

    def open(self) -> StreamInfo:
        """Say what it is."""
        r = self.recording
        if r.resets:
            raise RecordingError(f"the clock of '{r.file}' resets midway; cut it there into files of their own")
        return StreamInfo(
            name=r.file.name,
            kind="recording",
            rate_hz=r.rate_hz,
            channels=r.channels,
            simulated=r.simulated,
            exact_rows=r.stamps is None and not r.breaks,
            has_counter=bool(r.breaks),
            notes=r.notes,
            line_hz=r.line_hz,
        )

    def read(self, timeout_s: float) -> Chunk:
        """The next second, with the crops that begin in it."""
        r, start = self.recording, self._row
        self._row = stop = min(start + max(1, round(r.rate_hz)), r.n_rows)
        stamps = r.counter(start, stop) / r.rate_hz if r.stamps is None else r.stamps[start:stop]
        events = []
        while (row := round((self.first_s + self._crop * self.step_s) * r.rate_hz)) < stop:
            events.append(Event(float(stamps[row - start]), self.label, float(row) if r.stamps is None else None))
            self._crop += 1
        counter = r.counter(start, stop) if r.breaks else None
        samples = r.signal.read(start, stop)
        return Chunk(samples, stamps, 0.0, stamps, counter, tuple(events), final=stop == r.n_rows)

    def close(self) -> None:
        """Nothing is held."""


def read_table(path: Path) -> list[Described]:
    """Recordings and their texts: a table with columns ``file`` and ``text`` (a gallery id), perhaps ``subject``.

    Comma or tab separated, with a header line; files are relative to the table's folder.

    Raises
    ------
    SettingsError
        It cannot be read, lacks a column or a cell, or names a file twice.
    """
    try:
        text = path.read_text("utf-8-sig")
        head = text.partition("\n")[0]
        rows = list(csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in head else ","))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the table of recordings '{path}' cannot be read: {error}") from error
    if not rows or not {"file", "text"} <= rows[0].keys():
        raise SettingsError(f"'{path}' has columns {head.strip()!r}; it needs file and text, and may have subject")
    for number, row in enumerate(rows, 2):
        if not row["file"] or not row["text"]:
            raise SettingsError(f"row {number} of '{path}' lacks its file or its text; each recording needs both")
    found = [Described(path.parent / row["file"], row["text"], row.get("subject") or "") for row in rows]
    if len({one.file for one in found}) < len(found):
        raise SettingsError(f"'{path}' names a file twice; a recording has one text")
    return found


def crop(one: Described, plan: Plan, base: RecordingSource, step_s: float) -> Epochs:
    """Crops of a recording, by the plan's window."""
    recording = read_recording(base.model_copy(update={"file": str(one.file), "speed": 0.0}))
    found = cut(Crops(recording, one.text, step_s), plan)
    if not len(found.labels):
        why = ", ".join(f"{reason} {count}" for reason, count in reasons([found]).most_common(3)) or "it is too short"
        raise RecordingError(f"'{one.file}' gives no crop: {why}; loosen [rejection], or shorten the window")
    return found


def crops_command(
    table: Path,
    out: Path,
    *,
    length_s: float,
    step_s: float = 0.0,
    rate_hz: float = 100.0,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    progress: Progress = silent,
) -> list[Path]:
    """Cut every recording of a table into an epochs folder of its own.

    Parameters
    ----------
    table
        See `read_table`.
    out
        The folders go in here.
    length_s, step_s, rate_hz
        Of a crop, from one to the next (0: one after the other), and its sampling rate.
    config, preset, overrides
        Settings: chain, rejection, and how recordings are read.
    progress
        Told after each recording.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    if 0 < step_s < 1 / rate_hz:
        raise SettingsError(f"a step of {step_s:g} s is shorter than a sample at {rate_hz:g} Hz; give a longer --step")
    settings = load_settings(config, preset, overrides)
    base = settings.source if isinstance(settings.source, RecordingSource) else RecordingSource(file="")
    window = WindowSettings(start_s=0.0, end_s=length_s, rate_hz=rate_hz, baseline_s=None)
    plan = Plan(settings.chain or ChainSettings(), window, settings.rejection or RejectionSettings(), settings.markers)
    described = read_table(table)
    folders = []
    for number, one in enumerate(described):
        progress("cropping", number, len(described))
        found = crop(one, plan, base, step_s or length_s)
        folder = out / f"{number:04d}-{one.file.stem}"
        write_epochs(folder, _spec(one, found, plan), [found.data[:, 0]])
        folders.append(folder)
    progress("cropping", len(described), len(described))
    return folders


def _spec(one: Described, found: Epochs, plan: Plan) -> EpochsSpec:
    return EpochsSpec(
        name=one.file.name,
        subject=one.subject,
        source=f"crops of {one.file.name}, text '{one.text}'",
        sha256=recording_sha256(one.file),
        channels=found.channels,
        labels=found.labels,
        onsets_s=tuple(found.onsets_s.tolist()),
        chain=plan.chain.model_copy(update={"channels": found.channels}),
        window=plan.window,
        rejection=plan.rejection,
        causal=True,
        simulated=found.info.simulated,
        refused=dict(reasons([found])),
        missed=len(found.missed),
        source_rate_hz=found.info.rate_hz,
    )

"""Epochs of recordings, cut by the live chain and written as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acquisition.offline import PATIENCE
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.recordings.converted import is_converted, read_spec, recording_sha256
from acquisition.sources.factory import make_source
from acquisition.types import Epoch, Missed, Output, Refused, Source
from config.chain import ChainSettings
from config.errors import RecordingError, SourceError
from config.settings import RecordingSource
from training.datasets.channels import pick
from training.datasets.pieces import Stimuli
from training.datasets.sinks import Means, Singles, Tally
from training.trials.epoch_files import NO_HASH, EpochsSpec, new_epochs
from training.trials.epochs import Progress, silent

CHUNK_S = 1.0
"""What comes out does not depend on it."""
PAUSE_S = 60.0
"""Between sessions, in the onsets of an epochs folder that holds several."""


@dataclass(frozen=True)
class Cutting:
    """What to cut, and how.

    Attributes
    ----------
    recordings
        Of one subject, in the order of their sessions.
    plan
        Chain, window, rejection, markers.
    out
        Epochs folder.
    name, subject
        As shown to people; who.
    channels
        Names or patterns (`channels.pick`); empty: those of the plan.
    average
        Write the mean over the repeats of each stimulus in place of single trials.
    only
        Stimuli to keep; None: all.
    """

    recordings: tuple[Path, ...]
    plan: Plan
    out: Path
    name: str
    subject: str = ""
    channels: tuple[str, ...] = ()
    average: bool = False
    only: Stimuli | None = None


def cut_to_folder(wanted: Cutting, progress: Progress = silent) -> EpochsSpec:
    """Cut recordings by the very chain that runs live, and write an epochs folder in pieces.

    Parameters
    ----------
    wanted
        What and how.
    progress
        Told ``cutting …``, seconds of signal done and in all.

    Returns
    -------
    ``epochs.json``, as written.

    Raises
    ------
    RecordingError
        A recording cannot be read, they do not fit one another, or no window is left.
    SettingsError
        The recordings cannot give what the plan asks for.
    """
    if not wanted.recordings:
        raise RecordingError("no recording is given; name one or more")
    plan = _with_channels(wanted)
    tally, times = Tally(), plan.window.n_times
    with new_epochs(wanted.out, _count(wanted, plan), times) as new:
        sink: Singles | Means = Means(new, tally) if wanted.average else Singles(new, tally)
        for k, path in enumerate(wanted.recordings):
            _cut(path, plan, sink, tally, wanted.only or _every, f"cutting {_session(path, k)}", progress)
        repeats = sink.close()
        if not new.count:
            why = ", ".join(f"{reason} {n}" for reason, n in tally.refused.most_common(3)) or "it has no stimulus"
            raise RecordingError(f"'{wanted.name}' gives no window ({why}); loosen [rejection] or check [markers]")
        return new.finish(_spec(wanted, plan, tally, repeats))


def run(source: Source, plan: Plan, progress: Progress = silent, what: str = "cutting") -> Iterator[Output | Pipeline]:
    """The pipeline's outputs as they come, and first the pipeline itself.

    Raises
    ------
    SourceError
        The source cannot be read, or gives nothing more without having ended.
    """
    try:
        info = source.open()
        pipeline = Pipeline(info, plan)
        yield pipeline
        idle = samples = 0
        final = False
        while not final:
            chunk = source.read(CHUNK_S)
            yield from pipeline.feed(chunk)
            final, idle = chunk.final, 0 if len(chunk.stamps) else idle + 1
            samples += len(chunk.stamps)
            if idle > PATIENCE:
                raise SourceError(f"'{info.name}' gave no sample in {PATIENCE} reads and has not ended")
            progress(what, int(samples / info.rate_hz), 0)
        yield from pipeline.finish()
    finally:
        source.close()


def _cut(
    path: Path,
    plan: Plan,
    sink: Singles | Means,
    tally: Tally,
    only: Stimuli,
    what: str,
    progress: Progress,
) -> None:
    source = make_source(RecordingSource(file=str(path), speed=0.0, chunk_s=CHUNK_S))
    length = _length_s(path)
    session = read_spec(path).session if is_converted(path) else path.stem

    def told(what: str, done: int, total: int) -> None:
        progress(what, min(done, length) if length else done, length)

    first_s: float | None = None
    base_s = last_s = tally.after_s
    for output in run(source, plan, told, what):
        match output:
            case Pipeline():
                _check_same(tally, output, path)
            case Epoch() | Refused() | Missed() if not only(output.stimulus):
                pass
            case Epoch():
                first_s = output.onset_s if first_s is None else first_s
                last_s = base_s + output.onset_s - first_s
                sink.take(output, last_s, session)
            case Refused():
                tally.refused.update(reason.partition(":")[0] for reason in output.reasons)
            case Missed():
                tally.missed += 1
            case _:
                pass
    tally.after_s = last_s + PAUSE_S


def _every(label: str) -> bool:
    return True


def _check_same(tally: Tally, pipeline: Pipeline, path: Path) -> None:
    info = pipeline.info
    if tally.info is None:
        tally.info, tally.channels = info, pipeline.channels
    elif pipeline.channels != tally.channels or info.rate_hz != tally.info.rate_hz:
        raise RecordingError(
            f"'{path}' has {len(pipeline.channels)} channels at {info.rate_hz:g} Hz, not those of "
            f"'{tally.info.name}' at {tally.info.rate_hz:g} Hz; name those to use with --channels"
        )
    tally.notes += [note for note in info.notes if note not in tally.notes]


def _with_channels(wanted: Cutting) -> Plan:
    """The plan, its channels named where a pattern, or none, is given."""
    if not wanted.channels and wanted.plan.chain.channels:
        return wanted.plan
    first = make_source(RecordingSource(file=str(wanted.recordings[0]), speed=0.0))
    try:
        channels = pick(wanted.channels, first.open().channels)
    finally:
        first.close()
    return replace(wanted.plan, chain=ChainSettings(**{**wanted.plan.chain.model_dump(), "channels": channels}))


def _count(wanted: Cutting, plan: Plan) -> int:
    return len(plan.chain.channels)


def _length_s(path: Path) -> int:
    if not is_converted(path):
        return 0
    spec = read_spec(path)
    return int(spec.n_rows / spec.rate_hz)


def _session(path: Path, k: int) -> str:
    return read_spec(path).name if is_converted(path) else path.name or f"recording {k + 1}"


def _sha256(paths: Sequence[Path]) -> str:
    found = [recording_sha256(path) for path in paths]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def _spec(wanted: Cutting, plan: Plan, tally: Tally, repeats: tuple[int, ...]) -> EpochsSpec:
    if tally.info is None:
        raise RecordingError(f"'{wanted.name}' could not be opened")
    several = len(set(tally.sessions)) > 1
    return EpochsSpec(
        name=wanted.name,
        subject=wanted.subject,
        source=f"cut by the live chain from {', '.join(path.name for path in wanted.recordings)}",
        # parts of one recording are different data
        sha256=NO_HASH if wanted.only else _sha256(wanted.recordings),
        channels=tally.channels,
        labels=tuple(tally.labels),
        onsets_s=tuple(tally.onsets_s),
        repeats=repeats,
        sessions=tuple(tally.sessions) if several else (),
        chain=plan.chain,
        window=plan.window,
        rejection=plan.rejection,
        causal=True,
        simulated=tally.info.simulated,
        refused=dict(tally.refused),
        missed=tally.missed,
        source_rate_hz=tally.info.rate_hz,
        notes=tuple(tally.notes),
    )

"""What causality costs: the same windows of the same recordings through causal and through zero-phase filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from acquisition.chain import Chain, sections
from acquisition.offline import Epochs, cut
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.resample import make_grid
from acquisition.sources.factory import make_source
from acquisition.types import Chunk, Epoch, Source, StreamInfo
from config.errors import RecordingError
from config.settings import RecordingSource
from inference.gallery import Gallery
from training.evaluation.paired import Paired, leave_one_recording_out, pair
from training.trials.epochs import Origin, Progress, gather, silent


@dataclass(frozen=True)
class Twins:
    """Epochs of one recording, cut at the very same samples.

    Attributes
    ----------
    causal
        As acquisition cuts them.
    zero_phase
        The same windows of the signal filtered forwards and backwards.
    """

    causal: Epochs
    zero_phase: Epochs


def cut_twins(source: Source, plan: Plan) -> Twins:
    """Windows of a source through its causal chain, and the same through zero-phase filters.

    The zero-phase filter is the same chain run forwards and backwards over the whole source
    (`scipy.signal.sosfiltfilt`): the same edges with twice the attenuation there, and no delay. Windows are those that
    the causal chain accepts, so both have the same trials. Where samples are missing it runs across the gap.

    Parameters
    ----------
    source
        One that ends, played as fast as it goes.
    plan
        What to cut and how.

    Raises
    ------
    SourceError, SettingsError
        As of `acquisition.offline.cut`.
    """
    heard = _Heard(source)
    causal = cut(heard, plan)
    info = causal.info
    chain = Chain(plan.chain.model_copy(update={"asr": None}), info.rate_hz, info.channels)
    raw = np.concatenate([chunk.samples for chunk in heard.chunks], axis=1)
    signals = _rereferenced(plan, info, raw)
    sos = sections(plan.chain, info.rate_hz)
    filtered = signal.sosfiltfilt(sos, signals, axis=1) if len(sos) else signals
    grid = make_grid(plan.window, info.rate_hz)
    ends = _last_samples(heard.chunks, info, plan)
    singles = [grid.cut(filtered[:, end - grid.hi + grid.lo : end + 1]) for end in ends]
    shape = (len(singles), 1, len(chain.channels), plan.window.n_times)
    data = np.array(singles, np.float32).reshape(shape)
    return Twins(causal, replace(causal, data=data, repeats=np.ones(len(singles), np.int64)))


class _Heard:
    """A source that remembers what it gave."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.chunks: list[Chunk] = []

    def open(self) -> StreamInfo:
        return self.source.open()

    def read(self, timeout_s: float) -> Chunk:
        chunk = self.source.read(timeout_s)
        self.chunks.append(chunk)
        return chunk

    def close(self) -> None:
        self.source.close()


def _rereferenced(plan: Plan, info: StreamInfo, raw: NDArray[np.float32]) -> NDArray[np.float64]:
    """The chain's selection and reference alone, what is not finite held."""
    none = {"notch_hz": (), "highpass_hz": None, "lowpass_hz": None, "asr": None}
    return Chain(plan.chain.model_copy(update=none), info.rate_hz, info.channels).process(raw)


def _last_samples(chunks: Sequence[Chunk], info: StreamInfo, plan: Plan) -> list[int]:
    """Index of the last source sample of each accepted window."""
    pipeline = Pipeline(info, plan)
    outputs = [output for chunk in chunks for output in pipeline.feed(chunk)] + pipeline.finish()
    return [output.last_sample for output in outputs if isinstance(output, Epoch)]


def cost_of_causality(
    sources: Sequence[RecordingSource],
    plan: Plan,
    gallery: Gallery,
    *,
    truth: Mapping[str, str] | None = None,
    encoder: str = "riemann",
    parameters: dict[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Paired:
    """Score of a decoder with causal and with zero-phase filters, one recording left out; `Paired.row` reports it.

    Parameters
    ----------
    sources
        Three recordings or more.
    plan
        Chain, window, rejection and markers.
    gallery
        What was shown.
    truth
        Marker label to item id; empty or None: the label is the id.
    encoder, parameters
        Fitted in closed form, with options that are not to be chosen.
    seed
        Of the splits.
    progress
        Told what is done.

    Raises
    ------
    RecordingError
        There are too few recordings, or nothing in them that the gallery knows.
    """
    if not sources:
        raise RecordingError("no recording is given; name three files or more")
    twins, origins = [], []
    for done, settings in enumerate(sources):
        progress("cutting epochs twice", done, len(sources))
        twins.append(cut_twins(make_source(settings.model_copy(update={"speed": 0.0})), plan))
        origins.append(Origin(settings.file))
    progress("cutting epochs twice", len(sources), len(sources))
    found = []
    for name, epochs in (("causal", [t.causal for t in twins]), ("zero phase", [t.zero_phase for t in twins])):
        trials = gather(epochs, origins, gallery, truth)
        found.append(
            leave_one_recording_out(
                name,
                trials,
                trials,
                gallery.vectors,
                encoder,
                parameters=parameters,
                seed=seed,
                progress=progress,
            )
        )
    return pair(encoder, *found)

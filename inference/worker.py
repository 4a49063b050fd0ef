"""The work of a worker, without sockets: windows in, results out, warm before they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference import relevance, score
from inference.bundle import LoadedEncoder
from inference.encoders.base import Vectors, Windows
from inference.gallery import Gallery, check_fit
from inference.index import Rows
from inference.novelty import UNUSUAL, Novelty
from wire.packets import Answer, Failure, Hit, Result, Window

NOT_CAUSAL = "not-causal"
"""Flag of answers by an encoder that was trained on EEG filtered without causality."""
CREDIT_EXACT = 2
"""Windows that a worker in exact mode holds: one at work and one waiting, so that it never idles."""
WARM_UP = 8
"""Rounds before READY; the first take several times as long as the rest."""
BUSY_S = 0.15
"""Longest batch in throughput mode: a heartbeat is sent in between."""
DECODER_ERRORS = (RuntimeError, ValueError, ArithmeticError, np.linalg.LinAlgError)
"""What libraries raise while decoding; a window that brings it about is reported, and the worker lives on."""


@dataclass(frozen=True)
class Rules:
    """How a worker answers.

    Attributes
    ----------
    worker
        Its name.
    mode
        ``exact``: one encoder call and one search a window, bit-equal on one machine; ``throughput``: in batches.
    top_k
        Items in an answer.
    batch
        Windows taken at once in throughput mode.
    withhold_below
        Answers that are right with a lower probability than this are withheld: by the bundle's relevance filter, else
        by the probability of the best item.
    """

    worker: str
    mode: Literal["exact", "throughput"] = "exact"
    top_k: int = 10
    batch: int = 16
    withhold_below: float = 0.0


@dataclass(frozen=True)
class Taken:
    """A window and when it was received, seconds on acquisition's clock."""

    window: Window
    received_s: float


class Decoder:
    """An encoder and a gallery that answer windows.

    Parameters
    ----------
    encoder, gallery
        Of one embedding space.
    rules
        How to answer.
    clock
        Gives seconds on acquisition's clock, for the stage stamps.
    novelty
        Of the encoder bundle: single trials unlike its training data get the flag ``UNUSUAL``.

    Raises
    ------
    BundleError
        Encoder and gallery are of different embedding spaces.
    """

    def __init__(
        self,
        encoder: LoadedEncoder,
        gallery: Gallery,
        rules: Rules,
        clock: Callable[[], float],
        novelty: Novelty | None = None,
    ) -> None:
        check_fit(encoder.spec, gallery.spec)
        self.encoder = encoder
        self.gallery = gallery
        self.rules = rules
        self.clock = clock
        self.novelty = novelty
        self._temperatures: dict[tuple[int, int], tuple[float, bool]] = {}
        self.limit = 1 if rules.mode == "exact" else rules.batch
        """Windows decoded at once; `warm_up` lowers it where a batch would take too long."""

    @property
    def credit(self) -> int:
        """Windows that the dispatcher may have outstanding here."""
        return CREDIT_EXACT if self.rules.mode == "exact" else self.rules.batch

    def warm(self, windows: int = 1) -> float:
        """Embed and search noise at the real shapes once; seconds taken."""
        began = time.perf_counter()
        channels, times = self.encoder.shape
        noise = np.random.default_rng(0).standard_normal((2 * windows, channels, times), dtype=np.float32)
        vectors, *_ = self._decode(noise)
        if self.novelty:
            self.novelty.unusual(noise[0], vectors[0])
        return time.perf_counter() - began

    def warm_up(self) -> None:
        """Rounds of `warm`, until the first window will find everything in place."""
        for _ in range(WARM_UP):
            self.warm()
        if self.limit > 1:
            self.warm(self.limit)
            took = self.warm(self.limit)
            self.limit = max(1, min(self.limit, int(self.limit * BUSY_S / took)))

    def answer(self, taken: Sequence[Taken]) -> list[Result | Failure]:
        """Result of each window, or a Failure where it cannot be decoded.

        Parameters
        ----------
        taken
            At most ``limit`` windows; in exact mode they are decoded one by one.
        """
        faults = [(t, self._fault(t.window)) for t in taken]
        out: list[Result | Failure] = [self._failure(t.window, fault) for t, fault in faults if fault]
        good = [t for t, fault in faults if not fault]
        batches = [[t] for t in good] if self.rules.mode == "exact" else [good]
        for batch in batches:
            if batch:
                out += self._answer(batch)
        return out

    def _answer(self, batch: list[Taken]) -> list[Result | Failure]:
        # arrays and nothing else go in: what was shown stays outside
        windows = np.concatenate([t.window.data for t in batch])
        try:
            vectors, cosines, rows, embedded, searched = self._decode(windows)
        except DECODER_ERRORS as error:
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            return [self._failure(t.window, reason) for t in batch]
        out: list[Result | Failure] = []
        first = 0
        for t in batch:
            part = slice(first, first + t.window.versions)
            first = part.stop
            if np.isfinite(vectors[part]).all():
                out.append(self._result(t, vectors[part], cosines[part], rows[part], embedded, searched))
            else:
                out.append(self._failure(t.window, "the embedding is not finite"))
        return out

    def _decode(self, windows: Windows) -> tuple[Vectors, Vectors, Rows, float, float]:
        """Embeddings, cosines, rows, and when embedding and search ended."""
        vectors = self.encoder.encode(windows)
        embedded = self.clock()
        cosines, rows = self.gallery.search(vectors, score.DEPTH)
        return vectors, cosines, rows, embedded, self.clock()

    def _result(
        self, taken: Taken, vectors: Vectors, cosines: Vectors, rows: Rows, embedded: float, searched: float
    ) -> Result:
        window, spec = taken.window, self.encoder.spec
        # version 0 is the single trial, the others are averages of `repeats`
        repeats = [1] + [window.repeats] * (window.versions - 1)
        temperatures = [self._temperature(n) for n in repeats]
        answers = tuple(
            self._version(cosines[v], rows[v], temperatures[v][0], repeats[v]) for v in range(window.versions)
        )
        flags = window.flags
        if not all(fitted for _, fitted in temperatures):
            flags = (*flags, score.UNCALIBRATED)
        if not spec.causal:
            flags = (*flags, NOT_CAUSAL)
        if self.novelty and self.novelty.unusual(window.data[0], vectors[0]):
            flags = (*flags, UNUSUAL)
        stamps = {"received": taken.received_s, "embedded": embedded, "searched": searched}
        return Result(
            **_identity(window),
            final=window.final,
            stimulus=window.stimulus,
            onset_s=window.onset_s,
            versions=window.versions,
            dim=vectors.shape[1],
            data=vectors,
            answers=answers,
            flags=flags,
            simulated=window.simulated or spec.simulated,
            encoder=self.encoder.fingerprint,
            gallery=self.gallery.fingerprint,
            mode=self.rules.mode,
            worker=self.rules.worker,
            stamps=window.stamps.model_copy(update=stamps),
        )

    def _version(
        self, cosines: NDArray[np.float32], rows: NDArray[np.int64], temperature: float, repeats: int
    ) -> Answer:
        probabilities = score.probabilities(cosines[None], len(self.gallery), temperature)[0]
        hits = tuple(
            self._hit(int(rows[k]), float(cosines[k]), float(probabilities[k]))
            for k in range(min(self.rules.top_k, len(rows)))
        )
        chosen = relevance.choose(self.encoder.spec.relevance, repeats)
        right = relevance.probability(chosen, cosines[None], len(self.gallery))[0] if chosen else probabilities[0]
        return Answer(hits=hits, repeats=repeats, withheld=bool(right < self.rules.withhold_below))

    def _temperature(self, repeats: int) -> tuple[float, bool]:
        """See `score.temperature`; kept, because a bundle may hold a hundred of them."""
        key = (repeats, len(self.gallery))
        if key not in self._temperatures:
            self._temperatures[key] = score.temperature(self.encoder.spec.calibration, *key)
        return self._temperatures[key]

    def _hit(self, row: int, cosine: float, probability: float) -> Hit:
        item = self.gallery.items[row]
        return Hit(id=item.id, label=item.label, modality=item.modality, cosine=cosine, probability=probability)

    def _fault(self, window: Window) -> str:
        """Why a window cannot be decoded; empty where it can."""
        spec = self.encoder.spec
        if window.channels != spec.channels:
            return f"the window's channels are {', '.join(window.channels)}, the encoder's {', '.join(spec.channels)}"
        if window.times != spec.window.n_times:
            return f"the window holds {window.times} samples, the encoder takes {spec.window.n_times}"
        if abs(window.sampling_rate_hz - spec.window.rate_hz) > 1e-6 * spec.window.rate_hz:
            return f"the window is at {window.sampling_rate_hz:g} Hz, the encoder's at {spec.window.rate_hz:g} Hz"
        if not np.isfinite(window.data).all():
            return "the window holds values that are not finite"
        return ""

    def _failure(self, window: Window, reason: str) -> Failure:
        return Failure(**_identity(window), worker=self.rules.worker, reason=reason)


def _identity(window: Window) -> dict[str, str | int]:
    return dict(window.key._asdict())

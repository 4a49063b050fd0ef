"""The work of a worker, without sockets: windows in, results out, warm before they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from config.items_table import named
from inference import relevance, score
from inference.encoders.base import Vectors, Windows
from inference.gallery import Gallery, check_fit
from inference.index import Rows
from inference.loaded import Begun, LoadedEncoder
from inference.nobody import nobodys
from inference.novelty import UNUSUAL, Novelty
from wire.codec import Frame, decode, encode
from wire.packets import Answer, Draft, Failure, Hit, Key, Result, Window

NOT_CAUSAL = "not-causal"
"""Flag of answers by an encoder that was trained on EEG filtered without causality."""
AT_HAND = 2
"""Batches (in exact mode: windows) that a worker holds: one at work and one waiting, so that it never idles."""
BEGUN = 16
"""Windows that may be begun and not yet here."""
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
        by the probability of the best item. (Of a part always by the latter: the filter is fitted on whole windows.)
    """

    worker: str
    mode: Literal["exact", "throughput"] = "exact"
    top_k: int = 10
    batch: int = 16
    withhold_below: float = 0.0


@dataclass(frozen=True)
class _Rule:
    """How answers with so many trials behind them, at one window end, are scored.

    Attributes
    ----------
    temperature, fitted
        Of the softmax, and whether it was fitted for them.
    commit_above
        Probability of the best item from which a part's answer is committed; None: never, and for whole windows.
    """

    temperature: float
    fitted: bool
    commit_above: float | None


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
        Of the encoder bundle: whole single trials unlike its training data get the flag ``UNUSUAL``.

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
        self._rules: dict[tuple[int, int, int], _Rule] = {}
        self._noises: dict[int, list[Frame]] = {}
        self._begun: dict[Key, Begun] = {}
        self._guess: tuple[Key, Window, Begun] | None = None
        self._foreseen: tuple[Key, Any] | None = None
        self._found: tuple[Vectors, Rows] | None = None
        self._rehearsing = False
        self.limit = 1 if rules.mode == "exact" else rules.batch
        """Windows decoded at once; `warm_up` lowers it where a batch would take too long."""

    @property
    def drafts(self) -> bool:
        """Whether the first samples of a window are of use here."""
        return self.rules.mode == "exact" and self.encoder.known > 0

    @property
    def credit(self) -> int:
        """Windows that the dispatcher may have outstanding here."""
        return AT_HAND * (1 if self.rules.mode == "exact" else self.rules.batch)

    def warm(self, windows: int = 1, part: int | None = None) -> float:
        """Answer noise of the real shapes once, of whole windows or of a part, from frames to frames; seconds taken."""
        frames = self._noise(len(self.encoder.times) - 1 if part is None else part)
        began = time.perf_counter()
        made = (decode(frames) for _ in range(windows))
        self._try([window for window in made if isinstance(window, Window)])
        return time.perf_counter() - began

    def rehearse(self) -> float:
        """Answer what is known of the window that was begun last, or noise where none was; seconds taken.

        What is known leads the search to where the window's own will lead, nearly always: the gallery is read now, and
        little of it then. Where it cannot, all is rehearsed but the search: that reads more memory than a processor
        keeps, so that having read it before gains nothing.
        """
        guess, self._guess, self._foreseen = self._guess, None, None
        began = time.perf_counter()
        self._rehearsing = True
        try:
            if guess is None:
                self.warm()
            else:
                self._foresee(*guess)
        finally:
            self._rehearsing = False
        return time.perf_counter() - began

    def _foresee(self, key: Key, window: Window, begun: Begun) -> None:
        try:
            near = self.encoder.encode(window.data, begun)
            foreseen = self.gallery.foresee(near, score.DEPTH) if np.isfinite(near).all() else None
        except DECODER_ERRORS:
            return  # the window itself will bring it to light
        if foreseen is not None:
            self._foreseen = key, foreseen
        self._begun[window.key] = begun
        self._try([window])

    def _try(self, windows: list[Window]) -> None:
        for packet in self.answer([Taken(window, self.clock()) for window in windows]):
            encode(packet)

    def _noise(self, part: int) -> list[Frame]:
        """Frames of a window of noise; made once, since making it takes as long as decoding it."""
        if part not in self._noises:
            shape = (2, len(self.encoder.spec.channels), self.encoder.times[part])
            noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
            self._noises[part] = encode(nobodys(self.encoder.spec, noise, part))
        return self._noises[part]

    def warm_up(self) -> None:
        """Rounds of `warm`, until the first window will find everything in place."""
        for _ in range(WARM_UP):
            self.warm()
        # what they share with whole windows is hot by now
        for part in range(len(self.encoder.times) - 1):
            self.warm(part=part)
        if self.drafts:
            self._warm_foresight()
        if self.limit > 1:
            self.warm(self.limit)
            took = self.warm(self.limit)
            self.limit = max(1, min(self.limit, int(self.limit * BUSY_S / took)))

    def _warm_foresight(self) -> None:
        """Rehearse once from a draft of noise, so that the first rehearsal loads nothing."""
        window, known = decode(self._noise(len(self.encoder.times) - 1)), self.encoder.known
        if isinstance(window, Window):
            data = window.data[:, :, :known]
            self.begin(Draft(**_identity(window), channels=window.channels, versions=2, times=known, data=data))
            self.rehearse()
        self._begun.clear()
        self._foreseen = None

    def begin(self, draft: Draft) -> None:
        """Begin with the first samples of a window that will follow; what does not fit is let go."""
        spec = self.encoder.spec
        if draft.channels != spec.channels or not np.isfinite(draft.data).all():
            return
        try:
            begun = self.encoder.begin(draft.data)
        except DECODER_ERRORS:
            return  # the window itself will bring it to light
        if begun is None:
            return
        self._begun[draft.key] = begun
        if len(self._begun) > BEGUN:
            del self._begun[next(iter(self._begun))]
        missing = self.encoder.times[-1] - draft.times
        if draft.versions == 2 and missing >= 0:
            held = np.pad(draft.data, ((0, 0), (0, 0), (0, missing)), mode="edge")
            self._guess = draft.key, nobodys(spec, held, len(self.encoder.times) - 1), begun

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
        batches = [[t] for t in good] if self.rules.mode == "exact" else _of_one_length(good)
        for batch in batches:
            out += self._answer(batch)
        return out

    def _answer(self, batch: list[Taken]) -> list[Result | Failure]:
        # arrays and nothing else go in: what was shown stays outside
        windows = batch[0].window.data if len(batch) == 1 else np.concatenate([t.window.data for t in batch])
        try:
            key = batch[0].window.key if len(batch) == 1 else None
            begun = None if key is None else self._begun.pop(key, None)
            vectors, cosines, rows, embedded, searched = self._decode(windows, begun, self._foreseen_of(key))
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

    def _foreseen_of(self, key: Key | None) -> Any:
        """What was foreseen of a window; while one is rehearsed, of that which will come."""
        known, foreseen = self._foreseen or (None, None)
        return foreseen if self._rehearsing or (key is not None and key == known) else None

    def _decode(
        self, windows: Windows, begun: Begun | None, foreseen: Any
    ) -> tuple[Vectors, Vectors, Rows, float, float]:
        """Embeddings, cosines, rows, and when embedding and search ended."""
        vectors = self.encoder.encode(windows, begun)
        embedded = self.clock()
        searches = not self._rehearsing or foreseen is not None
        if searches or self._found is None or len(self._found[0]) != len(vectors):
            self._found = self.gallery.search(vectors, score.DEPTH, foreseen)
        return vectors, *self._found, embedded, self.clock()

    def _result(
        self, taken: Taken, vectors: Vectors, cosines: Vectors, rows: Rows, embedded: float, searched: float
    ) -> Result:
        window, spec = taken.window, self.encoder.spec
        # version 0 is the single trial, the others are averages of `repeats`
        repeats = [1] + [window.repeats] * (window.versions - 1)
        rules = [self._rule(n, window.part) for n in repeats]
        answers = tuple(
            self._version(cosines[v], rows[v], rules[v], repeats[v], whole=window.final) for v in range(window.versions)
        )
        flags = window.flags
        if not all(rule.fitted for rule in rules):
            flags = (*flags, score.UNCALIBRATED)
        if not spec.causal:
            flags = (*flags, NOT_CAUSAL)
        if self.novelty and window.final and self.novelty.unusual(window.data[0], vectors[0]):
            flags = (*flags, UNUSUAL)
        stamps = replace(window.stamps, received=taken.received_s, embedded=embedded, searched=searched)
        return Result(
            **_identity(window),
            final=window.final,
            end_s=spec.window.end_s if window.final else spec.window.parts_s[window.part],
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
            stamps=stamps,
        )

    def _version(
        self, cosines: NDArray[np.float32], rows: NDArray[np.int64], rule: _Rule, repeats: int, *, whole: bool
    ) -> Answer:
        probabilities = score.probabilities(cosines[None], len(self.gallery), rule.temperature)[0]
        hits = tuple(
            self._hit(int(rows[k]), float(cosines[k]), float(probabilities[k]))
            for k in range(min(self.rules.top_k, len(rows)))
        )
        chosen = relevance.choose(self.encoder.spec.relevance, repeats) if whole else None
        right = relevance.probability(chosen, cosines[None], len(self.gallery))[0] if chosen else probabilities[0]
        withheld = bool(right < self.rules.withhold_below)
        decided = rule.commit_above is not None and not withheld and bool(probabilities[0] >= rule.commit_above)
        return Answer(hits=hits, repeats=repeats, withheld=withheld, decided=decided)

    def _rule(self, repeats: int, part: int) -> _Rule:
        """Kept, because a bundle may hold a hundred calibrations."""
        key = (repeats, len(self.gallery), part)
        if key not in self._rules:
            fitted, parts_s = self.encoder.spec.calibration, self.encoder.spec.window.parts_s
            if part == len(parts_s):
                self._rules[key] = _Rule(*score.temperature(fitted, *key[:2]), None)
            else:
                own = [c for c in fitted if c.window_end_s is not None and isclose(c.window_end_s, parts_s[part])]
                # the temperature of another window end is better than none, and yet not this one's: nothing is
                # committed by it
                temperature, known = score.temperature(own or fitted, *key[:2], parts_s[part])
                above = score.commit_above(own, *key[:2], parts_s[part])
                self._rules[key] = _Rule(temperature, known and bool(own), above)
        return self._rules[key]

    def _hit(self, row: int, cosine: float, probability: float) -> Hit:
        identity, label, modality = named(self.gallery.items, row)
        return Hit(id=identity, label=label, modality=modality, cosine=cosine, probability=probability)

    def _fault(self, window: Window) -> str:
        """Why a window cannot be decoded; empty where it can."""
        spec = self.encoder.spec
        if window.channels != spec.channels:
            return f"the window's channels are {', '.join(window.channels)}, the encoder's {', '.join(spec.channels)}"
        last = len(spec.window.parts_s)
        if window.part > last or window.final != (window.part == last):
            which = "the whole window" if window.final else "a part"
            return f"part {window.part} is said to be {which}, the encoder's whole window is part {last}"
        if window.times != self.encoder.times[window.part]:
            return f"the window holds {window.times} samples, the encoder takes {self.encoder.times[window.part]}"
        if abs(window.sampling_rate_hz - spec.window.rate_hz) > 1e-6 * spec.window.rate_hz:
            return f"the window is at {window.sampling_rate_hz:g} Hz, the encoder's at {spec.window.rate_hz:g} Hz"
        if not np.isfinite(window.data).all():
            return "the window holds values that are not finite"
        return ""

    def _failure(self, window: Window, reason: str) -> Failure:
        return Failure(**_identity(window), worker=self.rules.worker, reason=reason)


def _of_one_length(taken: list[Taken]) -> list[list[Taken]]:
    """Windows and parts that can be decoded together."""
    groups: dict[int, list[Taken]] = {}
    for one in taken:
        groups.setdefault(one.window.times, []).append(one)
    return list(groups.values())


def _identity(window: Window) -> dict[str, Any]:
    return window.key._asdict()

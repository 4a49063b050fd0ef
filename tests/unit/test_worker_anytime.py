"""The decoder on parts of windows: what is known of them, scored and committed by what was fitted for their end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from config.bundles import Calibration, EncoderSpec, Item, Relevance
from config.chain import ChainSettings, WindowSettings
from inference import score
from inference.encoders.base import Vectors, Windows
from inference.gallery import Gallery, write_gallery
from inference.loaded import LoadedEncoder
from inference.novelty import UNUSUAL
from inference.worker import Decoder, Rules, Taken
from wire.packets import Failure, Result, Window

CHANNELS = ("O1", "O2")
PARTS_S, DIM = (0.1, 0.2), 6
TIMES = (25, 50, 100)
LAST = 2


class Means:
    """An encoder of the test's own: it embeds sums over time, to which zeros behind a part add nothing."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def embed(self, windows: Windows) -> Vectors:
        self.seen.append(windows.shape)
        mixed = np.random.default_rng(3).standard_normal((len(CHANNELS), DIM)).astype(np.float32)
        return np.asarray(windows.sum(axis=2) @ mixed, dtype=np.float32)


def fitted(end_s: float | None, temperature: float, above: float | None = None, repeats: int = 1) -> Calibration:
    return Calibration(
        repeats=repeats,
        temperature=temperature,
        log_loss=1.0,
        calibration_error=0.1,
        n_stimuli=50,
        gallery_size=80,
        window_end_s=end_s,
        commit_above=above,
    )


def encoder(*calibration: Calibration, **other: Any) -> LoadedEncoder:
    fields: dict[str, Any] = {
        "architecture": "nice",
        "channels": CHANNELS,
        "window": WindowSettings(end_s=0.4, rate_hz=250.0, parts_s=PARTS_S),
        "chain": ChainSettings(channels=CHANNELS),
        "space": "test",
        "dim": DIM,
        "weights_sha256": "0" * 64,
        "calibration": calibration,
    }
    return LoadedEncoder(EncoderSpec(**{**fields, **other}), "f" * 16, "cpu", Means())


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder: Path = tmp_path_factory.mktemp("anytime") / "gallery"
    vectors = np.random.default_rng(0).standard_normal((80, DIM)).astype(np.float32)
    write_gallery(folder, [Item(id=f"i{k}", label=f"l{k}") for k in range(80)], vectors, space="test", model="random")
    return Gallery.load(folder)


def decoder(loaded: LoadedEncoder, gallery: Gallery, novelty: Any = None, **rules: Any) -> Decoder:
    ticks: Iterator[int] = count(100)
    return Decoder(loaded, gallery, Rules("w", **rules), lambda: float(next(ticks)), novelty)


def piece(part: int, sequence: int = 0, **changes: Any) -> Window:
    whole = np.random.default_rng(sequence).standard_normal((2, len(CHANNELS), TIMES[-1])).astype(np.float32) * 10
    fields: dict[str, Any] = {
        "session": "s",
        "segment": 0,
        "sequence": sequence,
        "part": part,
        "final": part == LAST,
        "stimulus": "x",
        "onset_s": 1.0,
        "sampling_rate_hz": 250.0,
        "first_sample_offset_s": 0.0,
        "channels": CHANNELS,
        "versions": 2,
        "times": TIMES[part],
        "repeats": 4,
        "data": whole[:, :, : TIMES[part]],
    }
    return Window(**{**fields, **changes})


def answered(made: Decoder, *windows: Window) -> list[Result]:
    out = made.answer([Taken(w, 50.0) for w in windows])
    assert all(isinstance(packet, Result) for packet in out), out
    return [packet for packet in out if isinstance(packet, Result)]


@pytest.mark.parametrize("mode", ["exact", "throughput"])
def test_parts_are_answered_as_such_and_a_batch_may_hold_all_of_them(gallery: Gallery, mode: str) -> None:
    loaded = encoder()
    made = decoder(loaded, gallery, mode=mode)
    asked = [piece(part, sequence) for sequence in range(2) for part in range(LAST + 1)]
    found = {result.key: result for result in answered(made, *asked)}
    assert len(found) == 6
    for window in asked:
        result = found[window.key]
        assert (result.part, result.final) == (window.part, window.final)
        assert result.end_s == (*PARTS_S, 0.4)[window.part]
        assert np.allclose(result.data, loaded.encode(window.data), atol=1e-6)
        assert not any(answer.decided for answer in result.answers)  # without a stop rule nothing is


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"times": 30, "data": np.zeros((2, 2, 30), np.float32)}, "holds 30 samples, the encoder takes 25"),
        ({"final": True}, "part 0 is said to be the whole window, the encoder's whole window is part 2"),
        ({"part": 2}, "part 2 is said to be a part"),
        ({"part": 3, "final": True}, "part 3 is said to be"),
    ],
)
def test_what_is_no_part_of_this_encoder_is_refused_in_words(
    gallery: Gallery, changes: dict[str, Any], words: str
) -> None:
    (out,) = decoder(encoder(), gallery).answer([Taken(structs.replace(piece(0), **changes), 0.0)])
    assert isinstance(out, Failure)
    assert words in out.reason


def test_a_part_is_scored_by_the_temperature_of_its_own_end(gallery: Gallery) -> None:
    made = decoder(encoder(fitted(None, 0.1), fitted(0.1, 0.5), fitted(0.1, 0.4, repeats=3)), gallery)
    early, middle, whole = answered(made, *(piece(part) for part in range(3)))

    def expected(result: Result, version: int, temperature: float) -> float:
        best = -np.sort(-gallery.cosines(result.data)[version])[: score.DEPTH]
        return float(score.probabilities(best[None], len(gallery), temperature)[0, 0])

    for version, temperature in ((0, 0.5), (1, 0.4)):
        assert early.answers[version].hits[0].probability == pytest.approx(expected(early, version, temperature))
        assert whole.answers[version].hits[0].probability == pytest.approx(expected(whole, version, 0.1))
    assert score.UNCALIBRATED not in early.flags and score.UNCALIBRATED not in whole.flags
    assert score.UNCALIBRATED in middle.flags  # nothing was fitted for windows that end at 0.2 s


def test_an_answer_is_decided_from_its_threshold_on(gallery: Gallery) -> None:
    (plain, *_) = answered(decoder(encoder(fitted(0.1, 0.05)), gallery), piece(0))
    single, average = (answer.hits[0].probability for answer in plain.answers)
    just, above = single, float(np.nextafter(average, 2))
    rules = [fitted(0.1, 0.05, just), fitted(0.1, 0.05, above, repeats=2), fitted(None, 0.05, 0.0)]
    made = decoder(encoder(*rules), gallery)
    early, middle, whole = answered(made, *(piece(part) for part in range(3)))
    assert [answer.decided for answer in early.answers] == [True, False]
    assert not any(answer.decided for answer in (*middle.answers, *whole.answers))
    # a threshold for more repeats says nothing of fewer
    later = decoder(encoder(fitted(0.1, 0.05, 0.0, repeats=2)), gallery)
    assert [answer.decided for answer in answered(later, piece(0))[0].answers] == [False, True]


def test_what_is_withheld_is_not_decided_and_relevance_is_of_whole_windows(gallery: Gallery) -> None:
    never = Relevance(
        repeats=1,
        weights=(0.0, 0.0, 0.0, 0.0),
        intercept=-50.0,
        log_loss=0.5,
        calibration_error=0.1,
        n_answers=9,
        gallery_sizes=(80,),
    )
    sharp = encoder(fitted(0.1, 0.001, 0.5), fitted(None, 0.001), relevance=(never,))
    early, whole = answered(decoder(sharp, gallery, withhold_below=0.3), piece(0), piece(2))
    assert all(answer.hits[0].probability > 0.5 for answer in early.answers)
    assert all(answer.decided and not answer.withheld for answer in early.answers)
    assert all(answer.withheld for answer in whole.answers)
    (strict,) = answered(decoder(encoder(fitted(0.1, 10.0, 0.0)), gallery, withhold_below=0.9), piece(0))
    assert all(answer.withheld and not answer.decided for answer in strict.answers)


def test_novelty_is_judged_on_whole_windows_only(gallery: Gallery) -> None:
    class Always:
        def unusual(self, window: Windows, vector: Vectors) -> bool:
            assert window.shape[1] == TIMES[-1]
            return True

    made = decoder(encoder(), gallery, Always())
    made.warm(part=0)
    early, whole = answered(made, piece(0), piece(2))
    assert UNUSUAL not in early.flags
    assert UNUSUAL in whole.flags


def test_warming_up_meets_every_shape(gallery: Gallery) -> None:
    loaded = replace(encoder(), encoder=(spy := Means()))
    padded: list[int] = []
    encode = LoadedEncoder.encode

    class Listening(LoadedEncoder):
        def encode(self, windows: Any, begun: Any = None) -> Vectors:
            padded.append(windows.shape[2])
            return encode(self, windows, begun)

    decoder(Listening(loaded.spec, "f" * 16, "cpu", spy), gallery).warm_up()
    assert set(padded) == set(TIMES)

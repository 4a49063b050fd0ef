"""The decoder of a worker: exact and in batches, blind to labels, honest about what it cannot decode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec import structs
from numpy.typing import NDArray

from config.bundles import Calibration, EncoderSpec, Item
from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference import score
from inference.encoders.network import Network
from inference.encoders.nice import NICE
from inference.gallery import Gallery, write_gallery
from inference.loaded import LoadedEncoder
from inference.worker import NOT_CAUSAL, Decoder, Rules, Taken
from wire.packets import Failure, Result, Stamps, Window

CHANNELS = ("P7", "P8", "O1", "O2")
TIMES, DIM = 100, 12


def spec(**other: Any) -> EncoderSpec:
    fields: dict[str, Any] = {
        "architecture": "nice",
        "channels": CHANNELS,
        "window": WindowSettings(end_s=0.4),
        "chain": ChainSettings(channels=CHANNELS),
        "space": "test",
        "dim": DIM,
        "weights_sha256": "0" * 64,
    }
    return EncoderSpec(**{**fields, **other})


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder: Path = tmp_path_factory.mktemp("worker") / "gallery"
    vectors = np.random.default_rng(0).standard_normal((300, DIM)).astype(np.float32)
    items = [Item(id=f"i{k}", label=f"label {k}") for k in range(300)]
    write_gallery(folder, items, vectors, space="test", model="random")
    return Gallery.load(folder)


@pytest.fixture(scope="module")
def encoder() -> LoadedEncoder:
    torch.manual_seed(0)
    return LoadedEncoder(spec(), "f" * 16, "cpu", Network(NICE(len(CHANNELS), TIMES, DIM), "cpu"))


def decoder(encoder: LoadedEncoder, gallery: Gallery, **rules: Any) -> Decoder:
    ticks: Iterator[int] = count(100)
    return Decoder(encoder, gallery, Rules("w", **rules), lambda: float(next(ticks)))


def window(sequence: int, versions: int = 2, **other: Any) -> Window:
    rng = np.random.default_rng(sequence)
    data = rng.standard_normal((versions, len(CHANNELS), TIMES)).astype(np.float32) * 10
    fields: dict[str, Any] = {
        "session": "s",
        "segment": 1,
        "sequence": sequence,
        "stimulus": f"stim-{sequence}",
        "onset_s": 5.0 + sequence,
        "sampling_rate_hz": 250.0,
        "first_sample_offset_s": 0.0,
        "channels": CHANNELS,
        "versions": versions,
        "times": TIMES,
        "repeats": sequence + 1,
        "data": data,
    }
    return Window(**{**fields, **other})


def taken(*windows: Window) -> list[Taken]:
    return [Taken(w, 50.0) for w in windows]


def results(out: list[Result | Failure]) -> list[Result]:
    assert all(isinstance(packet, Result) for packet in out), out
    return [packet for packet in out if isinstance(packet, Result)]


def test_a_result_carries_the_windows_identity_and_what_was_found(encoder: LoadedEncoder, gallery: Gallery) -> None:
    asked = window(3, stamps=Stamps(cut=1.0, sent=2.0), flags=("late",))
    (result,) = results(decoder(encoder, gallery, top_k=7).answer(taken(asked)))
    assert result.key == asked.key
    assert (result.stimulus, result.onset_s, result.final) == ("stim-3", 8.0, True)
    assert (result.encoder, result.gallery, result.mode, result.worker) == ("f" * 16, gallery.fingerprint, "exact", "w")
    assert result.stamps == Stamps(cut=1.0, sent=2.0, received=50.0, embedded=100.0, searched=101.0)
    assert np.allclose(result.data, encoder.encode(asked.data), atol=1e-7)
    every = gallery.cosines(result.data)
    for version, answer in enumerate(result.answers):
        best = np.argsort(-every[version])[:7]
        assert [hit.id for hit in answer.hits] == [f"i{row}" for row in best]
        assert [hit.label for hit in answer.hits] == [f"label {row}" for row in best]
        assert np.allclose([hit.cosine for hit in answer.hits], every[version, best], atol=1e-6)


def test_averaged_answers_say_how_many_repeats(encoder: LoadedEncoder, gallery: Gallery) -> None:
    (result,) = results(decoder(encoder, gallery).answer(taken(window(6, repeats=7))))
    assert [answer.repeats for answer in result.answers] == [1, 7]


def test_labels_never_reach_the_decoder(encoder: LoadedEncoder, gallery: Gallery) -> None:
    """Permuting the labels in the headers leaves embeddings and top k bit-equal."""
    shown = [window(k) for k in range(6)]
    labels = [w.stimulus for w in shown]
    permuted = [structs.replace(w, stimulus=labels[(k + 3) % 6]) for k, w in enumerate(shown)]
    for mode in ("exact", "throughput"):
        worker = decoder(encoder, gallery, mode=mode)
        for a, b in zip(results(worker.answer(taken(*shown))), results(worker.answer(taken(*permuted))), strict=True):
            assert a.stimulus != b.stimulus
            assert a.data.tobytes() == b.data.tobytes()
            assert a.answers == b.answers


def test_the_encoder_is_given_one_array_and_nothing_else(encoder: LoadedEncoder, gallery: Gallery) -> None:
    calls: list[tuple[Any, ...]] = []

    class Spy:
        def embed(self, *given: Any) -> NDArray[np.float32]:
            calls.append(given)
            return encoder.encoder.embed(*given)

    decoder(replace(encoder, encoder=Spy()), gallery).answer(taken(window(0), window(1)))
    assert [[type(part) for part in given] for given in calls] == [[np.ndarray], [np.ndarray]]
    assert [given[0].shape for given in calls] == [(2, 4, TIMES), (2, 4, TIMES)]


def test_exact_is_bit_equal_whatever_else_waits_and_wherever_the_buffer_lies(
    encoder: LoadedEncoder, gallery: Gallery
) -> None:
    alone = [results(decoder(encoder, gallery).answer(taken(window(k))))[0] for k in range(5)]
    together = results(decoder(encoder, gallery).answer(taken(*[window(k) for k in range(5)])))
    for k, (a, b) in enumerate(zip(alone, together, strict=True)):
        assert a.data.tobytes() == b.data.tobytes()
        assert a.answers == b.answers
        for shift in range(1, 16, 4):  # as a view into a received frame lies
            raw = b"x" * shift + window(k).data.tobytes()
            data = np.frombuffer(raw, np.uint8, offset=shift).view("<f4").reshape(2, 4, TIMES)
            (moved,) = results(decoder(encoder, gallery).answer(taken(window(k, data=data))))
            assert moved.data.tobytes() == a.data.tobytes()


def test_throughput_agrees_with_exact(encoder: LoadedEncoder, gallery: Gallery) -> None:
    windows = [window(k, versions=1 + k % 3) for k in range(9)]
    exact = results(decoder(encoder, gallery).answer(taken(*windows)))
    fast = results(decoder(encoder, gallery, mode="throughput").answer(taken(*windows)))
    for a, b in zip(exact, fast, strict=True):
        assert a.key == b.key
        assert b.mode == "throughput"
        assert (np.sum(a.data * b.data, axis=1) >= 0.99999).all()
        for one, other in zip(a.answers, b.answers, strict=True):
            near = np.abs(np.diff([hit.cosine for hit in one.hits])) < 1e-5
            if not near.any():  # the same top k but for ties
                assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_probabilities_follow_the_bundles_calibration(encoder: LoadedEncoder, gallery: Gallery) -> None:
    fitted = tuple(
        Calibration(repeats=n, temperature=t, log_loss=1, calibration_error=0.1, n_stimuli=10, gallery_size=300)
        for n, t in ((1, 0.5), (4, 0.1))
    )
    calibrated = replace(encoder, spec=spec(calibration=fitted))
    (result,) = results(decoder(calibrated, gallery).answer(taken(window(5, repeats=6))))
    assert score.UNCALIBRATED not in result.flags
    for version, at in enumerate((0.5, 0.1)):
        best = -np.sort(-gallery.cosines(result.data[version : version + 1]))
        expected = score.probabilities(best[:, : score.DEPTH], 300, at)[0, :10]
        assert np.allclose([hit.probability for hit in result.answers[version].hits], expected, atol=1e-6)


def test_flags_say_what_to_doubt(encoder: LoadedEncoder, gallery: Gallery) -> None:
    (plain,) = results(decoder(encoder, gallery).answer(taken(window(0, flags=("noisy",)))))
    assert plain.flags == ("noisy", score.UNCALIBRATED)
    assert not plain.simulated
    doubtful = replace(encoder, spec=spec(causal=False, simulated=True))
    (result,) = results(decoder(doubtful, gallery).answer(taken(window(0))))
    assert NOT_CAUSAL in result.flags
    assert result.simulated


def test_doubtful_answers_are_withheld(encoder: LoadedEncoder, gallery: Gallery) -> None:
    (open_,) = results(decoder(encoder, gallery).answer(taken(window(0))))
    best = [answer.hits[0].probability for answer in open_.answers]
    between = (best[0] + best[1]) / 2
    (result,) = results(decoder(encoder, gallery, withhold_below=between).answer(taken(window(0))))
    assert [answer.withheld for answer in result.answers] == [p < between for p in best]
    assert sorted(answer.withheld for answer in result.answers) == [False, True]
    assert not any(answer.withheld for answer in open_.answers)


@pytest.mark.parametrize("mode", ["exact", "throughput"])
def test_what_cannot_be_decoded_fails_alone(encoder: LoadedEncoder, gallery: Gallery, mode: str) -> None:
    good, data = window(0), window(1).data.copy()
    data[1, 2, 3] = np.nan
    swapped = (*CHANNELS[1:], CHANNELS[0])
    short = np.zeros((2, 4, 99), np.float32)
    bad = {
        "not finite": window(1, data=data),
        "99 samples, the encoder takes 100": window(2, data=short, times=99),
        "channels are P8, O1, O2, P7, the encoder's P7": window(3, channels=swapped),
        "128 Hz, the encoder's at 250 Hz": window(4, sampling_rate_hz=128.0),
    }
    out = decoder(encoder, gallery, mode=mode).answer(taken(*bad.values(), good))
    assert len(out) == 5
    for (reason, asked), failure in zip(bad.items(), out, strict=False):
        assert isinstance(failure, Failure)
        assert failure.key == asked.key
        assert reason in failure.reason
        assert failure.worker == "w"
    assert isinstance(out[-1], Result)
    assert out[-1].key == good.key


def test_an_encoder_that_breaks_down_fails_the_window_not_the_worker(encoder: LoadedEncoder, gallery: Gallery) -> None:
    class Broken:
        def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
            raise RuntimeError("out of memory\nand a long trace")

    class Infinite:
        def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.full((len(windows), DIM), np.nan, np.float32)

    (failure,) = decoder(replace(encoder, encoder=Broken()), gallery).answer(taken(window(0)))
    assert isinstance(failure, Failure)
    assert failure.reason == "RuntimeError: out of memory"
    (failure,) = decoder(replace(encoder, encoder=Infinite()), gallery).answer(taken(window(0)))
    assert isinstance(failure, Failure)
    assert "not finite" in failure.reason


def test_other_space_is_refused(encoder: LoadedEncoder, gallery: Gallery) -> None:
    with pytest.raises(BundleError, match=r"'other'.*'test'"):
        decoder(replace(encoder, spec=spec(space="other")), gallery)


def test_credit_keeps_a_worker_busy(encoder: LoadedEncoder, gallery: Gallery) -> None:
    assert decoder(encoder, gallery).credit >= 2
    assert decoder(encoder, gallery).limit == 1
    fast = decoder(encoder, gallery, mode="throughput", batch=5)
    assert (fast.credit, fast.limit) == (10, 5)


def test_warming_up_leaves_time_for_heartbeats(encoder: LoadedEncoder, gallery: Gallery) -> None:
    fast = decoder(encoder, gallery, mode="throughput", batch=16)
    fast.warm = lambda windows=1: 0.03 * windows  # type: ignore[method-assign]
    fast.warm_up()
    assert fast.limit == 5
    fast.warm = lambda windows=1: 2.0 * windows  # type: ignore[method-assign]
    fast.warm_up()
    assert fast.limit == 1


def test_warming_runs_the_real_shapes(encoder: LoadedEncoder, gallery: Gallery) -> None:
    shapes: list[tuple[int, ...]] = []

    class Spy:
        def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
            shapes.append(windows.shape)
            return encoder.encoder.embed(windows)

    assert decoder(replace(encoder, encoder=Spy()), gallery).warm() > 0
    assert shapes == [(2, 4, TIMES)]

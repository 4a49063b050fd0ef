"""Most of an encoder's work is done before a window's last samples come, and nothing in its answer shows it."""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from signal_data import Arrival, chunks, epochs, info, plan

from acquisition.averages import Averages
from acquisition.judge import Judge
from acquisition.packing import Packer
from acquisition.pipeline import Pipeline
from acquisition.ring import Ring
from acquisition.types import Epoch, Event, Missed, Refused
from acquisition.windows import Place
from config.bundles import EncoderSpec, GallerySpec, Item, Normalisation
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from inference import kernels
from inference.encoders.base import unit_norm
from inference.encoders.eegproject import EEGProject
from inference.encoders.network import Network
from inference.encoders.nice import NICE
from inference.encoders.spatial_mlp import SpatialMLP
from inference.gallery import Gallery
from inference.indexes.eight import EightBit
from inference.loaded import LoadedEncoder
from inference.worker import BEGUN, Decoder, Rules, Taken
from wire.packets import Draft, Result, Window

RATE, CHANNELS, TIMES, DIM = 250.0, ("P7", "P8", "O1", "O2"), 100, 12
KNOWN = 95


def loaded(net: torch.nn.Module | None = None, **fields: Any) -> LoadedEncoder:
    torch.manual_seed(0)
    made: dict[str, Any] = {
        "architecture": "nice",
        "channels": CHANNELS,
        "window": WindowSettings(end_s=0.4),
        "chain": ChainSettings(channels=CHANNELS),
        "space": "test",
        "dim": DIM,
        "weights_sha256": "0" * 64,
    }
    net = net or NICE(len(CHANNELS), TIMES, DIM)
    return LoadedEncoder(EncoderSpec(**{**made, **fields}), "f" * 16, "cpu", Network(net, "cpu"))


def decoder(encoder: LoadedEncoder, n: int = 40) -> Decoder:
    vectors = unit_norm(np.random.default_rng(0).standard_normal((n, DIM)))
    spec = GallerySpec(space="test", dim=DIM, model="m", n_items=n, items_sha256="0" * 64, vectors_sha256="0" * 64)
    items = tuple(Item(id=f"i{k}", label=f"l{k}") for k in range(n))
    ticks = count(100)
    return Decoder(encoder, Gallery(spec, items, vectors), Rules("w"), lambda: next(ticks) / 1000)


def window(seed: int, sequence: int = 0) -> Window:
    data = np.random.default_rng(seed).normal(0, 10, (2, len(CHANNELS), TIMES)).astype(np.float32)
    return Window(
        session="s", segment=1, sequence=sequence, stimulus="x", onset_s=1.0, sampling_rate_hz=RATE,
        first_sample_offset_s=0.0, channels=CHANNELS, versions=2, times=TIMES, repeats=2, data=data,
    )  # fmt: skip


def draft(of: Window, times: int = KNOWN, **changes: Any) -> Draft:
    fields = {"channels": of.channels, "versions": 2, "times": times, "data": of.data[:, :, :times].copy()}
    return Draft(**of.key._asdict(), **{**fields, **changes})


WHITENING = tuple(map(tuple, (np.eye(4) + 0.1).tolist()))


@pytest.mark.parametrize("architecture", ["nice", "eegproject"])
@pytest.mark.parametrize("whitening", [None, WHITENING])
def test_the_answer_is_the_same_to_the_last_bit(whitening: Any, architecture: str) -> None:
    norm = Normalisation(mean_uv=(1.0,) * 4, scale_uv=(9.0, 10.0, 11.0, 12.0), whitening=whitening)
    net = (NICE if architecture == "nice" else EEGProject)(len(CHANNELS), TIMES, DIM)
    encoder = loaded(net, normalisation=norm, architecture=architecture)
    assert encoder.known > 80
    one = window(3)
    begun = encoder.begin(one.data[:, :, :KNOWN])
    assert begun is not None
    assert encoder.encode(one.data, begun).tobytes() == encoder.encode(one.data).tobytes()
    # of other samples it is let go
    other = window(4)
    assert encoder.encode(other.data, begun).tobytes() == encoder.encode(other.data).tobytes()


def test_a_worker_answers_alike_with_a_draft_without_and_with_a_false_one() -> None:
    served = decoder(loaded())
    served.warm_up()
    assert served.drafts
    one = window(5)
    (plain,) = served.answer([Taken(one, 1.0)])
    calls: list[str] = []
    spied = served.encoder.encoder
    assert isinstance(spied, Network)
    for name in ("begin", "finish"):
        inner = getattr(spied, name)
        setattr(spied, name, lambda *given, inner=inner, name=name: (calls.append(name), inner(*given))[1])
    for sent in (draft(one), draft(window(6)), draft(one, 90), draft(one, channels=("a", "b", "c", "d"))):
        calls.clear()
        served.begin(sent)
        before = list(calls)
        (found,) = served.answer([Taken(one, 1.0)])
        assert isinstance(found, Result)
        assert isinstance(plain, Result)
        assert found.data.tobytes() == plain.data.tobytes()
        assert found.answers == plain.answers
        begins = sent.times >= KNOWN and sent.channels == CHANNELS
        assert before == ["begin"] * begins
        helped = begins and np.array_equal(sent.data, one.data[:, :, :KNOWN])
        assert calls[len(before) :] == (["finish"] if helped else ["begin", "finish"])


def test_a_rehearsal_foresees_the_search_and_no_bit_of_the_answer_depends_on_it() -> None:
    served, plain = decoder(loaded(), 20_000), decoder(loaded(), 20_000)
    served.warm_up()
    index = served.gallery.index
    assert isinstance(index, EightBit)
    for seed in range(8):
        one = window(seed, sequence=seed)
        # as it was foreseen, and all else than that
        for tail in (one.data[:, :, KNOWN - 1 : KNOWN], one.data[:, :, KNOWN:] + 40):
            data = one.data.copy()
            data[:, :, KNOWN:] = tail
            one = replace(one, data=data, sequence=one.sequence + 100)
            served.begin(draft(one))
            served.rehearse()
            tried = index._first.tried
            (found,), (wanted,) = served.answer([Taken(one, 1.0)]), plain.answer([Taken(one, 1.0)])
            assert isinstance(found, Result) and isinstance(wanted, Result)
            assert found.answers == wanted.answers and found.data.tobytes() == wanted.data.tobytes()
            assert index._first.tried <= tried + 1
    assert index._first.tried > index._first.helped


def test_what_a_first_rehearsal_needs_is_there_before_a_worker_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    # else it would be compiled, for seconds, while a window waits
    served, called = decoder(loaded(), 20_000), []
    for name in ("take", "best_of", "moved"):
        kernel = getattr(kernels, name)
        monkeypatch.setattr(
            kernels, name, lambda *given, kernel=kernel, name=name: (called.append(name), kernel(*given))
        )
    served.warm_up()
    assert {*called} == {"take", "best_of", "moved"}
    assert not served._begun and served._foreseen is None and served._guess is None


def test_what_was_foreseen_of_one_window_is_not_taken_for_another() -> None:
    served = decoder(loaded(), 20_000)
    index = served.gallery.index
    assert isinstance(index, EightBit)
    served.begin(draft(window(1, sequence=1)))
    served.rehearse()
    served.answer([Taken(window(1, sequence=2), 1.0)])
    assert index._first.tried == 0
    served.answer([Taken(window(1, sequence=1), 1.0)])
    assert index._first.tried == 1
    served.rehearse()  # noise: nothing is known
    served.answer([Taken(window(1, sequence=3), 1.0)])
    assert index._first.tried == 1


def test_drafts_whose_windows_never_come_do_not_pile_up() -> None:
    served = decoder(loaded())
    for k in range(3 * BEGUN):
        served.begin(draft(window(0, sequence=k)))
    assert len(served._begun) == BEGUN
    bad = draft(window(0, sequence=99))
    served.begin(draft(window(0, sequence=99), data=np.full_like(bad.data, np.nan)))
    assert bad.key not in served._begun


def test_an_encoder_that_needs_every_sample_asks_for_no_drafts() -> None:
    encoder = loaded(SpatialMLP(len(CHANNELS), TIMES, DIM), architecture="spatial_mlp")
    served = decoder(encoder)
    served.warm_up()
    assert not served.drafts
    assert encoder.begin(window(0).data[:, :, :KNOWN]) is None


def test_one_step_has_no_beginning() -> None:
    assert Network(NICE(2, 75, 4), "cpu").known == 0
    windows = np.random.default_rng(0).standard_normal((2, 2, 75), dtype=np.float32)
    net = NICE(2, 75, 4).eval()
    with torch.inference_mode():
        expected = net(torch.from_numpy(windows)).numpy()
    assert np.allclose(Network(net, "cpu").embed(windows), expected, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.sampled_from([0, 3, 60]))
def test_what_the_pipeline_drafts_is_the_beginning_of_the_window(size: int, late: int) -> None:
    cut = plan(end_s=0.4, baseline_s=(-0.1, 0.0))
    pipeline = Pipeline(info(exact_rows=True), cut, Averages())
    rng = np.random.default_rng(size)
    samples, stamps = rng.normal(0, 10, (2, 700)).astype(np.float32), np.arange(700) / RATE
    marks = [Arrival(at + late, Event(at / RATE, label, row=at)) for at, label in ((100, "a"), (250, "b"), (400, "a"))]
    drafts: list[Epoch] = []
    found = []
    for chunk in chunks(samples, stamps, range(size, 700, size), marks):
        found += pipeline.feed(chunk)
        while (one := pipeline.draft()) is not None:
            drafts.append(one)
    whole = {one.sequence: one for one in epochs(found)}
    assert len(whole) == 3
    assert len({one.sequence for one in drafts}) == len(drafts)
    if size <= pipeline.draft_samples:
        assert len(drafts) == 3
    packer = Packer("s", 0, ("a", "b"), RATE, simulated=True)
    for one in drafts:
        packet = packer.draft(one)
        assert packet.times == cut.window.draft_times == 95
        assert packet.data.tobytes() == np.ascontiguousarray(whole[one.sequence].data[:, :, :95]).tobytes()
        assert packet.key == packer.window(whole[one.sequence], 0.0).key


def test_drafting_changes_nothing_that_follows() -> None:
    cut = plan(end_s=0.4)
    samples, stamps = np.random.default_rng(0).normal(0, 10, (2, 600)).astype(np.float32), np.arange(600) / RATE
    marks = [Arrival(at, Event(at / RATE, "a", row=at)) for at in (100, 200, 300)]
    outcomes = []
    for drafting in (False, True):
        pipeline = Pipeline(info(exact_rows=True), cut, Averages())
        found = []
        for chunk in chunks(samples, stamps, range(3, 600, 3), marks):
            found += pipeline.feed(chunk)
            if drafting:
                pipeline.draft()
                pipeline.rehearse()
        outcomes.append([(one.data.tobytes(), one.repeats) for one in epochs(found)])
        assert dataclasses.asdict(found[-1])["sequence"] == 2
    assert outcomes[0] == outcomes[1]


@settings(deadline=None, max_examples=25)
@given(
    size=st.sampled_from([1, 4, 30]),
    at=st.integers(80, 340),
    what=st.sampled_from(["spike", "dip", "flat", "railed", "nan"]),
    gap=st.booleans(),
    parts=st.booleans(),
)
def test_what_is_looked_at_before_a_window_ends_is_judged_alike(
    size: int, at: int, what: str, gap: bool, parts: bool
) -> None:
    limits = RejectionSettings(peak_to_peak_uv=120.0, flat_uv=0.5, railed_uv=400.0)
    filters = ChainSettings(notch_hz=(), highpass_hz=0.5, lowpass_hz=40.0)
    cut = plan(filters, limits, end_s=0.4, parts_s=(0.2, 0.3) if parts else ())
    samples = np.random.default_rng(at).normal(0, 10, (2, 2000)).astype(np.float32)
    of = slice(1400 + at, 1400 + at + (320 if what == "flat" else 2))
    samples[1, of] = {"spike": 300.0, "dip": -300.0, "flat": 3.0, "railed": -500.0, "nan": np.nan}[what]
    stamps = np.arange(2000) / RATE
    if gap:  # the filters start anew, over samples that were looked at
        stamps[1580:] += 1.0
    marks = [Arrival(row, Event(stamps[row], "a")) for row in (1450, 1550, 1650, 1700)]
    outcomes = []
    for rehearsing in (False, True):
        pipeline = Pipeline(info(), cut, Averages())
        found = []
        for chunk in chunks(samples, stamps, range(size, 2000, size), marks):
            found += pipeline.feed(chunk)
            if rehearsing:
                pipeline.rehearse()
        found += pipeline.finish()
        outcomes.append([one if isinstance(one, Refused | Missed) else str(one) for one in found])
    assert outcomes[0] == outcomes[1]


def test_what_is_filtered_anew_is_looked_at_anew() -> None:
    ring, quiet = Ring(2, 2, 500), np.random.default_rng(0).normal(0, 10, (2, 200))
    cut = plan(rejection=RejectionSettings(peak_to_peak_uv=200.0))
    ring.append(quiet.astype(np.float32), quiet, np.arange(200) / RATE, False, False, 0.0)
    judge = Judge(ring, info(), cut, ("C0", "C1"), settling=0)
    place = Place(0, 0.0, 0, (0, 0), by_row=True)
    judge.prepare(0, 150)
    assert judge.why(place, 0, 200) == ()
    ring.refilter(20, np.full((2, 10), 900.0))
    assert judge.why(place, 0, 200)[0].startswith("peak_to_peak: C")

"""The simulated participant: what was asked for is there, and a seed gives the same EEG however it is chunked."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import signal

from acquisition.participant.session import SIGNAL_BAND_HZ, Session
from acquisition.participant.stimuli import order, write_responses
from acquisition.participant.topographies import POSTERIOR, evoked_topographies, positions
from acquisition.sources.participant import ParticipantReader
from acquisition.types import Chunk, Event
from config.errors import SourceError
from config.settings import ParticipantSource

QUIET: dict[str, Any] = {"line_uv": 0, "drift_uv": 0, "blinks_per_minute": 0, "alpha_uv": 0}


def settings(**changes: Any) -> ParticipantSource:
    fixed: dict[str, Any] = {"speed": 0, "stimuli": 10, "repeats": 10, "lead_s": 2}
    return ParticipantSource.model_validate({**fixed, **changes})


def play(source: ParticipantSource) -> tuple[np.ndarray, list[Event], list[Chunk]]:
    reader = ParticipantReader(source)
    info = reader.open()
    assert info.simulated and info.exact_rows
    chunks = []
    while not chunks or not chunks[-1].final:
        chunks.append(reader.read(0.0))
    reader.close()
    return np.concatenate([c.samples for c in chunks], axis=1), [e for c in chunks for e in c.events], chunks


def band_power(samples: np.ndarray, rate_hz: float, low_hz: float, high_hz: float) -> np.ndarray:
    hz, density = signal.welch(samples, rate_hz, nperseg=int(4 * rate_hz), axis=1)
    inside = (hz >= low_hz) & (hz <= high_hz)
    return np.asarray(density[:, inside].sum(axis=1) * hz[1])


def test_chunks_change_nothing_and_seeds_do() -> None:
    whole, events, _ = play(settings(chunk_s=100.0))
    parts, same, chunks = play(settings(chunk_s=0.1))
    assert np.array_equal(whole, parts)
    assert [(e.label, e.row) for e in events] == [(e.label, e.row) for e in same]
    other, _, _ = play(settings(seed=1))
    assert not np.array_equal(whole, other)
    stamps = np.concatenate([c.raw_stamps for c in chunks])
    assert np.array_equal(stamps, np.arange(whole.shape[1]) / 250.0)


def test_every_picture_is_shown_once_a_block_and_markers_fall_off_rounding_ties() -> None:
    _, events, _ = play(settings(rsvp_hz=7.0))
    assert len(events) == 100
    labels = [e.label for e in events]
    for block in range(10):
        assert len(set(labels[block * 10 : block * 10 + 10])) == 10
    assert all(a != b for a, b in itertools.pairwise(labels))
    assert labels[:10] != labels[10:20]
    rows = np.array([e.row for e in events], dtype=float)
    assert np.abs(rows % 1 - 0.5).min() > 0.1
    assert np.allclose(np.diff(rows), 250 / 7, atol=1.0)


def test_the_order_never_repeats_a_picture_at_once() -> None:
    for seed in range(50):
        shown = list(order(3, 20, np.random.default_rng(seed)))
        assert all(a != b for a, b in itertools.pairwise(shown))


@pytest.mark.parametrize("snr_db", [-10.0, 3.0])
def test_the_signal_to_noise_ratio_is_what_was_asked_for(snr_db: float) -> None:
    asked = settings(snr_db=snr_db, repeats=60, rsvp_hz=10, **{**QUIET, "alpha_uv": 4})
    both, _, _ = play(asked)
    alone, _, _ = play(asked.model_copy(update={"signal": False}))
    shown = slice(750, -750)
    evoked = band_power((both - alone)[:, shown], 250.0, *SIGNAL_BAND_HZ).mean()
    background = band_power(alone[:, shown], 250.0, *SIGNAL_BAND_HZ).mean()
    assert 10 * np.log10(evoked / background) == pytest.approx(snr_db, abs=0.7)


def test_without_signal_pictures_change_nothing() -> None:
    one, _, _ = play(settings(signal=False, person=1))
    two, _, _ = play(settings(signal=False, person=1, snr_db=20))
    assert np.array_equal(one, two)


def test_the_background_looks_like_eeg() -> None:
    source = settings(repeats=60, signal=False, channels=("Fp1", "Cz", "O1", "O2"), line_uv=5, alpha_uv=8)
    samples, _, _ = play(source)

    def at(hz: float) -> np.ndarray:
        return band_power(samples, 250.0, hz - 0.6, hz + 0.6)

    assert (at(3) > 1.5 * at(6)).all() and (at(6) > 1.5 * at(20)).all(), "pink"
    assert (at(10.2) > 2 * at(7))[2:].all(), "alpha at the back of the head"
    assert at(10.2)[2:].mean() > 2 * at(10.2)[0]
    assert (at(50) > 4 * at(45)).all(), "line"
    blinking, _, _ = play(source.model_copy(update={"blinks_per_minute": 30.0}))
    gain = np.ptp(blinking, axis=1) / np.ptp(samples, axis=1)
    assert gain[0] > 1.3 > gain[3], "blinks are frontal"


def test_topographies_are_smooth_and_at_the_back() -> None:
    names = ("Fp1", "Fp2", "Fz", "Cz", "Pz", "O1", "Oz", "O2", "PO7", "PO8")
    where = positions("standard_1005", names)
    assert np.allclose(np.linalg.norm(where, axis=1), 1)
    patterns = np.abs(evoked_topographies(where, 30, np.random.default_rng(0)))
    strength = patterns.mean(axis=int(patterns.shape[0] != len(names)) ^ 1)
    assert strength[5:].mean() > 3 * strength[:2].mean()


def test_responses_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "responses.safetensors"
    vectors = np.eye(4, dtype=np.float32)
    write_responses(file, ["a", "b", "c", "d"], vectors, np.zeros((4, 1), np.float32))
    _, events, _ = play(settings(responses=str(file), stimuli=3))
    assert {e.label for e in events} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"montage": "standard_1021"}, "unknown montage"),
        ({"channels": ("O1", "Ozz")}, "Ozz"),
        ({"responses": "nothing.safetensors"}, "nothing.safetensors"),
    ],
)
def test_what_cannot_be_made_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        ParticipantReader(settings(**changes)).open()


def test_more_pictures_than_the_file_has(tmp_path: Path) -> None:
    file = tmp_path / "responses.safetensors"
    write_responses(file, ["a"], np.ones((1, 2), np.float32), np.zeros((1, 1), np.float32))
    with pytest.raises(SourceError, match="1"):
        ParticipantReader(settings(responses=str(file), stimuli=3)).open()


def test_foreign_responses_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"not safetensors at all")
    with pytest.raises(SourceError, match=r"x\.safetensors"):
        ParticipantReader(settings(responses=str(file))).open()


def test_pace_is_kept_by_the_clock() -> None:
    time_s = 0.0

    def clock() -> float:
        return time_s

    def wait(seconds: float) -> None:
        nonlocal time_s
        time_s += seconds

    reader = ParticipantReader(settings(speed=2, chunk_s=0.1), clock, wait)
    reader.open()
    got = 0
    while time_s < 1.0:
        got += reader.read(0.05).samples.shape[1]
    assert got == pytest.approx(2 * 250, abs=25)
    assert Session(settings()).channels == POSTERIOR

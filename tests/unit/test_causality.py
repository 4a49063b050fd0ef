"""Twins: zero-phase windows cut at the samples of the causal ones; scores paired by recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal
from signal_data import ANYTHING, NO_FILTERS, Arrival, chunks, info, plan
from training_data import epochs, gallery, repeated

from acquisition.types import Chunk, Event, StreamInfo
from config.chain import ChainSettings
from config.errors import RecordingError
from training.evaluation.causality import cost_of_causality, cut_twins
from training.evaluation.paired import Scores, leave_one_recording_out, pair
from training.trials.epochs import gather

RATE, TIMES = 250.0, 5000
ROWS = (20, 1500, 2001, 3333, 4200)
LOW = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=20.0, lowpass_order=3)


class Played:
    """A source of given samples with markers on rows."""

    def __init__(self, samples: np.ndarray) -> None:
        stamps = 100 + np.arange(TIMES) / RATE
        events = [Arrival(row, Event(100 + row / RATE, "a", float(row))) for row in ROWS]
        self.left = chunks(samples.astype(np.float32), stamps, range(0, TIMES, 111), events)

    def open(self) -> StreamInfo:
        return info(RATE, exact_rows=True)

    def read(self, timeout_s: float) -> Chunk:
        return self.left.pop(0)

    def close(self) -> None:
        self.left = []


def test_without_filters_both_are_the_same_samples() -> None:
    ramp = np.stack([np.arange(TIMES, dtype=np.float64), -np.arange(TIMES, dtype=np.float64)])
    twins = cut_twins(Played(ramp), plan(NO_FILTERS, start_s=-0.1, end_s=0.3))
    assert len(twins.causal.labels) == 4  # the first begins before the stream
    assert np.array_equal(twins.zero_phase.data[:, 0], twins.causal.data[:, 0])
    assert twins.zero_phase.data[0, 0, 0, 0] == 1500 - 25


def test_zero_phase_has_no_delay_and_the_causal_twin_has() -> None:
    samples = np.zeros((2, TIMES))
    samples[:, [row + 50 for row in ROWS]] = 100.0
    made = plan(LOW, ANYTHING, start_s=0.0, end_s=0.5)
    twins = cut_twins(Played(samples), made)
    assert (twins.zero_phase.data[:, 0].argmax(axis=2) == 50).all()
    assert (twins.causal.data[:, 0].argmax(axis=2) > 53).all()
    sos = signal.butter(3, 20.0, "lowpass", fs=RATE, output="sos")
    expected = signal.sosfiltfilt(sos, samples, axis=1)[:, 3333 : 3333 + 125]
    assert np.allclose(
        twins.zero_phase.data[list(twins.causal.onsets_s).index(100 + 3333 / RATE), 0], expected, atol=1e-5
    )


def test_scores_of_left_out_recordings_and_their_difference(tmp_path: Path) -> None:
    two = gallery(tmp_path / "gallery", ["house", "face"])
    runs = {
        s: [epochs(two, repeated(["house", "face"], 15, seed=k), signal=s, seed=k) for k in range(4)] for s in (0, 1)
    }
    clear, vague = (gather(runs[s], (), two) for s in (1, 0))
    options = {"parameters": {"alpha": 10.0}}
    good = leave_one_recording_out("clear", clear, clear, two.vectors, **options)
    bad = leave_one_recording_out("vague", vague, vague, two.vectors, **options)
    assert good.criterion == "auc" and good.values.shape == (4,) and good.n.tolist() == [30] * 4
    assert good.values.min() > 0.85 and abs(np.mean(bad.values) - 0.5) < 0.25
    row = pair("riemann", bad, good).row("cost", "test")
    assert list(row.metrics) == ["auc, vague", "auc, clear", "clear - vague"]
    gain = row.metrics["clear - vague"]
    assert gain.value == pytest.approx(np.mean(good.values - bad.values)) and gain.unit == "runs"
    assert gain.low is not None and gain.low <= gain.value
    with pytest.raises(RecordingError, match="is a network"):
        leave_one_recording_out("x", clear, clear, two.vectors, "nice")
    with pytest.raises(RecordingError, match="2 recordings cannot be left out"):
        part = clear.take(np.flatnonzero(clear.recording < 2))
        leave_one_recording_out("x", part, part, two.vectors)
    with pytest.raises(RecordingError, match="not scored alike"):
        pair("riemann", good, Scores("other", "auc", np.ones(3), np.ones(3, np.int64), 2))
    with pytest.raises(RecordingError, match="no recording is given"):
        cost_of_causality([], plan(), two)


def test_an_encoder_of_a_subspace_is_scored_in_it_and_chance_is_of_what_each_recording_shows(tmp_path: Path) -> None:
    ids = [f"p{k}" for k in range(24)]
    shown = gallery(tmp_path / "gallery", ids)
    made = [epochs(shown, repeated(ids[8 * k :], 4, seed=k), signal=3.0, seed=k) for k in range(3)]
    trials = gather(made, (), shown)
    options = {"parameters": {"compare": "subspace", "rank": 3, "waves": 8}}
    found = leave_one_recording_out("as they are", trials, trials, shown.vectors, "encoding", **options)
    chances = [float(np.mean(1 / np.arange(1, n + 1))) for n in (24, 16, 8)]
    assert found.metric.chance == pytest.approx(np.mean(chances))
    assert found.metric.value is not None and found.metric.value > 0.6

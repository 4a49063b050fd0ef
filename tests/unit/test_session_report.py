"""The page of a session: what it is made from, and what it says where something is missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from acquisition.journal import JournalWriter, make_header, path
from acquisition.types import Chunk, StreamInfo
from config.calibration import CALIBRATION_JSON, Evidence, Progress, write_progress
from config.errors import OutputError, RecordingError
from training.calibration import session_words as words
from training.calibration.report import write_session_report
from training.calibration.session_material import Material, gather
from training.calibration.signal_state import Signal
from wire.packets import Answer, Hit, Rejected, Result, Stamps

CHANNELS = ("TP9", "AF7", "AF8", "TP10")


def progress() -> Progress:
    return Progress(
        verdict="nothing_decodable",
        words="Nothing was there <b>.",
        categories=("a", "b"),
        blocks_planned=4,
        blocks_done=4,
        trials={"a": 40, "b": 39},
        rejected={"peak_to_peak": 9},
        chance=0.5,
        threshold_log10_e=1.3,
        whole=Evidence(channels=CHANNELS),
    )


def answered(sequence: int, right: bool, repeats: int) -> Result:
    hits = tuple(
        Hit(id=i, label=i, modality="image", cosine=0.5, probability=0.5) for i in (("a", "b") if right else ("b", "a"))
    )
    return Result(
        session="one",
        segment=0,
        sequence=sequence,
        stimulus="a",
        onset_s=1.0,
        versions=2,
        dim=2,
        data=np.zeros((2, 2), np.float32),
        answers=(Answer(hits=hits, repeats=1), Answer(hits=hits, repeats=repeats)),
        encoder="e",
        gallery="g",
        stamps=Stamps(sample_due=1.0, sample_in=1.01, cut=1.02, sent=1.03, received=1.04, committed=1.07),
    )


def journal(folder: Path, samples: np.ndarray, truth: Path) -> None:
    info = StreamInfo("Muse", "lsl", 256.0, CHANNELS)
    writer = JournalWriter(path(folder, 0))
    writer.open(make_header("one", 0, info, f'{{"session": {{"truth": "{truth}"}}}}'))
    for first in range(0, samples.shape[1], 50):
        part = np.ascontiguousarray(samples[:, first : first + 50])
        writer.chunk(Chunk(part, (first + np.arange(part.shape[1])) / 256.0, 0.0))
    writer.packet(answered(0, True, 1))
    writer.packet(answered(1, False, 2))
    for sequence, reason in ((2, "calibration"), (3, "peak_to_peak: TP9 400 µV")):
        writer.packet(
            Rejected(session="one", segment=0, sequence=sequence, stimulus="a", onset_s=2.0, reasons=(reason,))
        )
    writer.close()


def test_a_page_says_what_is_missing_and_escapes_names(tmp_path: Path) -> None:
    write_progress(tmp_path / CALIBRATION_JSON, progress())
    page = write_session_report(tmp_path).read_text()
    assert "Nothing decodable. Nothing was there &lt;b&gt;." in page
    assert page.count("There is no data") >= 4 and "peak_to_peak" in page and "<img" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page


def test_a_journal_is_told(tmp_path: Path) -> None:
    truth = tmp_path / "names.json"
    truth.write_text('{"format": "eegseek-session", "truth": {"a": "a"}}')
    t = np.arange(256 * 20) / 256.0
    samples = np.stack([50 * np.sin(2 * np.pi * f * t) for f in (10, 50, 20, 5)]).astype(np.float32)
    journal(tmp_path, samples, truth)
    made = gather(tmp_path)
    assert made.stimuli == 4 and made.results == 2 and made.rejected == {"calibration": 1, "peak_to_peak": 1}
    assert made.right == {("single trials", 1): (1, 2), ("averages", 1): (1, 1), ("averages", 2): (0, 1)}
    assert made.duration_s == pytest.approx(20)
    rows = {row[0]: row for row in words.timing(made)}
    assert rows["last sample to kept answer"][1] == "70.0"
    told = {row[0]: row[1:] for row in words.channels(made)}
    assert told["TP9"][2] == "100%" and told["AF7"][1] == "100%"
    assert float(told["TP9"][0].removesuffix(" µV")) == pytest.approx(100, rel=0.1)
    page = write_session_report(tmp_path).read_text()
    assert "Of 4 stimuli 1 went to training and 2 were answered. The others:" in page
    assert "1 of 2 (50%)" in page and "made no calibration" in page

    # cut off in the middle of a record: told, and the rest shown
    file = path(tmp_path, 0)
    file.write_bytes(file.read_bytes()[:-7])
    assert "could not be read" in write_session_report(tmp_path).read_text()


def test_signal_is_the_same_in_any_pieces() -> None:
    samples = np.random.default_rng(0).standard_normal((2, 1700)).astype(np.float32)
    whole, pieces = Signal(("a", "b"), 100.0), Signal(("a", "b"), 100.0)
    whole.add(samples)
    for first in range(0, 1700, 33):
        pieces.add(samples[:, first : first + 33])
        pieces.add(samples[:, :0])
    assert whole.pieces == pieces.pieces == 8
    assert np.allclose(whole.spectrum[1], pieces.spectrum[1]) and np.array_equal(whole.spans_uv, pieces.spans_uv)
    # white noise of variance 1 has 1 / (rate / 2) of power a hertz
    assert whole.spectrum[1][:, 2:-2].mean() == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (CHANNELS, "None of its 4 electrodes"),
        (("Fz", "C3", "Pz", "PO7", "Oz", "PO8"), "3 of its 6 electrodes"),
        (("O1", "O2", "Oz", "PO3", "PO4", "PO7", "PO8", "POz"), "single images among many"),
    ],
)
def test_headsets(channels: tuple[str, ...], said: str) -> None:
    made = Material(Path(), info=StreamInfo("x", "lsl", 250.0, channels))
    assert said in words.headset(made)[0]
    assert words.headset(Material(Path())) == ["The channels are not known."]


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="folder of a session"):
        write_session_report(tmp_path)
    write_progress(tmp_path / CALIBRATION_JSON, progress())
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_session_report(tmp_path)

"""What a guided session reads again, written by somebody else: one sentence, or nothing, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.calibration import CALIBRATION_JSON, Evidence, Progress, write_progress
from config.errors import EegseekError
from config.session_ask import MAX_BYTES, SESSION_JSON, read_ask
from display.presenter import log
from training.calibration.session_files import read_shown, read_timing
from training.calibration.session_material import gather
from training.fitting import checkpoint

NESTED = b"[" * 200_000


@pytest.mark.parametrize("line", [NESTED, b'{"event": ', b"[]", b"\xff\xfe", b"null"])
def test_a_presenters_log_of_something_else_is_refused(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "presented-1.jsonl"
    file.write_bytes(line + b"\n")
    with pytest.raises(EegseekError, match="presented-1"):
        log.read_log(file)


def test_a_presenters_log_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 100)
    file = tmp_path / "presented-1.jsonl"
    file.write_bytes(b'{"event": "begin"}\n' * 10)
    with pytest.raises(EegseekError, match="presented-1"):
        log.read_log(file)


@pytest.mark.parametrize("data", [NESTED, b"{}", b"\xff", b" " * (MAX_BYTES + 1)])
def test_what_a_session_was_asked_to_be_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SESSION_JSON).write_bytes(data)
    with pytest.raises(EegseekError, match=r"session\.json"):
        read_ask(tmp_path)


@pytest.mark.parametrize(
    "data", [NESTED, b"[]", b"\xff", b'{"latency_ms": {"n": -1}}', b'{"latency_ms": {"n": 1, "p50": "x"}}']
)
def test_a_displays_report_of_something_else_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "report.json").write_bytes(data)
    with pytest.raises(EegseekError, match=r"report\.json"):
        read_shown(tmp_path / "report.json")


@pytest.mark.parametrize("fields", [b'"frames": 5', b'"frames": 5, "edges_ms": [null]', b'"frames": "many"'])
def test_frame_times_of_something_else_are_refused(tmp_path: Path, fields: bytes) -> None:
    file = tmp_path / "presented-1.jsonl"
    file.write_bytes(b'{"event": "timing", ' + fields + b"}\n")
    with pytest.raises(EegseekError, match="presented-1"):
        read_timing(file)


def test_a_page_is_made_whatever_lies_beside_the_journal(tmp_path: Path) -> None:
    write_progress(
        tmp_path / CALIBRATION_JSON,
        Progress(
            categories=("x", "y"),
            blocks_planned=1,
            chance=0.5,
            threshold_log10_e=1.3,
            whole=Evidence(channels=("AF7",)),
        ),
    )
    (tmp_path / "report.json").write_bytes(NESTED)
    (tmp_path / "presented-1.jsonl").write_bytes(b'{"event": "timing", "frames": 5}\n')
    (tmp_path / "presented-2.jsonl").write_bytes(NESTED + b"\n")
    made = gather(tmp_path)
    assert len(made.faults) == 3 and not made.frames and not made.shown_ms.n


def test_a_checkpoint_that_says_odd_things_is_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "a.safetensors"
    save_file({"network/weight": torch.zeros(1)}, file, metadata={checkpoint.KEY: '{"epoch": "soon"}'})
    with pytest.raises(EegseekError, match="no whole checkpoint"):
        checkpoint.load(file)

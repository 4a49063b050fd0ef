"""Ctrl-C in a training says how to go on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from training_data import gallery, plan

from training import commands
from training.request import TrainRequest
from training.trials.train_inputs import Inputs


@pytest.mark.parametrize("kept", [True, False])
def test_a_stopped_run_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    gallery(tmp_path / "two", ["left", "right"])

    def stopped(request: TrainRequest, progress: object) -> None:
        assert request.run == tmp_path / "me-run"
        if kept:
            request.run.mkdir()
            (request.run / "checkpoint.safetensors").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "train", stopped)
    monkeypatch.setattr(commands, "read_inputs", lambda *_, **__: Inputs((), (), plan()))
    said = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        commands.train_command([], tmp_path / "two", "nice", tmp_path / "me", console=Console(file=said, width=300))
    assert ("--resume" in said.getvalue()) is kept

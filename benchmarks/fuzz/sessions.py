"""What a guided session writes and reads again: the presenter's plan, the guide and its answers, the calibration."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzz.target import Read
from benchmarks.fuzz.texts import in_file
from config import calibration, guide, presentation


def plans(folder: Path) -> list[bytes]:
    """A plan of two stimuli."""
    stimuli = tuple(
        presentation.Stimulus(id=f"{name}/a", category=name, picture=f"{name}.png", truth=name) for name in "xy"
    )
    trials = tuple(presentation.Trial(stimulus=one.id, on_s=0.1, blank_s=0.1) for one in stimuli)
    parts = (presentation.Pause(words="look", seconds=1.0), presentation.Block(trials=trials))
    return [presentation.Plan(stimuli=stimuli, parts=parts).model_dump_json().encode()]


def open_plan(folder: Path) -> Read:
    """Read a plan."""
    return in_file("a.json", presentation.read_plan, folder)


def guides(folder: Path) -> list[bytes]:
    """A guide that asks something."""
    light = guide.Light(channel="AF7", letter="Y", words="noisy")
    choice = guide.Choice(name="on", key="o", words="go on", default=True)
    asked = guide.Guide(
        session="s", step="fit", title="t", words=("w",), lights=(light,), question=3, choices=(choice,)
    )
    return [asked.model_dump_json().encode()]


def open_guide(folder: Path) -> Read:
    """Read a guide; one that is foreign is none."""
    return in_file(guide.GUIDE_JSON, lambda file: guide.read_guide(file.parent), folder)


def answers(folder: Path) -> list[bytes]:
    """An answer from the browser."""
    return [guide.GuideAnswer(question=3, choice="on").model_dump_json().encode()]


def open_answer(folder: Path) -> Read:
    """Take an answer; one that is foreign is none."""
    return in_file(guide.ANSWER_JSON, lambda file: guide.take_answer(file.parent), folder)


def calibrations(folder: Path) -> list[bytes]:
    """A calibration after a block."""
    score = calibration.BlockScore(block=1, trials=20, auc=0.7, accuracy=0.6, log10_e=0.3)
    whole = calibration.Evidence(channels=("AF7",), blocks=(score,), trials=20, auc=0.7, path=(0.1, 0.3))
    progress = calibration.Progress(
        categories=("x", "y"), blocks_planned=4, blocks_done=2, chance=0.5, threshold_log10_e=1.3, whole=whole
    )
    return [progress.model_dump_json().encode()]


def open_calibration(folder: Path) -> Read:
    """Read a calibration."""
    return in_file("a.json", calibration.read_progress, folder)

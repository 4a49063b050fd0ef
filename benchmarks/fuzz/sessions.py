"""What a guided session writes and reads again: what was asked for, plan, guide, answers, calibration, measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.fuzz.target import Read
from benchmarks.fuzz.texts import in_file
from config import calibration, guide, presentation, search, session_ask


def plans(folder: Path) -> list[bytes]:
    """A plan of two stimuli."""
    stimuli = tuple(
        presentation.Stimulus(id=f"{name}/a", category=name, picture=f"{name}.png", truth=name) for name in "xy"
    )
    trials = tuple(presentation.Trial(stimulus=one.id, on_s=0.1, blank_s=0.1) for one in stimuli)
    parts = (presentation.Pause(words="look", seconds=1.0, stimuli=("x/a",)), presentation.Block(trials=trials))
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


def asked(folder: Path) -> list[bytes]:
    """What a session was asked to be."""
    ask = session_ask.Ask(name="me", preset="muse", categories=("x", "y"), recordings=("a.csv",), overrides=("a=1",))
    return [ask.model_dump_json().encode()]


def open_asked(folder: Path) -> Read:
    """Read what a session was asked to be."""
    return in_file(session_ask.SESSION_JSON, lambda file: session_ask.read_ask(file.parent), folder)


def searches(folder: Path) -> list[bytes]:
    """A search after a round."""
    best = (search.Ranked(id="a", label="an a", score=0.7), search.Ranked(id="b", label="a b", score=-0.2))
    one = search.Round(shown=3, rejected=1, seen=(search.Seen(id="a", log_odds=1.5),), best=best)
    state = search.SearchState(vectors_sha256="0" * 64, items=9, rounds=(one, one))
    return [state.model_dump_json().encode()]


def open_search(folder: Path) -> Read:
    """Read a search, and what the report says of it."""
    from training.calibration.search_words import lead, rows, search_of

    def read(file: Path) -> object:
        state = search_of(file.parent)
        return state and (rows(state), lead(file.parent, state))

    return in_file(search.SEARCH_JSON, read, folder)


def logs(folder: Path) -> list[bytes]:
    """A presenter's log with the times of its frames."""
    from display.presenter.log import Log
    from display.presenter.timing import measure

    file = folder / "seed.jsonl"
    with Log(file) as log:
        log.begin(rate_hz=60.0)
        log.write("flip", time_s=1.0, stimulus="x/a", block=0)
        timed = measure([np.arange(30) / 60 + 1], 60.0, (0.001,))
        log.write("timing", **timed.table() if timed else {})
    return [file.read_bytes()]


def open_log(folder: Path) -> Read:
    """Read a presenter's log, and the times of its frames."""
    from training.calibration.session_files import read_timing

    return in_file("a.jsonl", read_timing, folder)


def reports(folder: Path) -> list[bytes]:
    """What is read of a display's report, and something beside it."""
    return [
        b'{"format": "eegseek-report", "latency_ms": {"p50": 1.5, "p95": 2.0, "p99": 3, "max": 4, "n": 9}, "a": [1]}'
    ]


def open_report(folder: Path) -> Read:
    """Read a display's report."""
    from training.calibration.session_files import read_shown

    return in_file("a.json", read_shown, folder)

"""A session's page: ``python -m training.calibration.report FOLDER`` writes ``report.html`` into the session's folder.

One HTML file that needs nothing else: no network, no script. What a session has no data for is said so.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from config.calibration import Verdict
from config.errors import BundleError, EegseekError, OutputError
from config.guide import read_checks
from training.calibration import search_words
from training.calibration import session_figures as figures
from training.calibration import session_words as words
from training.calibration.session_material import Material, gather
from training.report.style import Figure

PAGE = "report.html"
TITLES: dict[Verdict, str] = {
    "going_on": "The calibration was not ended.",
    "decodable": "Decodable.",
    "nothing_decodable": "Nothing decodable.",
    "out_of_trials": "Undecided.",
}
DETAILS = 40
"""Notes and changes of state that are shown."""


@dataclass(frozen=True)
class Table:
    """Rows under a head."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    lead
        Sentences before its tables and figures.
    missing
        What is said where there is neither.
    """

    title: str
    lead: tuple[str, ...]
    missing: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


def write_session_report(folder: Path) -> Path:
    """Write the page of a session; its path.

    Raises
    ------
    RecordingError
        The folder is no session's.
    OutputError
        The page cannot be written.
    """
    text = render(gather(folder))
    new = folder / f".{PAGE}.new"
    try:
        new.write_text(text, "utf-8")
        new.replace(folder / PAGE)
    except OSError as error:
        raise OutputError(f"'{folder / PAGE}' cannot be written: {error.strerror or error}") from error
    return folder / PAGE


def render(made: Material) -> str:
    """The page's HTML."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "session_page.html.j2").read_text("utf-8"))
    return template.render(
        title=f"Session {made.session}",
        simulated=made.simulated,
        summary=summary(made),
        warnings=made.progress.warnings if made.progress else (),
        facts=words.facts(made),
        sections=sections(made),
        faults=made.faults,
    )


def summary(made: Material) -> str:
    """How it ended, in a sentence or two."""
    if made.progress is None:
        return "This session made no calibration: it used a decoder of before, or only recorded."
    return f"{TITLES[made.progress.verdict]} {made.progress.words}"


def sections(made: Material) -> list[Section]:
    """Every part of the page; one without data says so."""
    progress = made.progress
    no_calibration = "There is no data: this session made no calibration."
    return [
        Section("What this headset can do", tuple(words.headset(made)), ""),
        Section(
            "Signal",
            ("The raw signal as it was recorded.", *(check.words for check in read_checks(made.folder))),
            "There is no data: no journal with samples lies in the folder.",
            _tables(
                Table(
                    "channels",
                    ("channel", "median peak-to-peak in 2 s", "share of mains", "share of alpha"),
                    tuple(words.channels(made)),
                )
            ),
            _drawn(figures.spectra(made), figures.level(made)),
        ),
        Section(
            "Evoked responses",
            ("What followed each kind of picture, on average, in the calibration.",),
            "There is no data: no calibration windows were kept.",
            (),
            _drawn(figures.evoked(made)),
        ),
        Section(
            "Can it be told apart, and how surely",
            (f"Accuracy by chance: {progress.chance:.0%} (mean over the categories); AUC: 0.50.",) if progress else (),
            no_calibration,
            _tables(
                Table(
                    "scores",
                    ("channels", "trials", "AUC", "95 % interval", "share right", "95 % interval"),
                    tuple(_scores(made)),
                )
            ),
            _drawn(figures.path(progress), figures.blocks(progress), figures.repeats(progress)),
        ),
        Section(
            "Eyes or brain?",
            (progress.ocular_words if progress and progress.ocular_words else no_calibration,),
            "",
        ),
        Section(
            "Where and when",
            ("Differences between the categories, with what chance alone would give.",),
            no_calibration if progress is None else "There is no data: too few trials for a map.",
            (),
            _drawn(figures.carriers(progress.map if progress else None)),
        ),
        Section(
            "In use",
            ("Answers after the calibration, where it is known what was shown.",),
            "There is no data: nothing was answered in this session, or it is not known what was shown.",
            _tables(
                Table(
                    "answers",
                    ("answer from", "repeats", "right", "95 % interval", "chance"),
                    tuple(words.accuracy(made)),
                )
            ),
        ),
        *_search(made),
        Section(
            "Timing",
            ("From the last sample of a window to its answer, and the presenter's own frames.",),
            "There is no data: nothing was answered, and no presenter's log lies in the folder.",
            _tables(
                Table(
                    "milliseconds",
                    ("stage", "median (ms)", "95 % (ms)", "99 % (ms)", "longest (ms)"),
                    tuple(words.timing(made)),
                )
            ),
            _drawn(figures.frames(made)),
        ),
        Section(
            "What was rejected, and why",
            (_rejected(made),),
            "",
            _tables(Table("rejected", ("reason", "stimuli", "what it usually means"), tuple(words.rejected(made)))),
        ),
        Section(
            "What happened",
            ("Notes, stretches marked as bad, and changes of state.",),
            "Nothing was noted.",
            _tables(Table("notes", ("in order",), tuple((line,) for line in (*made.notes, *made.states)[:DETAILS]))),
        ),
    ]


def _search(made: Material) -> list[Section]:
    """A free search; no section where none was asked for."""
    try:
        state = search_words.search_of(made.folder)
    except BundleError as error:
        made.faults.append(str(error))
        return []
    if state is None:
        return []
    return [
        Section(
            "Search",
            search_words.lead(made.folder, state),
            "There is no ranking: no round was answered.",
            _tables(Table("ranking by round", ("round", "answered", "rejected", "best so far"),
                          search_words.rows(state))),
            search_words.pictures(made.folder, state),
        )
    ]  # fmt: skip


def _scores(made: Material) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    told = made.progress
    for name, one in (("all", told.whole), ("frontal", told.ocular)) if told else ():
        if one and one.auc is not None:
            rows.append((
                f"{name} ({', '.join(one.channels[:8])}{' …' if len(one.channels) > 8 else ''})", str(one.trials),
                f"{one.auc:.2f}", f"{one.auc_low:.2f} to {one.auc_high:.2f}",
                f"{one.accuracy:.0%}", f"{one.accuracy_low:.0%} to {one.accuracy_high:.0%}",
            ))  # fmt: skip
    return rows


def _rejected(made: Material) -> str:
    trained = made.rejected.get("calibration", 0)
    others = sum(n for reason, n in made.rejected.items() if reason != "calibration")
    if not made.stimuli:
        return "No journal tells of stimuli." if not words.rejected(made) else "As the calibration counted them:"
    if not others:
        return f"Nothing: of {made.stimuli} stimuli {trained} went to training and {made.results} were answered."
    return f"Of {made.stimuli} stimuli {trained} went to training and {made.results} were answered. The others:"


def _tables(*tables: Table) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)


def _drawn(*drawn: Figure | None) -> tuple[Figure, ...]:
    return tuple(figure for figure in drawn if figure is not None)


def main(arguments: list[str] | None = None) -> int:
    """Write the page; the exit code."""
    made = argparse.ArgumentParser(prog="python -m training.calibration.report", description="One page of a session.")
    made.add_argument("folder", type=Path, help="the session's folder")
    given = made.parse_args(arguments)
    try:
        sys.stdout.write(f"{write_session_report(given.folder)}\n")
    except EegseekError as error:
        sys.stderr.write(f"report: {error} [{error.code}]\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

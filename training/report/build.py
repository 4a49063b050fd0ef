"""A report as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pydantic import JsonValue

from config.errors import SettingsError
from training.protocols.schema import Report, Row
from training.report import figures, tables, words
from training.report.published import published
from training.report.style import Figure
from training.report.topography import topography

PAGE = "report.html"
FEWEST_IN_FOREST, MOST_IN_FOREST = 2, 40
LONGEST_NAME = 90


@dataclass(frozen=True)
class Section:
    """Figures under one heading, with a sentence on how to read them."""

    title: str
    lead: str
    figures: tuple[Figure, ...]


def write_report(report: Report, folder: Path | str) -> Path:
    """Write a report's page.

    Parameters
    ----------
    report
        What was found.
    folder
        Where to; made if it is not there. ``report.html`` in it is replaced.

    Returns
    -------
    The page.

    Raises
    ------
    SettingsError
        The folder cannot be written.
    """
    text, folder = render(report), Path(folder)
    new = folder / f".{PAGE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new.write_text(text, "utf-8")
        new.replace(folder / PAGE)
    except OSError as error:
        raise SettingsError(
            f"report folder '{folder}' cannot be written: {error.strerror or error}; choose another with --report"
        ) from error
    return folder / PAGE


def render(report: Report) -> str:
    """The page's HTML."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "page.html.j2").read_text("utf-8"))
    literature = report.published or (published() if any(row.n_way == tables.WAY for row in report.rows) else ())
    return template.render(
        title=report.title or "Evaluation of a decoder",
        summary=words.summary(report.rows),
        about=list(_facts(report.about)),
        groups=tables.groups(report.rows),
        beside=tables.beside(report.rows, literature),
        sections=sections(report),
        notes=report.notes,
    )


def sections(report: Report) -> list[Section]:
    """Figures of a report; a section without any is left out."""
    every = [
        Section("Rows side by side", "Rows of the tables at their most repeats, with intervals.", _forest(report.rows)),
        Section(
            "What the score depends on",
            "How the score changes with repeats, with the end of the window, with channels or with coverage.",
            tuple(figures.curve(one) for one in report.curves),
        ),
        Section(
            "What is taken for what",
            "Where classes are confused, the colours off the diagonal show with which.",
            tuple(figures.confusion(one) for one in report.confusion),
        ),
        Section(
            "Shape of the space",
            "Stimuli that are alike to the model should be alike in the brain.",
            (
                *(figures.dissimilarities(one) for one in report.rdms),
                *([figures.embedding_map(report.embedding_map)] if report.embedding_map else ()),
            ),
        ),
        Section(
            "What drives the score",
            "The larger the value, the more is lost when this channel or time says nothing. Much of it far in front "
            "suggests eyes and muscles rather than brain.",
            tuple(topography(one) for one in report.maps),
        ),
        Section(
            "Can its probabilities be believed?",
            "Of answers claimed with 70 %, about 70 in 100 should be right.",
            tuple(figures.reliability(one) for one in report.reliability),
        ),
    ]
    return [section for section in every if section.figures]


def _forest(rows: tuple[Row, ...]) -> tuple[Figure, ...]:
    """One figure for each headline score that several rows share, each at its most repeats."""
    made = []
    for key in words.HEADLINES:
        best: dict[tuple[object, ...], Row] = {}
        for row in rows:
            if not row.error and words.key_of(row) == key:
                kind = (row.protocol, row.what, row.encoder, row.n_way, row.gallery, row.subjects, row.notes)
                if kind not in best or (row.repeats or 10**9) > (best[kind].repeats or 10**9):
                    best[kind] = row
        of = list(best.values())[:MOST_IN_FOREST]
        if len(of) >= FEWEST_IN_FOREST:
            named = list(zip(_named(of), (row.metrics[key] for row in of), strict=True))
            made.append(figures.forest(named, words.name(key), key))
    return tuple(made)


def _named(rows: list[Row]) -> list[str]:
    """Names of rows, as short as tells them apart."""
    short = [f"{row.protocol}, {row.n_way}-way, {row.gallery}, {words.repeats(row)}" for row in rows]
    alike = [name if short.count(name) == 1 else f"{name}: {_own(row)}" for name, row in zip(short, rows, strict=True)]
    return [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in alike]


def _own(row: Row) -> str:
    """What sets a row apart from others of the same conditions."""
    who = ", ".join(row.subjects) if 0 < len(row.subjects) <= 2 else ""
    return "; ".join(part for part in (row.encoder, row.trained_by, who, *row.notes[:1]) if part)


def _facts(about: dict[str, JsonValue], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of what was evaluated; nested ones are named by their path."""
    for name, value in about.items():
        path = f"{above} › {name}" if above else name
        if isinstance(value, dict):
            yield from _facts(value, path)
        elif isinstance(value, list):
            shown = [str(one) for one in value[:12]]
            yield path.replace("_", " "), ", ".join(shown) + (f" and {len(value) - 12} more" if len(value) > 12 else "")
        elif value not in (None, ""):
            yield path.replace("_", " "), {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

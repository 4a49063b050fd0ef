"""Words and prompts: what a text gallery is made from. No network here, only texts.

A template stands for a prompt: ``{}`` or ``{label}`` is the word, ``{definition}`` what it means. Several templates
make an ensemble: the mean of the unit vectors of all prompts of a word [1]_.

References
----------
.. [1] Radford et al. (2021), Learning transferable visual models from natural language supervision, ICML,
   section 3.1.4.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.errors import BundleError, SettingsError
from inference.inputs import read_text

TEMPLATE = "a photo of a {}."
NAMES = ("id", "label", "word")
"""Columns that name an item, in lower case; one stands for the others."""
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Word:
    """An item of a text gallery.

    Attributes
    ----------
    id
        Its own; in THINGS the name of the concept's folder, such as ``aircraft_carrier`` or ``bat2``.
    label
        The word, as people write it.
    definition
        What it means; may be empty.
    attributes
        Other columns; THINGS' 53 columns of categories come as one, ``categories``.
    """

    id: str
    label: str
    definition: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def read_words(path: Path) -> list[Word]:
    """Words of a file: one a line, or a ``.csv`` or ``.tsv`` table.

    A table's first line names the columns: id, label or word, and, where it is there, one that begins with
    "definition". THINGS' ``categories_final_20200131.tsv`` is such a table; its concepts that share a word are numbered
    in the order of the file (``bat1``, ``bat2``), as THINGS numbers them.

    Raises
    ------
    BundleError
        It cannot be read, is empty, or lacks the columns.
    """
    if path.suffix.lower() in (".csv", ".tsv"):
        words = _table(path)
    else:
        words = [Word(line, line) for line in (raw.strip() for raw in read_text(path).splitlines()) if line]
    if not words:
        raise BundleError(f"'{path}' holds no word; expected one a line, or a table with a column 'label' or 'Word'")
    return words


def prompts_of(word: Word, templates: Sequence[str]) -> list[str]:
    """Prompts of a word, one a template.

    Raises
    ------
    SettingsError
        A template has no place for the word, an unknown one, or asks for a definition where there is none.
    """
    return [_filled(template, word) for template in templates]


def check_templates(templates: Sequence[str]) -> None:
    """Refuse templates that say nothing of the word."""
    if not templates:
        raise SettingsError(f"no template is given; expected one such as '{TEMPLATE}'")
    for template in templates:
        fields = _FIELD.findall(template)
        odd = [name for name in fields if name not in ("", "label", "definition")]
        if odd or not fields:
            wrong = f"an unknown place '{{{odd[0]}}}'" if odd else "no place for the word"
            raise SettingsError(
                f"template '{template}' has {wrong}; expected {{}} or {{label}} for the word and, if wanted, "
                "{definition}"
            )


def _filled(template: str, word: Word) -> str:
    check_templates([template])
    if "{definition}" in template and not word.definition:
        raise SettingsError(
            f"template '{template}' asks for a definition, but '{word.label}' has none; give a table with a column "
            "'definition', or leave it out of the template"
        )
    return _FIELD.sub(lambda found: word.definition if found[1] == "definition" else word.label, template)


def _table(path: Path) -> list[Word]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
        header, rows = list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise BundleError(f"'{path}' is not a table: {error}") from error
    named = {name.strip().lower(): name for name in header if name.strip().lower() in NAMES}
    if not named:
        raise BundleError(f"'{path}' has the columns {', '.join(header) or 'none'}; expected id, label or Word")
    meaning = next((name for name in header if name.lower().startswith("definition")), "")
    found = []
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise BundleError(f"line {number} of '{path}' has not as many cells as the first line; mend the table")
        cells = {name: value.strip() for name, value in row.items()}
        label = next((cells[named[name]] for name in ("label", "word", "id") if name in named), "")
        if not label and not cells.get(meaning):
            continue  # THINGS' table ends with the sums of its columns
        if not label:
            raise BundleError(f"line {number} of '{path}' names no word; mend the table")
        identity = cells[named["id"]] if "id" in named else label.replace(" ", "_")
        rest = {name: cells[name] for name in header if name not in (*named.values(), meaning) and name.strip()}
        found.append(Word(identity or label, label, cells.get(meaning, "") if meaning else "", _attributes(rest)))
    return found if "id" in named else _numbered(found)


def _attributes(cells: dict[str, str]) -> dict[str, str]:
    """Columns that hold something; those that are only ticked (1) become a list of categories."""
    ticked = [name for name, value in cells.items() if value == "1"]
    written = {name: value for name, value in cells.items() if value not in ("", "1")}
    return {**written, **({"categories": ", ".join(ticked)} if ticked else {})}


def _numbered(words: list[Word]) -> list[Word]:
    """Concepts that share a word get 1, 2, … behind their ids; where the list has numbered them, labels lose it."""
    total, seen = Counter(word.id for word in words), Counter[str]()
    stems = Counter(_stem(word.label) for word in words)
    out = []
    for word in words:
        seen[word.id] += 1
        identity = f"{word.id}{seen[word.id]}" if total[word.id] > 1 else word.id
        label = _stem(word.label) if stems[_stem(word.label)] > 1 else word.label
        out.append(replace(word, id=identity, label=label))
    return out


def _stem(label: str) -> str:
    return re.sub(r"(?<=[^\W\d])\d$", "", label)

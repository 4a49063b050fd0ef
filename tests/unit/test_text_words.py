"""Words and prompts of text galleries, with THINGS' own table of concepts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import BundleError, SettingsError
from inference.text import Word, prompts_of, read_words


def test_templates_are_filled() -> None:
    word = Word("cat", "cat", "a small animal")
    templates = ["a photo of a {}.", "{label}: {definition}", "{}{}"]
    assert prompts_of(word, templates) == ["a photo of a cat.", "cat: a small animal", "catcat"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a photo", "no place for the word"),
        ("a {name}", r"unknown place '\{name\}'"),
        ("{0.__class__}", "unknown place"),
        ("{}: {definition}", "'dog' has none"),
    ],
)
def test_templates_that_cannot_be_filled(template: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        prompts_of(Word("dog", "dog"), [template])


@given(st.text(), st.text(min_size=1))
def test_a_word_is_never_read_as_a_template(label: str, definition: str) -> None:
    prompt = prompts_of(Word("x", label, definition), ["<{label}|{definition}>"])[0]
    assert prompt == f"<{label}|{definition}>"


def test_lines_and_tables(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("cat\n\n big dog \n")
    assert [(word.id, word.label) for word in read_words(tmp_path / "a.txt")] == [
        ("cat", "cat"),
        ("big dog", "big dog"),
    ]
    (tmp_path / "a.csv").write_text('id,label,definition,size\n1,cat,"small, furry",s\n2,dog,,\n')
    assert read_words(tmp_path / "a.csv") == [
        Word("1", "cat", "small, furry", {"size": "s"}),
        Word("2", "dog", "", {}),
    ]


def test_tables_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, message in (
        ("size,colour\n1,2\n", "has the columns size, colour"),
        ("label,definition\ncat\n", "line 2 .* not as many cells"),
        ("label,definition\n,what\n", "line 2 .* names no word"),
        ("label\n", "holds no word"),
    ):
        path.write_text(text)
        with pytest.raises(BundleError, match=message):
            read_words(path)


def test_the_concepts_of_things(data: Path) -> None:
    words = {word.id: word for word in read_words(data / "things" / "categories_final_20200131.tsv")}
    assert len(words) == 1854
    assert words["aircraft_carrier"].label == "aircraft carrier"
    assert words["bat2"].label == "bat" and words["bat2"].definition.startswith("a club used for hitting")
    assert words["bow3"].label == "bow"
    assert words["aardvark"].attributes == {"categories": "animal, mammal"}
    assert all(word.definition for word in words.values())

"""Settings and tables that somebody made to do harm: each is refused in one sentence, soon."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hostile import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import texts
from config import bundles
from config.errors import BundleError, EegseekError, SettingsError
from config.gallery_log import GALLERY_EDITS, read_log
from config.load import MAX_BYTES, load_settings
from inference.inputs import read_table
from inference.text import read_words

TOML = {
    "an unknown key": "[source]\nnmae = 'x'",
    "an unknown section": "[sorce]\nname = 'x'",
    "a path that leaves": "[session]\nname = '../../elsewhere'",
    "a wrong type": "[source]\nname = 5",
    "a list for a number": "[window]\nend_s = [1]",
    "a date": "[source]\nname = 1979-05-27",
    "no number": "[markers]\ndelay_s = nan",
    "endless": "[markers]\ndelay_s = inf",
    "a key of many parts": "a" + ".a" * 400_000 + " = 1",
    "a header of many parts": "[a" + ".a" * 400_000 + "]",
    "a key as deep as is read": "a" + ".a" * 1900 + " = 1",
    "arrays in arrays": "a = " + "[" * 100_000,
    "tables in tables": "a = " + "{a=" * 50_000,
    "a long number": "a = 1" + "0" * 10_000,
    "a key twice": "[source]\nname = 'a'\nname = 'b'",
    "too large": "#" * (MAX_BYTES + 1),
    "a pattern without end": "[markers]\nstimulus = '(" + "a{65535}" * 9 + "){65535}'",
    "a pattern too large": "[markers]\nstimulus = 'a{99999999999999999999}'",
}


@pytest.mark.parametrize("name", TOML)
def test_settings_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.toml").write_text(TOML[name])
    if name == "a pattern without end":  # it may be read; nothing is matched with it here
        with contextlib.suppress(SettingsError):
            load_settings(str(tmp_path / "a.toml"))
        return
    with refused(SettingsError):
        load_settings(str(tmp_path / "a.toml"))


def test_settings_in_json(tmp_path: Path) -> None:
    twice, deep = '{"source": {"name": "a", "name": "b"}}', '{"a":' * 900 + "1" + "}" * 900
    for text in (twice, deep, "[" * 100_000, "1" * 5000, "{}x"):
        (tmp_path / "a.json").write_text(text)
        with refused(SettingsError):
            load_settings(str(tmp_path / "a.json"))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    for path in (tmp_path / "a.toml", tmp_path, Path("/dev/zero")):
        with refused(SettingsError):
            load_settings(str(path))


@pytest.mark.parametrize("value", ["[" * 100_000, "1" * 5000, "{a=" * 5000, "1\n[source]", "\x00"])
def test_overrides(value: str) -> None:
    with refused(SettingsError):
        load_settings(overrides=[f"window.end_s={value}"])


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_table, "id,label\na," + "x" * 3_000_000 + "\n"),
        (read_table, 'id,label\na,"' + "\n" * 200_000),
        (read_table, "id,label\n" + "," * 200_000),
        (read_words, "Word\tid\na\t" + "x" * 3_000_000 + "\n"),
    ],
)
def test_tables(tmp_path: Path, reader: object, text: str) -> None:
    (tmp_path / "a.tsv").write_text(text if reader is read_words else text.replace(",", "\t"))
    with refused(BundleError):
        reader(tmp_path / "a.tsv")  # type: ignore[operator]


def test_formulas_and_nul_bytes_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,label\n=cmd|' /C calc'!A0,a\x00b\n")
    (item,) = read_table(tmp_path / "a.csv")
    assert (item.id, item.label) == ("=cmd|' /C calc'!A0", "a\x00b")


def test_a_session_file_with_a_key_twice(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"truth": {"1": "a", "1": "b"}}')
    with refused(BundleError, "'1' stands twice"):
        bundles.read_session_file(tmp_path / "a.json")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(st.data())
def test_any_value_in_a_description_gives_a_model_or_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    for make, model in ((texts.encoder_json, bundles.EncoderSpec), (texts.gallery_json, bundles.GallerySpec)):
        fields = json.loads(make(tmp_path)[0])
        fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(PLAIN)
        (tmp_path / "a.json").write_text(json.dumps(fields))
        try:
            bundles.parse(model, bundles.read_json(tmp_path / "a.json", "file"), tmp_path / "a.json", "file")
        except BundleError as error:
            assert "\n" not in str(error)


@QUICK
@given(st.sampled_from(["source", "window", "markers", "run", "x"]), st.text(max_size=8), PLAIN)
def test_any_setting_gives_settings_or_one_sentence(tmp_path: Path, section: str, key: str, value: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps({section: {key: value}}))
    try:
        load_settings(str(tmp_path / "a.json"))
    except SettingsError as error:
        assert "\n" not in str(error)


@QUICK
@given(st.binary(max_size=60))
def test_any_end_of_an_edit_log_gives_a_log_or_one_sentence(tmp_path: Path, tail: bytes) -> None:
    (tmp_path / GALLERY_EDITS).write_bytes(texts.gallery_log(tmp_path)[0] + tail)
    try:
        assert len(read_log(tmp_path, texts.gallery_spec()).edits) >= 3
    except EegseekError as error:
        assert "\n" not in str(error)

"""Settings: presets load, overrides win, and every mistake is one sentence that names the mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.errors import SettingsError
from config.load import load_settings, preset_names
from config.settings import BrainFlowSource, LslSource, RecordingSource


def test_every_preset_is_valid() -> None:
    names = preset_names()
    assert {"demo", "lsl", "muse", "muse-lsl", "cyton", "unicorn", "things-eeg2"} <= set(names)
    for name in names:
        load_settings(preset=name)


def test_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[source]\nname = "from file"\n[inference]\nworkers = 3\n')
    settings = load_settings(str(file), "lsl", ["source.name=from override"])
    assert isinstance(settings.source, LslSource)
    assert settings.source.name == "from override"
    assert settings.inference.workers == 3


def test_another_kind_of_source_forgets_the_old_one() -> None:
    settings = load_settings(preset="muse", overrides=["source.kind=recording", "source.file=a.csv"])
    assert isinstance(settings.source, RecordingSource)
    assert isinstance(load_settings(preset="muse").source, BrainFlowSource)


def test_round_trip_through_json(tmp_path: Path) -> None:
    settings = load_settings(preset="muse", overrides=["window.end_s=0.5", "source.config=['a', 'b']"])
    file = tmp_path / "resolved.json"
    file.write_text(settings.model_dump_json())
    assert load_settings(str(file)) == settings


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("source.nam=x", "unknown setting 'source.nam' (did you mean 'name'?)"),
        ("sorce.name=x", "unknown setting 'sorce' (did you mean 'source'?)"),
        ("window.end_s=-1", "end_s must be later than start_s"),
        ("source.kind=lls", "must be one of lsl, brainflow, recording, participant"),
        ("inference.workers=zero", "'inference.workers'"),
        ("inference.workers", "section.key=value"),
        ("markers.stimulus=(", "not a regular expression"),
        ("session.name=../up", "'session.name'"),
    ],
)
def test_a_mistake_is_one_sentence(override: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(overrides=[override])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[source", '{"a":', "\xff", json.dumps([1])])
def test_a_foreign_file_is_refused(tmp_path: Path, text: str) -> None:
    for name in ("c.toml", "c.json"):
        file = tmp_path / name
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(SettingsError):
            load_settings(str(file))


def test_unknown_preset_and_missing_file() -> None:
    with pytest.raises(SettingsError, match="did you mean 'muse'"):
        load_settings(preset="mused")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings("no-such-file.toml")

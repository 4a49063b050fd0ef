"""Settings from a preset or a TOML file, with overrides, and errors that name the nearest known key."""

from __future__ import annotations

import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config import presets
from config.bounded import TooLargeError, once, read_bounded
from config.errors import SettingsError, SettingsFileError, UnknownSetting
from config.settings import AnySource, Settings

MAX_BYTES = 1 << 20
MAX_DOTS = 2000
"""In a line of TOML."""
Table = dict[str, Any]


def preset_names() -> list[str]:
    """Names of the presets that come with eegseek."""
    return sorted(f.name.removesuffix(".toml") for f in resources.files(presets).iterdir() if f.name.endswith(".toml"))


def load_settings(path: str | None = None, preset: str | None = None, overrides: Iterable[str] = ()) -> Settings:
    """Settings of a run: the preset, then the file, then each ``section.key=value``, later ones winning.

    Parameters
    ----------
    path
        A ``.toml`` file, or ``.json`` as the supervisor writes for its children.
    preset
        One of `preset_names`.
    overrides
        Such as ``source.name=Muse`` or ``window.end_s=0.6``; values are read as TOML, else as text.

    Raises
    ------
    SettingsError
        A file is missing or not TOML, or a key is unknown or out of range.
    """
    table: Table = {}
    if preset is not None:
        _merge(table, _read_preset(preset))
    if path is not None:
        _merge(table, _read_file(Path(path)))
    for override in overrides:
        _merge(table, _parse_override(override))
    if isinstance(source := table.get("source"), dict):
        source.setdefault("kind", "lsl")
    return validate(table)


def validate(table: Table) -> Settings:
    """Settings of a table.

    Raises
    ------
    SettingsError
        Names the first wrong key, what was expected, and the nearest known key for an unknown one.
    """
    try:
        # through JSON, so that lists become tuples and nothing is coerced loosely
        return Settings.model_validate_json(json.dumps(table))
    except ValidationError as error:
        details = error.errors(include_url=False)
        unknown = [d for d in details if d["type"] == "extra_forbidden"]
        kind = UnknownSetting if unknown else SettingsError
        raise kind(_sentence((unknown or details)[0])) from error
    except (TypeError, RecursionError) as error:
        raise SettingsError(f"a setting has a value that settings cannot hold: {error}") from error


def _read_preset(name: str) -> Table:
    known = preset_names()
    if name not in known:
        raise UnknownSetting(f"unknown preset '{name}'{_nearest(name, known)}; known: {', '.join(known)}")
    return tomllib.loads((resources.files(presets) / f"{name}.toml").read_text("utf-8"))


def _read_file(path: Path) -> Table:
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8")
        if path.suffix != ".json":
            _check_keys(path, text)
        table = json.loads(text, object_pairs_hook=once) if path.suffix == ".json" else tomllib.loads(text)
    except TooLargeError as error:
        raise SettingsFileError(f"'{path}' is {error}, which no settings file is") from error
    except OSError as error:
        raise SettingsFileError(f"settings file '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SettingsFileError(
            f"settings file '{path}' is not valid {path.suffix[1:].upper() or 'TOML'}: {error}"
        ) from error
    if not isinstance(table, dict):
        raise SettingsFileError(f"settings file '{path}' holds no table of settings")
    return table


def _parse_override(text: str) -> Table:
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) != 2 or not all(parts):
        raise SettingsError(f"override '{text}' is not of the form section.key=value, such as source.name=Muse")
    return {parts[0]: {parts[1]: _value(value.strip())}}


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is none (so that quotes are not needed in a shell)."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return found["value"] if len(found) == 1 else text


def _check_keys(path: Path, text: str) -> None:
    """No key of thousands of parts: the time to read one grows with their square."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MAX_DOTS:
            raise SettingsFileError(f"line {number} of settings file '{path}' has more than {MAX_DOTS} dots, refused")


def _merge(table: Table, other: Table) -> None:
    for key, value in other.items():
        old = table.get(key)
        if not isinstance(value, dict) or not isinstance(old, dict):
            table[key] = value
        elif "kind" in value and value["kind"] != old.get("kind"):
            table[key] = dict(value)  # another kind of source: the old one's keys mean nothing to it
        else:
            _merge(old, value)


def _sentence(detail: ErrorDetails) -> str:
    names = [str(part) for part in detail["loc"]]
    model, path = _walk(names)
    where = ".".join(path)
    if detail["type"] == "extra_forbidden":
        known = sorted(model.model_fields) if model else []
        return f"unknown setting '{where}'{_nearest(path[-1], known)}; known there: {', '.join(known)}"
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = "lsl, brainflow, recording, participant"
        return f"setting 'source.kind' must be one of {kinds}, not {detail['input']!r:.80}"
    if detail["type"] == "missing":
        return f"setting '{where}' is missing; give it in the settings file or with --set {where}=VALUE"
    return f"setting '{where}' is {detail['input']!r:.80}: {detail['msg']}"


def _walk(names: list[str]) -> tuple[type[BaseModel] | None, list[str]]:
    """Model that holds the last name, and the path as a user writes it (without the union's tag)."""
    model: type[BaseModel] | None = Settings
    path: list[str] = []
    for name in names:
        tagged = _source(name) if path == ["source"] else None
        if tagged:
            model = tagged
            continue
        path.append(name)
        if name != names[-1] and model is not None:
            model = _submodel(model, name)
    return model, path


def _source(kind: str) -> type[BaseModel] | None:
    models = typing.get_args(typing.get_args(AnySource)[0])
    return next((m for m in models if m.model_fields["kind"].default == kind), None)


def _submodel(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = model.model_fields.get(name)
    if field is None:
        return None
    options = typing.get_args(field.annotation) if isinstance(field.annotation, types.UnionType) else [field.annotation]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""

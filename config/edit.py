"""Change one key of a settings file, and leave everything else in it as it stands, comments included."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from config.errors import SettingsFileError
from config.load import load_settings

_TABLE = re.compile(r"^\s*\[{1,2}")


def store(path: Path, section: str, key: str, value: str) -> None:
    """Set ``section.key`` in a TOML file; the file is made where it is not there.

    Parameters
    ----------
    path
        Of the settings file.
    section, key
        Such as ``markers`` and ``delay_s``.
    value
        As TOML.

    Raises
    ------
    SettingsFileError
        The file cannot be read or written, or is written in a way in which the key cannot be changed alone.
    SettingsError
        What would stand in it then is not valid.
    """
    if path.suffix == ".json":
        raise SettingsFileError(f"'{path}' is JSON, which programs write; give a settings file in TOML")
    exists = path.exists()
    if exists:
        load_settings(str(path))  # nothing is changed in a file that is wrong already
    try:
        text = path.read_text("utf-8") if exists else ""
    except OSError as error:
        raise SettingsFileError(f"settings file '{path}' cannot be read: {error.strerror}") from error
    changed = edited(text, section, key, value)
    wanted = tomllib.loads(f"value = {value}")["value"]
    try:
        found = tomllib.loads(changed)
        same = {**found, section: {**found[section], key: None}} == _with_none(tomllib.loads(text), section, key)
        if found[section][key] != wanted or not same:
            raise ValueError("it would change more than that")
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsFileError(
            f"'{path}' is written so that {section}.{key} cannot be changed alone; set {key} = {value} in its section "
            f"[{section}] by hand"
        ) from error
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(changed, "utf-8")
        load_settings(str(partial))
        if exists:
            partial.chmod(path.stat().st_mode & 0o777)
        partial.replace(path)
    except OSError as error:
        raise SettingsFileError(f"settings file '{path}' cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def edited(text: str, section: str, key: str, value: str) -> str:
    """The text of a TOML file with a key of a section set."""
    lines = text.splitlines()
    heading = re.compile(rf"^\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    begin = next((k for k, line in enumerate(lines) if heading.match(line)), None)
    if begin is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{section}]", f"{key} = {value}"]) + "\n"
    end = next((k for k in range(begin + 1, len(lines)) if _TABLE.match(lines[k])), len(lines))
    setting = re.compile(rf"^(\s*){re.escape(key)}\s*=[^#\n]*?(\s*#.*)?$")
    for k in range(begin + 1, end):
        if match := setting.match(lines[k]):
            lines[k] = f"{match[1]}{key} = {value}{match[2] or ''}"
            return "\n".join(lines) + "\n"
    return "\n".join([*lines[: begin + 1], f"{key} = {value}", *lines[begin + 1 :]]) + "\n"


def _with_none(table: dict[str, object], section: str, key: str) -> dict[str, object]:
    """A table as it was, but for one key."""
    old = table.get(section, {})
    return {**table, section: {**(old if isinstance(old, dict) else {}), key: None}}

"""Makes ``docs/settings.md`` from the settings themselves: ``python -m eegseek.settings_page``."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from config import settings as module
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.load import preset_names

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("session", module.SessionSettings),
    *(
        (f'source (kind = "{m.model_fields["kind"].default}")', m)
        for m in typing.get_args(typing.get_args(module.AnySource)[0])
    ),
    ("markers", module.MarkerSettings),
    ("chain", ChainSettings),
    ("window", WindowSettings),
    ("rejection", RejectionSettings),
    ("dispatch", module.DispatchSettings),
    ("inference", module.InferenceSettings),
    ("display", module.DisplaySettings),
    ("dashboard", module.DashboardSettings),
    ("run", module.RunSettings),
)
HEAD = f"""# Settings

Every key of a settings file (TOML), its default, and what it means. Made by `python -m eegseek.settings_page`.

- Start from a preset, a file, or both: `eegseek run --preset muse --config mine.toml`. Later ones win.
- Override any key on the command line: `--set source.name=Muse --set window.end_s=0.6`.
- Presets: {", ".join(f"`{name}`" for name in preset_names())}.
- A live run takes `chain` and `window` from the encoder bundle; they are for training.
"""


def page() -> str:
    """Text of the page."""
    return HEAD + "".join(_section(title, model) for title, model in SECTIONS)


def _section(title: str, model: type[BaseModel]) -> str:
    notes = _notes(model)
    lines = [f"\n## {title}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n| key | default | |\n|---|---|---|\n"]
    for name, field in model.model_fields.items():
        default = "required" if field.default is PydanticUndefined else f"`{_toml(field.default)}`"
        lines.append(f"| `{name}` | {default} | {notes.get(name, '').replace('|', chr(92) + '|')} |\n")
    return "".join(lines)


def _notes(model: type[BaseModel]) -> dict[str, str]:
    """The string that follows each field in the source."""
    body = typing.cast(ast.ClassDef, ast.parse(inspect.getsource(model)).body[0]).body
    found: dict[str, str] = {}
    for field, after in itertools.pairwise(body):
        is_note = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if is_note and isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = typing.cast(ast.Constant, typing.cast(ast.Expr, after).value).value
            found[field.target.id] = " ".join(str(text).replace("``", "`").split())
    return found


def _toml(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if "\\" not in value else f"'{value}'"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs" / "settings.md").write_text(page(), "utf-8")
    sys.stderr.write("docs/settings.md written\n")

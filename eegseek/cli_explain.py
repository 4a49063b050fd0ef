"""``eegseek explain``: what an error code means, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from config.errors import EegseekError, UnknownSetting, tree
from eegseek.errors_page import entry, what


def explain(
    code: Annotated[str, typer.Argument(help="Code at the end of an error, such as E301; empty: list all.")] = "",
) -> None:
    """Say what an error code means, what usually brings it about, and what to do."""
    if code:
        typer.echo(entry(find(code)))
        return
    for kind in tree():
        typer.echo(f"{kind.code}  {kind.__name__:<18} {what(kind)}")


def find(code: str) -> type[EegseekError]:
    """The error with a code, or of a name.

    Raises
    ------
    UnknownSetting
        There is none.
    """
    wanted = code.strip().strip("[]").lower()
    for kind in tree():
        if wanted in (kind.code.lower(), kind.__name__.lower()):
            return kind
    raise UnknownSetting(f"there is no error '{code}'; known: {', '.join(kind.code for kind in tree())}")

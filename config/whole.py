"""Small files that one process writes in one step and others read meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from config.bounded import TooLargeError, read_bounded

Model = TypeVar("Model", bound=BaseModel)


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: whoever reads it meanwhile meets the old one or the new one, whole.

    Raises
    ------
    OSError
        It cannot be written; the old one stays, and nothing is left beside it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_whole(model: type[Model], path: Path, most: int) -> Model | None:
    """What a file of at most so many bytes holds; None where there is none, or none that can be read."""
    try:
        return model.model_validate_json(read_bounded(path, most))
    except (OSError, TooLargeError, ValidationError):
        return None

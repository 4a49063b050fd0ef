"""Names of journal files: one a segment, and more where it grew past `session.rotate_bytes`. Pure but for listing."""

from __future__ import annotations

import re
from pathlib import Path

SUFFIX = ".esj"
_NAME = re.compile(r"segment-(\d{4,})(?:-part-(\d{2,}))?\.esj")
_PART = re.compile(r"(.+)-part-(\d{2,})")


def path(folder: Path, segment: int) -> Path:
    """Journal of a segment in a session's folder; its first file where there are several."""
    return folder / f"segment-{segment:04d}{SUFFIX}"


def part_path(first: Path, part: int) -> Path:
    """The file of a part, from 1, of the journal that begins with ``first``."""
    return first if part == 1 else first.with_name(f"{first.stem}-part-{part:02d}{SUFFIX}")


def part_of(file: Path) -> tuple[Path, int]:
    """First file of the journal that a file belongs to, and which part of it the file is, from 1."""
    match = _PART.fullmatch(file.stem)
    return (file.with_name(f"{match[1]}{SUFFIX}"), int(match[2])) if match else (file, 1)


def following(file: Path) -> Path:
    """Where a journal goes on when a file of it is full."""
    first, part = part_of(file)
    return part_path(first, part + 1)


def segments(folder: Path) -> dict[int, list[int]]:
    """Numbers of a folder's segments, in order, and of each segment's parts that are there; empty without a folder."""
    found: dict[int, list[int]] = {}
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    for match in filter(None, map(_NAME.fullmatch, names)):
        found.setdefault(int(match[1]), []).append(int(match[2] or 1))
    return {segment: sorted(found[segment]) for segment in sorted(found)}


def next_segment(folder: Path) -> int:
    """Number after the last segment in a session's folder; 0 where there is none, or no folder."""
    return max(segments(folder), default=-1) + 1

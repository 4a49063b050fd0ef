"""Recorded sessions in the folder of this one, and the command that plays each again; the disk is only read."""

from __future__ import annotations

import html
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.errors import EegseekError
from config.load import load_settings
from config.settings import Settings

LISTED = 50
JOURNALS = "segment-*.esj"


@dataclass(frozen=True)
class Recording:
    """A session on the disk.

    Attributes
    ----------
    name
        Of the session.
    words
        When, how large, and what there is of it.
    journal
        Its last segment.
    options
        Of ``eegseek replay``: the bundles that its session used.
    """

    name: str
    words: str
    journal: Path
    options: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What to type to play its last segment again."""
        return shlex.join(["eegseek", "replay", str(self.journal), *self.options])


def listed(settings: Settings) -> list[Recording]:
    """Sessions with a journal, the latest first, at most `LISTED`."""
    folder = Path(settings.session.folder)
    try:
        journals = {place: sorted(place.glob(JOURNALS)) for place in folder.iterdir() if place.is_dir()}
    except OSError:
        return []
    found = [(max(_when(one) for one in some), place, some) for place, some in journals.items() if some]
    found.sort(key=lambda row: row[0], reverse=True)
    return [_recording(place, some, when) for when, place, some in found[:LISTED]]


def _recording(place: Path, journals: list[Path], when: float) -> Recording:
    size = sum(_size(one) for one in journals)
    segments = len({one.name.split("-part-")[0].removesuffix(".esj") for one in journals})
    words = [
        f"{datetime.fromtimestamp(when):%Y-%m-%d %H:%M}",
        f"{size / 1e6:.1f} MB",
        f"{segments} segment{'s' * (segments != 1)}",
        "BIDS recording made" if (place / "bids").is_dir() else "no BIDS recording yet",
    ]
    whole = [one for one in journals if "-part-" not in one.name] or journals
    return Recording(place.name, ", ".join(words), whole[-1], options(place))


def options(place: Path) -> tuple[str, ...]:
    """Options of ``eegseek replay`` for a session's folder; none where its settings cannot be read."""
    try:
        settings = load_settings(str(place / "settings.json"))
    except EegseekError:
        return ()
    words: list[str] = []
    for option, value in (
        ("--encoder", settings.inference.encoder),
        ("--gallery", settings.inference.gallery),
        ("--truth", settings.session.truth),
    ):
        words += [option, value] * bool(value)
    return tuple(words)


def escaped(words: str) -> str:
    """Text for a page."""
    return html.escape(words)


def _when(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

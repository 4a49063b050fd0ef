"""What is asked of `benchmarks.anytime`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.errors import SettingsError

MUSE, PARTICIPANT = ("left-right", "n170"), "participant-v1"
STUDIES = (*MUSE, PARTICIPANT)
ENDS_S = (0.2, 0.3, 0.4, 0.5)
"""Earlier ends of the headset's windows; the whole one is the preset's, 0.6 s, as of the figures asked for."""


@dataclass(frozen=True)
class AnytimeOptions:
    """What is measured.

    Attributes
    ----------
    data
        Folder as ``EEGSEEK_DATA`` names it, with ``muse`` and ``things``.
    studies
        Of ``STUDIES``; empty: all.
    inner
        Inner splits by which options of the headset's decoder are chosen, at most.
    pictures, repeats
        Of the participant's training session.
    test_repeats
        Of each test picture, of which ``averaged`` make an answer.
    sessions
        Of the participant, everything drawn anew.
    networks
        Trained on random truncation, by name; empty: none.
    seed
        Of the first session.
    json, figure
        Write numbers, and a drawing (SVG, or PNG by its name), here.
    """

    data: Path
    studies: tuple[str, ...] = ()
    inner: int = 3
    pictures: int = 16_540
    repeats: int = 4
    test_repeats: int = 80
    averaged: int = 10
    sessions: int = 1
    networks: tuple[str, ...] = ()
    seed: int = 0
    json: Path | None = None
    figure: Path | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Studies to do."""
        return tuple(dict.fromkeys(self.studies)) or STUDIES

    def check(self) -> None:
        """Refuse what makes no study.

        Raises
        ------
        SettingsError
            Names it.
        """
        for name in self.wanted:
            if name not in STUDIES:
                raise SettingsError(f"unknown study '{name}'; known: {', '.join(STUDIES)}")
        if self.inner < 2 or self.pictures < 100 or min(self.repeats, self.sessions, self.averaged) < 1:
            raise SettingsError("at least 2 inner splits, 100 pictures, and 1 repeat and session are needed")
        if self.test_repeats < self.averaged:
            raise SettingsError(f"{self.test_repeats} repeats of a test picture give no average of {self.averaged}")

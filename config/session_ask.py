"""What a guided session was asked to be, kept in its folder so that it can go on later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from config.bounded import read_bounded
from config.chain import Frozen
from config.errors import SettingsError
from config.search import MOST_ROUNDS, OWN, OWN_GALLERY

SESSION_JSON = "session.json"
"""In the session's folder."""
MAX_BYTES = 1 << 20
MOST, MOST_S = 10_000, 60.0
"""Blocks, or presentations in one; and seconds that one may last."""
MOST_FORMER = 16
"""Earlier sessions that are learned from."""
Count = Annotated[int, Field(gt=0, le=MOST)]
Shown = Annotated[float, Field(gt=0, le=MOST_S)]


class Ask(Frozen):
    """What a session was asked to be."""

    preset: str = ""
    config: str = ""
    overrides: tuple[str, ...] = ()
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    pictures: str = ""
    categories: tuple[str, ...] = ()
    participant: bool = False
    """A simulated head wears the headset."""
    snr_db: float = -6.0
    """Of the simulated participant."""
    recordings: tuple[str, ...] = ()
    speed: NonNegativeFloat = 20.0
    """Of recordings, times real time."""
    board: str = ""
    presenter: bool = True
    size: str = ""
    """Of the presenter's window, such as 1280x720; empty: the whole screen."""
    unattended: bool = False
    checks: bool = False
    """Blink and alpha check also where nobody answers."""
    contact_s: PositiveFloat = 20.0
    """Unattended: how long good contact is waited for, s."""
    encoder: str = ""
    """A bundle of before, in place of a calibration."""
    former: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=MOST_FORMER)] = ()
    """Folders of earlier sessions of the same person, which the calibration learns from as well."""
    seed: NonNegativeInt = 0
    blocks: Count = 12
    trials: Count = 40
    on_s: Shown = 0.3
    blank_s: Annotated[float, Field(ge=0, le=MOST_S)] = 0.5
    use_trials: Count = 40
    search: str = ""
    """Folder of the gallery that ranks itself towards what is attended to, or ``own``; empty: categories are told."""
    rounds: Annotated[int, Field(gt=0, le=MOST_ROUNDS)] = 6
    """Of a search, at a sitting."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Of the test against chance."""
    dashboard: bool = False

    @property
    def stream(self) -> str:
        """Name of the marker stream."""
        return f"eegseek-{self.name}-markers"

    @property
    def eeg_stream(self) -> str:
        """Name of a simulated participant's EEG stream."""
        return f"eegseek-{self.name}"


def search_gallery(ask: Ask, folder: Path) -> Path | None:
    """Folder of the gallery that the session of a folder searches; None where it makes no search."""
    if not ask.search:
        return None
    return folder / OWN_GALLERY if ask.search == OWN else Path(ask.search)


def read_ask(folder: Path) -> Ask:
    """What the session of a folder was asked to be.

    Raises
    ------
    SettingsError
        No guided session was made there.
    """
    path = folder / SESSION_JSON
    try:
        return Ask.model_validate_json(read_bounded(path, MAX_BYTES))
    except OSError as error:
        raise SettingsError(
            f"'{folder}' holds no guided session to go on with ({path.name} is missing); see --resume NAME and "
            "session.folder"
        ) from error
    except ValueError as error:
        raise SettingsError(f"'{path}' was written by another version, or changed; begin a new session") from error

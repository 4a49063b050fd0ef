"""From what was asked for on the command line to the settings of the run. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from config.chain import ChainSettings, Frozen, WindowSettings
from config.errors import SettingsError
from config.load import load_settings
from config.settings import LslSource, ParticipantSource, Settings
from eegseek.session.events import Way
from eegseek.session.headsets import BOARDS, UNICORN, Headset, headset
from eegseek.session.materials import Showing

SESSION_JSON = "session.json"
"""In the session's folder: what was asked for, for ``--resume``."""
ENCODER = "encoder"
RATE_HZ = 250.0
SIMULATED_UV = 250.0
"""Largest peak-to-peak of a simulated participant's windows, as in the demo."""


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
    seed: NonNegativeInt = 0
    blocks: PositiveInt = 12
    trials: PositiveInt = 40
    on_s: PositiveFloat = 0.3
    blank_s: NonNegativeFloat = 0.5
    use_trials: PositiveInt = 40
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Of the test against chance."""
    dashboard: bool = False

    @property
    def showing(self) -> Showing:
        """How pictures are shown."""
        return Showing(self.blocks, self.trials, self.on_s, self.blank_s, self.use_trials)

    @property
    def preset_name(self) -> str | None:
        """The preset, where one is named or goes without saying."""
        if self.preset:
            return self.preset
        if self.board and BOARDS.get(self.board, self.board) == "SYNTHETIC_BOARD":
            return "synthetic"
        return None if self.config else "muse-lsl" if self.recordings else "lsl"

    @property
    def stream(self) -> str:
        """Name of the marker stream."""
        return f"eegseek-{self.name}-markers"

    @property
    def eeg_stream(self) -> str:
        """Name of a simulated participant's EEG stream."""
        return f"eegseek-{self.name}"


def check(ask: Ask) -> None:
    """Refuse what cannot go together.

    Raises
    ------
    SettingsError
        Names what excludes what.
    """
    sources = [
        name
        for name, given in (
            ("--participant", ask.participant),
            ("--recording", bool(ask.recordings)),
            ("--board", bool(ask.board)),
        )
        if given
    ]
    if len(sources) > 1:
        raise SettingsError(f"{sources[0]} and {sources[1]} exclude each other: a session has one headset")
    if ask.participant and not ask.presenter:
        raise SettingsError("--participant reacts to the presenter's pictures, which --no-presenter leaves out")
    if missing := [file for file in ask.recordings if not Path(file).is_file()]:
        raise SettingsError(f"recording '{missing[0]}' is not there; check the path")


def way_of(ask: Ask, bundle: bool) -> Way:
    """What the session consists of.

    Parameters
    ----------
    bundle
        A decoder is there already.
    """
    files = len(ask.recordings)
    answered = files > 1
    return Way(
        attended=not ask.unattended,
        fit=not files,
        checks=ask.checks,
        calibrate=not bundle,
        shows=ask.presenter and not files,
        files=files - answered if files else 0,
        answered=answered,
    )


def settings_of(ask: Ask, folder: Path, markers: str = "") -> Settings:
    """Settings of the run.

    Parameters
    ----------
    folder
        The session's.
    markers
        Regular expression of the stimuli's markers; empty: as the preset says.

    Raises
    ------
    SettingsError
        As `config.load.load_settings`.
    """
    ours = [f"session.name='{ask.name}'", f"session.folder='{folder.absolute().parent}'"]
    loaded = load_settings(ask.config or None, ask.preset_name, [*ours, *_source(ask), *ask.overrides])
    bundle = str(Path(ask.encoder).absolute()) if ask.encoder else str(folder.absolute() / ENCODER)
    changed = {
        "session": loaded.session.model_copy(
            update={
                "name": ask.name,
                "folder": str(folder.absolute().parent),
                "truth": str(folder.absolute() / "truth.json"),
                "calibrate": not (Path(bundle) / "encoder.json").exists(),
            }
        ),
        "source": _with_markers(ask, loaded),
        "inference": loaded.inference.model_copy(
            update={"encoder": bundle, "gallery": str(folder.absolute() / "gallery")}
        ),
        "display": loaded.display.model_copy(update={"report": str(folder.absolute() / "report.json")}),
        "chain": loaded.chain or ChainSettings(),
        "window": loaded.window or WindowSettings(end_s=0.6, rate_hz=125.0),
    }
    if markers:
        changed["markers"] = loaded.markers.model_copy(update={"stimulus": markers})
    return loaded.model_copy(update=changed)


def complete(settings: Settings, channels: tuple[str, ...]) -> Settings:
    """The same with the chain's channels named: those of the stream where none are."""
    chain = settings.chain or ChainSettings()
    if chain.channels:
        return settings
    return settings.model_copy(update={"chain": chain.model_copy(update={"channels": channels})})


def participant_of(ask: Ask, worn: Headset) -> ParticipantSource:
    """The simulated participant that wears a headset."""
    return ParticipantSource(
        channels=worn.channels or UNICORN,
        rate_hz=worn.rate_hz or RATE_HZ,
        snr_db=ask.snr_db,
        person=ask.seed,
        seed=ask.seed,
        react_to=ask.stream,
    )


def worn(ask: Ask, settings: Settings) -> Headset:
    """Which headset it is."""
    return headset(ask.preset_name or "lsl", settings.source)


def _source(ask: Ask) -> list[str]:
    """Overrides that say where EEG comes from; nothing where the preset says it."""
    if ask.participant:
        worn = ["source.kind='lsl'", f"source.name='{ask.eeg_stream}'", "source.type='EEG'"]
        return [*worn, f"rejection.peak_to_peak_uv={SIMULATED_UV}"]
    if ask.recordings:
        file = str(Path(ask.recordings[0]).absolute())
        return [
            "source.kind='recording'",
            f"source.file={_quoted(file)}",
            f"source.speed={float(ask.speed)}",
            "dispatch.policy='block'",
        ]
    if ask.board:
        return ["source.kind='brainflow'", f"source.board='{BOARDS.get(ask.board, ask.board)}'"]
    return []


def _with_markers(ask: Ask, settings: Settings) -> object:
    """The source, listening to the presenter of this session where that is what shows pictures."""
    source = settings.source
    if not ask.presenter or source.kind in ("recording", "participant"):
        return source
    if isinstance(source, LslSource):
        more = {"markers": "stream", "marker_name": ask.stream, "marker_type": "Markers", "marker_source_id": ""}
        return source.model_copy(update=more)
    return source.model_copy(update={"marker_lsl": ask.stream})


def _quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text else text

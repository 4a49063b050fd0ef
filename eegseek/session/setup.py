"""From what was asked for on the command line to the settings of the run. Pure."""

from __future__ import annotations

from pathlib import Path

from config.calibration import CALIBRATION_EPOCHS
from config.chain import ChainSettings, WindowSettings
from config.errors import SettingsError
from config.load import load_settings
from config.session_ask import Ask
from config.settings import LslSource, ParticipantSource, Settings
from eegseek.session.events import Way
from eegseek.session.headsets import BOARDS, UNICORN, Headset, headset
from eegseek.session.materials import Showing

ENCODER = "encoder"
RATE_HZ = 250.0
SIMULATED_UV = 250.0
"""Largest peak-to-peak of a simulated participant's windows, as in the demo."""


def showing_of(ask: Ask) -> Showing:
    """How pictures are shown."""
    return Showing(ask.blocks, ask.trials, ask.on_s, ask.blank_s, ask.use_trials)


def preset_of(ask: Ask) -> str | None:
    """The preset, where one is named or goes without saying."""
    if ask.preset:
        return ask.preset
    if ask.board and BOARDS.get(ask.board, ask.board) == "SYNTHETIC_BOARD":
        return "synthetic"
    return None if ask.config else "muse-lsl" if ask.recordings else "lsl"


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


def check_former(ask: Ask) -> None:
    """Refuse earlier sessions that kept no windows, and those that nothing would come of.

    Raises
    ------
    SettingsError
        Names the session.
    """
    if ask.former and ask.encoder:
        raise SettingsError("--former and --encoder exclude each other: a decoder of before is used as it is")
    for folder in map(Path, ask.former):
        if not folder.is_dir():
            raise SettingsError(f"earlier session '{folder}' is not there; --former takes its name or its folder")
        if folder.name != CALIBRATION_EPOCHS and not (folder / CALIBRATION_EPOCHS).is_dir():
            raise SettingsError(
                f"earlier session '{folder}' made no calibration to learn from (it has no folder {CALIBRATION_EPOCHS})"
            )


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
    loaded = load_settings(ask.config or None, preset_of(ask), [*ours, *_source(ask), *ask.overrides])
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
    return headset(preset_of(ask) or "lsl", settings.source)


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

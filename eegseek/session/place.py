"""A session's folder: what is written into it before, between and after its runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.bundles import ENCODER_JSON
from config.guide import Choice
from config.presentation import Plan, Stimulus, write_plan
from config.private import private_folder
from config.search import found as found_search
from config.session_ask import SESSION_JSON, Ask
from config.settings import RecordingSource, SessionSettings
from display.dashboard.process import ADDRESS_FILE
from eegseek.session import before, materials, seek_plans, setup, sought
from eegseek.session.events import Way
from eegseek.session.find import Found, Stream
from eegseek.session.headsets import Headset
from eegseek.session.seeker import Seeker

CHECKS_JSON, FOUND_JSON, PARTICIPANT_JSON, SHOWING_JSON = (
    "checks.json",
    "found.json",
    "participant.json",
    "showing.json",
)
REPORT_HTML = "report.html"


def recorded(folder: Path) -> bool:
    """Whether a session's folder holds EEG."""
    return any(folder.glob("*.esj"))


def nothing_to_lose(folder: Path) -> bool:
    """Whether a guided session may begin anew in a folder: one that ended before anything was recorded was there."""
    return (folder / SESSION_JSON).is_file() and not recorded(folder)


class Workplace:
    """What a session is made of, in its folder.

    Parameters
    ----------
    ask
        What was asked for.
    folder
        The session's; made, and private to this user.

    Raises
    ------
    EegseekError
        Settings, pictures or plan cannot be used.
    """

    def __init__(self, ask: Ask, folder: Path) -> None:
        setup.check(ask)
        if not (folder / setup.ENCODER / ENCODER_JSON).exists():
            setup.check_former(ask)
        self.ask = ask
        self.folder = private_folder(folder)
        # first, so that what cannot be used leaves a folder that is known for what it is
        (self.folder / SESSION_JSON).write_text(ask.model_dump_json(indent=1), "utf-8")
        self.stimuli: tuple[Stimulus, ...] = ()
        self.plan: Plan | None = None
        self.use_plan: Plan | None = None
        self._events: tuple[tuple[str, ...], ...] = ()
        self.seeker: Seeker | None = None
        self.simulated = ask.participant
        self.there: tuple[Stream, ...] = ()
        if ask.search:
            self._seek()
        elif not ask.recordings:
            self._show(self._pictures())
        self.settings = setup.settings_of(ask, self.folder, self._markers)
        self.headset: Headset = setup.worn(ask, self.settings)
        self.way: Way = replace(setup.way_of(ask, self.bundle), rounds=ask.rounds if ask.search else 0)

    # --- where things are

    @property
    def settings_file(self) -> Path:
        """Of the run."""
        return self.folder / "settings.json"

    @property
    def found(self) -> Path:
        """What the looker says."""
        return self.folder / FOUND_JSON

    @property
    def address(self) -> Path:
        """Where the dashboard says where it is."""
        return self.folder / ADDRESS_FILE

    def guide_address(self) -> str:
        """Address of the dashboard's guide page."""
        address, _, token = self.address.read_text("utf-8").strip().partition("?")
        return f"{address.rstrip('/')}/guide" + (f"?{token}" if token else "")

    @property
    def bundle(self) -> bool:
        """Whether the decoder is there."""
        return (Path(self.settings.inference.encoder) / ENCODER_JSON).exists()

    @property
    def calibrates(self) -> bool:
        """Whether the run in hand began without a decoder."""
        return self.settings.session.calibrate

    @property
    def recorded(self) -> bool:
        """Whether there is anything to report."""
        return recorded(self.folder)

    @property
    def truth(self) -> dict[str, str]:
        """Category of each marker."""
        return {one.id: one.truth for one in self.stimuli}

    def no_display(self) -> str:
        """Why no picture can be shown here, and what to do; empty where it can."""
        shows = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if shows or os.environ.get("SDL_VIDEODRIVER"):
            return ""
        return (
            "there is no display to show pictures on: run this on a machine with a screen, or show them elsewhere "
            "(PsychoPy on another machine, docs/psychopy.md) and give --no-presenter"
        )

    def where(self) -> tuple[str, ...]:
        """Where everything is, in lines."""
        folder = self.folder
        if not self.recorded:
            return (f"Nothing was recorded; the settings are in {folder}, and the name may be used again",)
        said = [f"Everything is in {folder}"]
        if (folder / REPORT_HTML).exists():
            said.append(f"  report: {folder / REPORT_HTML}")
        if bids := next((one for one in ("bids", "recording") if (folder / one).is_dir()), ""):
            said.append(f"  recording (BIDS): {folder / bids}")
        if (folder / setup.ENCODER / ENCODER_JSON).exists():
            said.append(f"  decoder for next time: {folder / setup.ENCODER} (--encoder, or eegseek run -e)")
        plain = folder.parent.absolute() == Path(SessionSettings().folder).absolute()
        said.append(f"Go on with it: eegseek session --resume {self.ask.name if plain else folder}")
        return tuple(said)

    # --- what is written

    def write_settings(self, file: int = 0) -> None:
        """Settings of the next run.

        Parameters
        ----------
        file
            Which recording is the headset.
        """
        changed = self.settings.session.model_copy(update={"calibrate": not self.bundle})
        self.settings = self.settings.model_copy(update={"session": changed})
        if isinstance(self.settings.source, RecordingSource):
            source = self.settings.source.model_copy(update={"file": str(Path(self.ask.recordings[file]).absolute())})
            self.settings = self.settings.model_copy(update={"source": source})
        self.settings_file.write_text(self.settings.model_dump_json(indent=1), "utf-8")

    @property
    def streams(self) -> tuple[Choice, ...]:
        """Streams that may be taken in place of the one that was looked for: each is an answer."""
        return tuple(
            Choice(name=f"stream-{number}", key=str(number), words=f"take {one.short}")
            for number, one in enumerate(self.there[:9], 1)
        )

    def take(self, answer: str) -> bool:
        """Take a stream from here on, also when the session is gone on with; whether the answer names one."""
        chosen = next((one for one, stream in zip(self.streams, self.there, strict=False) if one.name == answer), None)
        if chosen is None:
            return False
        sets = self.there[self.streams.index(chosen)].sets
        source = self.settings.source.model_copy(update={key.partition(".")[2]: one for key, one in sets.items()})
        self.settings = self.settings.model_copy(update={"source": source})
        more = tuple(f"{key}={json.dumps(one, ensure_ascii=False)}" for key, one in sets.items())
        self.ask = self.ask.model_copy(update={"overrides": (*self.ask.overrides, *more)})
        (self.folder / SESSION_JSON).write_text(self.ask.model_dump_json(indent=1), "utf-8")
        self.there = ()
        self.write_settings()
        return True

    def found_as(self, found: Found) -> None:
        """The headset is found: name the chain's channels, and for recordings make the plan of what they show."""
        self.simulated = self.simulated or found.simulated
        self.settings = setup.complete(self.settings, found.channels)
        if self.ask.recordings:
            self._events = found.events
            self._show(materials.of_labels(found.labels, self.ask.categories))
            self.settings = self.settings.model_copy(
                update={"markers": self.settings.markers.model_copy(update={"stimulus": self._markers})}
            )
        self._check_gallery()
        if self.ask.former and not self.bundle:
            before.check(self.ask, self.settings, self._plan(using=False), self.folder)
        self.write_settings()

    def write_plan(self, *, using: bool) -> Path:
        """The whole plan of a presentation."""
        plan = self._plan(using)
        path = self.folder / (materials.USE_PLAN if using else materials.PLAN)
        write_plan(path, plan)
        return path

    def write_showing(self, *, using: bool, done: int) -> Path | None:
        """What is left of a presentation from block ``done`` on; None where nothing is."""
        rest_of = seek_plans.rest_of if self.seeker is not None else materials.rest_of
        rest = rest_of(self._plan(using), done) if done else self._plan(using)
        if rest is None:
            return None
        path = self.folder / SHOWING_JSON
        write_plan(path, rest)
        return path

    def write_participant(self) -> Path:
        """The simulated participant."""
        path = self.folder / PARTICIPANT_JSON
        source = setup.participant_of(self.ask, self.headset)
        if self.seeker is not None:
            responses = sought.write_participant(self.folder, self.seeker.things, self.ask.seed, source.person)
            source = source.model_copy(update={"responses": str(responses)})
        path.write_text(source.model_dump_json(indent=1), "utf-8")
        return path

    # --- what is shown

    def _pictures(self) -> tuple[Stimulus, ...]:
        chosen = self.ask.categories
        if self.ask.pictures:
            return materials.pictures_of(Path(self.ask.pictures), chosen)
        return materials.pictures_of(materials.draw_own(self.folder / materials.PICTURES), chosen)

    def _show(self, stimuli: Sequence[Stimulus]) -> None:
        self.stimuli = tuple(stimuli)
        materials.write_truth(self.folder, self.stimuli)
        materials.write_gallery_of(self.folder, self.stimuli)

    def _seek(self) -> None:
        """A gallery is searched: what is told apart is whether a picture was looked for."""
        sought.check(self.ask)
        things, sha256 = sought.things_of(self.ask, self.folder)
        former = found_search(self.folder)
        self.seeker = Seeker(things, sha256, self._shape, self.ask.use_trials, former)
        self.stimuli = seek_plans.calibration(things, self._shape).stimuli
        materials.write_truth(self.folder, self.stimuli)
        sought.write_categories(self.folder)

    @property
    def _shape(self) -> seek_plans.Shape:
        ask = self.ask
        return seek_plans.Shape(
            ask.blocks, ask.trials, ask.on_s, ask.blank_s, ask.seed,
            attended=not ask.unattended, simulated=self.simulated,
        )  # fmt: skip

    @property
    def _markers(self) -> str:
        if self.seeker is not None:
            return seek_plans.MARKERS
        return materials.markers_of(self.stimuli) if self.stimuli else ""

    def _plan(self, using: bool) -> Plan:
        if self.seeker is not None:
            self.seeker.shape = self._shape
            return self.seeker.plan() if using else seek_plans.calibration(self.seeker.things, self._shape)
        if self.ask.recordings:
            calibrating = self._events[: self.way.files]
            return materials.replayed(self.stimuli, calibrating, self.ask.trials)
        return materials.plan_of(
            self.stimuli,
            setup.showing_of(self.ask),
            self.ask.seed,
            using=using,
            attended=not self.ask.unattended,
            simulated=self.simulated,
        )

    def _check_gallery(self) -> None:
        if not self.bundle:
            return
        from config.bundles import read_encoder_spec, read_gallery_spec
        from inference.gallery import check_fit

        check_fit(
            read_encoder_spec(Path(self.settings.inference.encoder)),
            read_gallery_spec(Path(self.settings.inference.gallery)),
        )

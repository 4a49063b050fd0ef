"""What a look for the headset brought, in words: what is wrong, and how to mend it. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from dataclasses import dataclass

from config.chain import Frozen
from config.settings import Settings
from eegseek.session.headsets import Headset

RATE_OFF = 0.05
"""A stream that sends more or less than it says by more than this share is told."""


class Stream(Frozen):
    """A stream that is there in the place of the one that was looked for."""

    words: str
    """Its name, channels, rate, source_id and computer."""
    sets: dict[str, str]
    """Settings that take it, such as ``source.source_id``."""

    @property
    def options(self) -> str:
        """The options that take it, as they are typed in a shell."""
        return " ".join(option(key, value) for key, value in self.sets.items())

    @property
    def short(self) -> str:
        """Name and source_id, where they are what is chosen by."""
        return " ".join(f"'{value}'" for value in self.sets.values())


def option(key: str, value: str) -> str:
    """The option of a command line that sets a text, as it is typed in a shell."""
    plain = re.fullmatch(r"[A-Za-z_][\w:.-]*", value) and value not in ("true", "false", "inf", "nan")
    return f"--set {shlex.quote(f'{key}={value if plain else json.dumps(value, ensure_ascii=False)}')}"


class Found(Frozen):
    """What the looker saw."""

    name: str = ""
    channels: tuple[str, ...] = ()
    rate_hz: float = 0.0
    """As it says."""
    measured_hz: float = 0.0
    """As it came; 0 where nothing came, or not for long enough."""
    dead: tuple[str, ...] = ()
    """Channels that stood still."""
    simulated: bool = False
    notes: tuple[str, ...] = ()
    events: tuple[tuple[str, ...], ...] = ()
    """Of recordings: the markers of each, in order."""
    seconds: float = 0.0
    """Of recordings: how long they are."""
    error: str = ""
    code: str = ""
    library: tuple[str, ...] = ()
    """Where it cannot be opened: what the doctor finds wrong with the library that it comes through, with the mend."""
    streams: tuple[Stream, ...] = ()
    """... and the streams that are there in its place."""
    works: tuple[str, ...] = ()
    """... and the libraries in order."""

    @property
    def labels(self) -> dict[str, int]:
        """How often each marker stands in all recordings, the most frequent first."""
        return dict(Counter(label for one in self.events for label in one).most_common())


@dataclass(frozen=True)
class Judged:
    """What it means.

    Attributes
    ----------
    trouble
        Why the session cannot begin; empty where it can.
    mend
        What to try, the likeliest first.
    say
        What was found, and what is odd about it.
    """

    trouble: str = ""
    mend: tuple[str, ...] = ()
    say: tuple[str, ...] = ()


def judge(found: Found, settings: Settings, headset: Headset) -> Judged:
    """What to tell of a look.

    Parameters
    ----------
    found
        By the looker.
    settings
        Of the session.
    headset
        That was looked for.
    """
    if found.error:
        well = tuple(f"{name} itself works here: look at the device and its connection." for name in found.works)
        return Judged(found.error, (*found.library, *_mends(found, settings, headset)), well)
    wanted = settings.chain.channels if settings.chain is not None else ()
    missing = [name for name in wanted if name.upper() not in {channel.upper() for channel in found.channels}]
    if missing:
        return Judged(
            f"'{found.name}' has no channel {', '.join(missing)}; it has {', '.join(found.channels)}",
            (
                'name the channels of a stream that carries none: --set \'source.channels=["TP9", "AF7", …]\'',
                "or use what it has: --set 'chain.channels=[]' takes all of its channels",
            ),
        )
    if not found.measured_hz:
        return Judged(
            f"'{found.name}' is there but sends nothing (an empty stream)",
            (
                "wake the headset, and start streaming anew in the program that sends",
                "a Muse that was put down sends an empty stream until it is worn again",
            ),
        )
    return Judged(say=(_here(found), *_odd(found, settings, headset)))


def _here(found: Found) -> str:
    if found.seconds:
        marks = ", ".join(f"'{label}' {count} times" for label, count in list(found.labels.items())[:6])
        minutes = f"{found.seconds / 60:.1f} min"
        more = f" and {len(found.events) - 1} more" if len(found.events) > 1 else ""
        return f"'{found.name}'{more}: {minutes}, {_channels(found)} at {found.rate_hz:g} Hz, markers {marks}."
    simulated = " SIMULATED: no head wears it." if found.simulated else ""
    return f"Found '{found.name}': {_channels(found)} at {found.rate_hz:g} Hz, and samples arrive.{simulated}"


def _channels(found: Found) -> str:
    return f"{len(found.channels)} channels ({', '.join(found.channels[:8])}{' …' if len(found.channels) > 8 else ''})"


def _odd(found: Found, settings: Settings, headset: Headset) -> list[str]:
    said = []
    off = found.measured_hz / found.rate_hz - 1 if found.rate_hz else 0.0
    if abs(off) > RATE_OFF:
        said.append(
            f"It sends {found.measured_hz:.0f} samples a second, but says {found.rate_hz:g} Hz: come closer to the "
            "receiver, and end what else uses Bluetooth; if it stays so, its stated sampling rate is wrong."
        )
    if headset.rate_hz and abs(found.rate_hz / headset.rate_hz - 1) > RATE_OFF:
        said.append(f"{headset.title} sends {headset.rate_hz:g} Hz, this says {found.rate_hz:g} Hz: is it another one?")
    foreign = any("wall clock" in note or "unknown clock" in note for note in found.notes)
    if foreign and settings.source.kind == "lsl":
        said.append(
            "Its stamps are not of LSL's clock, so that onsets may be off by some milliseconds: start muse-lsl with "
            "--lsl_time (`muselsl stream --lsl_time`)."
        )
    if found.dead:
        said.append(f"No signal on {', '.join(found.dead)}: the next step shows which electrodes to press on.")
    return said


def _marker_mends(found: Found, settings: Settings) -> tuple[str, ...]:
    """Another program shows the pictures, and its markers are not there, or are not alone."""
    key = "source.marker_lsl" if settings.source.kind == "brainflow" else "source.marker_name"
    others = tuple(f"if it is this stream, take it: {one.words}: {one.options}" for one in found.streams)
    if found.code == "E302":
        return (*others, "or end the programs that send the others")
    return (
        "start the program that shows the pictures first: its marker stream must be there before the headset is found",
        *others,
        f"let the program send its markers under the name that is looked for, or name its stream: --set {key}=NAME",
    )


def _mends(found: Found, settings: Settings, headset: Headset) -> tuple[str, ...]:
    more: list[str] = []
    text = found.error
    if "marker stream with" in text:
        return _marker_mends(found, settings)
    if found.code == "E302":
        if not found.streams:
            return ("they cannot be told apart: end all but the one that you wear, or give it a name of its own",)
        told = (f"if you wear this one, take it: {one.words}: {one.options}" for one in found.streams)
        return (*told, "or end the others")
    if "sent no sample" in text or "sends nothing" in text:
        more.append("the stream is empty: wake the headset, and start streaming anew in the program that sends")
    if found.code == "E301" and "there are no streams" not in text and "streams that are there" in text:
        more += [f"if you wear this one, take it: {one.words}: {one.options}" for one in found.streams]
    if "BLE" in text or "GENERAL_ERROR" in text:
        more.append("BrainFlow could not use Bluetooth: see that it is on and allowed, and that nothing else holds it")
    return (*more, *headset.mend)

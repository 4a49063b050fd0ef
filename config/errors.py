"""Every error of the project: one tree, a code each, and what to do about it.

Tree
----
::

    EegseekError                 E000
    ├── SettingsError            E100  a setting, an option or an argument cannot be used
    │   ├── UnknownSetting       E101  a setting or preset of this name does not exist
    │   ├── SettingsFileError    E102  a settings file cannot be read
    │   ├── MisfitError          E110  the stream cannot give what the encoder was trained on
    │   └── PlanError            E120  a plan for the presenter, or a picture in it, cannot be used
    ├── BundleError              E200  an encoder, a gallery or data for them are truncated, foreign or do not fit
    │   ├── SpaceMismatch        E201  encoder and gallery are of different embedding spaces
    │   └── SearchFailed         E210  Milvus did not answer a search
    ├── SourceError              E300  a stream, board or recording cannot give what was asked
    │   ├── StreamNotFound       E301
    │   ├── AmbiguousStream      E302
    │   ├── StreamLost           E303
    │   ├── RecordingError       E310  a recording is empty, has no markers, or cannot be read
    │   └── UnclearDelay         E320  a photodiode's channel does not tell the delay of the screen
    ├── WireError                E400  a message is malformed or of another version
    │   └── EndpointError        E410  a port or socket path is in use or not allowed
    │       └── KeysError        E411  a key is missing, not known, or open to others
    ├── JournalError             E500  the journal cannot be written or read
    ├── ProcessError             E600  a process did not start, answer or stop in time
    │   ├── ChildFailed          E601  a process of a run ended and is not started again
    │   ├── SessionError         E602  no running session answers, or it refuses
    │   ├── OutputError          E610  a report or trace cannot be written
    │   └── InternalError        E690  sums do not hold: a bug
    ├── PathError                E700  a file or folder cannot be used
    └── ScreenError              E800  there is no screen, or no window can be opened on it

A message says what, which (quoted), what was expected, and what to do next, in one sentence. Where a command line shows
it, its code follows: ``eegseek: … [E301]``; ``eegseek explain E301`` tells more, and ``docs/errors.md`` has them all.
Codes are for good: a class keeps its own, and that of a class that is gone is not given again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

CODED = re.compile(r"\[(E\d{3})\]\s*$")
"""The code at the end of a sentence that was told."""


class EegseekError(Exception):
    """Base of every error that eegseek raises on purpose.

    Attributes
    ----------
    code
        Stable and its own.
    why
        What usually brings it about.
    do
        What to do, the most likely first.
    """

    code: ClassVar[str] = "E000"
    why: ClassVar[str] = "It is never raised itself; each kind of error below has a code of its own."
    do: ClassVar[str] = "Catch it, in programs that use eegseek as a library, to catch them all."

    def __str__(self) -> str:
        """The sentence, in one line: names from files may hold line ends, or codes that terminals obey."""
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in super().__str__())


class SettingsError(EegseekError):
    """A setting, an option or an argument is missing, out of range, or at odds with another."""

    code = "E100"
    why = "A value was mistyped, has another unit or form than expected, or two options exclude each other."
    do = "The sentence names the setting and what it may be. All of them, with defaults, are in docs/settings.md."


class UnknownSetting(SettingsError):
    """There is no setting, section or preset of this name."""

    code = "E101"
    why = "A name was mistyped, or the settings file was written for another version."
    do = "Use the nearest known name, which the sentence gives; docs/settings.md lists all."


class SettingsFileError(SettingsError):
    """A settings file is missing, too large, or neither TOML nor JSON."""

    code = "E102"
    why = "The path is wrong, the file may not be read, or a bracket, quote or comma in it is missing."
    do = "Check the path and the line that the sentence names; `eegseek run --preset NAME` works without a file."


class MisfitError(SettingsError):
    """The stream cannot give what the encoder was trained on: channels, sampling rate, or filters."""

    code = "E110"
    why = "The headset is another than the one that the encoder was trained with, or names its channels otherwise."
    do = (
        "Name the channels with source.channels where the stream carries no names; otherwise train an encoder on "
        "recordings of this headset, or choose one whose channels and rate it has."
    )


class PlanError(SettingsError):
    """What is to be presented cannot be: the plan, a picture in it, or a rate that the screen does not reach."""

    code = "E120"
    why = "A picture was moved or is damaged, a category has too few of them, or the plan was edited by hand."
    do = "The sentence names the picture, category or line; mend it, or make the plan again with `eegseek present`."


class BundleError(EegseekError):
    """An encoder, a gallery, or data for one, is truncated, foreign, or does not fit what it is used with."""

    code = "E200"
    why = "A copy was cut off, a file was edited by hand, a folder is of another kind, or parts of two versions met."
    do = "Copy or build the bundle again; where two things do not fit, the sentence says which one to make anew."


class SpaceMismatch(BundleError):
    """Encoder and gallery hold vectors of different embedding spaces, so that they cannot be compared."""

    code = "E201"
    why = "The gallery was built with another image or text model than the encoder was trained against."
    do = "Build the gallery in the encoder's space (`eegseek gallery build`), or train the encoder against this one."


class SearchFailed(BundleError, RuntimeError):
    """Milvus did not answer a search; the window counts as failed, and the worker lives on."""

    code = "E210"
    why = "The Milvus cluster is down, out of reach, overloaded, or lost the collection."
    do = "See that the cluster answers; meanwhile `--set inference.index=auto` searches the gallery on this machine."


class SourceError(EegseekError):
    """A stream, board or recording cannot give what was asked of it."""

    code = "E300"
    why = "A device is off or used by another program, or a stream lacks something, such as markers or a fixed rate."
    do = "Do what the sentence says; `eegseek doctor` tells what this machine can see and use."

    def __init__(self, message: object = "", choices: Sequence[tuple[str, dict[str, str]]] = ()) -> None:
        super().__init__(message)
        self.choices = tuple(choices)
        """What could be taken instead, in words, and the settings that take it."""


class StreamNotFound(SourceError):
    """No LSL stream matches what was looked for."""

    code = "E301"
    why = "The sender is not running, has another name or type, or the network keeps discovery from reaching it."
    do = "Start the sender first; the sentence lists what is visible. `eegseek doctor` tests discovery."


class AmbiguousStream(SourceError):
    """More than one LSL stream matches, and guessing could record the wrong person."""

    code = "E302"
    why = "Two senders run, or one was started twice."
    do = "Name the stream: `--set source.name=…` or `--set source.source_id=…`; or stop the other sender."


class StreamLost(SourceError):
    """The source went away and did not come back within source.give_up_s."""

    code = "E303"
    why = "The headset is out of range or of battery, a cable is loose, or the sending program was closed."
    do = "Mend the connection and run again: the same session.name goes on with the session as a new segment."


class RecordingError(SourceError):
    """A recording is empty, has no markers, is damaged, or is of an unknown kind."""

    code = "E310"
    why = "The recording was cut off, exported without its markers, or is not what its name says."
    do = "The sentence names the file and what is missing in it. Where markers have another name, give their stream."


class UnclearDelay(SourceError):
    """A photodiode's channel and the markers do not give one clear delay between marker and light."""

    code = "E320"
    why = "The sensor is not over the patch, the channel is another, or markers and light are not of one presentation."
    do = "Put the sensor on the patch, present `eegseek present --delay-test`, record it, and name the right channel."


class WireError(EegseekError):
    """A message between processes is malformed, or of another protocol version."""

    code = "E400"
    why = "Processes of two versions of eegseek met, or another program talks to its sockets."
    do = "Start all processes of a run from one installation. Such a message is dropped, counted, and changes nothing."


class EndpointError(WireError):
    """An address is in use, not allowed, or its folder is not private."""

    code = "E410"
    why = "Another run uses the same run.folder, a port is taken, or others could reach the sockets."
    do = "End the other run, or give this one a folder of its own with `--set run.folder=DIR`."


class KeysError(EndpointError):
    """A key for sockets over TCP is missing, of no use, not known to the other side, or open to others."""

    code = "E411"
    why = "The two sides have not exchanged the public parts of their keys, or a key file may be read by others."
    do = "See `eegseek keys list` on both sides, and docs/security.md for how keys are made and carried over."


class JournalError(EegseekError):
    """The journal, which holds everything of a session, cannot be written or read."""

    code = "E500"
    why = "The disk is full or the folder read-only; when reading, the file is no journal or was damaged."
    do = (
        "Free space, or choose another place with `--set session.folder=DIR`, and start again: what was written before "
        "is kept, and the session goes on as a new segment."
    )


class ProcessError(EegseekError):
    """A process did not start, answer or stop in time."""

    code = "E600"
    why = "The machine is overloaded, a device or library hangs, or a process that is waited for is not running."
    do = "See `logs/session.log` in the session's folder for what happened; raise the limit that the sentence names."


class ChildFailed(ProcessError):
    """A process of a run ended, and starting it again would not help or was tried too often."""

    code = "E601"
    why = "It found a fault that it cannot mend, or a library crashed it; its own last words are in the sentence."
    do = "Where the words carry a code of their own, see that; otherwise `logs/NAME.err` holds all that it said."


class SessionError(ProcessError):
    """No running session answers, or it refuses what was asked."""

    code = "E602"
    why = "No session runs in that run folder, it has no worker yet, or it searches another gallery."
    do = "Start a session, name its run.folder with --run, or leave --live away to change only what is on disk."


class OutputError(ProcessError):
    """A report, trace or other result cannot be written."""

    code = "E610"
    why = "The disk is full, or the folder is missing or may not be written."
    do = "Choose another place for the file. What was measured is in the session's journal."


class InternalError(ProcessError):
    """Sums that always hold do not: a bug of eegseek."""

    code = "E690"
    why = "Something was lost or counted twice inside the program."
    do = "Keep the session's folder and report it; the raw data in the journal are not touched by this."


class PathError(EegseekError):
    """A file or folder cannot be used, where no command foresaw it."""

    code = "E700"
    why = "The disk is full, a path does not exist, or permissions do not allow it."
    do = "Check the path that the sentence names, the free space, and the permissions."


class ScreenError(EegseekError):
    """There is no screen to present on, or no window can be opened."""

    code = "E800"
    why = "The program was started over ssh or by a service, without DISPLAY or WAYLAND_DISPLAY, or the driver refuses."
    do = "Start it from a desktop session of that machine; without a screen, `xvfb-run` gives one that nobody sees."


def tree(root: type[EegseekError] = EegseekError) -> list[type[EegseekError]]:
    """A class and all below it, by code."""
    found = {root}
    for child in root.__subclasses__():
        found.update(tree(child))
    return sorted(found, key=lambda kind: kind.code)


def told(error: EegseekError) -> str:
    """The sentence of an error with its code, unless it carries that of the error it passes on."""
    text = str(error)
    return text if CODED.search(text) else f"{text} [{error.code}]"

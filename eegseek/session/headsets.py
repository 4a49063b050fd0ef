"""One table of headsets: what each has, what it can do and what it cannot, and what to mend when it is not found."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import AnySource, BrainFlowSource

MUSE = ("TP9", "AF7", "AF8", "TP10")
CYTON = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")
UNICORN = ("Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8")
THINGS = "P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2"
FRONTAL = frozenset({"FP1", "FPZ", "FP2", "AF7", "AF3", "AFZ", "AF4", "AF8", "F7", "F8"})
"""Electrodes near the eyes: a blink is largest there."""
BACK = ("O1", "OZ", "O2", "PO7", "PO3", "POZ", "PO4", "PO8", "PZ", "P3", "P4", "P7", "P8", "TP9", "TP10")
"""Where alpha is largest, from the best place to the least."""
_BLUETOOTH = (
    "switch the headset off and on, so that its lamp shows that it waits for a connection",
    "end every other program that may hold it: a phone's app, BlueMuse, muse-lsl, a second session",
    "switch Bluetooth on (`bluetoothctl power on`), and let this program use it: `rfkill list` shows what is blocked",
    "give its address where there are several: --set source.mac_address=XX:XX:XX:XX:XX:XX",
)
_LSL = (
    "start the program that streams it, and wait until it says that it streams",
    "on another computer: both must be in one network, and UDP 16571 to 16604 open in both firewalls",
    "`eegseek doctor` tests whether streams of this machine are found",
)


@dataclass(frozen=True)
class Headset:
    """A kind of headset.

    Attributes
    ----------
    title
        Its name, for people.
    channels
        Electrodes in the international system; empty where only the device or stream knows.
    can, cannot
        In plain words.
    fit
        How to put it on.
    mend
        What to try when it is not found, the likeliest first.
    rate_hz
        Of the device; 0 where only the stream knows.
    """

    title: str
    channels: tuple[str, ...]
    can: str
    cannot: str
    fit: str
    mend: tuple[str, ...]
    rate_hz: float = 0.0

    @property
    def promise(self) -> str:
        """Both in a sentence."""
        return f"{self.title}: {self.can}; {self.cannot}."


_MUSE_CAN = "tells a few categories of pictures apart, and whether you attend, over many repeats"
_MUSE_CANNOT = "it has no electrode over visual cortex, so it does not tell single images apart"
_MUSE_FIT = (
    "Wet the skin behind the ears and on the forehead a little; push hair away; the band sits low on the forehead."
)
HEADSETS: dict[str, Headset] = {
    "muse": Headset("Muse 2 or S over Bluetooth", MUSE, _MUSE_CAN, _MUSE_CANNOT, _MUSE_FIT, _BLUETOOTH, 256.0),
    "muse-lsl": Headset("Muse over LSL", MUSE, _MUSE_CAN, _MUSE_CANNOT, _MUSE_FIT, _LSL, 256.0),
    "cyton": Headset(
        "OpenBCI Cyton",
        CYTON,
        "tells categories of pictures apart; O1 and O2 lie over visual cortex",
        "with two electrodes there, single images need many repeats and few candidates",
        "Gel or clip every electrode, and both ear clips: without the ear clips no channel is of use.",
        (
            "plug in the USB dongle, its switch at GPIO6, and switch the board to PC",
            "name the port: --set source.serial_port=/dev/ttyUSB0 (macOS: /dev/cu.usbserial-…, Windows: COM3)",
            "on Linux, be a member of the group that owns the port: sudo usermod -aG dialout $USER, and log in again",
            "end the OpenBCI GUI: only one program can use the port",
        ),
        250.0,
    ),
    "unicorn": Headset(
        "g.tec Unicorn Hybrid Black",
        UNICORN,
        "tells categories of pictures apart; PO7, Oz and PO8 lie over visual cortex",
        "with three electrodes there, single images need many repeats and few candidates",
        "Press each electrode through the hair, and stick on both mastoid electrodes first.",
        (
            "pair it in the system's Bluetooth settings, and see that its lamp blinks",
            "end the Unicorn Suite, which holds the device",
            "give its serial number where there are several: --set source.serial_number=UN-…",
        ),
        250.0,
    ),
    "things-eeg2": Headset(
        "63-channel cap over LSL",
        tuple(THINGS.split()),
        "tells single images apart among many, with 17 electrodes over visual cortex and repeats",
        "a single presentation gives a ranking, not a name",
        "Bring every impedance of the amplifier below 20 kΩ first.",
        _LSL,
        1000.0,
    ),
    "lsl": Headset(
        "EEG stream on LSL",
        (),
        "tells categories of pictures apart where electrodes lie over visual cortex (O, PO)",
        "without them it tells a few categories and attention, not single images",
        "See the maker's advice for good contact.",
        _LSL,
    ),
}
SYNTHETIC = Headset(
    "BrainFlow's synthetic board (SIMULATED: sine waves, no brain)",
    (*UNICORN, "F5", "F7", "F3", "F1", "F2", "F4", "F6", "F8"),
    "shows how a session goes",
    "nothing can be decoded from it, and the session must say so",
    "There is nothing to fit.",
    ("reinstall BrainFlow: pip install --force-reinstall brainflow 'setuptools<81'",),
    250.0,
)
RECORDING = Headset(
    "recording",
    (),
    "is taken for the headset, with the markers that it holds",
    "what it lacks cannot be had from it",
    "There is nothing to fit.",
    ("check the path, and that it holds markers: eegseek replay FILE --headless says what is wrong",),
)
BOARDS = {"synthetic": "SYNTHETIC_BOARD"}
"""Short names for ``--board``; any name of BrainFlow's is taken as it is."""


def headset(preset: str, source: AnySource) -> Headset:
    """The headset of a preset, or of what its source was changed to."""
    if source.kind == "recording":
        return RECORDING
    if isinstance(source, BrainFlowSource) and source.board == "SYNTHETIC_BOARD":
        return SYNTHETIC
    return HEADSETS.get(preset, HEADSETS["lsl"])


def frontal(channels: tuple[str, ...]) -> tuple[int, ...]:
    """Which of these channels lie near the eyes."""
    return tuple(k for k, name in enumerate(channels) if name.upper() in FRONTAL)


def back(channels: tuple[str, ...]) -> tuple[int, ...]:
    """Which of these channels see alpha best: those of the best place that is there, all where none is known."""
    upper = [name.upper() for name in channels]
    for group in (BACK[:8], BACK[8:13], BACK[13:]):
        if found := tuple(k for k, name in enumerate(upper) if name in group):
            return found
    return tuple(range(len(channels)))

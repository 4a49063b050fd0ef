"""A replay that the dashboard starts: what it runs with, its command, and how it goes in words. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from config.errors import EegseekError
from config.load import load_settings
from config.settings import DashboardSettings
from display.dashboard.recordings import Recording
from wire.packets import Status

SPEEDS = {1.0: "as it was (1×)", 2.0: "2×", 5.0: "5×", 20.0: "20×"}
"""Times real time."""
KEPT = ("markers", "chain", "window", "rejection", "inference")
"""Sections of the recorded session's settings that a replay needs, to cut and answer the same windows."""
PREFIX = "replay-of-"
Stage = Literal["idle", "starting", "playing", "stopping", "ended", "stopped", "failed"]


@dataclass(frozen=True)
class Playing:
    """How a replay goes.

    Attributes
    ----------
    stage
        ``idle`` where none was started.
    name
        Of the session that is played.
    speed
        Times real time.
    port, token
        Of its own dashboard; port 0 while it cannot be opened, and once it has ended.
    played_s
        Signal so far, s.
    due, answered
        Windows.
    why
        What went wrong; empty where nothing did.
    """

    stage: Stage = "idle"
    name: str = ""
    speed: float = 1.0
    port: int = 0
    token: str = ""
    played_s: float = 0.0
    due: int = 0
    answered: int = 0
    why: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self.stage in ("starting", "playing", "stopping")

    @property
    def words(self) -> str:
        """For people."""
        so_far = f"{clock(self.played_s)} min of signal, {self.due} pictures, {self.answered} answered"
        return {
            "idle": "",
            "starting": f"◌ The replay of '{self.name}' is starting; this takes some seconds.",
            "playing": f"▶ Playing '{self.name}' at {self.speed:g}×: {so_far}.",
            "stopping": f"◌ The replay of '{self.name}' is stopping.",
            "ended": f"✓ The replay of '{self.name}' has ended: {so_far}.",
            "stopped": f"■ The replay of '{self.name}' was stopped: {so_far}.",
            "failed": f"✖ The replay of '{self.name}' failed: {self.why}",
        }[self.stage]

    def address(self, host: str) -> str:
        """Its dashboard, for a browser that reached ours under the name ``host``; empty while there is none."""
        if not self.port:
            return ""
        name = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{name}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def clock(seconds: float) -> str:
    """Minutes and seconds: ``2:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def heard(status: Status) -> dict[str, Any]:
    """Fields of `Playing` that a status tells."""
    rate_hz = status.gauges.get("rate_hz", 0.0)
    samples = status.counters.get("samples", 0)
    return {
        "played_s": samples / rate_hz if rate_hz > 0 else 0.0,
        "due": status.counters.get("due", 0),
        "answered": status.counters.get("answered", 0),
    }


def shown_by(status: Status) -> bool:
    """Whether its dashboard is there."""
    return any(peer.name == "dashboard" for peer in status.peers)


def settings_of(recording: Recording, place: Path, shown: DashboardSettings, port: int) -> dict[str, Any]:
    """Settings of a replay, as a table.

    It has sockets and a folder of its own, and writes nothing down. Its dashboard is as ours, but for the port.

    Parameters
    ----------
    recording
        What is played.
    place
        A private folder for it.
    shown
        Of this dashboard, the token included that browsers show.
    port
        Of its dashboard.
    """
    table: dict[str, Any] = {}
    try:
        recorded = load_settings(str(recording.journal.parent / "settings.json"))
    except EegseekError:  # the command says what is missing
        pass
    else:
        table = {name: part for name, part in recorded.model_dump(mode="json", include=set(KEPT)).items() if part}
        table["inference"] |= {"workers": 1, "spare": False}  # little beside a session that is live
    return {
        **table,
        "session": {
            "name": f"{PREFIX}{recording.name}"[:64],
            "folder": str(place / "sessions"),
            "journal": False,
            "bids": False,
        },
        "run": {"folder": str(place / "run")},
        "dashboard": {**shown.model_dump(mode="json"), "port": port},
    }


def argv(recording: Recording, settings: Path, speed: float) -> list[str]:
    """The command: the program's own, as anybody would type it."""
    command = [sys.executable, "-m", "eegseek", "replay", str(recording.journal.absolute()), *recording.options]
    return [*command, "--config", str(settings), "--speed", f"{speed:g}", "--headless", "--dashboard"]

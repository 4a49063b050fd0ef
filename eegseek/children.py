"""The supervisor's table: what each child is, and what to do when it ends, hangs or does not start. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from config.settings import RunSettings

Role = Literal["acquisition", "inference", "display", "source"]
Action = Literal["go_on", "restart", "kill_and_restart", "finished", "leave", "give_up"]

CLEAR_ERROR = (1, 2)
"""Exit codes of a process that said in a sentence what is wrong: starting it again would not help."""


@dataclass
class Child:
    """One child process.

    Attributes
    ----------
    name, role
        What it is; ``source`` is a player or simulated participant that sends no heartbeat.
    argv
        Its command line.
    started_s, heard_s
        When it was last started, and last heard on the bus (None: not since it was started).
    restarts
        How often it was started again.
    spare
        First started once another child of its role is ready, so that it does not slow that one's start.
    awaits
        First started once this file is there; empty: at once.
    left
        It failed too often, and the run goes on without it.
    """

    name: str
    role: Role
    argv: list[str] = field(default_factory=list)
    spare: bool = False
    awaits: str = ""
    started_s: float = 0.0
    heard_s: float | None = None
    restarts: int = 0
    left: bool = False


def may_start(child: Child, children: Iterable[Child], there: Callable[[str], bool] = os.path.exists) -> bool:
    """Whether a child may be started for the first time; ``there`` says whether a file is."""
    if child.awaits and not there(child.awaits):
        return False
    others = (other for other in children if other.role == child.role and not other.spare)
    return not child.spare or any(other.heard_s is not None for other in others)


def verdict(child: Child, returncode: int | None, now_s: float, limits: RunSettings) -> tuple[Action, str]:
    """What to do with a child, and why in words.

    A display that fails again and again, or says in mid-run what is wrong, is left out: what is recorded and decoded
    does not depend on it.

    Parameters
    ----------
    child
        The child.
    returncode
        None while it runs; negative when a signal ended it.
    now_s
        Time on the supervisor's clock.
    limits
        Start, hang and restart limits.
    """
    if child.left:
        return "go_on", ""
    if returncode is None:
        return _running(child, now_s, limits)
    if returncode == 0:
        return "finished", f"{child.name} finished"
    why = (
        f"{child.name} was killed by signal {-returncode}"
        if returncode < 0
        else f"{child.name} exited with {returncode}"
    )
    if returncode in CLEAR_ERROR and child.role == "display" and child.heard_s is not None:
        return "leave", why  # a session that runs does not end for what shows it
    if returncode in CLEAR_ERROR or child.role == "source":
        return "give_up", why
    return _again("restart", child, why, limits)


def _running(child: Child, now_s: float, limits: RunSettings) -> tuple[Action, str]:
    if child.role == "source":
        return "go_on", ""
    if child.heard_s is None:
        late = now_s - child.started_s > limits.start_s
        return (
            ("give_up", f"{child.name} was not ready within {limits.start_s:g} s (run.start_s)")
            if late
            else ("go_on", "")
        )
    silence = now_s - child.heard_s
    if silence <= limits.hung_s:
        return "go_on", ""
    return _again("kill_and_restart", child, f"{child.name} hangs: not heard for {silence:.1f} s", limits)


def _again(action: Action, child: Child, why: str, limits: RunSettings) -> tuple[Action, str]:
    if child.restarts >= limits.restarts:
        last: Action = "leave" if child.role == "display" else "give_up"
        return last, f"{why}, after {child.restarts} restarts (run.restarts)"
    return action, why

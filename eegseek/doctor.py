"""What this machine can and cannot do for a session, and the mend for what is wrong."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from config.errors import EegseekError

OUTLETS = 4
_LOOK_S = 2.0
_CLOCK_S = 0.001
_TORCH = ("torch", "torchaudio", "torchvision")
_GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    what
        Its name.
    state
        ``ok``; ``warn`` where a session works but something is missing; ``fail`` where it does not.
    seen
        What was found.
    mend
        What to do; empty where nothing is to be done.
    """

    what: str
    state: Literal["ok", "warn", "fail"]
    seen: str
    mend: str = ""


def diagnose(constraints: Path | None = None) -> list[Check]:
    """Look at everything; takes a few seconds.

    Parameters
    ----------
    constraints
        The tested set of packages; the one beside the checkout unless a test says otherwise.
    """
    tested = constraints or Path(__file__).parent.parent / "constraints.txt"
    return [
        _python(),
        _packages(tested),
        _torch_set(),
        _liblsl(),
        _discovery(),
        _clocks(),
        _brainflow(),
        _gpu(),
        _sockets(),
        _tuning(),
        _disk(Path.cwd()),
    ]


def of_source(kind: str) -> list[Check]:
    """What bears on a source that cannot be opened: the library that it comes through.

    Parameters
    ----------
    kind
        ``lsl``, ``brainflow``; anything else has none.
    """
    checks = {"lsl": (_liblsl,), "brainflow": (_brainflow,)}.get(kind, ())
    return [check() for check in checks]


def table(checks: list[Check]) -> Any:
    """A ``rich`` table of the checks."""
    from rich.table import Table

    colour = {"ok": "green", "warn": "yellow", "fail": "red"}
    made = Table(title="eegseek doctor", title_justify="left")
    for heading in ("", "what", "seen", "mend"):
        made.add_column(heading, overflow="fold")
    for check in checks:
        state = f"[{colour[check.state]}]{check.state}[/]"
        made.add_row(state, check.what, _plain(check.seen), _plain(check.mend))
    return made


def show(checks: list[Check]) -> bool:
    """Print the table; True where nothing failed."""
    from rich.console import Console

    Console().print(table(checks))
    return all(check.state != "fail" for check in checks)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _python() -> Check:
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if platform.system() != "Linux":
        return Check(
            "Python",
            "warn",
            seen,
            "tested on Linux only; elsewhere LSL outlets are hidden but not closed to the network",
        )
    return Check("Python", "ok", seen)


def _packages(constraints: Path) -> Check:
    what = "packages"
    try:
        lines = constraints.read_text("utf-8").splitlines()
    except OSError:
        return Check(
            what,
            "warn",
            "the tested set (constraints.txt) is not beside the program",
            "install from a checkout to compare",
        )
    tested = dict(line.split(";")[0].strip().split("==") for line in lines if "==" in line and not line.startswith("#"))
    installed = {name: version for name in tested if (version := _version(name)) is not None}
    other = [
        f"{name} {version} (tested {tested[name]})" for name, version in installed.items() if version != tested[name]
    ]
    seen = f"{len(installed)} of {len(tested)} tested packages are here"
    if other:
        mend = "pip install -c constraints.txt -e . brings the tested set"
        return Check(what, "warn", f"{seen}; other versions: {', '.join(other)}", mend)
    return Check(what, "ok", f"{seen}, all as tested")


def _torch_set() -> Check:
    found = {name: _version(name) for name in _TORCH}
    seen = ", ".join(f"{name} {version or 'missing'}" for name, version in found.items())
    wanted = {"torch": "2.11.0", "torchaudio": "2.11.0", "torchvision": "0.26.0"}
    if all((version or "").split("+")[0] == wanted[name] for name, version in found.items()):
        return Check("torch", "ok", seen)
    mend = "the three must match: pip install " + " ".join(f"{name}=={version}" for name, version in wanted.items())
    return Check("torch", "fail", seen, mend)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _liblsl() -> Check:
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:
        return Check(
            "liblsl", "fail", f"pylsl cannot be loaded: {error}", "pip install 'pylsl>=1.18' (it brings liblsl)"
        )
    version = pylsl.library_version()
    seen = f"liblsl {version // 100}.{version % 100}, pylsl {_version('pylsl')}"
    if version < 118:
        mend = "pip install 'pylsl>=1.18', and unset PYLSL_LIB: 1.17 finds one of several streams without a network"
        return Check("liblsl", "warn", seen, mend)
    return Check("liblsl", "ok", seen)


def _discovery() -> Check:
    """Several outlets of this machine, all found again: fails on some loopback-only machines and behind firewalls."""
    what = "LSL discovery on this machine"
    from wire import lsl_scope

    lsl_scope.restrict()
    import pylsl

    mark = uuid.uuid4().hex
    infos = [
        pylsl.StreamInfo(f"eegseek-doctor-{k}", mark, 1, 100.0, pylsl.cf_float32, f"{mark}-{k}") for k in range(OUTLETS)
    ]
    try:
        outlets = [pylsl.StreamOutlet(info) for info in infos]
    except RuntimeError as error:
        return Check(
            what, "fail", f"no LSL outlet can be made: {error}", "let UDP and TCP ports 16571 to 16604 be opened"
        )
    sealed = [lsl_scope.seal(outlet) for outlet in outlets]
    begin = time.monotonic()
    found = pylsl.resolve_byprop("type", mark, OUTLETS, _LOOK_S)
    seen = f"{len(found)} of {OUTLETS} streams found in {time.monotonic() - begin:.1f} s"
    if len(found) < OUTLETS:
        mend = "put KnownPeers = {127.0.0.1} under [lab] in ~/lsl_api/lsl_api.cfg; open UDP 16571-16604 in the firewall"
        return Check(what, "fail", seen, mend)
    if not all(sealed):
        mend = "a kernel of 5.7 or later lets LSL outlets be closed to other machines; without it, mind the network"
        return Check(what, "warn", f"{seen}, but outlets cannot be closed to the network", mend)
    return Check(what, "ok", f"{seen}, closed to other machines")


def _clocks() -> Check:
    import pylsl

    offset = min((_clock_offset(pylsl.local_clock) for _ in range(20)), key=abs)
    seen = f"LSL's clock is {offset * 1e6:+.0f} µs from the shared monotonic clock"
    if abs(offset) > _CLOCK_S:
        mend = "on this system LSL and Python count time differently: latencies shown would be wrong; use Linux"
        return Check("clocks", "fail", seen, mend)
    return Check("clocks", "ok", seen)


def _clock_offset(lsl_clock: Callable[[], float]) -> float:
    before, lsl, after = time.monotonic(), lsl_clock(), time.monotonic()
    return lsl - (before + after) / 2


def _brainflow() -> Check:
    what = "BrainFlow"
    try:
        from acquisition.sources.board import Board
    except ImportError as error:
        return Check(what, "fail", f"cannot be imported: {error}", "pip install brainflow 'setuptools<81'")
    from config.settings import BrainFlowSource

    board = Board(BrainFlowSource())
    try:
        board.start()
        until = time.monotonic() + _LOOK_S
        while not (waiting := board.waiting()) and time.monotonic() < until:
            time.sleep(0.01)
    except EegseekError as error:
        return Check(what, "fail", str(error), "pip install --force-reinstall brainflow 'setuptools<81'")
    finally:
        board.stop()
    seen = f"brainflow {_version('brainflow')}, the synthetic board "
    if not waiting:
        return Check(what, "fail", f"{seen}sends nothing", "reinstall it: pip install --force-reinstall brainflow")
    return Check(what, "ok", f"{seen}sends")


def _gpu() -> Check:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("GPU", "fail", f"torch cannot be imported: {error}", "install the tested set: see constraints.txt")
    if not torch.cuda.is_available():
        return Check("GPU", "ok", f"none: encoders run on the processor ({os.cpu_count()} cores)")
    name = torch.cuda.get_device_name(0)
    try:
        (torch.ones(64, 64, device="cuda") @ torch.ones(64, 64, device="cuda")).sum().item()
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        mend = "update its driver, or set inference.device = 'cpu'"
        return Check("GPU", "warn", f"{name} is there but does not compute: {first}", mend)
    return Check("GPU", "ok", f"{name}, CUDA {torch.version.cuda}")


def _sockets() -> Check:
    import zmq

    from wire.endpoints import endpoints
    from wire.sockets import bind, make

    has = {True: "yes", False: "no"}
    seen = f"libzmq {zmq.zmq_version()}, ipc {has[zmq.has('ipc')]}, CURVE {has[zmq.has('curve')]}"
    mend = "pip install --force-reinstall pyzmq (its wheels have both)"
    if not zmq.has("ipc"):
        # then sessions use TCP on loopback, with keys
        return Check("ZeroMQ", "ok" if zmq.has("curve") else "fail", seen, "" if zmq.has("curve") else mend)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with tempfile.TemporaryDirectory() as folder:
            address = endpoints(folder).work
            listener, caller = make(context, zmq.PAIR), make(context, zmq.PAIR)
            bind(listener, address)
            caller.connect(address)
            caller.send(b"ping")
            crossed = bool(listener.poll(2000)) and listener.recv() == b"ping"
            listener.close()
            caller.close()
    except EegseekError as error:
        return Check("ZeroMQ", "fail", f"{seen}; {error}", "choose another folder with --set run.folder=DIR")
    finally:
        context.destroy(linger=0)
    if not crossed:
        return Check("ZeroMQ", "fail", f"{seen}; a message over ipc did not arrive", mend)
    return Check("ZeroMQ", "ok" if zmq.has("curve") else "warn", seen, "" if zmq.has("curve") else mend)


def _tuning() -> Check:
    """What lets answers come sooner and more evenly; nothing fails without."""
    from wire import tuning

    awake = tuning.Awake()
    kept = awake.open()
    awake.close()
    said = [
        f"processors can{'' if kept else 'not'} be kept awake",
        f"real-time priority is {'' if tuning.may_prioritise() else 'not '}allowed",
    ]
    mend = "" if kept else f"let your group write to {tuning.QOS} (a udev rule); answers come some milliseconds sooner"
    return Check("latency", "ok", "; ".join(said), mend)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free / _GIB
    # 64 channels at 1 kHz, float32 with stamps
    hours = free / (64 * 4 + 24) / 1000 / 3600 * _GIB
    seen = f"{free:.1f} GiB free in {folder}, {hours:.0f} h of 64 channels at 1 kHz"
    mend = "make room, or put sessions elsewhere with --set session.folder=DIR"
    state: Literal["ok", "warn", "fail"] = "ok" if free >= 5 else "warn" if free >= 0.5 else "fail"
    return Check("disk", state, seen, "" if state == "ok" else mend)

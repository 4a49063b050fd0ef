"""Watches one call of a reader: what it raises, how long it takes, how much memory it wants, what it must never do."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz.target import Read
from config.errors import EegseekError

LIMIT_S = 10.0
"""Processor time that reading one file may take."""
FORBIDDEN = frozenset(
    {
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
        "pickle.find_class", "socket.connect", "shutil.rmtree", "os.kill",
    }
)  # fmt: skip
"""Events of the interpreter that no reader may cause."""
_ROOT = Path(__file__).resolve().parents[2]
_MADE_BY_LIBRARIES = ("collections/__init__.py", "dataclasses.py", "typing.py", "enum.py", "functools.py")


@dataclass(frozen=True)
class Found:
    """What came out that must not.

    Attributes
    ----------
    kind
        ``exception``, ``hang``, ``memory``, ``execution`` or ``died``.
    what
        In a line.
    where
        File and line; two findings with the same kind and place are one.
    """

    kind: str
    what: str
    where: str


class _TimeUp(BaseException):
    """The processor time of one file is over."""


class Guard:
    """Calls a reader and says what was wrong, or nothing.

    Parameters
    ----------
    read
        The reader.
    ours
        A wish for too much memory is a finding, even if it was turned into an error of ours.
    scratch
        The only folder in which files may be written.
    """

    def __init__(self, read: Read, ours: bool, scratch: Path) -> None:
        self._read = read
        self._ours = ours
        self._scratch = str(scratch)
        self._watching = False
        self._seen: list[str] = []
        self.refused = 0

    def install(self) -> None:
        """Watch the interpreter's events, and let the time be up by a signal."""
        signal.signal(signal.SIGPROF, _time_up)
        sys.addaudithook(self._event)

    def __call__(self, data: bytes) -> Found | None:
        """What is wrong with how the reader took a file."""
        self._seen.clear()
        self._watching = True
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        try:
            try:
                self._read(data)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                self._watching = False
        except EegseekError as error:
            self.refused += 1
            if self._ours and (short := _memory_error(error)):
                return Found("memory", f"wanted more memory than it may have: {short}", _where(error))
        except _TimeUp as error:
            return Found("hang", f"took more than {LIMIT_S:g} s of processor time", _where(error))
        # the fuzzer is where everything has to be seen
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return Found("exception", f"{type(error).__name__}: {error}"[:300], _where(error))
        return Found("execution", self._seen[0], "audit") if self._seen else None

    def _event(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event in FORBIDDEN:
            self._seen.append(f"{event} {args!r}"[:300])
        elif event == "exec" and getattr(args[0], "co_filename", "") == "<string>" and not _by_library():
            self._seen.append(f"a text was executed: {args[0]!r}"[:300])
        elif event == "open" and self._writes(args):
            self._seen.append(f"'{args[0]}' was opened for writing")

    def _writes(self, args: tuple[Any, ...]) -> bool:
        path, mode, flags = args[0], args[1], args[2] if len(args) > 2 else 0
        writing = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        return bool(writing) and isinstance(path, str | os.PathLike) and not _inside(os.fspath(path), self._scratch)


def limit_memory(extra_mb: int) -> None:
    """No more address space than there is now and so many megabytes; no core files, no endless files."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    size = pages * resource.getpagesize() + (extra_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, resource.RLIM_INFINITY))


def shrunk(data: bytes, again: Callable[[bytes], bool], seconds: float = 5.0) -> bytes:
    """A shorter file that does the same: blocks are left out, large ones first, as long as there is time."""
    until, size = time.monotonic() + seconds, max(1, len(data) // 2)
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            shorter = data[:at] + data[at + size :]
            if again(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data


def _time_up(number: int, frame: object) -> None:
    raise _TimeUp


def _memory_error(error: BaseException) -> str:
    """What memory was wanted for, where an error goes back to that."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno == 12):
            return str(seen)[:200] or type(seen).__name__
        seen = seen.__cause__ or seen.__context__
    return ""


def _where(error: BaseException) -> str:
    """The innermost place in our code, and the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(str(_ROOT)) and "/fuzz/" not in frame.filename]
    ours = [frame for frame in ours if "site-packages" not in frame.filename]
    places = [f"{Path(f.filename).relative_to(_ROOT)}:{f.lineno}" for f in ours[-1:]]
    if frames and (not ours or frames[-1] is not ours[-1]):
        places.append(f"{Path(frames[-1].filename).name}:{frames[-1].lineno}")
    return " > ".join(places)


def _by_library() -> bool:
    """Whether the standard library makes a class from a text of its own, or a module is loaded for the first time."""
    frame = sys._getframe(2)
    if frame.f_code.co_filename.endswith(_MADE_BY_LIBRARIES):
        return True
    outer = frame.f_back
    while outer is not None and outer.f_code is not Guard.__call__.__code__:
        if outer.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        outer = outer.f_back
    return False


def _inside(path: str | bytes, folder: str) -> bool:
    text = os.fsdecode(path)
    return text == os.devnull or os.path.realpath(text).startswith(os.path.realpath(folder) + os.sep)

r"""The log of a session: one file, JSON lines, written by every process of the run.

Each process appends whole lines, one ``write`` each, to a file opened with ``O_APPEND``: the kernel puts such writes
one after the other, so lines of several processes never mix. Only the supervisor rotates (`rotate`), by renaming; the
others look before each line whether the file at the path is still the one they have open. A line that is written in
that moment ends up whole, as the last of the older file.

A line holds ``time`` (ISO 8601 with offset), ``mono_s`` (acquisition's clock, as stamps), ``process``, ``pid``,
``level``, ``logger``, ``message``, and where there is one ``code`` (of an error of ours) and ``traceback``.

The console gets warnings and errors, one line each. Where the supervisor starts a process, `VARIABLE` names the file;
without it there is only the console.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

from config.errors import EegseekError, told
from wire.clock import now

VARIABLE = "EEGSEEK_LOG"
"""Environment variable with the path of the session's log; `supervise` sets it for its children."""
FILE = "session.log"
"""Its name, in the folder ``logs`` of a session."""
OURS = ("acquisition", "benchmarks", "config", "display", "eegseek", "inference", "training", "wire")
"""Loggers told of in full; libraries from WARNING on."""
MAX_MESSAGE = 8192
"""Characters of a message or traceback that are kept."""
_log = logging.getLogger("eegseek.process")


class JsonLines(logging.Formatter):
    """One JSON object a record.

    Parameters
    ----------
    process
        Name of this process in the run, such as ``worker-1``.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "mono_s": round(now(), 6),
            "process": self.process,
            "pid": record.process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(record.getMessage()),
        }
        if code := _code(record):
            line["code"] = code
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = _cut("".join(traceback.format_exception(record.exc_info[1])), last=True)
        return json.dumps(line, ensure_ascii=False)


class SessionFile(logging.Handler):
    """Append each record as one line, in one write; the file (mode 0600) is opened at the first.

    What cannot be written is lost, and said once on the standard error: a full disk must not end a session over that.

    Parameters
    ----------
    path
        The log.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.failed = False
        self._fd = -1

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            line = (self.format(record) + "\n").encode(errors="replace")
            os.write(self._current(), line)
        except OSError as error:
            if not self.failed:
                self.failed = True
                sys.stderr.write(f"the log '{self.path}' cannot be written ({error.strerror}); see what is here\n")

    def _current(self) -> int:
        """Descriptor of the file that is at the path now."""
        if self._fd >= 0:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._fd), self.path.stat()):
                    return self._fd
            self._let_go()
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._fd

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()
        super().close()


class OneLine(logging.Formatter):
    """For the console: process and message, one line, no traceback."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        words = (record.getMessage().strip().splitlines() or [""])[0]
        error = next((a for a in _args(record) if isinstance(a, EegseekError)), None)
        if error is not None and str(error) and words.endswith(str(error)):
            words = words.removesuffix(str(error)) + told(error)
        return f"{self.process}: {words}"


def begin(process: str) -> None:
    """Let this process log: warnings to the console, everything of ours to the session's file where one is named.

    Exceptions that nobody catches go into the file with their traceback, and to the standard error as ever.

    Parameters
    ----------
    process
        Its name in the run.
    """
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(OneLine(process))
    # what an uncaught exception says stands on the standard error anyway
    console.addFilter(lambda record: record.levelno < logging.CRITICAL)
    handlers: list[logging.Handler] = [console]
    if path := os.environ.get(VARIABLE):
        file = SessionFile(Path(path))
        file.setFormatter(JsonLines(process))
        handlers.append(file)
        for name in OURS:
            logging.getLogger(name).setLevel(logging.INFO)
    logging.basicConfig(level=logging.WARNING, handlers=handlers)
    logging.captureWarnings(True)
    faulthandler.enable()  # where a C library crashes, its Python lines stand on the standard error
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    _log.info("%s begins", process)


def refused(process: str, error: EegseekError) -> None:
    """Say an error that ends this process: into the file, and as the last line on the standard error.

    Parameters
    ----------
    process
        What the sentence begins with.
    error
        Of ours.
    """
    _log.critical("%s", error)
    sys.stderr.write(f"{process}: {told(error)}\n")


@contextmanager
def session(process: str, path: Path) -> Iterator[None]:
    """Write what our loggers say to a session's file as well, for as long as the context lasts.

    Parameters
    ----------
    process
        Name of this process in the run.
    path
        The log.
    """
    file = SessionFile(path)
    file.setFormatter(JsonLines(process))
    before = {name: logging.getLogger(name).level for name in OURS}
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger().addHandler(file)
    try:
        yield
    except BaseException as error:
        _log.critical("ended by %s: %s", type(error).__name__, error, exc_info=error)
        raise
    finally:
        logging.getLogger().removeHandler(file)
        file.close()
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def rotate(path: Path, size: int, keep: int) -> bool:
    """Put a log aside that has grown to ``size`` bytes; called by one process of a run only.

    Parameters
    ----------
    path
        The log; older ones are ``.1`` (the latest) to ``.KEEP``.
    size
        In bytes.
    keep
        Older files kept, 0 or more.

    Returns
    -------
    Whether it was put aside.
    """
    try:
        if path.stat().st_size < size:
            return False
        for k in range(keep, 1, -1):
            with suppress(FileNotFoundError):
                _numbered(path, k - 1).replace(_numbered(path, k))
        if keep:
            path.replace(_numbered(path, 1))
        else:
            path.unlink()
    except OSError:  # not there yet, or a folder that was made read-only: it grows on, which is better than to end
        return False
    return True


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _cut(text: str, *, last: bool = False) -> str:
    """At most `MAX_MESSAGE` characters, the first or the last."""
    if len(text) <= MAX_MESSAGE:
        return text
    return "…" + text[-MAX_MESSAGE:] if last else text[:MAX_MESSAGE] + "…"


def _args(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def _code(record: logging.LogRecord) -> str:
    """Code of the error that a record is about; empty where it is about none of ours."""
    raised = record.exc_info[1] if record.exc_info else None
    for found in (*_args(record), raised):
        if isinstance(found, EegseekError):
            return found.code
    return ""


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        _log.critical("uncaught %s: %s", kind.__name__, error, exc_info=error)
    sys.__excepthook__(kind, error, trace)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread else "unknown"
        _log.critical("uncaught %s in thread %s: %s", args.exc_type.__name__, name, args.exc_value,
                      exc_info=args.exc_value)  # fmt: skip
    threading.__excepthook__(args)

"""What the display and the presenter measured in a session, read for its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from config.bounded import TooLargeError, read_bounded
from config.errors import RecordingError
from config.presentation import first_fault
from display.presenter.log import read_log
from display.presenter.timing import Timing

MAX_BYTES = 64 << 20


class Shown(BaseModel):
    """Latency from the last sample of a window to the screen: percentiles and longest, ms, of ``n`` windows."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    n: NonNegativeInt = 0


class _Report(BaseModel):
    """What is read of the display's report."""

    latency_ms: Shown = Shown()


def read_shown(path: Path) -> Shown:
    """Latency as the display reported it.

    Raises
    ------
    RecordingError
        The file cannot be read, or is no report of a display.
    """
    try:
        return _Report.model_validate_json(read_bounded(path, MAX_BYTES)).latency_ms
    except ValidationError as error:
        raise RecordingError(f"'{path}' is no report of a display: {first_fault(error)}") from error
    except (OSError, TooLargeError) as error:
        raise RecordingError(f"'{path}' cannot be read: {error}") from error


def read_timing(path: Path) -> Timing | None:
    """The last frame times in a presenter's log; None where it has none.

    Raises
    ------
    OutputError
        The log cannot be read, or holds something else.
    RecordingError
        Its times are none.
    """
    timed = [event for event in read_log(path) if event["event"] == "timing" and event.get("frames")]
    if not timed:
        return None
    fields: dict[str, Any] = {name: value for name, value in timed[-1].items() if name in Timing.model_fields}
    try:
        return Timing.model_validate(fields)
    except ValidationError as error:
        raise RecordingError(f"the frame times of log '{path}' are none: {first_fault(error)}") from error

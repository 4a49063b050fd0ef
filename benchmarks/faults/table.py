"""The rows of ``eegseek bench faults``, as ``module:function`` below `benchmarks.faults`, in the order they run."""

from __future__ import annotations

import importlib
from typing import Literal, cast

from benchmarks.faults.row import Fault
from config.errors import SettingsError

Kind = Literal["processes", "streams", "alone", "long"]
"""What a row needs: all processes of a session; LSL streams or boards, and acquisition; nothing; or minutes."""
_TABLE: tuple[tuple[str, Kind], ...] = (
    ("workers:killed_worker", "processes"),
    ("workers:killed_worker_alone", "processes"),
    ("workers:hung_worker", "processes"),
    ("workers:hung_worker_alone", "processes"),
    ("workers:hangs_for_good", "processes"),
    ("processes:killed_acquisition", "processes"),
    ("processes:killed_display", "processes"),
    ("processes:display_that_never_reads", "processes"),
    ("processes:killed_supervisor", "processes"),
    ("streams:outlet_restarted", "streams"),
    ("streams:outlet_gone", "streams"),
    ("streams:network_stall", "streams"),
    ("streams:network_stall_kept", "streams"),
    ("stamps:samples_lost", "alone"),
    ("stamps:jitter_bursts", "alone"),
    ("stamps:clock_drift", "long"),
    ("stamps:wall_clock", "alone"),
    ("stamps:clock_reset", "alone"),
    ("markers:markers_late", "streams"),
    ("markers:markers_out_of_order", "streams"),
    ("markers:markers_doubled", "streams"),
    ("markers:marker_storm", "streams"),
    ("boards:board_stops", "streams"),
    ("boards:synthetic_board_stops", "streams"),
    ("boards:board_repeats", "streams"),
    ("boards:board_skips", "streams"),
    ("channels:channel_nan", "alone"),
    ("channels:channel_infinite", "alone"),
    ("channels:channel_railed", "alone"),
    ("channels:channel_flat", "alone"),
    ("channels_swapped:channels_swapped", "alone"),
    ("disk:full_disk", "processes"),
    ("disk:read_only_folders", "processes"),
    ("disk:port_in_use", "processes"),
    ("clock:clock_moved", "processes"),
    ("endurance:endurance_real_time", "processes"),
    ("endurance:endurance_accelerated", "processes"),
)
ROWS = tuple(entry for entry, _ in _TABLE)


def of_kind(kind: Kind) -> tuple[str, ...]:
    """Entries that need this; the tests run all but the long ones."""
    return tuple(entry for entry, its in _TABLE if its == kind)


def name_of(entry: str) -> str:
    """Name of a row on the command line: its function's, with hyphens."""
    return entry.partition(":")[2].replace("_", "-")


def chosen(only: tuple[str, ...]) -> tuple[str, ...]:
    """Entries of the table by the names given; all where none is.

    Raises
    ------
    SettingsError
        There is no row of that name.
    """
    known = {name_of(entry): entry for entry in ROWS}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise SettingsError(f"there is no fault '{unknown[0]}'; give {', '.join(known)}")
    return tuple(known[name] for name in known if name in only) if only else ROWS


def load(entry: str) -> Fault:
    """Function of an entry, its module imported now and not before."""
    module, _, function = entry.partition(":")
    return cast(Fault, getattr(importlib.import_module(f"benchmarks.faults.{module}"), function))

"""The rows of ``eegseek bench faults``, as ``module:function`` below `benchmarks.faults`, in the order they run."""

from __future__ import annotations

import importlib
from typing import cast

from benchmarks.faults.row import Fault
from config.errors import SettingsError

ROWS: tuple[str, ...] = (
    "workers:killed_worker",
    "workers:killed_worker_alone",
    "workers:hung_worker",
    "workers:hung_worker_alone",
    "workers:hangs_for_good",
    "processes:killed_acquisition",
    "processes:killed_display",
    "processes:display_that_never_reads",
    "processes:killed_supervisor",
    "streams:outlet_restarted",
    "streams:outlet_gone",
    "streams:network_stall",
    "streams:network_stall_kept",
    "stamps:samples_lost",
    "stamps:jitter_bursts",
    "stamps:clock_drift",
    "stamps:wall_clock",
    "stamps:clock_reset",
    "markers:markers_late",
    "markers:markers_out_of_order",
    "markers:markers_doubled",
    "markers:marker_storm",
    "boards:board_stops",
    "boards:synthetic_board_stops",
    "boards:board_repeats",
    "boards:board_skips",
    "channels:channel_nan",
    "channels:channel_infinite",
    "channels:channel_railed",
    "channels:channel_flat",
    "channels_swapped:channels_swapped",
    "disk:full_disk",
    "disk:read_only_folders",
    "disk:port_in_use",
    "clock:clock_moved",
    "endurance:endurance_real_time",
    "endurance:endurance_accelerated",
)


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

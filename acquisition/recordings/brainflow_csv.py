"""Files that BrainFlow writes: numbers without a header, tab separated, a column for each row of the board.

They do not say which board wrote them: ``source.board`` does.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.recordings.breaks import losses
from acquisition.recordings.recording import ArraySignal, Recording, pick_channels
from acquisition.recordings.text_table import edge_markers, first_line, read_columns, row_markers
from config.errors import RecordingError
from config.settings import RecordingSource

_FEWEST_COLUMNS = 4
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?nan")


def recognise(head: bytes) -> bool:
    """Whether a file that begins so is one: its first line is numbers between tabs."""
    fields = head.partition(b"\n")[0].strip().split(b"\t")
    return len(fields) >= _FEWEST_COLUMNS and all(_NUMBER.fullmatch(field.strip()) for field in fields)


def read(file: Path, settings: RecordingSource) -> Recording:
    """Recording of a BrainFlow file.

    ``source.stim_channel`` may give the number of another column than the board's marker row.

    Raises
    ------
    RecordingError
        The board is not given, unknown, or has another number of rows; or the file is damaged.
    """
    count = len(first_line(file).strip().split(b"\t"))
    about = _describe_board(file, settings.board, count)
    rows, names = about["eeg_channels"], _names(about)
    channels = pick_channels(file, names, (), settings.channels)
    stim = _stim_column(file, settings.stim_channel, about, count)
    wanted = [*(rows[names.index(name)] for name in channels), stim, about["timestamp_channel"]]
    table = read_columns(file, "\t", 0, count, [*wanted, about["package_num_channel"]])
    rate_hz, n = float(about["sampling_rate"]), len(channels)
    breaks, resets, notes = losses(table[n + 2], table[n + 1], rate_hz)
    return Recording(
        file,
        "BrainFlow CSV",
        rate_hz,
        channels,
        table.shape[1],
        ArraySignal(table[:n].astype(np.float32)),
        edge_markers(table[n]) if settings.stim_channel else row_markers(table[n : n + 1]),
        breaks=breaks,
        resets=resets,
        notes=notes,
    )


def _describe_board(file: Path, board: str, count: int) -> dict[str, Any]:
    from brainflow.board_shim import BoardIds, BoardShim
    from brainflow.exit_codes import BrainFlowError

    def about(member: Any) -> dict[str, Any]:
        try:
            return dict(BoardShim.get_board_descr(member))
        except BrainFlowError:  # boards without a default preset
            return {}

    known = {member.name: member for member in BoardIds}
    if board in known and about(known[board]).get("num_rows") == count:
        found = about(known[board])
        if not found.get("eeg_channels"):
            raise RecordingError(
                f"'{file}' has no EEG channel: source.board '{board}' records none; choose another file"
            )
        return found
    fitting = [name for name, member in known.items() if about(member).get("num_rows") == count]
    which = (
        f"boards with {count} rows are: {', '.join(fitting)}" if fitting else f"no board of BrainFlow has {count} rows"
    )
    if not board:
        raise RecordingError(f"'{file}' is a BrainFlow file, which does not say its board; set source.board ({which})")
    if board in known:
        rows = about(known[board]).get("num_rows")
        raise RecordingError(
            f"'{file}' has {count} columns and source.board '{board}' {rows} rows; set another ({which})"
        )
    close = difflib.get_close_matches(board.upper(), known, n=1)
    hint = f", did you mean '{close[0]}'?" if close else ""
    raise RecordingError(f"source.board '{board}' is no board of BrainFlow{hint} ({which})")


def _names(about: dict[str, Any]) -> list[str]:
    rows = about["eeg_channels"]
    names = [name.strip() for name in about.get("eeg_names", "").split(",") if name.strip()]
    return names if len(names) == len(rows) else [f"Ch{k + 1}" for k in range(len(rows))]


def _stim_column(file: Path, stim: str, about: dict[str, Any], count: int) -> int:
    if not stim:
        return int(about["marker_channel"])
    if not stim.isdigit() or int(stim) >= count:
        raise RecordingError(f"'{file}' has columns 0 to {count - 1}, source.stim_channel is '{stim}'; give a number")
    return int(stim)

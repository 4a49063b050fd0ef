"""One BrainFlow board: names and parameters checked, its library's errors as sentences. No clock, no recovery."""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowError, BrainFlowInputParams
from numpy.typing import NDArray

from config.errors import SourceError
from config.settings import BrainFlowSource

RING_S = 60
"""What BrainFlow keeps for a reader that is held up, seconds; it overwrites silently beyond."""
PLAYBACK, STREAMING, SYNTHETIC = "PLAYBACK_FILE_BOARD", "STREAMING_BOARD", "SYNTHETIC_BOARD"
_BORROWED = (PLAYBACK, STREAMING)


@dataclass(frozen=True)
class BoardRows:
    """What the rows of a board's data are.

    Attributes
    ----------
    name
        The board whose rows these are: the master board for playback and streaming.
    rate_hz
        Sampling rate.
    names
        EEG channel names; ``Ch1`` and so on where BrainFlow has none.
    named
        Whether BrainFlow names them.
    eeg
        Rows of the EEG channels, µV.
    counter, stamp, marker
        Rows of the package counter, the wall-clock stamp (s) and the marker.
    resistance
        Rows of impedances, Ω, that are no EEG rows.
    """

    name: str
    rate_hz: float
    names: tuple[str, ...]
    named: bool
    eeg: tuple[int, ...]
    counter: int
    stamp: int
    marker: int
    resistance: tuple[int, ...] = ()


class Board:
    """A session with a board.

    Parameters
    ----------
    settings
        Its name and parameters.
    """

    def __init__(self, settings: BrainFlowSource) -> None:
        self._settings = settings
        self._shim: Any = None

    def rows(self) -> BoardRows:
        """What its data hold, without connecting.

        Raises
        ------
        SourceError
            No such board, it has no EEG, or the master board is not given.
        """
        load()
        settings = self._settings
        board_id(settings.board, "source.board")
        name = settings.board
        if name in _BORROWED:
            if not settings.master_board:
                raise SourceError(f"'{name}' carries another board's data: say whose with source.master_board")
            name = settings.master_board
        try:
            said = BoardShim.get_board_descr(board_id(name, "source.master_board"))
        except BrainFlowError as error:
            raise SourceError(f"BrainFlow knows nothing of the data of '{name}': {error}") from error
        eeg = tuple(said.get("eeg_channels", ()))
        if not eeg:
            raise SourceError(f"board '{name}' has no EEG channels; choose a board that has")
        names = tuple(part.strip() for part in said.get("eeg_names", "").split(",") if part.strip())
        named = len(names) == len(eeg)
        return BoardRows(
            name=name,
            rate_hz=float(said["sampling_rate"]),
            names=names if named else tuple(f"Ch{k + 1}" for k in range(len(eeg))),
            named=named,
            eeg=eeg,
            counter=said["package_num_channel"],
            stamp=said["timestamp_channel"],
            marker=said["marker_channel"],
            # some amplifiers put them into the rows of the EEG, in a mode of its own: there is none beside the EEG
            resistance=tuple(row for row in said.get("resistance_channels", ()) if row not in eeg),
        )

    def start(self) -> None:
        """Connect, configure and begin to stream; may take seconds.

        Raises
        ------
        SourceError
            BrainFlow refuses: names the board, what it said, and the parameters given.
        """
        settings = self._settings
        if settings.board == PLAYBACK and not Path(settings.file).is_file():
            raise SourceError(f"source.file '{settings.file}' is no file, expected a BrainFlow recording to play back")
        rate = self.rows().rate_hz
        shim = BoardShim(board_id(settings.board, "source.board"), _parameters(settings))
        try:
            shim.prepare_session()
            # from here on there is something to release
            self._shim = shim
            for command in (*settings.config, *(["loopback_true"] if settings.loop else [])):
                shim.config_board(command)
            if settings.streamer:
                shim.add_streamer(settings.streamer)
            shim.start_stream(round(RING_S * rate))
        except BrainFlowError as error:
            self.stop()
            given = {k: v for k, v in settings.model_dump(exclude_defaults=True).items() if k not in ("kind", "board")}
            said = ", ".join(f"source.{key} = {value!r}" for key, value in given.items()) or "no parameters"
            raise SourceError(
                f"BrainFlow cannot start '{settings.board}' ({error}), given {said}; "
                "check the device and these settings"
            ) from error

    def waiting(self) -> int:
        """Samples that can be taken.

        Raises
        ------
        SourceError
            The session broke.
        """
        try:
            return int(self._shim.get_board_data_count())
        except BrainFlowError as error:
            raise SourceError(f"board '{self._settings.board}' broke off: {error}") from error

    def take(self, most: int) -> NDArray[np.float64]:
        """The oldest samples, removed from the board: (rows, times)."""
        try:
            data: NDArray[np.float64] = self._shim.get_board_data(most)
        except BrainFlowError as error:
            raise SourceError(f"board '{self._settings.board}' broke off: {error}") from error
        return data

    def stop(self) -> None:
        """Release the session; harmless when there is none."""
        shim, self._shim = self._shim, None
        if shim is None:
            return
        for step in (shim.stop_stream, shim.release_session):
            try:
                step()
            except BrainFlowError:
                continue  # a session that broke cannot be stopped in good order


@cache
def load() -> None:
    """Load BrainFlow's library, once, and silence its logger: what goes wrong is ours to say.

    Raises
    ------
    SourceError
        It cannot be loaded; names the mend.
    """
    with warnings.catch_warnings():
        # it imports pkg_resources here, which warns of its own end
        warnings.simplefilter("ignore")
        try:
            BoardShim.disable_board_logger()
        except (ImportError, OSError) as error:
            mend = "pip install 'setuptools<81' brainflow (below Python 3.12 it needs pkg_resources)"
            raise SourceError(f"BrainFlow cannot be loaded ({error}); mend it with: {mend}") from error


def board_id(name: str, key: str) -> int:
    """BrainFlow's number of a board.

    Raises
    ------
    SourceError
        There is none of this name; names the nearest.
    """
    known = {board.name: int(board) for board in BoardIds if board.name != "NO_BOARD"}
    if name not in known:
        close = difflib.get_close_matches(name.upper(), list(known), n=4, cutoff=0.4) or sorted(known)
        raise SourceError(f"{key} '{name}' is no BrainFlow board; the nearest names are {', '.join(close)}")
    return known[name]


def _parameters(settings: BrainFlowSource) -> Any:
    parameters = BrainFlowInputParams()
    for key in (
        "serial_port", "mac_address", "serial_number", "ip_address", "ip_port", "ip_protocol", "other_info", "timeout",
        "file",
    ):  # fmt: skip
        setattr(parameters, key, getattr(settings, key))
    if settings.master_board:
        parameters.master_board = board_id(settings.master_board, "source.master_board")
    return parameters

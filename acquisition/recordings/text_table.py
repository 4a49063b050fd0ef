"""Tables of numbers in text files, read by Arrow's CSV reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.recording import Marker
from acquisition.sources.labels import numeric_label
from config.errors import RecordingError

MAX_LINE_BYTES = 1 << 16
"""Of a header; no table of samples has a longer one."""
MAX_REASON = 300
_ROW = re.compile(r"Row #(\d+): ")


def read_columns(file: Path, delimiter: str, skip: int, count: int, wanted: Sequence[int]) -> NDArray[np.float64]:
    """Columns of a table.

    Parameters
    ----------
    file
        Text file.
    delimiter
        One character.
    skip
        Lines before the first row.
    count
        Columns of every row.
    wanted
        Indices of those to read; an empty field is NaN.

    Returns
    -------
    (len(wanted), rows) float64.

    Raises
    ------
    RecordingError
        A row has another number of columns, a field is no number, or there is no row.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [str(k) for k in range(count)]
    chosen = list(dict.fromkeys(names[k] for k in wanted))
    reading = csv.ReadOptions(use_threads=False, skip_rows=skip, column_names=names)
    converting = csv.ConvertOptions(column_types=dict.fromkeys(chosen, pa.float64()), include_columns=chosen)
    try:
        table = csv.read_csv(file, reading, csv.ParseOptions(delimiter=delimiter), converting)
    except (pa.ArrowException, ValueError, KeyError, MemoryError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RecordingError(_sentence(file, reason[:MAX_REASON])) from error
    if not table.num_rows:
        raise RecordingError(
            f"'{file}' is empty: it has a header but no sample; record it again or choose another file"
        )
    return np.stack([table.column(names[k]).to_numpy() for k in wanted])


def first_line(file: Path) -> bytes:
    """The first line of a file, its end included.

    Raises
    ------
    RecordingError
        It is longer than any header.
    """
    with file.open("rb") as stream:
        line = stream.readline(MAX_LINE_BYTES)
    if len(line) == MAX_LINE_BYTES:
        raise RecordingError(f"'{file}' begins with a line of {MAX_LINE_BYTES} bytes or more; no table of samples does")
    return line


def _sentence(file: Path, reason: str) -> str:
    if "Empty CSV" in reason:
        return f"'{file}' is empty: it has a header but no sample; record it again or choose another file"
    line = _ROW.search(reason)
    where = f" in line {line[1]}" if line else ""
    what = _ROW.sub("", reason.removeprefix("CSV parse error: "))
    return f"'{file}' is cut off or damaged{where} ({what}); mend or remove that line"


def row_markers(values: NDArray[np.float64], names: Sequence[str] = ()) -> tuple[Marker, ...]:
    """Markers from columns in which each non-zero value is a marker on its row.

    Parameters
    ----------
    values
        (columns, rows); NaN counts as zero.
    names
        Labels of one-hot columns.
    """
    clean = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    rows = np.flatnonzero(clean.any(axis=0))
    return tuple(Marker(float(row), numeric_label(clean[:, row], names)) for row in rows)


def edge_markers(values: NDArray[np.float64]) -> tuple[Marker, ...]:
    """Markers from a stimulus channel (rows,): each change to another value than zero."""
    from acquisition.sources.labels import number_label
    from acquisition.sources.stim import StimEdges

    return tuple(Marker(float(row), number_label(value)) for row, value in StimEdges().find(values))

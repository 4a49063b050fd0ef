"""The inner loop and the public function give the same bits, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from acquisition import sos


@pytest.mark.parametrize("run", [sos.public, sos.filter_in_place])
@pytest.mark.parametrize("size", [1, 4, 37, 500])
def test_it_is_sosfilt_in_place(run: sos.Run, size: int) -> None:
    rng = np.random.default_rng(size)
    sections = np.concatenate(
        [signal.butter(4, (0.1, 0.3), "bandpass", output="sos"), signal.butter(1, 0.4, output="sos")]
    )
    rows, start = rng.standard_normal((5, 500)), rng.standard_normal((len(sections), 5, 2))
    wanted, after = signal.sosfilt(sections, rows, axis=1, zi=start)
    state = np.ascontiguousarray(start.transpose(1, 0, 2))
    pieces = []
    for begin in range(0, 500, size):
        piece = np.ascontiguousarray(rows[:, begin : begin + size])
        run(sections, piece, state)
        pieces.append(piece)
    assert np.array_equal(np.concatenate(pieces, axis=1), wanted)
    assert np.array_equal(state.transpose(1, 0, 2), after)


def test_another_scipy_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sos.choose() is not sos.public  # of the pinned SciPy
    from scipy.signal import _sosfilt

    monkeypatch.setattr(_sosfilt, "_sosfilt", lambda sections, rows, state: None)
    assert sos.choose() is sos.public
    monkeypatch.delattr(_sosfilt, "_sosfilt")
    assert sos.choose() is sos.public

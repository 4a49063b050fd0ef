"""What the signal page is sent: everything once, nothing that does not fit, and previews only while somebody looks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from display.dashboard.signal_feed import Feed, Piece, Shared
from wire.packets import Mark, Preview


def preview(
    sequence: int, data: np.ndarray, *, rate: float = 250.0, marks: tuple[Mark, ...] = (), **more: object
) -> Preview:
    fields: dict[str, object] = {
        "session": "s",
        "segment": 0,
        "sequence": sequence,
        "first_s": 100.001 + sequence / rate,
        "rate_hz": rate,
        "channels": tuple(f"c{k}" for k in range(len(data))),
        "times": data.shape[1],
        "marks": marks,
        "data": data,
    }
    return Preview(**{**fields, **more})


def values(piece: Piece, channels: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(piece.packed), "<i2").reshape(channels, piece.n, 2)


def test_a_viewer_gets_everything_once() -> None:
    feed = Feed()
    seen, number = [], 0
    for k in range(20):
        feed.take(preview(k * 25, np.full((2, 25), k, np.float32)))
        news = feed.since(number)
        seen += list(news.pieces)
        number = news.number
    assert feed.since(number).pieces == ()
    assert feed.since(0).pieces == tuple(seen)
    ends = [(piece.first, piece.first + piece.n) for piece in seen]
    assert all(end == begin for (_, end), (begin, _) in pairwise(ends))
    assert values(seen[-1], 2).max() == 190  # 19 µV


def test_ten_seconds_are_kept() -> None:
    feed = Feed()
    mark = Mark(time_s=100.0, label="x" * 300, stimulus=True)
    feed.take(preview(0, np.zeros((1, 25), np.float32), marks=(mark,)))
    assert len(feed.since(0).markers[0].label) == 40
    for k in range(1, 200):
        feed.take(preview(k * 25, np.zeros((1, 25), np.float32)))
    news = feed.since(0)
    assert news.markers == ()
    assert 9.5 <= sum(piece.n for piece in news.pieces) / 100 <= 11.5


def test_other_channels_begin_anew() -> None:
    feed = Feed()
    feed.take(preview(0, np.zeros((2, 100), np.float32)))
    first = feed.since(0).layout
    feed.take(preview(100, np.zeros((3, 100), np.float32)))
    news = feed.since(0)
    assert first is not None
    assert news.layout is not None
    assert news.layout.number != first.number
    assert all(len(base64.b64decode(piece.packed)) == 3 * piece.n * 4 for piece in news.pieces)


def test_an_earlier_clock_takes_the_place_of_a_later_one() -> None:
    feed = Feed()
    feed.take(preview(0, np.zeros((1, 100), np.float32), first_s=1e6))
    for k in range(3):
        feed.take(preview(k * 100, np.zeros((1, 100), np.float32), segment=1, first_s=5.0 + k * 0.4))
    assert max(piece.first for piece in feed.since(0).pieces) < 1000


def test_band_powers_are_of_a_stretch_without_holes() -> None:
    feed = Feed()
    t = np.arange(1500) / 250.0
    signal = (10 * np.sin(2 * np.pi * 10 * t)).astype(np.float32)[None]
    assert feed.bands() is None
    for k in range(40):
        feed.take(preview(k * 25, signal[:, k * 25 : k * 25 + 25]))
    powers = feed.bands()
    assert powers is not None
    assert powers[2, 0] == pytest.approx(50, rel=0.05)
    feed.take(preview(41 * 25, signal[:, :25]))  # one is missing
    assert feed.bands() is None


def test_previews_are_asked_for_only_while_somebody_looks() -> None:
    listening: list[Callable[[Preview], None]] = []

    def listen(callback: Callable[[Preview], None]) -> Callable[[], None]:
        listening.append(callback)
        return lambda: listening.remove(callback)

    shared = Shared(listen)
    first, second = shared.join(), shared.join()
    assert len(listening) == 1
    first()
    first()
    assert len(listening) == 1
    second()
    assert listening == []
    shared.join()
    assert len(listening) == 1

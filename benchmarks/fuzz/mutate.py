"""Damage to bytes, drawn from a seeded generator. Pure: the same generator and bytes give the same damage."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[Random, bytes], bytes]

MOST_AT_ONCE = 6
"""Damages to one file."""
LONGEST = 1 << 16
"""Bytes; what grows beyond, and beyond twice the valid file, is cut."""
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORDS = (
    b"0", b"-1", b"1", b"-0.0", b"1e400", b"-1e308", b"1e-320", b"nan", b"inf", b"NaN", b"Infinity", b"", b" ", b"x",
    b"255", b"65536", b"2147483647", b"-2147483648", b"4294967295", b"9223372036854775807", b"9223372036854775808",
    b"1e18", b"99999999999999999999", b"0.1", b"1.2.3", b"null", b"true", b'""', b"[]", b"{}", b"\x00", b"\xff",
)  # fmt: skip
_WHOLE = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 1000, 4096, 32767, 65535, 65536, (1 << 31) - 1, 1 << 31)
_LARGE = ((1 << 32) - 1, 1 << 32, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def damaged(
    rng: Random,
    seeds: Sequence[bytes],
    tokens: Sequence[bytes] = (),
    shaped: Sequence[Mutation] = (),
    most: int = MOST_AT_ONCE,
) -> bytes:
    """One of the seeds with one to ``most`` damages.

    Parameters
    ----------
    rng
        What is drawn from.
    seeds
        Valid files.
    tokens
        Words of the format, put in here and there.
    shaped
        Mutations that know the format; half of the time one of them comes first.
    """
    data = rng.choice(seeds)
    longest = max(LONGEST, 2 * len(data))
    count = min(rng.randint(1, most), rng.randint(1, most))
    if shaped and rng.random() < 0.5:
        data = rng.choice(shaped)(rng, data)
        count -= 1
    for _ in range(count):
        data = _once(rng, data, seeds, tokens)
    return data[:longest] if len(data) > longest else data


def _once(rng: Random, data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    if len(seeds) > 1 and rng.random() < 0.05:
        return splice(rng, data, rng.choice(seeds))
    if tokens and rng.random() < 0.25:
        return put(rng, data, rng.choice(tokens))
    return rng.choice(PLAIN)(rng, data)


def flip(rng: Random, data: bytes) -> bytes:
    """One to four bits turned."""
    if not data:
        return b"\x00"
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def overwrite(rng: Random, data: bytes) -> bytes:
    """Some bytes replaced by others."""
    at, size = _place(rng, data), rng.randint(1, 8)
    return data[:at] + rng.randbytes(size) + data[at + size :]


def insert(rng: Random, data: bytes) -> bytes:
    """Some bytes put in."""
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]


def delete(rng: Random, data: bytes) -> bytes:
    """Some bytes taken out."""
    at = _place(rng, data)
    return data[:at] + data[at + _some(rng, data) :]


def truncate(rng: Random, data: bytes) -> bytes:
    """The end cut off."""
    return data[: _place(rng, data)]


def duplicate(rng: Random, data: bytes) -> bytes:
    """A block written twice, or many times."""
    at, size = _place(rng, data), _some(rng, data)
    times = rng.choice((1, 1, 1, 2, 50))
    return data[:at] + data[at : at + size] * (min(times, LONGEST // max(1, size)) + 1) + data[at + size :]


def swap(rng: Random, data: bytes) -> bytes:
    """Two blocks that follow one another change places."""
    at, size = _place(rng, data), _some(rng, data)
    return data[:at] + data[at + size : at + 2 * size] + data[at : at + size] + data[at + 2 * size :]


def number(rng: Random, data: bytes) -> bytes:
    """A binary number replaced by one at the edge of its type."""
    width = rng.choice((1, 2, 4, 4, 8, 8))
    value = rng.choice(_LARGE if rng.random() < 0.3 else _WHOLE) + rng.choice((0, 0, -1, 1))
    raw = (value % (1 << (8 * width))).to_bytes(width, rng.choice(("little", "little", "big")))
    at = _place(rng, data)
    return data[:at] + raw + data[at + width :]


def written_number(rng: Random, data: bytes) -> bytes:
    """A number in a text replaced by a strange one."""
    found = _NUMBER.search(data, _place(rng, data)) or _NUMBER.search(data)
    if found is None:
        return put(rng, data, rng.choice(_WORDS))
    word = rng.choice(_WORDS) if rng.random() < 0.9 else b"9" * rng.choice((20, 400, 5000))
    return data[: found.start()] + word + data[found.end() :]


def runs(rng: Random, data: bytes) -> bytes:
    """One byte, very often."""
    at = _place(rng, data)
    return data[:at] + bytes([rng.choice((0, 32, 44, 65, 91, 123, 255))]) * rng.choice((30, 300, 5000)) + data[at:]


def splice(rng: Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one and the end of another."""
    return data[: _place(rng, data)] + other[_place(rng, other) :]


def put(rng: Random, data: bytes, token: bytes) -> bytes:
    """A word of the format put in, or in place of what is there."""
    at = _place(rng, data)
    return data[:at] + token + data[at + (len(token) if rng.random() < 0.5 else 0) :]


PLAIN: tuple[Mutation, ...] = (
    flip, flip, flip, overwrite, overwrite, insert, delete, delete, truncate, duplicate, swap, number, number, number,
    written_number, written_number, runs,
)  # fmt: skip


def _place(rng: Random, data: bytes) -> int:
    """Somewhere; the beginning, where headers are, more often."""
    end = len(data)
    return rng.randint(0, min(end, 256) if rng.random() < 0.3 else end)


def _some(rng: Random, data: bytes) -> int:
    return rng.randint(1, max(1, min(len(data), rng.choice((4, 32, 512)))))

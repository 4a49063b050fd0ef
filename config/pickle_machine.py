"""The machine behind safe pickles: carries out the codes of plain values, and asks its owner about all others.

The number of steps is bounded; lengths and long byte strings are the matter of `config.pickle_reader`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from config.pickle_reader import DamagedError, Reader, RefusedError

MAX_STEPS = 5_000_000
"""Codes carried out, so that a small file cannot keep us busy for ever."""

MAX_KEY_DEPTH, MAX_KEY_PARTS = 3, 64
"""Of a tuple or set that is a key."""


class Machine(Reader):
    """Carries out a pickle.

    Parameters
    ----------
    stream
        Standing at the first code.
    size
        Bytes of the file.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        super().__init__(stream, size)
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def name(self, module: str, name: str) -> object:
        """What a name stands for."""
        raise RefusedError(f"names {module}.{name}")

    def call(self, what: object, given: object) -> object:
        """What a call of ``what`` comes to."""
        raise RefusedError("calls a function")

    def state(self, what: object, state: object) -> object:
        """What ``what`` becomes when it is told its state."""
        raise RefusedError("gives a state to an object")

    def remembered(self, value: object) -> object:
        """What is put on the stack for a value of the memo."""
        return value

    def run(self) -> Any:
        """The value that the pickle describes.

        Raises
        ------
        RefusedError, DamagedError, EOFError
            It does what it must not, makes no sense, or ends too early. A malformed pickle may also raise ValueError,
            TypeError, LookupError or OverflowError.
        """
        for _ in range(MAX_STEPS):
            code = self.take(1)
            if code == b".":
                return self._stack.pop()
            carry_out = _CODES.get(code)
            if carry_out is None:
                raise RefusedError(f"has the pickle code {code!r}")
            carry_out(self)
        raise RefusedError(f"holds more than {MAX_STEPS} parts")

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        found, self._stack = self._stack, self._marks.pop()
        return found

    def _top(self, kind: type) -> Any:
        top = self._stack[-1]
        if type(top) is not kind:
            raise DamagedError(f"a {kind.__name__} is missing")
        return top

    def _append(self) -> None:
        value = self._stack.pop()
        self._top(list).append(value)

    def _appends(self) -> None:
        values = self._since_mark()
        self._top(list).extend(values)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._top(dict)[_flat(key)] = value

    def _set_items(self) -> None:
        values = self._since_mark()
        self._top(dict).update(zip(map(_flat, values[::2]), values[1::2], strict=True))

    def _dict(self) -> None:
        values = self._since_mark()
        self._push(dict(zip(map(_flat, values[::2]), values[1::2], strict=True)))

    def _add_items(self) -> None:
        values = self._since_mark()
        self._top(set).update(map(_flat, values))

    def _tuple(self, n: int) -> None:
        if len(self._stack) < n:
            raise DamagedError("a tuple is not whole")
        values = tuple(self._stack[-n:])
        del self._stack[-n:]
        self._push(values)

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _put(self, key: int) -> None:
        self._memo[key] = self._stack[-1]

    def _get(self, key: int) -> None:
        self._push(self.remembered(self._memo[key]))

    def _global(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise DamagedError("a name is no text")
        self._push(self.name(module, name))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._global(module, name)

    def _reduce(self) -> None:
        given, what = self._stack.pop(), self._stack.pop()
        self._push(self.call(what, given))

    def _build(self) -> None:
        state, what = self._stack.pop(), self._stack.pop()
        self._push(self.state(what, state))


def _flat(key: object, depth: int = MAX_KEY_DEPTH) -> object:
    """A key whose hash is soon known: that of tuples in tuples ends the process, or takes for ever."""
    if isinstance(key, tuple | frozenset):
        if not depth or len(key) > MAX_KEY_PARTS:
            raise DamagedError("a key is too deep or too long")
        for one in key:
            _flat(one, depth - 1)
    return key


Code = Callable[[Machine], object]


def _pushing(value: Callable[[Machine], object]) -> Code:
    return lambda m: m._push(value(m))


_CODES: dict[bytes, Code] = {
    b"\x80": lambda m: m.take(1),  # protocol
    b"\x95": lambda m: m.room(m.number("<Q")),  # frame: a hint for buffering
    b"(": Machine._mark,
    b"0": Machine._pop,
    b"1": Machine._since_mark,
    b"N": _pushing(lambda m: None),
    b"\x88": _pushing(lambda m: True),
    b"\x89": _pushing(lambda m: False),
    b"I": _pushing(Machine.int_line),
    b"J": _pushing(lambda m: m.number("<i")),
    b"K": _pushing(lambda m: m.number("B")),
    b"M": _pushing(lambda m: m.number("<H")),
    b"L": _pushing(lambda m: int(m.line().rstrip(b"L"))),
    b"\x8a": _pushing(lambda m: m.long("B")),
    b"\x8b": _pushing(lambda m: m.long("<i")),
    b"F": _pushing(lambda m: float(m.line())),
    b"G": _pushing(lambda m: m.number(">d")),
    b"S": _pushing(Machine.string_line),
    b"T": _pushing(lambda m: m.old_text("<i")),
    b"U": _pushing(lambda m: m.old_text("B")),
    b"B": _pushing(lambda m: m.data("<I")),
    b"C": _pushing(lambda m: m.data("B")),
    b"\x8e": _pushing(lambda m: m.data("<Q")),
    b"\x96": _pushing(lambda m: m.data("<Q")),
    b"V": _pushing(lambda m: m.line().decode("raw-unicode-escape")),
    b"X": _pushing(lambda m: m.text("<I")),
    b"\x8c": _pushing(lambda m: m.text("B")),
    b"\x8d": _pushing(lambda m: m.text("<Q")),
    b"]": _pushing(lambda m: []),
    b"a": Machine._append,
    b"e": Machine._appends,
    b"l": lambda m: m._push(m._since_mark()),
    b")": _pushing(lambda m: ()),
    b"t": lambda m: m._push(tuple(m._since_mark())),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"}": _pushing(lambda m: {}),
    b"s": Machine._set_item,
    b"u": Machine._set_items,
    b"d": Machine._dict,
    b"\x8f": _pushing(lambda m: set()),
    b"\x90": Machine._add_items,
    b"\x91": lambda m: m._push(frozenset(map(_flat, m._since_mark()))),
    b"p": lambda m: m._put(int(m.line())),
    b"q": lambda m: m._put(m.number("B")),
    b"r": lambda m: m._put(m.number("<I")),
    b"\x94": lambda m: m._put(len(m._memo)),
    b"g": lambda m: m._get(int(m.line())),
    b"h": lambda m: m._get(m.number("B")),
    b"j": lambda m: m._get(m.number("<I")),
    b"c": lambda m: m._global(m.line().decode(), m.line().decode()),
    b"\x93": Machine._stack_global,
    b"R": Machine._reduce,
    b"b": Machine._build,
}
"""Code to what it does; those that are not here, such as ``NEWOBJ``, ``INST`` and ``EXT1``, are refused."""

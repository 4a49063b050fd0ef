"""Pickles of datasets are read without their dangers, and large arrays without being read."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import RecordingError
from config.safe_pickle import read_npy_object, read_object, read_pickle
from config.stored_array import StoredArray


def plain(value: Any) -> Any:
    """With stored arrays read."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.read() if isinstance(value, StoredArray) else value


def raw_like(n: int = 40_000) -> dict[str, Any]:
    eeg = np.arange(4 * n, dtype=np.float64).reshape(4, n) * 1e-6
    return {
        "raw_eeg_data": eeg,
        "ch_names": ["Oz", "O1", "O2", "stim"],
        "ch_types": ["eeg"] * 3 + ["stim"],
        "sfreq": 1000.0,
        "highpass": np.float64(0.01),
        "lowpass": 100,
    }


def same(found: Any, wanted: Any) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(plain(found[key]), value)
        else:
            assert found[key] == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_gives_what_pickle_gives(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "a.npy"
    content = {**raw_like(), "small": np.arange(3, dtype=np.int16), "text": np.array(["a", "bc"])}
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_object(file)
    same(found, content)
    if protocol > 2:  # protocol 2 knows no bytes and spells them as text
        assert found["raw_eeg_data"].offset > 0


def test_pickles_of_older_numpy_read_too(tmp_path: Path) -> None:
    older = pickle.dumps(raw_like(), protocol=3).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    (tmp_path / "a").write_bytes(older)
    same(read_pickle(tmp_path / "a"), raw_like())


def test_rows_and_columns_are_read_without_the_rest(tmp_path: Path) -> None:
    array = np.arange(60_000.0).reshape(300, 4, 50)
    for order in ("C", "F"):
        np.save(tmp_path / "a.npy", np.asarray(array, order=order))
        stored = read_npy_object(tmp_path / "a.npy")
        np.testing.assert_array_equal(stored.rows(7, 9), array[7:9])
        np.testing.assert_array_equal(stored.rows(290, 400), array[290:])
        assert stored.rows(9, 9).shape == (0, 4, 50) and stored.rows(400, 500).shape == (0, 4, 50)
        np.testing.assert_array_equal(stored.columns(48, 60), array[..., 48:])
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:1000])
    with pytest.raises(RecordingError, match="cut off"):
        read_npy_object(tmp_path / "a.npy")
    with pytest.raises(RecordingError, match="ends at byte"):
        stored.columns(49, 50)


def test_a_saved_dict_is_a_dict(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asarray(raw_like()), allow_pickle=True)
    found = read_object(tmp_path / "a.npy")
    same(found, raw_like())
    assert found["raw_eeg_data"].held == b""
    np.testing.assert_array_equal(found["raw_eeg_data"].columns(7, 19), raw_like()["raw_eeg_data"][:, 7:19])
    np.testing.assert_array_equal(found["raw_eeg_data"].map()[:, 5], raw_like()["raw_eeg_data"][:, 5])


@pytest.mark.parametrize("protocol", [3, 5])
def test_fortran_order_and_byte_order_are_kept(tmp_path: Path, protocol: int) -> None:
    wanted = np.asfortranarray(np.arange(30_000, dtype=">f4").reshape(3, 10, 1000))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": wanted, "again": [wanted, wanted]}, protocol=protocol))
    found = read_pickle(tmp_path / "a.pkl")
    np.testing.assert_array_equal(found["a"].read(), wanted)
    np.testing.assert_array_equal(found["a"].columns(990, 2000), wanted[..., 990:])
    np.testing.assert_array_equal(found["again"][1].read(), wanted)


def test_a_plain_array_is_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10.0))
    np.testing.assert_array_equal(read_object(tmp_path / "a.npy").read(), np.arange(10.0))


def test_arrays_of_texts_as_objects_are_lists(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["Oz", "P1"], dtype=object), allow_pickle=True)
    assert read_npy_object(tmp_path / "a.npy") == ["Oz", "P1"]


class Attack:
    """Its pickle calls a function."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.call = (function, given)

    def __reduce__(self) -> Any:
        return self.call


class Instance:
    """Made without a call of its own."""

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("ran")


ATTACKS = {
    "system": Attack(os.system, "true"),
    "eval": Attack(builtins.eval, "1+1"),
    "import": Attack(builtins.__import__, "os"),
    "getattr": Attack(getattr, "a", "upper"),
    "fromfile": Attack(np.fromfile, "a"),
    "load": Attack(np.load, "a"),
    "open": Attack(open, "a"),
    "instance": Instance(),
    "class": dict,
    "void": np.zeros(2, dtype=[("a", "f8")]),
    "date": np.datetime64("2020-01-01"),
    "memmap": Attack(np.dtype, "V8"),
    "encoding": Attack(__import__("_codecs").encode, "a", "rot13"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("saved", [True, False])
def test_attacks_are_refused(
    tmp_path: Path, name: str, protocol: int, saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    if saved:
        np.save(tmp_path / "a.npy", np.array({"raw_eeg_data": ATTACKS[name]}, dtype=object), allow_pickle=True)
    else:
        (tmp_path / "a.npy").write_bytes(pickle.dumps({"raw_eeg_data": [ATTACKS[name]]}, protocol=protocol))
    monkeypatch.setattr(os, "system", ran.append)
    with pytest.raises(RecordingError, match="refused"):
        read_object(tmp_path / "a.npy")
    assert not ran


def test_an_array_of_instances_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([Instance(), 1], dtype=object), allow_pickle=True)
    with pytest.raises(RecordingError, match=r"test_safe_pickle.Instance|copyreg"):
        read_object(tmp_path / "a.npy")


HAND_MADE = {
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'true'\no.",
    "newobj": b"cos\nsystem\n)\x81.",
    "persistent": b"Pabc\n.",
    "extension": b"\x82\x01.",
    "reduce on a list": b"](I1\ntR.",
    "build on a dict": b"}(S'a'\nI1\ndb.",
    "dtype with fields": b"cnumpy\ndtype\n(S'V8'\nI00\nI01\ntR.",
    "next buffer": b"\x80\x05\x97.",
    "long text": b"\x8d" + struct.pack("<Q", (1 << 26) + 1) + b"x" * 10,
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_attacks_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(HAND_MADE[name])
    with pytest.raises(RecordingError):
        read_pickle(tmp_path / "a")


BOMBS = {
    "bytes that are not there": b"B\xff\xff\xff\xffabc.",
    "eight bytes of length": b"\x8e" + b"\xff" * 8 + b".",
    "a frame that is not there": b"\x80\x04\x95" + b"\xff" * 8 + b".",
    "a long that is not there": b"\x8b\xff\xff\xff\x7f.",
    "negative length": b"T\xff\xff\xff\xff.",
    "no end": b"]",
    "nothing": b"",
    "empty stack": b".",
    "no mark": b"e.",
    "unknown memo": b"h\x05.",
    "list as a key": b"}]]s.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_nothing_and_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(BOMBS[name])
    with pytest.raises(RecordingError):
        read_pickle(tmp_path / "a")


def test_deep_nesting_does_not_break_the_stack(tmp_path: Path) -> None:
    deep = 200_000
    (tmp_path / "a").write_bytes(b"]" * deep + b"a" * (deep - 1) + b".")
    found = read_pickle(tmp_path / "a")
    assert len(found) == 1
    (tmp_path / "b").write_bytes(b"(" * deep + b".")
    with pytest.raises(RecordingError, match="damaged"):
        read_pickle(tmp_path / "b")


def test_a_claimed_shape_larger_than_the_file_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.zeros(1000)}, protocol=4)
    (tmp_path / "a").write_bytes(whole.replace(b"M\xe8\x03", b"M\xff\xff"))
    with pytest.raises(RecordingError, match="cut off"):
        read_pickle(tmp_path / "a")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    np.save(tmp_path / "a.npy", np.asarray(raw_like()), allow_pickle=True)
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RecordingError, match="cut off"):
        read_object(tmp_path / "a.npy")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        read_object(tmp_path / "none.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00nonsense!!!!!!!!")
    with pytest.raises(RecordingError, match="numpy"):
        read_object(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"timestamps,TP9\n")
    with pytest.raises(RecordingError):
        read_object(tmp_path / "a.npy")
    with pytest.raises(RecordingError, match=r"no \.npy"):
        read_npy_object(tmp_path / "a.npy")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    try:
        read_pickle(tmp_path / "a")
    except RecordingError as error:
        assert str(error).count("\n") == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.frozensets(st.integers())
        ),
    ),
    st.integers(3, 5),
)
def test_plain_values_are_what_pickle_gives(tmp_path: Path, value: Any, protocol: int) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps(value, protocol=protocol))
    if protocol == 3 and "frozenset" in repr(value):
        return  # spelt as a call of builtins.frozenset
    assert read_pickle(tmp_path / "a") == value


def test_an_empty_array_of_an_impossible_shape_is_one_sentence(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.zeros((0, 300, 300))}, protocol=4)
    huge = b"\x8a\x08" + b"\xff" * 7 + b"\x7f"
    (tmp_path / "a").write_bytes(whole.replace(b"M\x2c\x01", huge))
    with pytest.raises(RecordingError):
        read_pickle(tmp_path / "a")["a"].read()

"""The broker with real sockets: results acknowledge, workers die, displays come late, garbage arrives."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from delivery_fakes import answer, until, window
from delivery_running import ENCODER, Running, free_ports
from msgspec.structs import replace

from acquisition import journal
from acquisition.delivery_account import check_end
from config.errors import EndpointError, WireError
from display.client import Client
from wire.clock import now
from wire.codec import decode, encode
from wire.packets import Due, Hello, Load, Preview, Reply, Result, Status, Tap, Window
from wire.sockets import connect, make
from wire.streams import TOPIC_OF


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="eeg") as made:  # short enough for ipc
        yield made


@pytest.fixture(params=["ipc", "tcp"])
def run(request: pytest.FixtureRequest, tmp_path: Path, folder: str) -> Iterator[Running]:
    made = Running(tmp_path, folder if request.param == "ipc" else free_ports(), drain_s=1.0)
    made.start()
    yield made
    made.close()


@pytest.fixture
def local(tmp_path: Path, folder: str) -> Iterator[Running]:
    made = Running(tmp_path, folder, drain_s=1.0)
    made.start()
    yield made
    made.close()


def test_a_result_acknowledges_is_journalled_published_once_and_the_run_closes(run: Running) -> None:
    display, worker = run.display(), run.worker("w")
    run.put(0, 1, 2, due=(Due(sequence=7, due_s=1.0),))
    until(lambda: len(worker.windows) == 2, worker)  # its credit
    assert any(isinstance(p, Due) for p in worker.heard)
    for each in list(worker.windows):
        worker.answer(each)
        worker.answer(each)  # a duplicate
    until(lambda: len(worker.windows) == 3, worker)
    worker.answer(worker.windows[2])
    until(lambda: len(display.committed) == 3, worker, display)
    assert [r.commit for r in display.committed] == [1, 2, 3]
    assert all(r.stamps.sent and r.stamps.committed for r in display.committed)
    counters = run.end()
    until(lambda: display.status.last, display)
    assert display.status.state == "stopped"
    assert len(display.committed) == 3
    assert (counters["answered"], counters["late_results"], counters["in_flight"]) == (3, 2, 0)
    check_end(counters)
    kept = [r.packet for r in journal.read(run.file) if isinstance(r, journal.PacketRecord)]
    assert [p.commit for p in kept if isinstance(p, Result)] == [1, 2, 3]
    assert isinstance(kept[-1], Status)
    assert kept[-1].last
    assert kept[-1].counters["answered"] == 3


def test_a_worker_that_falls_silent_loses_its_windows_to_another_and_nothing_is_doubled(run: Running) -> None:
    display, hung, good = run.display(), run.worker("hung", pid=11), run.worker("good", pid=12)
    run.put(0, 1)
    until(lambda: len(hung.windows) + len(good.windows) == 2, hung, good, display)
    held = list(hung.windows)
    assert held
    until(lambda: len(good.windows) == 2, good, display)  # the hung one is no longer pumped: silent
    for each in good.windows:
        good.answer(each)
    for each in held:
        hung.answer(each)  # it comes back, too late
    until(lambda: display.counters().get("late_results", 0) == len(held), good, display)
    assert sorted(r.sequence for r in display.committed) == [0, 1]
    assert run.end()["answered"] == 2


def test_the_supervisor_says_gone_and_a_spare_takes_over_at_once(local: Running) -> None:
    display = local.display()
    main, spare = local.worker("main", pid=11), local.worker("spare", pid=12, spare=True)
    local.put(0)
    until(lambda: len(main.windows) == 1, main, spare, display)
    assert spare.windows == []
    display.ask("gone-11", "gone", text="11")
    until(lambda: len(spare.windows) == 1, spare, display)
    spare.answer(spare.windows[0])
    until(lambda: len(display.committed) == 1, spare, display)
    until(lambda: display.reply("gone-11") is not None, display)
    until(lambda: (11, "connected") not in [(p.pid, p.state) for p in display.status.peers], spare, display)
    # the main worker returns under the same socket: it is asked who it is, and served first again
    main.beat()
    until(lambda: any(isinstance(p, Hello) for p in main.heard), main, spare)
    # its READY is on the way: until it is there, the spare is right to be served
    until(lambda: (11, "connected") in [(p.pid, p.state) for p in display.status.peers], main, spare, display)
    local.put(1)
    until(lambda: len(main.windows) == 2, main, spare)
    assert len(spare.windows) == 1


def test_a_failing_window_is_tried_three_times_and_no_longer(local: Running) -> None:
    display, worker = local.display(), local.worker("w")
    local.put(0)
    for k in range(3):
        until(lambda k=k: len(worker.windows) == k + 1, worker, display)
        worker.fail(worker.windows[-1])
    until(lambda: display.counters().get("failed") == 1, worker, display)
    assert local.end()["failed"] == 1


def test_a_worker_with_another_encoder_is_told_of_and_gets_nothing(local: Running) -> None:
    display, worker = local.display(), local.worker("other", encoder="theirs")
    local.put(0)
    until(lambda: "'other' has encoder theirs" in display.status.message, worker, display)
    assert display.status.state == "degraded"
    assert worker.windows == []
    counters = local.end()
    assert (counters["expired"], counters["in_flight"]) == (1, 0)


def test_late_joiners_get_a_status_at_once_and_history_by_since(run: Running) -> None:
    worker = run.worker("w")
    run.put(*range(4))
    for k in range(4):
        until(lambda k=k: len(worker.windows) > k, worker)
        worker.answer(worker.windows[k])
    run.display_until(lambda d: d.counters()["answered"] == 4)
    late = run.display("late")
    assert late.committed == []
    late.ask("a", "since", sequence=2)
    until(lambda: late.reply("a") is not None, late)
    assert [p.commit for p in late.told if isinstance(p, Result)] == [2, 3, 4]
    assert isinstance(late.told[-1], Reply)
    assert (late.reply("a").count, late.reply("a").next_sequence) == (3, 5)
    late.beat()
    until(lambda: any(p.role == "display" and p.name == "late" for p in late.status.peers), late)


def test_a_long_history_flows_to_a_slow_reader_while_windows_go_on(tmp_path: Path, folder: str) -> None:
    run = Running(tmp_path, folder, drain_s=1.0)
    for k in range(3000):
        run.broker.history.add(encode(replace(answer(window(k), ENCODER), commit=k + 1)))
    run.start()
    try:
        display, worker = run.display(), run.worker("w")
        display.ask("all", "since", sequence=0)  # more than the queues of a socket hold, and it is not read
        run.put(0)
        until(lambda: len(worker.windows) == 1, worker)
        until(lambda: display.reply("all") is not None, display)
        assert [p.commit for p in display.told if isinstance(p, Result)] == list(range(1, 3001))
    finally:
        run.close()


def test_after_the_last_status_what_was_missed_can_still_be_asked_for(local: Running) -> None:
    display, worker = local.display(), local.worker("w")
    display.beat()
    local.put(0)
    until(lambda: len(worker.windows) == 1, worker)
    worker.answer(worker.windows[0])
    local.put(ended=True)
    until(lambda: display.status.last, display)
    late = local.display("late")
    assert late.status.last
    late.ask("a", "since")
    until(lambda: late.reply("a") is not None, late)
    assert late.reply("a").count == 1
    local.ended = True
    local.thread.join(10)
    assert not local.thread.is_alive()


def test_commands_over_the_socket_act_once(local: Running) -> None:
    display, worker = local.display(), local.worker("w")
    for _ in range(2):
        display.ask("n", "note", text="the subject yawned")
    display.ask("p", "pause")
    until(lambda: display.status.state == "paused", display, worker)
    until(lambda: sum(isinstance(p, Reply) and p.id == "n" for p in display.told) == 2, display)
    display.ask("l", "load", gallery="another")
    until(lambda: any(isinstance(p, Load) for p in worker.heard), worker, display)
    display.ask("s", "stop")
    until(lambda: local.switches.stop, display, worker)
    local.end()
    notes = [r.text for r in journal.read(local.file) if isinstance(r, journal.Note)]
    assert notes.count("the subject yawned") == 1


def garbage() -> list[list[bytes]]:
    """Messages that are none: frames missing, no JSON, another version, unknown topic, a header without end, ..."""
    good = [bytes(f) for f in encode(answer(window(0), ENCODER))]
    nested = b'{"v":1,"b":' + b"[" * 100_000
    return [
        [b""],
        [b"nonsense"],
        [b"result", b"{not json", b""],
        [b"result", b'{"v": 99, "b": {}}', b""],
        [b"result", b'{"v": 1, "b": {"session": "s"}}', b""],
        [b"unknown", b'{"v":1,"b":{}}', b""],
        [b"beat", b"\xff\xfe\x00", b""],
        [b"beat", b" " * (3 << 20), b""],
        [b"beat", nested, b""],
        [good[0], good[1], good[2][:-4]],
        [good[0], good[1], good[2], b"more"],
        [bytes(f) for f in encode(window(0))],
    ]


@pytest.mark.parametrize("where", ["work", "control", "results"])
def test_garbage_on_each_socket_is_counted_dropped_and_survived(run: Running, where: str) -> None:
    display, worker = run.display(), run.worker("w")
    context = zmq.Context()
    vandal = make(context, zmq.XSUB if where == "results" else zmq.DEALER)
    connect(vandal, getattr(run.ends, where), run.ends.keys)  # one who is let in, and misbehaves
    thrown = garbage()
    # to libzmq a frame that begins with 0 or 1 is a subscription on this socket, wherever it stands in a message
    sure = [m for m in thrown if where != "results" or (not any(f[:1] in (b"\0", b"\1") for f in m) and m != [b""])]
    try:
        for frames in [*sure, *(m for m in thrown if m not in sure)]:
            vandal.send_multipart(frames)
        until(lambda: display.counters().get("malformed", 0) >= len(sure), display, worker)
    finally:
        vandal.close()
        context.term()
    run.put(0)
    until(lambda: len(worker.windows) == 1, display, worker)
    worker.answer(worker.windows[0])
    until(lambda: len(display.committed) == 1, display, worker)
    display.ask("x", "status")
    until(lambda: display.reply("x") is not None, display, worker)
    assert display.malformed == 0


def test_bytes_that_are_not_even_zeromq_are_survived(tmp_path: Path) -> None:
    run = Running(tmp_path, free_ports(), drain_s=1.0)
    run.start()
    try:
        for end in (run.ends.work, run.ends.results, run.ends.control):
            host, _, port = end.removeprefix("tcp://").partition(":")
            with socket.create_connection((host, int(port)), timeout=5) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)) * 64)
        display, worker = run.display(), run.worker("w")
        run.put(0)
        until(lambda: len(worker.windows) == 1, display, worker)
    finally:
        run.close()


def test_windows_wait_for_room_when_nothing_may_be_dropped(tmp_path: Path, folder: str) -> None:
    run = Running(tmp_path, folder, queue=2, policy="block")
    run.start()
    try:
        display, worker = run.display(), run.worker("w")
        for k in range(20):
            run.put(k)
        for k in range(20):
            until(lambda k=k: len(worker.windows) > k, worker, display)
            worker.answer(worker.windows[k])
        until(lambda: len(display.committed) == 20, worker, display)
        seen = [p.counters for p in display.seen if isinstance(p, Status)]
        assert all(c["due"] == c["sent"] for c in seen)
        assert all(c["in_flight"] <= 2 + 2 for c in seen)  # queue and credit
        assert run.end()["dropped"] == 0
    finally:
        run.close()


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_endpoints_of_a_living_run_are_refused_and_it_lives_on(tmp_path: Path, folder: str, kind: str) -> None:
    where = folder if kind == "ipc" else free_ports()
    first = Running(tmp_path, where, drain_s=1.0)
    first.start()
    second = Running(tmp_path / "2", where)
    try:
        with pytest.raises(EndpointError, match=r"run\.folder"):
            second.broker.open(second.context)
        second.context.term()
        display, worker = first.display(), first.worker("w")
        first.put(0)
        until(lambda: len(worker.windows) == 1, display, worker)
    finally:
        first.close()
    third = Running(tmp_path / "3", where)  # what a run leaves behind is no hindrance
    third.start()
    third.close()


def test_without_a_journal_nothing_is_shown_and_the_run_stops(local: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    display, worker = local.display(), local.worker("w")
    local.put(0)
    until(lambda: len(worker.windows) == 1, worker, display)
    writer = local.recorder._writer
    full = os.open("/dev/full", os.O_WRONLY)
    own, writer._fd = writer._fd, full  # the disk fills up
    try:
        worker.answer(worker.windows[0])
        until(lambda: local.switches.stop, worker, display)
        local.end()
    finally:
        os.close(own)
    assert "No space left" in local.broker.failure
    until(lambda: display.status.last, display)
    assert display.committed == []


def test_the_codec_reads_what_is_published(local: Running) -> None:
    display = local.display()
    assert decode(encode(display.status)) == display.status


def test_taps_and_previews_are_asked_for_by_name_and_only_while_somebody_does(run: Running) -> None:
    everything = run.display("everything")  # an empty subscription asks for neither
    assert not run.switches.taps
    assert not run.switches.previews
    first, second = run.display("first"), run.display("second")
    for display in (first, second):
        display.results.subscribe(TOPIC_OF[Preview])
    until(lambda: run.switches.previews, everything, first, second)
    assert not run.switches.taps
    first.close()
    second.results.subscribe(TOPIC_OF[Tap])
    until(lambda: run.switches.taps, everything, second)
    assert run.switches.previews  # there is one left
    one = window(5)
    tap = Tap(**{name: getattr(one, name) for name in Window.__struct_fields__})
    preview = Preview(
        session="test", segment=0, sequence=9, first_s=1.0, rate_hz=250.0, channels=("a",), times=2,
        data=np.ones((1, 2), "f4"),
    )  # fmt: skip
    run.put(taps=(tap,), previews=(preview,))
    until(lambda: preview in second.seen, everything, second)
    assert tap in second.seen
    second.results.unsubscribe(TOPIC_OF[Tap])
    until(lambda: not run.switches.taps, everything, second)
    second.close()
    until(lambda: not run.switches.previews, everything)
    assert run.end()["due"] == 0


def test_a_display_of_ours_gets_previews_once_it_listens(local: Running) -> None:
    client = Client(local.ends, "ours", 1)
    client.open()
    seen: list[object] = []
    try:
        _arrive(client, seen, lambda: any(isinstance(p, Status) for p in seen))
        assert not local.switches.previews
        client.listen(Preview)
        _arrive(client, seen, lambda: local.switches.previews)
        client.listen(Preview, on=False)
        _arrive(client, seen, lambda: not local.switches.previews)
        with pytest.raises(WireError, match="on demand"):
            client.listen(Status)
    finally:
        client.close()


def _arrive(client: Client, seen: list[object], enough: Callable[[], bool]) -> None:
    deadline = now() + 10.0
    while not enough():
        assert now() < deadline
        seen += [packet for packet, _ in client.arrivals(0.05)]

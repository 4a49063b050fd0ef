"""A real worker process against a dispatcher of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import zmq

from config.chain import ChainSettings, WindowSettings
from config.errors import WireError
from inference.build import from_labels
from inference.bundle import load_encoder, write_encoder
from inference.encoders.riemann import Riemann
from wire import sockets
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Due, Failure, Heartbeat, Hello, Load, Packet, Ready, Result, Stop, Window

CHANNELS = ("TP9", "AF7", "AF8", "TP10")
WINDOW = WindowSettings(end_s=0.4, rate_hz=128.0)
LIMIT_S = 60.0
Kind = TypeVar("Kind", bound=Packet)


def make_encoder(folder: Path, gallery: Path, seed: int = 0, **other: Any) -> None:
    """A small encoder that starts in half a second."""
    space = json.loads((gallery / "gallery.json").read_text())
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 4, WINDOW.n_times)).astype(np.float32)
    classes = np.arange(40) % 2
    x[classes == 1, :, 20:30] += 1
    model = Riemann({"nfilter": 2}).fit(x, np.eye(space["dim"])[classes], classes)
    fields = {
        "architecture": "riemann",
        "parameters": {"nfilter": 2},
        "channels": CHANNELS,
        "window": WINDOW,
        "chain": ChainSettings(channels=CHANNELS),
        "space": space["space"],
        "dim": space["dim"],
    }
    write_encoder(folder, {**fields, **other}, model.arrays())


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    from_labels({"1": "left", "2": "right"}, folder / "gallery")
    from_labels(["red", "green", "blue"], folder / "foreign")
    make_encoder(folder / "encoder", folder / "gallery")
    make_encoder(folder / "second", folder / "gallery", seed=1)
    other = WindowSettings(end_s=0.4, rate_hz=128.0, baseline_s=None)
    make_encoder(folder / "other-window", folder / "gallery", window=other)
    return folder


class Bench:
    """The dispatcher's side of ``work``, and the worker process."""

    def __init__(self, run: Path, bundles: Path) -> None:
        self.run = run
        self.bundles = bundles
        self.processes: list[subprocess.Popen[str]] = []
        self.bind()

    def bind(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.peer = b""
        self.router = sockets.make(self.context, zmq.ROUTER)
        sockets.bind(self.router, endpoints(str(self.run)).work)

    def unbind(self) -> None:
        self.router.close()
        self.context.term()  # closing alone lets go of the path some time later

    def start(self, *extra: str, encoder: str = "encoder", gallery: str = "gallery") -> subprocess.Popen[str]:
        config = self.run / "c.toml"
        config.write_text(
            f'[run]\nfolder = "{self.run}"\n[inference]\nencoder = "{self.bundles / encoder}"\n'
            f'gallery = "{self.bundles / gallery}"\ndevice = "cpu"\n'
        )
        command = [sys.executable, "-m", "inference", "--config", str(config), "--name", "w1", *extra]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
        self.processes.append(process)
        return process

    def say(self, packet: Packet) -> None:
        assert sockets.send(self.router, packet, self.peer)

    def garbage(self, *frames: bytes) -> None:
        self.router.send_multipart([self.peer, *frames])

    def await_(self, kind: type[Kind], wanted: Callable[[Kind], bool] = lambda packet: True) -> Kind:
        """Next packet of a kind, beating as a dispatcher does meanwhile."""
        until = time.monotonic() + LIMIT_S
        beat_at = 0.0
        while time.monotonic() < until:
            if self.peer and now() >= beat_at:
                sockets.send(self.router, Heartbeat(role="acquisition", name="t", pid=1, time_s=now()), self.peer)
                beat_at = now() + 0.25
            self.router.poll(50)
            try:
                message = sockets.receive(self.router, routed=True)
            except WireError as error:
                pytest.fail(f"the worker sent a malformed message: {error}")
            if message is None:
                continue
            self.peer, packet = message
            if isinstance(packet, kind) and wanted(packet):
                return packet
        return pytest.fail(f"no {kind.__name__} came within {LIMIT_S} s")

    def ask(self, sequence: int, **other: Any) -> None:
        self.say(window(sequence, **other))

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=60)
        self.unbind()


@pytest.fixture
def bench(tmp_path: Path, bundles: Path) -> Iterator[Bench]:
    tmp_path.chmod(0o700)
    bench = Bench(tmp_path, bundles)
    yield bench
    bench.close()


def window(sequence: int, **other: Any) -> Window:
    rng = np.random.default_rng(sequence)
    fields: dict[str, Any] = {
        "session": "s",
        "segment": 0,
        "sequence": sequence,
        "stimulus": "1",
        "onset_s": 1.0,
        "sampling_rate_hz": 128.0,
        "first_sample_offset_s": 0.0,
        "channels": CHANNELS,
        "versions": 2,
        "times": WINDOW.n_times,
        "repeats": 3,
        "data": rng.standard_normal((2, 4, WINDOW.n_times)).astype(np.float32),
    }
    return Window(**{**fields, **other})


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=LIMIT_S)
    return process.returncode, errors


def test_ready_then_results_then_stop(bench: Bench) -> None:
    process = bench.start()
    ready = bench.await_(Ready)
    assert (ready.worker, ready.pid, ready.spare, ready.device) == ("w1", process.pid, False, "cpu")
    assert ready.credit >= 2
    encoder = load_encoder(bench.bundles / "encoder", "cpu")
    assert ready.encoder == encoder.fingerprint
    assert ready.versions["threads"] == "1"
    assert "torch" not in ready.versions, "riemann needs no torch, and a worker starts faster without it"
    bench.ask(0)
    result = bench.await_(Result)
    assert result.key == window(0).key
    assert np.array_equal(result.data, encoder.encode(window(0).data)), "live and offline are one"
    assert [hit.label for hit in result.answers[0].hits] != []
    assert {hit.label for hit in result.answers[0].hits} == {"left", "right"}
    assert [answer.repeats for answer in result.answers] == [1, 3]
    assert result.stamps.received < result.stamps.embedded < result.stamps.searched <= now()
    # what is in hand is finished before leaving
    for sequence in (1, 2, 3):
        bench.ask(sequence)
    bench.say(Stop(reason="test"))
    assert [bench.await_(Result).sequence for _ in range(3)] == [1, 2, 3]
    bench.await_(Heartbeat, lambda beat: beat.state == "stopped")
    assert end(process) == (0, "")


def test_garbage_is_counted_and_survived(bench: Bench) -> None:
    process = bench.start()
    bench.await_(Ready)
    bench.garbage(b"")
    bench.garbage(b"window", b'{"v":1,"b":{}}', b"1234")
    bench.garbage(b"window", b'{"v":2,"b":{}}', b"")
    bench.garbage(*[b"x"] * 9)
    bench.say(Ready(worker="x", pid=1, encoder="e", gallery="g", credit=1))  # well formed, but not for a worker
    beat = bench.await_(Heartbeat, lambda beat: beat.counters.get("malformed", 0) >= 5)
    assert beat.counters["malformed"] == 5
    data = window(7).data.copy()
    data[0, 0, 0] = np.inf
    bench.ask(7, data=data)
    failure = bench.await_(Failure)
    assert failure.sequence == 7
    assert "not finite" in failure.reason
    bench.ask(8)
    assert bench.await_(Result).sequence == 8
    process.send_signal(signal.SIGTERM)
    code, errors = end(process)
    assert code == 0
    assert "Traceback" not in errors


def test_spare_hello_and_warm_ups(bench: Bench) -> None:
    process = bench.start("--spare")
    assert bench.await_(Ready).spare
    bench.say(Hello(session="other"))
    assert bench.await_(Ready).spare
    for k in range(1, 31):  # one alone may pass while a busy machine lets the worker wait
        bench.say(Due(sequence=0, due_s=now() + 0.3 * k))
    assert bench.await_(Heartbeat, lambda beat: beat.counters.get("warm_ups", 0) > 0)
    process.send_signal(signal.SIGINT)
    assert end(process) == (0, "")


def test_a_new_dispatcher_hears_ready(bench: Bench) -> None:
    process = bench.start()
    first = bench.await_(Ready)
    bench.await_(Heartbeat)
    bench.unbind()
    bench.bind()
    # as after a restart: it knows nobody, hears a heartbeat, and asks who that is
    bench.await_(Heartbeat)
    bench.say(Hello(session="new"))
    again = bench.await_(Ready)
    assert again == first
    bench.ask(0)
    bench.await_(Result)
    bench.say(Stop(reason="test"))
    assert end(process)[0] == 0


def test_bundles_change_in_the_middle_of_a_run(bench: Bench) -> None:
    process = bench.start()
    first = bench.await_(Ready)
    bench.say(Load(encoder=str(bench.bundles / "second")))
    second = bench.await_(Ready)
    assert second.encoder == load_encoder(bench.bundles / "second", "cpu").fingerprint != first.encoder
    assert second.gallery == first.gallery
    for refused in (
        Load(gallery=str(bench.bundles / "foreign")),
        Load(encoder=str(bench.bundles / "other-window")),
        Load(encoder=str(bench.bundles / "nothing")),
    ):
        before = bench.await_(Heartbeat).counters.get("loads_refused", 0)
        bench.say(refused)
        beat = bench.await_(Heartbeat, lambda beat, n=before: beat.counters.get("loads_refused", 0) > n)
        assert beat.state == "degraded"
        assert beat.message.startswith("kept the old bundles: ")
    bench.ask(0)
    result = bench.await_(Result)
    assert (result.encoder, result.gallery) == (second.encoder, first.gallery), "the old ones are kept"
    bench.say(Stop(reason="test"))
    code, errors = end(process)
    assert code == 0
    assert errors.count("kept the old bundles") == 3


def test_a_gallery_of_another_space_is_one_sentence(bench: Bench) -> None:
    code, errors = end(bench.start(gallery="foreign"))
    assert code == 1
    assert errors.count("\n") == 1
    assert "labels:2:" in errors
    assert "labels:3:" in errors
    assert "gallery build" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "inference.encoder=", "--set", "inference.gallery="], 1, "'inference.encoder' is empty"),
        (["--set", "inference.encodr=x"], 1, "did you mean 'encoder'"),
        (["--no-such-option"], 2, "usage"),
    ],
)
def test_wrong_settings(bench: Bench, arguments: list[str], code: int, message: str) -> None:
    got, errors = end(bench.start(*arguments))
    assert got == code
    assert message in errors
    assert "Traceback" not in errors

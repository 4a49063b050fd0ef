"""Packets as acquisition publishes them, and a publisher to test displays against."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zmq

from config.errors import WireError
from display.state import State
from display.truth import Truth
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Answer, Command, Heartbeat, Hit, PeerState, Quality, Reply, Result, Stamps, Status
from wire.sockets import bind, make, receive, send

ITEMS = {str(k): f"item {k}" for k in range(200)}
TRUTH = Truth({f"s{k}": str(k) for k in range(50)}, ITEMS, 200, "gal", "")
STAGE_MS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)


def answer(first: int, repeats: int = 1, depth: int = 10, withheld: bool = False) -> Answer:
    """An answer whose best hit is item ``first``; the others follow it."""
    ids = [str((first + k) % 200) for k in range(depth)]
    hits = tuple(
        Hit(id=i, label=ITEMS[i], modality="image", cosine=0.5, probability=0.4 / (k + 1)) for k, i in enumerate(ids)
    )
    return Answer(hits=hits, repeats=repeats, withheld=withheld)


def result(
    sequence: int,
    *,
    commit: int | None = None,
    stimulus: str = "s0",
    answers: tuple[Answer, ...] | None = None,
    due_s: float = 100.0,
    **more: object,
) -> Result:
    """A committed result; its stages took 1, 2, ... 7 ms from ``due_s``."""
    answers = answers or (answer(0), answer(0, repeats=2))
    times = due_s + np.cumsum((0.0, *STAGE_MS)) / 1e3
    names = ("sample_due", "sample_in", "cut", "sent", "received", "embedded", "searched", "committed")
    fields = {
        "session": "test",
        "segment": 1,
        "sequence": sequence,
        "stimulus": stimulus,
        "onset_s": due_s - 0.8,
        "versions": len(answers),
        "dim": 4,
        "data": np.zeros((len(answers), 4), np.float32),
        "answers": answers,
        "encoder": "enc",
        "gallery": "gal",
        "commit": sequence + 1 if commit is None else commit,
        "stamps": Stamps(**dict(zip(names, times.tolist(), strict=True))),
    }
    return Result(**{**fields, **more})


def status(segment: int = 1, *, last: bool = False, simulated: bool = False, **counters: int) -> Status:
    """Acquisition's status."""
    return Status(
        role="acquisition",
        name="acquisition",
        pid=1,
        session="test",
        segment=segment,
        state="stopped" if last else "connected",
        message="streams found",
        time_s=100.0,
        simulated=simulated,
        source="lsl 'fake'",
        counters=counters,
        rejected_by={"peak_to_peak": counters.get("rejected", 0)} if counters.get("rejected") else {},
        gauges={"rate_hz": 250.0},
        peers=(PeerState(role="inference", name="worker-1", pid=2, state="connected", age_s=0.1),),
        last=last,
    )


def quality() -> Quality:
    """Three channels, one of them flat."""
    return Quality(
        time_s=1.0,
        channels=("PO7", "Oz", "PO8"),
        rms_uv=(8.0, 9.0, 0.0),
        line_ratio=(0.1, 0.1, 0.0),
        states=("good", "good", "flat"),
    )


COUNTERS = {"due": 14, "sent": 12, "rejected": 2, "missed": 0, "pending": 0, "answered": 12, "expired": 0}


def filled(truth: Truth = TRUTH, *, simulated: bool = False) -> State:
    """What a display knows after six stimuli, two trials each; the last status was heard at 115 s."""
    state = State(truth)
    for repeats in (1, 2):
        for k in range(6):
            due_s = 100.0 + repeats * 6 + k
            sequence = (repeats - 1) * 6 + k
            two = (answer(k + 1), answer(k, repeats=repeats))
            state.fold(result(sequence, stimulus=f"s{k}", answers=two, due_s=due_s), due_s + 0.03)
    state.fold(quality(), 115.0)
    state.fold(status(simulated=simulated, in_flight=0, **COUNTERS), 115.0)
    return state


class FakeAcquisition:
    """The two sockets of acquisition that displays know, driven by the test: no thread.

    ``held`` are the results it gives out for `since`; ``status`` greets every subscription.
    """

    def __init__(self, folder: Path, segment: int = 1):
        self.segment = segment
        self.held: list[Result] = []
        self.greeting = status(segment)
        self.beats: list[Heartbeat] = []
        self.since: list[int] = []
        self.answering = True
        self.subscriptions: list[bytes] = []
        self._context = zmq.Context()
        self._publisher, self._control = make(self._context, zmq.XPUB), make(self._context, zmq.ROUTER)
        ends = endpoints(str(folder))
        bind(self._publisher, ends.results)
        bind(self._control, ends.control)

    def publish(self, packet: object) -> None:
        """On the results socket."""
        assert send(self._publisher, packet)

    def raw(self, frames: list[bytes]) -> None:
        """Anything at all, on the results socket."""
        self._publisher.send_multipart(frames)

    def commit(self, made: Result, *, published: bool = True) -> None:
        """Hold a result, and publish it."""
        self.held.append(made)
        if published:
            self.publish(made)

    def pump(self) -> None:
        """Answer what has arrived."""
        while self._publisher.poll(0):
            self.subscriptions.append(self._publisher.recv())
            if self.subscriptions[-1].startswith(b"\x01"):
                self.publish(self.greeting)
        while self._control.poll(0):
            try:
                sender, packet = receive(self._control, routed=True)
            except WireError:
                continue
            if isinstance(packet, Heartbeat):
                self.beats.append(packet)
            if isinstance(packet, Command) and packet.command == "since" and self.answering:
                self.since.append(packet.sequence)
                chosen = [made for made in self.held if made.commit >= packet.sequence]
                for made in chosen:
                    send(self._control, made, sender)
                following = max([made.commit for made in self.held], default=0) + 1
                send(self._control, Reply(id=packet.id, ok=True, count=len(chosen), next_sequence=following), sender)

    def until(self, condition: Callable[[], bool], limit_s: float = 40.0) -> None:
        """Pump until something holds, or fail."""
        deadline = now() + limit_s
        while not condition():
            assert now() < deadline, "what the test waits for did not happen in time"
            self.pump()
            self._control.poll(10)
            time.sleep(0.005)

    def close(self) -> None:
        """Go, as a process that ends."""
        self._publisher.close()
        self._control.close()
        self._context.term()

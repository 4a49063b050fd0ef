from __future__ import annotations

import asyncio
import io
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from display_fakes import TRUTH, answer, quality, result, status

from config.bundles import Item
from config.errors import SessionError
from config.load import validate
from display.dashboard import answers, recordings, timed
from display.dashboard.pictures import Pictures, load
from display.dashboard.scoring import scored
from display.dashboard.view import View
from display.state import State
from wire.packets import Command, Preview, Quality, Reply


def view(**table: Any) -> View:
    return View(validate(table), Path("sessions/session"), State(TRUTH))


def fold(shared: View, *packets: Any, at_s: float = 101.0) -> None:
    for packet in packets:
        if shown := shared.state.fold(packet, at_s):
            shared.result(shared.state, shown)


def test_listeners_hear_their_kind_until_they_leave() -> None:
    shared = view()
    heard: list[Quality] = []
    forget = shared.listen(Quality, heard.append)
    shared.heard(quality())
    shared.heard(status())
    forget()
    forget()
    shared.heard(quality())
    assert len(heard) == 1


def test_what_is_on_demand_is_wanted_while_somebody_listens() -> None:
    shared = view()
    forget = shared.listen(Preview, lambda _: None)
    other = shared.listen(Quality, lambda _: None)
    assert shared.wanted == {Preview}
    forget()
    assert shared.wanted == frozenset()
    other()


def test_a_command_gets_its_reply() -> None:
    shared = view()

    async def asking() -> Reply:
        asked = asyncio.create_task(shared.send(Command(id=shared.command_id(), command="pause")))
        await asyncio.sleep(0)
        orders: list[tuple[Command, Future[Reply]]] = list(shared.orders())
        assert [command.command for command, _ in orders] == ["pause"]
        orders[0][1].set_result(Reply(id=orders[0][0].id, ok=True, message="paused"))
        return await asked

    assert asyncio.run(asking()).message == "paused"
    assert shared.command_id() != shared.command_id()


def test_a_command_that_nobody_answers_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("display.dashboard.view.ANSWER_S", 0.0)
    with pytest.raises(SessionError, match="did not answer 'stop'"):
        asyncio.run(view().send(Command(id="1", command="stop")))


def test_followers_are_told_once_for_many_results() -> None:
    shared = view()
    told: list[int] = []

    async def serving() -> None:
        shared.loop = asyncio.get_running_loop()
        forget = shared.follow(lambda: told.append(len(shared.recent)))
        fold(shared, *(result(k, due_s=100.0 + k) for k in range(5)))
        while not told:
            await asyncio.sleep(0)
        forget()
        forget()

    asyncio.run(serving())
    assert told == [5]


def test_history_holds_latencies_of_what_came_while_we_were_here() -> None:
    shared = view()
    shared.state.joined_s = 150.0
    fold(shared, result(0, due_s=100.0), at_s=151.0)  # committed before
    fold(shared, result(1, due_s=200.0), at_s=200.05)
    assert [round(took, 1) for _, took in shared.history] == [50.0]
    assert len(shared.recent) == 2


def test_live_tells_the_average_first_with_truth_and_times() -> None:
    shared = view()
    fold(shared, result(3, stimulus="s0", answers=(answer(4), answer(0, repeats=6))), at_s=100.03)
    told = answers.live(shared.state, shared.recent, 100.03, 1000.0)
    assert told["key"] == "test-1-3-0"
    assert [one["name"] for one in told["answers"]] == ["average of 6", "single trial"]
    best = told["answers"][0]["hits"][0]
    assert (best["label"], best["right"], best["p"]) == ("item 0", True, 0.4)
    assert told["truth"] == {"id": "0", "label": "item 0"}
    assert told["took_ms"] == pytest.approx(30.0)
    assert told["after_s"] == pytest.approx(0.828)  # onset 0.8 s before the last sample, committed 28 ms after it
    assert told["committed_ms"] == pytest.approx(1000_000.0 - 2.0)
    assert told["provisional"] == ""


def test_nothing_is_told_of_a_withheld_answer() -> None:
    shared = view()
    fold(shared, result(0, answers=(answer(4), answer(0, repeats=6, withheld=True))))
    told = answers.live(shared.state, shared.recent, 101.0, 0.0)
    assert told["answers"][0]["withheld"]
    assert told["answers"][0]["hits"] == []
    assert told["strip"][0]["label"] == "withheld"
    assert told["strip"][0]["right"] is None


def test_a_provisional_answer_is_seen_until_a_whole_one_comes() -> None:
    shared = view()
    fold(shared, result(0, part=1, due_s=100.0))
    fold(shared, result(1, final=False, part=0, end_s=0.3, commit=2, due_s=200.0))
    assert answers.live(shared.state, shared.recent, 1.0, 0.0)["provisional"] == "0.3 s"
    fold(shared, result(1, part=1, commit=3, due_s=200.0))
    told = answers.live(shared.state, shared.recent, 1.0, 0.0)
    assert told["provisional"] == ""
    assert len(told["strip"]) == 2  # parts are not in it


def test_before_the_first_answer() -> None:
    shared = view()
    assert answers.live(shared.state, shared.recent, 1.0, 0.0)["key"] == ""
    assert timed.timing(shared.state, (), 1.0)["sums"][0]["value"] == 0
    assert answers.scores(shared.state, scored(shared))["rows"] == []


def test_scores_beside_chance_with_an_interval() -> None:
    shared = view()
    right = (answer(k) for k in range(10))
    fold(shared, *(result(k, stimulus=f"s{k}", answers=(one,), due_s=100.0 + k) for k, one in enumerate(right)))
    found = answers.scores(shared.state, scored(shared))
    row = found["rows"][0]
    assert (row["top1"], row["n"], row["stimuli"], row["chance1"]) == (1.0, 10, 10, 1 / 200)
    assert row["interval"] == (1.0, 1.0)


def test_timing_tells_sums_changes_and_processes() -> None:
    shared = view()
    fold(shared, status(due=3, sent=2, rejected=1, answered=2), result(0), result(1))
    told = timed.timing(shared.state, tuple(shared.history), 100.1, scored(shared))
    assert told["sums"][0] == {
        "name": "due",
        "value": 3,
        "terms": [["sent", 2], ["rejected", 1], ["missed", 0], ["pending", 0]],
    }
    assert told["rejected"] == [("peak_to_peak", 1)]
    assert told["bad"] == {"lost": 0, "doubled": 0, "malformed": 0}
    assert len(told["stages"]) == 8
    assert {one["name"] for one in told["changes"]} == {"acquisition", "worker-1"}
    assert told["total"]["n"] == 2


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    from PIL import Image

    from inference.gallery import write_gallery

    items = [Item(id=str(k), label=str(k), picture=f"pictures/{k}") for k in range(4)] + [Item(id="w", label="w")]
    write_gallery(tmp_path / "g", items, np.eye(5, dtype=np.float32), space="s", model="m")
    place = tmp_path / "g" / "pictures"
    place.mkdir()
    Image.new("RGB", (20, 20), "red").save(place / "0", "PNG")
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / "1", "PNG")
    (place / "2").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    return tmp_path / "g"


def test_pictures_are_told_by_their_content_and_large_ones_made_smaller(gallery: Path) -> None:
    from PIL import Image

    pictures = Pictures(gallery)
    assert pictures.read("0") == ((gallery / "pictures/0").read_bytes(), "image/png")
    large = pictures.read("1")
    assert large is not None
    assert large[1] == "image/jpeg"
    assert Image.open(io.BytesIO(large[0])).size == (640, 480)
    assert pictures.read("1") is large  # kept
    assert [pictures.read(item) for item in ("2", "3", "w", "nobody", "../x")] == [None] * 5
    assert Pictures(None).read("0") is None


def test_no_picture_from_outside_the_gallery(gallery: Path, tmp_path: Path) -> None:
    """A link that appears once the table was read."""
    pictures = Pictures(gallery)
    assert pictures.read("0") is not None
    (tmp_path / "outside").write_bytes((gallery / "pictures/0").read_bytes())
    (gallery / "pictures/3").symlink_to(tmp_path / "outside")
    assert pictures.read("3") is None
    assert load(tmp_path / "outside") is not None


def test_recordings_are_listed_with_what_plays_them(tmp_path: Path) -> None:
    import json
    import os

    for name, when in (("old one", 1000), ("new", 2000), ("empty", 3000)):
        (tmp_path / name).mkdir()
        if name != "empty":
            for k in range(2):
                (tmp_path / name / f"segment-000{k}.esj").write_bytes(b"x" * 1000)
                os.utime(tmp_path / name / f"segment-000{k}.esj", (when, when))
    used = {"inference": {"encoder": "my enc", "gallery": "g"}, "session": {"truth": "t.json"}}
    (tmp_path / "new" / "settings.json").write_text(json.dumps(used))
    found = recordings.listed(validate({"session": {"folder": str(tmp_path)}}))
    assert [one.name for one in found] == ["new", "old one"]
    assert found[0].command == (
        f"eegseek replay {tmp_path}/new/segment-0001.esj --encoder 'my enc' --gallery g --truth t.json"
    )
    assert found[1].command == f"eegseek replay '{tmp_path}/old one/segment-0001.esj'"
    assert "2 segments" in found[0].words
    assert recordings.listed(validate({"session": {"folder": str(tmp_path / "none")}})) == []

"""How edits reach those who serve: the worker's decoder, the dispatcher's command, and the commands people give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from delivery_fakes import encoder_spec
from msgspec.structs import replace
from PIL import Image
from typer.testing import CliRunner

from acquisition.configure import plan_of
from acquisition.control import Control
from acquisition.dispatch import Dispatcher, Send
from acquisition.history import History
from acquisition.recorder import Recorder
from acquisition.switches import Switches
from config.bundles import Item, fingerprint, read_gallery_spec
from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, read_log
from config.settings import DispatchSettings, Settings
from eegseek import cli_gallery_edit
from inference import gallery_compact, gallery_edit, gallery_version, pixels
from inference.following import LOOK_S, Follower, fold
from inference.gallery import Gallery, write_gallery
from inference.gallery_version import Version
from inference.loaded import LoadedEncoder
from inference.worker import Decoder, Rules
from wire.packets import Command, Load, Ready

DIM = 5
Follow = Callable[..., Decoder]


@pytest.fixture
def follow() -> Follow:
    """Of one worker."""
    return Follower().follow


class NoEncoder:
    """An edit leaves the encoder alone: it belongs to another thread."""

    def embed(self, windows: object) -> np.ndarray:
        raise AssertionError("the encoder was touched")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    items = [Item(id=f"a{k}", label=f"a{k}") for k in range(20)]
    write_gallery(tmp_path / "g", items, np.random.default_rng(0).random((20, DIM)), space="s", model="m")
    return tmp_path / "g"


def decoder(folder: Path) -> Decoder:
    spec = encoder_spec(space="s", dim=DIM)
    new = Decoder(
        LoadedEncoder(spec, "f" * 16, "cpu", NoEncoder()), gallery_edit.serving(folder), Rules("w"), lambda: 0.0
    )
    new.limit = 7
    return new


def add(folder: Path, *names: str) -> str:
    items = [Item(id=name, label=name) for name in names]
    return gallery_edit.edit(folder, items, np.random.default_rng(1).random((len(names), DIM)))


def test_a_decoder_follows_and_the_old_one_stays_as_it_was(folder: Path, follow: Follow) -> None:
    old = decoder(folder)
    base = old.gallery.fingerprint
    assert follow(old, str(folder)) is old
    name = add(folder, "x", "y")
    new = follow(old, str(folder), str(folder))
    assert (new.gallery.fingerprint, len(new.gallery), new.limit) == (name, 22, 7)
    assert new.encoder is old.encoder
    assert (old.gallery.fingerprint, len(old.gallery)) == (base, 20)
    assert follow(new, str(folder)) is new
    later = gallery_edit.edit(folder, remove=["x", "a0"])
    newest = follow(new, str(folder))
    assert (newest.gallery.fingerprint, len(newest.gallery)) == (later, 20)
    gallery = newest.gallery
    assert isinstance(gallery, Version)
    assert gallery.below is old.gallery, "versions do not pile up"


def test_a_decoder_follows_through_a_compaction(folder: Path, follow: Follow) -> None:
    old = decoder(folder)
    add(folder, "x")
    gallery_compact.compact(folder)  # before anybody has seen that edit
    name = add(folder, "y")
    new = follow(old, str(folder))
    assert new.gallery.fingerprint == name
    assert len(new.gallery) == 22
    gallery_compact.compact(folder)
    assert follow(new, str(folder)) is new, "the same version in another bundle"


def test_an_edit_of_another_gallery_is_refused(folder: Path, tmp_path: Path, follow: Follow) -> None:
    old = decoder(folder)
    with pytest.raises(BundleError, match="this run searches"):
        follow(old, str(folder), str(tmp_path / "other"))
    write_gallery(folder, [Item(id="z", label="z")], np.ones((1, DIM)), space="s", model="m")
    with pytest.raises(BundleError, match="now holds another gallery"):
        follow(old, str(folder))


def test_many_edits_are_folded_in_the_background(folder: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow) -> None:
    old = decoder(folder)
    add(folder, *[f"x{k}" for k in range(5)])
    new = follow(old, str(folder))
    assert fold(new) is new
    monkeypatch.setattr(gallery_version, "FOLD_ABOVE", 4)
    folded = fold(new)
    assert not isinstance(folded.gallery, Version)
    assert folded.gallery.fingerprint == new.gallery.fingerprint
    query = np.random.default_rng(2).standard_normal((1, DIM)).astype(np.float32)
    for one, other in zip(new.gallery.search(query, 25), folded.gallery.search(query, 25), strict=True):
        assert np.array_equal(one, other)
    later = add(folder, "z")
    assert follow(folded, str(folder)).gallery.fingerprint == later


def test_the_watch_looks_now_and_then(folder: Path) -> None:
    watch = Follower()
    assert not watch.changed(str(folder), 0.0), "no log, nothing to follow"
    add(folder, "x")
    assert not watch.changed(str(folder), LOOK_S / 2)
    assert watch.changed(str(folder), LOOK_S)
    assert not watch.changed(str(folder), 2 * LOOK_S)
    (folder / GALLERY_EDITS).unlink()
    assert watch.changed(str(folder), 3 * LOOK_S)
    assert not watch.changed(str(folder / "nowhere"), 4 * LOOK_S)


class Run:
    """A control desk with two workers, a spare, and one that has gone silent."""

    def __init__(self) -> None:
        spec = encoder_spec()
        self.dispatcher = Dispatcher(DispatchSettings(), "test", [fingerprint(spec)])
        self.control = Control(
            plan_of(Settings(), spec), Switches(), self.dispatcher, History(10), Recorder(None, "test", 0, "")
        )
        self.encoder = fingerprint(spec)
        for name in ("one", "two", "spare", "dead"):
            self.ready(name, "old")
        dead = next(w for w in self.dispatcher.workers if w.identity == b"dead")
        dead.alive = False

    def ready(self, name: str, gallery: str) -> None:
        pid = sum(name.encode())
        ready = Ready(worker=name, pid=pid, encoder=self.encoder, gallery=gallery, credit=1, spare=name == "spare")
        self.dispatcher.on_ready(name.encode(), ready, 0.0)


def test_the_edit_command_goes_to_workers_that_are_behind() -> None:
    run = Run()
    command = Command(id="1", command="edit", gallery="/g", version="new")
    outcome = run.control.execute(command, 0.0)
    assert (outcome.reply.ok, outcome.reply.count, outcome.reply.workers) == (True, 0, 3)
    load = Load(gallery="/g", version="new")
    assert outcome.actions == tuple(Send(name, load) for name in (b"one", b"two", b"spare"))
    run.ready("one", "new")
    assert run.control.execute(command, 0.0).actions == (), "the same request again"
    again = run.control.execute(replace(command, id="2"), 0.0)
    assert [action.worker for action in again.actions if isinstance(action, Send)] == [b"two", b"spare"]
    assert (again.reply.count, again.reply.message) == (1, "1 of 3 workers answer by gallery new")
    for wrong in ({"gallery": "/g"}, {"version": "new"}):
        assert not run.control.execute(Command(id=str(wrong), command="edit", **wrong), 0.0).reply.ok


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    for name in ("add", "remove", "compact"):
        made.command(name)(getattr(cli_gallery_edit, name))
    return made


def draw(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (40, 40), "white")
    picture.paste(colour, (10, 10, 30, 30))
    picture.save(path)


def test_commands_add_pictures_and_vectors_remove_and_compact(app: typer.Typer, tmp_path: Path) -> None:
    from inference.build import from_pictures

    for name in ("red", "blue"):
        draw(tmp_path / "first" / f"{name}.png", name)
    folder = tmp_path / "g"
    from_pictures(tmp_path / "first", folder)
    draw(tmp_path / "more" / "orange.png", "#ff2000")
    run = CliRunner()

    def said(*arguments: object) -> str:
        outcome = run.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert outcome.exit_code == 0, outcome.output
        return outcome.output

    assert "1 items added" in said("add", folder, "--from", tmp_path / "more")
    gallery = gallery_edit.load(folder)
    assert [item.id for item, _ in gallery.neighbours("orange", 2)] == ["red", "blue"]
    assert (folder / gallery.items[-1].picture).is_file()
    np.save(tmp_path / "v.npy", gallery.vectors[:1] + 0.01)
    (tmp_path / "t.csv").write_text("id,label\nlike-blue,nearly blue\n")
    said("add", folder, "--from", tmp_path / "v.npy", "--table", tmp_path / "t.csv")
    said("remove", folder, "blue")
    name = read_log(folder).name
    assert f"3 edits folded into a bundle of 3 items, {name}" in said("compact", folder)
    after = gallery_edit.load(folder)
    assert [item.id for item in after.items] == ["red", "orange", "like-blue"]
    assert after.fingerprint == name
    with pytest.raises(BundleError, match="has an item 'orange' already"):
        said("add", folder, "--from", tmp_path / "more")
    with pytest.raises(BundleError, match="need a --table"):
        said("add", folder, "--from", tmp_path / "v.npy")
    assert read_gallery_spec(folder).space == pixels.SPACE


def test_a_space_that_names_no_model_takes_vectors_only(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    draw(tmp_path / "more" / "x.png", "red")
    with pytest.raises(BundleError, match="does not say which model makes it"):
        CliRunner().invoke(app, ["add", str(folder), "--from", str(tmp_path / "more")], catch_exceptions=False)
    assert isinstance(Gallery.load(folder), Gallery)
    assert not (folder / GALLERY_EDITS).exists()

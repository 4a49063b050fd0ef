"""Generated datasets of every form, from the file to the windows; and what converting costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dataset_data import TEST, raw, save, things2
from typer.testing import CliRunner

from acquisition.offline import cut
from acquisition.plan import Plan
from acquisition.recordings import check_usable, read_recording
from acquisition.sources.recording import RecordingReader
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError, SettingsError
from config.settings import MarkerSettings, RecordingSource
from training.datasets import things2 as raw_files
from training.datasets.catalogue import convert_piece, find, playable
from training.datasets.generate import Things2Size, generate_things2
from training.datasets.generate_alljoined import AlljoinedSize, generate_alljoined
from training.datasets.generate_preprocessed import FORMS, generate_preprocessed
from training.datasets.generate_things1 import Things1Size, generate_things1
from training.datasets.info import info
from training.datasets.pieces import select
from training.trials.epoch_files import read_epochs

pytestmark = pytest.mark.timeout(120)
SIZE = Things2Size(concepts=6, images=2, test_concepts=4, sessions=2, repeats=2, test_repeats=5, lead_s=3.0)
BARE = Plan(
    ChainSettings(channels=("Oz", "P7", "O1"), notch_hz=(), highpass_hz=None, lowpass_hz=None),
    WindowSettings(start_s=-0.1, end_s=0.5, rate_hz=1000.0, baseline_s=(-0.1, 0.0)),
    RejectionSettings(peak_to_peak_uv=None, flat_uv=None),
    MarkerSettings(),
)

CONVERT = """
import sys
from pathlib import Path
from training.datasets.catalogue import playable
import training.datasets.convert, training.datasets.things2
def peak():  # ru_maxrss would count what the parent held when it forked
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
playable("things-eeg2", Path(sys.argv[1]))
print(before, peak())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("things2")
    generate_things2(folder, SIZE, seed=3)
    for form in FORMS:
        generate_preprocessed(folder, form)
    return folder


def genuine(path: Path) -> dict[str, object]:
    """As the dataset's own scripts load it."""
    content: dict[str, object] = np.load(path, allow_pickle=True).item()
    return content


def test_counts_are_those_of_the_genuine_dataset(root: Path) -> None:
    _, pieces = find(root)
    assert len(pieces) == 4
    shown: Counter[str] = Counter()
    for piece in pieces:
        content = genuine(piece.path)
        eeg = np.asarray(content["raw_eeg_data"])
        assert eeg.dtype == np.float64 and len(eeg) == 64 and content["ch_names"][-1] == "stim"  # type: ignore[index]
        assert 1e-6 < eeg[:-1].std() < 1e-4
        assert np.count_nonzero(eeg[-1] == raw_files.CATCH) >= 1
        recording = raw_files.recording(piece, root)
        check_usable(recording)
        counts = Counter(marker.label for marker in recording.events)
        assert set(counts.values()) == {2 if piece.part == "training" else 5}
        assert len(counts) == (6 if piece.part == "training" else 4)
        shown.update(counts)
    assert sorted(shown.values()) == [2] * 12 + [10] * 4


def test_windows_are_those_of_direct_reading(root: Path) -> None:
    copy = playable("things-eeg2", root, subject="1", session="2", part="test")
    epochs = cut(RecordingReader(RecordingSource(file=str(copy), speed=0.0)), BARE)
    content = genuine(select(find(root)[1], [], ["2"], ["test"])[0].path)
    eeg, names = np.asarray(content["raw_eeg_data"]), list(content["ch_names"])  # type: ignore[call-overload]
    rows = [names.index(name) for name in ("Oz", "P7", "O1")]
    at = [row for row in np.flatnonzero(eeg[-1]) if eeg[-1, row] != raw_files.CATCH]
    direct = np.stack([eeg[rows, row - 100 : row + 500] * 1e6 for row in at])
    direct -= direct[..., :100].mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(epochs.data[:, 0], direct, atol=2e-4)
    files = np.load(root / "Image_set" / "image_metadata.npy", allow_pickle=True).item()["test_img_files"]
    assert list(epochs.labels) == [Path(files[int(eeg[-1, row]) - 1]).stem for row in at]
    assert epochs.info.simulated


def test_every_preprocessed_form_agrees_with_its_file(root: Path, tmp_path: Path) -> None:
    import torch

    found = info(root)
    assert not found.missing
    assert Counter(line.causal for line in found.lines) == {True: 4, False: 6}
    authors = genuine(root / "Preprocessed_data" / "sub-01" / "preprocessed_eeg_test.npy")
    assert np.shape(authors["preprocessed_eeg_data"]) == (4, 10, 17, 100)
    ubp = torch.load(root / "UBP" / "sub-01" / "test.pt", weights_only=False)
    assert ubp["eeg"].dtype == np.float16 and ubp["eeg"].shape == (4, 10, 63, 250) and ubp["img"].shape == (4, 10)
    for folder, times, start in (
        ("Preprocessed_data", 100, -0.2),
        ("Preprocessed_data_250Hz", 250, 0.0),
        ("UBP", 250, 0.0),
    ):
        out = tmp_path / folder
        run("dataset", "epochs", str(root / folder), "--preprocessed", "--out", str(out), "--channels", "^O|^P")
        stored = read_epochs(out / "sub-01_test")
        spec = stored.spec
        assert stored.windows.shape == (40, 17, times) and not spec.causal and spec.unit == "whitened"
        assert (spec.window.start_s, spec.window.n_times, spec.simulated) == (start, times, True)
        assert any("training and the test part together" in note for note in spec.notes) == (times == 100)
        if folder == "UBP":
            wanted = ubp["eeg"][:, :, [ubp["ch_names"].index(name) for name in spec.channels]]
            assert spec.labels[::10] == tuple(Path(str(name)).stem for name in ubp["img"][:, 0])
            np.testing.assert_array_equal(stored.windows, wanted.reshape(40, 17, 250).astype(np.float32))
    run("dataset", "epochs", str(root / "UBP"), "--preprocessed", "--out", str(tmp_path / "m"), "--average")
    mean = read_epochs(tmp_path / "m" / "sub-01_test")
    assert mean.spec.repeats == (10,) * 4
    np.testing.assert_allclose(mean.windows[:, 0], ubp["eeg"][:, :, 0].astype(np.float32).mean(axis=1), atol=1e-4)


def test_a_torch_file_of_tensors_reads_too_and_an_attack_does_not(root: Path, tmp_path: Path) -> None:
    import os

    import torch

    from training.datasets import things2_preprocessed
    from training.datasets.torch_files import read_torch

    content = torch.load(root / "UBP" / "sub-01" / "test.pt", weights_only=False)
    content["eeg"] = torch.from_numpy(content["eeg"])
    (tmp_path / "sub-01").mkdir()
    file = tmp_path / "sub-01" / "test.pt"
    torch.save(content, file)
    blocks = things2_preprocessed.open_blocks(things2_preprocessed.find(tmp_path)[0], root)
    assert torch.equal(torch.as_tensor(blocks.data), content["eeg"])

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    torch.save({"eeg": Attack()}, file)
    with pytest.raises(RecordingError, match="refused"):
        read_torch(file)
    file.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(RecordingError, match="no whole file"):
        read_torch(file)


def run(*arguments: str) -> str:
    from eegseek.cli import app

    found = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_things_eeg1_with_the_genuine_event_list(tmp_path: Path, data: Path) -> None:
    events = data / "things" / "eeg1" / "sub-01" / "eeg" / "sub-01_task-rsvp_events.tsv"
    generate_things1(tmp_path / "t", Things1Size(events=events, most_events=330))
    one, pieces = find(tmp_path / "t")
    recording = one.recording(pieces[0], tmp_path / "t", None)
    lines = [line.split("\t") for line in events.read_text().splitlines()[1:331]]
    wanted = [(float(line[0]), line[10].split("\\")[-1][:-4]) for line in lines if line[11] == "0"]
    assert one.name == "things-eeg1" and recording.simulated and recording.rate_hz == 1000
    assert [(marker.row, marker.label) for marker in recording.events] == wanted and len(wanted) < 330
    copy = convert_piece(pieces[0], tmp_path / "t")
    held = np.fromfile(pieces[0].path.with_suffix(".eeg"), "<f4").reshape(-1, 63)
    np.testing.assert_allclose(read_recording(RecordingSource(file=str(copy))).samples, held.T, rtol=1e-5)
    pieces[0].path.with_name("sub-01_task-rsvp_events.tsv").unlink()
    with pytest.raises(RecordingError, match="no event list"):
        one.recording(pieces[0], tmp_path / "t", None)


def test_things_eeg1_drops_targets_and_refuses_a_list_beyond_the_end(tmp_path: Path) -> None:
    generate_things1(tmp_path, Things1Size(concepts=4, images=2, repeats=9), seed=1)
    one, pieces = find(tmp_path)
    recording = one.recording(pieces[0], tmp_path, None)
    events = pieces[0].path.with_name("sub-01_task-rsvp_events.tsv")
    targets = sum(line.split("\t")[11] == "1" for line in events.read_text().splitlines()[1:])
    assert targets and len(recording.events) == 72 - targets
    assert one.inner(pieces[0]) == {}
    text = events.read_text()
    events.write_text(text.replace("\n10724\t", "\n9910724\t"))
    with pytest.raises(RecordingError, match="cut off"):
        one.recording(pieces[0], tmp_path, None)


def test_validation_pictures_of_things_eeg1_are_the_test_part(tmp_path: Path) -> None:
    generate_things1(tmp_path, Things1Size(concepts=3, images=2, repeats=4, test_concepts=2, test_repeats=3), seed=2)
    run("dataset", "epochs", str(tmp_path), "--out", str(tmp_path / "e"), "--set", "chain.highpass_hz=1")
    test, training = (read_epochs(tmp_path / "e" / f"sub-01_{part}").spec for part in ("test", "training"))
    assert len(set(test.labels)) == 2 and len(set(training.labels)) == 6 and not set(test.labels) & set(training.labels)
    run(
        "dataset",
        "epochs",
        str(tmp_path),
        "--out",
        str(tmp_path / "t"),
        "--part",
        "test",
        "--set",
        "chain.highpass_hz=1",
    )
    assert [folder.name for folder in (tmp_path / "t").iterdir()] == ["sub-01_test"]


def test_alljoined_blocks(tmp_path: Path) -> None:
    generate_alljoined(tmp_path, AlljoinedSize(concepts=4, images=2, test_concepts=3))
    one, pieces = find(tmp_path)
    assert one.name == "alljoined" and [piece.part for piece in pieces] == ["block-01", "block-02"]
    recording = one.recording(pieces[0], tmp_path, None)
    assert len(recording.channels) == 32 and recording.rate_hz == 256 and recording.simulated
    counts = Counter(marker.label for marker in recording.events)
    assert set(counts) == {*(f"train_{k:05d}" for k in range(8)), *(f"test_{k:05d}" for k in range(3))}
    assert all(marker.row == int(marker.row) for marker in recording.events)
    run("dataset", "epochs", str(tmp_path), "--out", str(tmp_path / "e"), "--channels", "^O|^P", "--preset", "demo",
        "--images", str(tmp_path / "stimuli"), "--set", "window.rate_hz=128")  # fmt: skip
    test, training = (read_epochs(tmp_path / "e" / f"sub-01_{part}").spec for part in ("test", "training"))
    assert set(test.labels) == {f"test_{k:05d}" for k in range(3)} and set(training.sessions) == set()
    assert {label[:5] for label in training.labels} == {"train"} and test.sha256 != training.sha256
    truth = json.loads((tmp_path / "e" / "truth.json").read_text())["truth"]
    assert truth["train_00003"] == "train_00003"


def test_commands_take_a_dataset_by_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eegseek import supervise
    from eegseek.cli import app

    played = []
    monkeypatch.setattr(supervise, "supervise", lambda settings, **more: played.append(settings))
    where = ["--root", str(root), "--subject", "1", "--session", "1", "--part", "test"]
    assert CliRunner().invoke(app, ["replay", "things-eeg2", *where, "--speed", "0"]).exit_code == 0
    source = played[0].source
    assert source.speed == 0 and read_recording(source).format == "converted things-eeg2"
    assert not played[0].session.truth
    for name, given in (("test", True), ("training", False)):
        gallery = root / f"gallery-{name}"
        run("gallery", "build", str(gallery), "--images", str(root / "Image_set" / f"{name}_images"))
        assert CliRunner().invoke(app, ["replay", "things-eeg2", *where, "-g", str(gallery)]).exit_code == 0
        assert bool(played[-1].session.truth) == given
    streamed = []
    monkeypatch.setattr("acquisition.outlet.stream_settings", lambda source, **more: streamed.append(source))
    assert CliRunner().invoke(app, ["stream", "things-eeg2", *where]).exit_code == 0
    assert streamed[0].file == source.file
    with pytest.raises(SettingsError, match="--root"):
        CliRunner().invoke(app, ["stream", "things-eeg2"], catch_exceptions=False)
    shown = run("dataset", "info", str(root))
    assert "sub-01" in shown and "simulated" in shown
    assert str(playable("things-eeg2", root, subject="1", session="1", part="test")) in run(
        "dataset", "convert", str(root), "--part", "test"
    )
    run("dataset", "epochs", str(root), "--out", str(root / "cut"), "--part", "test", "--set", "chain.highpass_hz=1")
    assert read_epochs(root / "cut" / "sub-01_test").spec.causal


def test_a_generated_folder_is_not_written_over(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="already"):
        generate_things2(root, SIZE)
    (tmp_path / "x").write_text("mine")
    with pytest.raises(SettingsError, match="not empty"):
        generate_things2(tmp_path, SIZE)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_converting_takes_less_memory_than_the_file(tmp_path: Path) -> None:
    things2(tmp_path)
    n = 600_000
    codes = [(k, 1 + k % 3) for k in range(2000, n - 2000, 200)]
    content = raw([], 1000)
    eeg = np.zeros((64, n))
    eeg[:63] = np.tile(content["raw_eeg_data"][:63], n // 1000)
    for row, code in codes:
        eeg[63, row] = code
    file = save(tmp_path / "Raw_data" / "sub-08" / "ses-01" / "raw_eeg_test.npy", {**content, "raw_eeg_data": eeg})
    size = file.stat().st_size
    assert size > 300e6
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    before, peak = (int(word) * 1024 for word in done.stdout.split())
    assert peak - before < 120e6 and peak < size
    copy = read_recording(RecordingSource(file=str(playable("things-eeg2", tmp_path))))
    assert Counter(marker.label for marker in copy.events).keys() == set(TEST)
    row = list(content["ch_names"]).index("Oz")
    part = copy.signal.read(300_123, 301_123)[copy.channels.index("Oz")]
    np.testing.assert_array_equal(part, (eeg[row, 300_123:301_123] * 1e6).astype(np.float32))

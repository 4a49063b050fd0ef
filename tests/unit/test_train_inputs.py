"""Epochs folders in place of recordings: their plan goes into the bundle, and they must have one plan."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from training_data import CHANNELS, epochs, gallery, plan, repeated

from config.bundles import read_encoder_spec
from config.errors import EegseekError
from inference.gallery import Gallery, check_fit
from training.commands import train_command
from training.trials.epoch_files import EpochsSpec, write_epochs

IDS = [f"p{k}" for k in range(30)]


def stored(folder: Path, name: str, seed: int = 0, **changes: object) -> Path:
    """An epochs folder of the gallery ``folder / gallery``."""
    shown, p = Gallery.load(folder / "gallery"), plan()
    made = epochs(shown, repeated(IDS, 3, seed=seed), seed=seed)
    fields = {
        "name": name,
        "subject": name,
        "source": "a test",
        "sha256": "0" * 64,
        "channels": CHANNELS,
        "labels": made.labels,
        "onsets_s": tuple(made.onsets_s.tolist()),
        "chain": p.chain,
        "window": p.window,
        "rejection": p.rejection,
        "causal": True,
        "source_rate_hz": 100.0,
    }
    write_epochs(folder / name, EpochsSpec(**{**fields, **changes}), [made.data[:, 0]])
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gallery(tmp_path / "gallery", IDS)
    return tmp_path


def run(folder: Path, paths: list[Path], **more: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    given = {"epochs": 2, "device": "cpu", "console": console, **more}
    train_command(paths, folder / "gallery", "eegproject", folder / "bundle", **given)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_subjects_and_the_plan_come_from_the_folders(folder: Path) -> None:
    run(
        folder,
        [stored(folder, "01"), stored(folder, "02", 1)],
        objectives=["siglip", "mmd=0.1"],
        augmentations=["smooth"],
    )
    spec = read_encoder_spec(folder / "bundle")
    assert (spec.chain, spec.window, spec.channels, spec.causal) == (plan().chain, plan().window, CHANNELS, True)
    assert [record["subject"] for record in spec.training["recordings"]] == ["01", "02"]
    assert [term["name"] for term in spec.training["objectives"]] == ["siglip", "mmd"]
    assert spec.training["augmentations"] == [{"name": "smooth", "strength": 0.3}]
    assert (folder / "bundle-run" / "metrics.csv").is_file()


def test_what_was_filtered_without_causality_says_so(folder: Path) -> None:
    run(folder, [stored(folder, "01", causal=False)])
    assert not read_encoder_spec(folder / "bundle").causal


def test_with_an_adapter_the_gallery_is_written_beside_the_bundle(folder: Path) -> None:
    said = run(folder, [stored(folder, "01")], adapter=True, adapter_dropout=0.3, projection=6)
    spec = read_encoder_spec(folder / "bundle")
    assert spec.adapter is not None and spec.adapter.parameters == {"dim": 6, "residual": True, "dropout": 0.3}
    beside = Gallery.load(folder / "bundle-gallery")
    check_fit(spec, beside.spec)
    assert beside.vectors.shape == (30, 6) and "after the adapter" in said


def test_resuming_from_the_command_line(folder: Path) -> None:
    path = stored(folder, "01")
    run(folder, [path])
    first = read_encoder_spec(folder / "bundle")
    run(folder, [path], resume=True)
    assert read_encoder_spec(folder / "bundle") == first
    with pytest.raises(EegseekError, match="had batch 256, now 16"):
        run(folder, [path], resume=True, batch=16)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"window": plan().window.model_copy(update={"baseline_s": None})}, "'02' have another window than '01'"),
        ({"unit": "whitened"}, "'02' have another unit than '01'"),
    ],
)
def test_folders_of_two_plans(folder: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(EegseekError, match=says):
        run(folder, [stored(folder, "01"), stored(folder, "02", 1, **changes)])


def test_mistakes(folder: Path) -> None:
    path = stored(folder, "01")
    with pytest.raises(EegseekError, match=r"is an epochs folder and '.*other.csv' is none"):
        run(folder, [path, folder / "other.csv"])
    with pytest.raises(EegseekError, match=r"\[chain\] is that of the epochs"):
        run(folder, [path], overrides=["chain.highpass_hz=2.0"])
    with pytest.raises(EegseekError, match="unknown objective 'clip'"):
        run(folder, [path], objectives=["clip"])
    with pytest.raises(EegseekError, match="needs an encoder that reconstructs"):
        run(folder, [path], objectives=["infonce", "vae"])
    with pytest.raises(EegseekError, match="must not be negative"):
        run(folder, [path], clip=-1.0)
    np.save(path / "windows.npy", np.zeros((3, 4, 32), np.float32))
    with pytest.raises(EegseekError, match="make the epochs again"):
        run(folder, [path])

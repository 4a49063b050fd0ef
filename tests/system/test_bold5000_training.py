"""From BOLD5000's files to an encoder bundle: responses of voxels are learned as EEG is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat
from training_data import gallery

from inference.bundle import load_encoder
from training.datasets import bold5000
from training.request import TrainRequest
from training.train import train
from training.trials.epoch_files import read_epochs

PICTURES = [f"scene{k}" for k in range(60)]
VOXELS = 9


def test_responses_are_learned_and_held_out_pictures_found(tmp_path: Path) -> None:
    shown = gallery(tmp_path / "gallery", PICTURES)
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(60) for _ in range(4)])
    arrays = {
        region: shown.vectors[order] @ rng.standard_normal((8, VOXELS)) + 0.5 * rng.standard_normal((240, VOXELS))
        for region in bold5000.REGIONS
    }
    mats, lists = tmp_path / "ROIs" / "CSI2" / "mat", tmp_path / "ROIs" / "stim_lists"
    mats.mkdir(parents=True)
    lists.mkdir()
    savemat(mats / "CSI2_ROIs_TR34.mat", arrays)
    (lists / "CSI02_stim_lists.txt").write_text("".join(f"rep_{PICTURES[k]}.jpg\n" for k in order))
    bold5000.write(bold5000.read(tmp_path, "CSI2"), tmp_path / "epochs")
    stored = read_epochs(tmp_path / "epochs")

    spec = train(
        TrainRequest(
            epochs=(stored.epochs(),),
            origins=(stored.origin,),
            gallery=shown,
            encoder="responses",
            out=tmp_path / "bundle",
            plan=stored.plan(),
            parameters={"regions": [VOXELS] * len(bold5000.REGIONS), "width": 16},
            validation="stimulus",
            epochs_max=20,
            learning_rate=3e-3,
            device="cpu",
        )
    )
    top1 = spec.scores["single_trial"]["top1"]
    assert top1["value"] > 3 * top1["chance"], "of pictures that were held out"
    vectors = load_encoder(tmp_path / "bundle", "cpu").encode(np.asarray(stored.windows[:8]))
    assert vectors.shape == (8, 8)

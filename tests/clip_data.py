"""A tiny open_clip model with random weights, and pictures, for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
from PIL import Image

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 3, "width": 32, "patch_size": 8, "head_width": 16}
CONFIGS = {
    "tiny-vit": {"embed_dim": 12, "vision_cfg": VIT, "text_cfg": TEXT},
    "tiny-resnet": {
        "embed_dim": 12,
        "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
        "text_cfg": TEXT,
    },
    "tiny-timm": {
        "embed_dim": 12,
        "vision_cfg": {
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 160,
        },
        "text_cfg": TEXT,
    },
}


def register(folder: Path) -> None:
    """Make the tiny models known to open_clip in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, config in CONFIGS.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def pictures(folder: Path, concepts: int, each: int, *, size: tuple[int, int] = (40, 48), seed: int = 0) -> Path:
    """Random pictures, ``each`` of a concept, in the folders of THINGS."""
    rng = np.random.default_rng(seed)
    for concept in range(concepts):
        where = folder / f"{concept + 1:05d}_thing_{chr(97 + concept)}"
        where.mkdir(parents=True)
        for k in range(each):
            values = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
            Image.fromarray(values).save(where / f"thing_{chr(97 + concept)}_{k:02d}s.jpg")
    return folder

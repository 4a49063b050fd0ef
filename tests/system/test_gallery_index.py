"""A real build of an index, stopped by Ctrl-C, goes on where it was and ends as one that never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from config.bundles import Item
from config.index_spec import INDEX_ARRAYS, INDEX_JSON
from inference.gallery import Gallery, write_gallery
from inference.gallery_index import PARTIAL

LIMIT_S = 40.0
N, DIM = 12_000, 16
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "eegseek", "gallery", "index", str(folder), "--kind", "hnsw"]


def test_a_build_stopped_by_ctrl_c_goes_on(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32)
    folder, other = tmp_path / "g", tmp_path / "other"
    for one in (folder, other):
        write_gallery(one, [Item(id=str(k), label="x") for k in range(N)], vectors, space="s", model="m")
    process = subprocess.Popen(command(folder), env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True)
    try:
        ends = time.monotonic() + LIMIT_S
        while not (pieces := list((folder / PARTIAL).glob("upto-*.safetensors"))):
            assert process.poll() is None and time.monotonic() < ends
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) != 0
    finally:
        process.kill()
        said = process.communicate()[1].decode()
    assert "Traceback" not in said
    assert pieces and not (folder / INDEX_JSON).exists()
    # it can be searched meanwhile, without the index
    assert Gallery.load(folder).choice.built is None
    for one in (folder, other):
        subprocess.run(command(one), env=ENVIRONMENT, check=True, timeout=LIMIT_S, capture_output=True)
    for name in (INDEX_JSON, INDEX_ARRAYS):
        assert (folder / name).read_bytes() == (other / name).read_bytes()
    assert not (folder / PARTIAL).exists()

"""Recordings as if they were calibrated with now: ``python -m training.calibration.replay FOLDER``.

Each recording (.csv, cut by the chain of a preset) gives one block or a few; each block is scored by a decoder that was
trained on the blocks before it, and in the end each by a decoder of all others.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from config.calibration import CalibrationRules, Progress, write_progress
from config.errors import EegseekError, OutputError
from inference.build import from_labels
from inference.gallery import Gallery
from training.calibration.calibration import Calibration
from training.calibration.noise import PRESET, cut_blocks, plan_of_preset
from training.calibration.task import Task


def replay(folder: Path, *, preset: str = PRESET, parts: int = 1, decoder: str = "riemann", seed: int = 0) -> Progress:
    """Calibrate with the recordings of a folder, all of them whatever the verdict; what it came to.

    Parameters
    ----------
    folder
        Holds the recordings; their marker labels are the categories.
    preset
        Whose chain, window and rejection cut them.
    parts
        Blocks that each recording gives.
    decoder
        ``riemann`` or ``ensemble``.
    seed
        Of inner splits.

    Raises
    ------
    EegseekError
        There are no recordings, or they cannot be used.
    """
    plan = plan_of_preset(preset)
    blocks = cut_blocks(folder, plan, parts)
    names = sorted({label for block in blocks for label in block.labels})
    with tempfile.TemporaryDirectory() as temporary:
        from_labels(names, Path(temporary) / "gallery")
        gallery = Gallery.load(Path(temporary) / "gallery")
        rules = CalibrationRules.model_validate({"decoder": decoder})
        calibration = Calibration(plan, Task({n: n for n in names}, blocks=len(blocks)), gallery, rules, seed)
        for block in blocks:
            calibration.take(block)
        return calibration.progress.model_copy(update={"cross_validated_auc": calibration.cross_validated()})


def main(arguments: list[str] | None = None) -> int:
    """Replay and print; the exit code."""
    made = argparse.ArgumentParser(prog="python -m training.calibration.replay", description=__doc__.splitlines()[0])
    made.add_argument("folder", type=Path, help="holds recordings (.csv)")
    made.add_argument("--preset", default=PRESET)
    made.add_argument("--parts", type=int, default=1, help="blocks that each recording gives")
    made.add_argument("--decoder", choices=["riemann", "ensemble"], default="riemann")
    made.add_argument("--json", type=Path, help="write all of it here")
    given = made.parse_args(arguments)
    try:
        told = replay(given.folder, preset=given.preset, parts=max(1, given.parts), decoder=given.decoder)
        if given.json:
            try:
                write_progress(given.json, told)
            except OSError as error:
                raise OutputError(f"'{given.json}' cannot be written: {error.strerror or error}") from error
    except EegseekError as error:
        sys.stderr.write(f"replay: {error} [{error.code}]\n")
        return 1
    for block in told.whole.blocks:
        line = f"block {block.block + 1}: AUC {block.auc:.3f}, {block.trials} trials, log10 e {block.log10_e:.1f}"
        sys.stdout.write(f"{line}\n")
    whole = json.dumps({
        "verdict": told.verdict, "auc_blocks_before": told.whole.auc, "auc_all_others": told.cross_validated_auc,
        "ocular_auc": told.ocular.auc if told.ocular else None,
        "accuracy": {r.repeats: round(r.accuracy, 3) for r in told.repeats},
    }, indent=1)  # fmt: skip
    sys.stdout.write(f"{whole}\n{told.words} {told.ocular_words}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The folder of a training run: settings, figures of every epoch as they come, curves, and the checkpoint."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.bundles import read_json
from config.errors import SettingsError

SETTINGS_JSON, METRICS_CSV, CURVES_PNG, CHECKPOINT = (
    "settings.json",
    "metrics.csv",
    "curves.png",
    "checkpoint.safetensors",
)
FORMAT = {"format": "eegseek-run", "version": 1}
Row = dict[str, float]


@dataclass(frozen=True)
class RunFolder:
    """A run's folder.

    Attributes
    ----------
    folder
        Made by `start`.
    """

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """File of the checkpoint."""
        return self.folder / CHECKPOINT

    def start(self, settings: dict[str, Any], decides: dict[str, Any], resume: bool) -> None:
        """Make the folder for a new run, or check that a run may go on in it.

        Parameters
        ----------
        settings
            For people.
        decides
            What the numbers depend on, so that it must be the same when a run goes on. JSON can hold both.
        resume
            Whether a run is to go on.

        Raises
        ------
        SettingsError
            The folder holds something else, there is nothing to resume, or the run is of another data or settings.
        """
        file = self.folder / SETTINGS_JSON
        if resume:
            self._check_same(decides)
            return
        if not self._may_be_replaced():
            raise SettingsError(f"'{self.folder}' holds something else than a training run; choose another with --run")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (SETTINGS_JSON, METRICS_CSV, CURVES_PNG, CHECKPOINT):
                (self.folder / name).unlink(missing_ok=True)
            record = {**FORMAT, **settings, "decides": decides}
            file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise SettingsError(f"run folder '{self.folder}' cannot be written: {error.strerror}") from error

    def write_metrics(self, history: Sequence[Row]) -> None:
        """The whole table, as after a resumption, when the file may be ahead of the checkpoint."""
        with (self.folder / METRICS_CSV).open("w", newline="", encoding="utf-8") as file:
            if history:
                writer = csv.DictWriter(file, list(history[0]))
                writer.writeheader()
                writer.writerows(history)

    def add(self, row: Row) -> None:
        """One epoch more."""
        path = self.folder / METRICS_CSV
        empty = not path.is_file() or not path.stat().st_size
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if empty:
                writer.writeheader()
            writer.writerow(row)

    def draw(self, history: Sequence[Row]) -> None:
        """Curves of the losses and of retrieval among the held-out items."""
        if not history:
            return
        from matplotlib.figure import Figure

        names = [name for name in history[0] if name.endswith(("loss", "mrr", "top5"))]
        losses = [name for name in names if name.endswith("loss")]
        found = [name for name in names if name not in losses]
        figure = Figure(figsize=(9, 3.5), layout="constrained")
        for axes, shown in zip(figure.subplots(1, 2), (losses, found), strict=True):
            for name in shown:
                axes.plot(
                    [row["epoch"] for row in history], [row[name] for row in history], label=name.replace("_", " ")
                )
            axes.set_xlabel("epoch")
            axes.grid(alpha=0.3)
            if shown:
                axes.legend(frameon=False)
        figure.savefig(self.folder / CURVES_PNG, dpi=120)

    def _may_be_replaced(self) -> bool:
        """Whether there is nothing yet, or a former run."""
        if not self.folder.exists():
            return True
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return self.folder.is_dir()
        file = self.folder / SETTINGS_JSON
        return file.is_file() and read_json(file, "settings of a training run").get("format") == FORMAT["format"]

    def _check_same(self, decides: dict[str, Any]) -> None:
        if not self.checkpoint.is_file():
            raise SettingsError(f"'{self.folder}' holds no checkpoint to resume from; train without --resume")
        file = self.folder / SETTINGS_JSON
        former = read_json(file, "settings of a training run").get("decides")
        now = json.loads(json.dumps(decides))
        if not isinstance(former, dict):
            raise SettingsError(f"'{file}' is not of a training run; train without --resume")
        for key in sorted(former.keys() | now.keys()):
            if former.get(key) != now.get(key):
                raise SettingsError(
                    f"the run in '{self.folder}' had {key} {_short(former.get(key))}, now {_short(now.get(key))}; "
                    "resume with the same, or train without --resume"
                )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"

"""Epochs and steps of a fit, from the first or from a checkpoint on."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.fitting import checkpoint, devices
from training.fitting.feed import Feed, batches
from training.fitting.interrupt import Flag
from training.fitting.learner import Learner, retrieval
from training.fitting.run_folder import Row, RunFolder
from training.fitting.schedule import rate
from training.fitting.truncate import ends_of, until
from training.trials.epochs import Progress
from training.trials.examples import Pool

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from training.fitting.fit import FitSettings

SAVED_EVERY_S = 10.0
"""Checkpoints are written at the end of an epoch, but no more often than this, and when all is done."""


class Loop:
    """State of one fit on one device; see `training.fitting.fit.fit` for what it is given."""

    def __init__(
        self,
        fabric: Fabric,
        learner: Learner,
        train: Pool,
        held: Pool | None,
        targets: NDArray[Any],
        settings: FitSettings,
        run: RunFolder | None,
        stop: Flag,
    ) -> None:
        self.fabric, self.settings, self.stop, self.early = fabric, settings, stop, bool(held and settings.patience)
        self.folder, self.run = run, run if fabric.is_global_zero else None
        self.inner = learner
        learner.to(fabric.device)
        self.raw = _optimizer(learner, settings, fused=devices.fused(fabric))
        self.learner, self.optimizer = fabric.setup(learner, self.raw)
        self.train = Feed(train, targets, fabric.device)
        self.held = Feed(held, targets, fabric.device) if held else None
        self.bounds = batches(len(train.rows), settings.batch)
        self.at = checkpoint.Position()
        self.best: dict[str, torch.Tensor] = {}
        self.saved = time.monotonic()

    def epochs(self, progress: Progress, resume: bool) -> tuple[dict[str, NDArray[Any]], checkpoint.Position]:
        """Run them all, or until validation says stop; returns the weights that are kept, and how it went.

        Arrays and not tensors, because a tensor cannot outlive the process that shares it with another.
        """
        s, total = self.settings, self.settings.epochs
        if resume and self.folder:
            self._load(self.folder)
        while self.at.epoch <= total and not (self.early and self.at.epoch - 1 - self.at.kept >= (s.patience or 0)):
            self._epoch()
            progress("training", self.at.epoch - 1, total)
        progress("training", total, total)
        state = self.best if self.early else _copy(self.inner)
        if self.run:
            self._save(self.run)
            self.run.draw(self.at.history)
        return {name: value.numpy() for name, value in state.items()}, self.at

    def _epoch(self) -> None:
        """The rest of an epoch, and its figures."""
        began = time.monotonic()
        total = self._pass()
        means = total / len(self.train.rows)
        names = list(self.inner.objective.objectives)
        row: Row = {"epoch": self.at.epoch, "training_loss": float(means[0])}
        if len(names) > 1:
            row |= {f"{name}_loss": float(value) for name, value in zip(names, means[1:], strict=True)}
        row |= self._validate()
        rate_of_last = self._rate(self.at.epoch * len(self.bounds) - 1)
        row |= {"learning_rate": rate_of_last, "seconds": round(time.monotonic() - began, 3)}
        self._keep(row)

    def _keep(self, row: Row) -> None:
        epoch, loss = self.at.epoch, row.get("validation_loss", math.nan)
        if not self.early or self.at.best is None or loss < self.at.best:
            self.at.best, self.at.kept = (loss if self.early else None), epoch
            self.best = _copy(self.inner) if self.early else {}
        self.at.history.append(row)
        self.at.epoch, self.at.step, self.at.total = epoch + 1, 0, []
        if self.run:
            self.run.add(row)
            if time.monotonic() - self.saved > SAVED_EVERY_S or self.fabric.world_size > 1:
                self._save(self.run)

    def _pass(self) -> torch.Tensor:
        """Sum over windows of the losses of what is left of one pass over the windows in random order."""
        s, epoch = self.settings, self.at.epoch
        rng = np.random.default_rng([s.seed, epoch])
        self.train.redraw(rng)
        order = rng.permutation(len(self.train.rows))
        self.learner.train()
        total = torch.zeros(1 + len(self.inner.objective.objectives), dtype=torch.float64, device=self.fabric.device)
        if self.at.total:
            total += torch.tensor(self.at.total, dtype=torch.float64, device=self.fabric.device)
        for step in range(self.at.step, len(self.bounds)):
            # chance depends on seed and step alone, so that a resumed run goes on as it would have
            done = (epoch - 1) * len(self.bounds) + step
            torch.manual_seed(s.seed * 1_000_003 + done)
            for group in self.raw.param_groups:
                group["lr"] = self._rate(done)
            part = order[slice(*self.bounds[step])]
            total += self._step(part) * len(part)
            if self.stop.set:
                self._interrupted(step + 1, total)
        return total.cpu()

    def _rate(self, step: int) -> float:
        """Learning rate of a step, counted from the first of all."""
        s, steps = self.settings, len(self.bounds)
        return s.learning_rate * rate(s.schedule, step, s.epochs * steps, s.warmup * steps)

    def _step(self, part: NDArray[np.int64]) -> torch.Tensor:
        """Losses of one step: the sum, then each objective's."""
        part, mine = devices.share(self.fabric, part)
        windows = self.train.windows(mine)
        items, index = self.train.items(part)
        loss, each = self.learner(windows, items, index, devices.gatherer(self.fabric))
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.settings.clip:
            self.fabric.clip_gradients(self.learner, self.optimizer, max_norm=self.settings.clip)
        self.optimizer.step()
        return torch.cat([loss.detach()[None], each])

    @torch.no_grad()
    def _validate(self) -> Row:
        """Held-out windows' items found among the held-out items: the mean over all ends of the window."""
        if self.held is None:
            return {}
        self.learner.eval()
        items, index = self.held.items(np.arange(len(index_rows := self.held.rows)))
        with self.fabric.autocast():
            items = self.inner.items(items)
        total = torch.zeros(3, device=self.fabric.device)
        ends = ends_of(self.settings.part_times, self.held.pool.shape[1])
        for windows, part in self.held.pieces():
            for end in ends:
                with self.fabric.autocast():
                    vectors = self.inner.net(until(windows, end))
                total += retrieval(self.inner.objective.logits(vectors.float(), items), index[part])
        loss, mrr, top5 = (total / (len(ends) * len(index_rows))).tolist()
        return {"validation_loss": loss, "validation_mrr": mrr, "validation_top5": top5}

    def _interrupted(self, step: int, total: torch.Tensor) -> None:
        self.at.step, self.at.total = step, total.tolist()
        if self.run and self.fabric.world_size == 1:
            self._save(self.run)
            self.run.draw(self.at.history)
        raise KeyboardInterrupt

    def _save(self, run: RunFolder) -> None:
        self.at.scaler = devices.scaler(self.fabric)
        groups = {
            "learner": self.inner.state_dict(),
            "best": self.best,
            "optimizer": checkpoint.optimizer_tensors(self.raw),
        }
        checkpoint.save(run.checkpoint, self.at, groups)
        self.saved = time.monotonic()

    def _load(self, run: RunFolder) -> None:
        self.at, groups = checkpoint.load(run.checkpoint)
        self.inner.load_state_dict(groups["learner"])
        self.best = groups.get("best", {})
        checkpoint.load_optimizer(self.raw, groups.get("optimizer", {}))
        devices.load_scaler(self.fabric, self.at.scaler)
        if self.run:
            self.run.write_metrics(self.at.history)


def _optimizer(learner: Learner, settings: FitSettings, fused: bool) -> torch.optim.Optimizer:
    weights = [p for name, p in learner.named_parameters() if not name.startswith("objective.")]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": list(learner.objective.parameters()), "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=fused)


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in module.state_dict().items()}

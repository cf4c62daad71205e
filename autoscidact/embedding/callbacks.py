"""What happens at the end of an epoch: the record, the best weights, and a state to resume from."""

import math
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from autoscidact.embedding.allocator import release_freed_memory
from autoscidact.embedding.module import ContrastiveModule
from autoscidact.files import atomic_path, write_text


class EpochRecord(Checkpoint):
    """Keeps one row of metrics an epoch and the encoder of the epoch with the lowest validation loss.

    It is a Lightning `Checkpoint` so that it runs after everything else has logged. Its own state goes into
    `last.ckpt` together with Lightning's: tensors and plain values only, so that it loads with `weights_only=True`.

    Attributes:
        history: one dict an epoch.
        best_epoch: counted from 1; 0 before the first.
        best_weights: the encoder's state at that epoch.
        interrupted: Ctrl-C was pressed.
    """

    def __init__(self, key: str, csv: Path | None, resume: Path | None) -> None:
        """Takes the training's key, the path of metrics.csv, and that of the state to resume from (or None)."""
        self.key, self.csv, self.resume = key, csv, resume
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best_loss = 0, math.inf
        self.best_weights: dict[str, Tensor] = {}
        self.interrupted = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ContrastiveModule)
        row = {"epoch": float(trainer.current_epoch + 1)}
        for name, value in trainer.callback_metrics.items():
            row[name.replace("/", "_")] = float(value)
        self.history.append(row)
        if row["val_loss"] < self.best_loss:
            self.best_epoch, self.best_loss = int(row["epoch"]), row["val_loss"]
            state = pl_module.encoder.state_dict()
            self.best_weights = {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
        if self.csv is not None and trainer.is_global_zero:
            write_text(self.csv, table(self.history))
        if self.resume is not None and trainer.is_global_zero:
            with atomic_path(self.resume) as temporary:
                trainer.save_checkpoint(temporary)
        elif self.resume is not None:
            trainer.save_checkpoint(self.resume)  # takes part in collecting the state; the first rank writes it

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.interrupted = isinstance(exception, KeyboardInterrupt)

    def state_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = state_dict["history"]
        self.best_epoch, self.best_loss = state_dict["best_epoch"], state_dict["best_loss"]
        self.best_weights = state_dict["best_weights"]


class BoundedMemory(pl.Callback):
    """Gives freed memory back every few steps of a training on a CPU: what is kept for the next step piles up.

    Of 98 steps of part_tiny, whose tensors differ in size from batch to batch, the peak was 4.5 GB without it, 3.9 GB
    every 16 steps (at 1.05 to 1.1 times the time), and 2.1 GB where nothing is kept (at 2 to 4 times).
    """

    STEPS = 16

    def on_train_batch_end(self, trainer: pl.Trainer, *details: Any) -> None:
        if trainer.global_step % self.STEPS == 0 and trainer.strategy.root_device.type == "cpu":
            release_freed_memory()


class ProgressLines(pl.Callback):
    """About ten lines over the whole training, where there is no terminal for a progress bar."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch, last = trainer.current_epoch + 1, trainer.max_epochs or 1
        if trainer.is_global_zero and (epoch % max(1, last // 10) == 0 or epoch in (1, last)):
            loss = float(trainer.callback_metrics["val/loss"])
            print(f"  epoch {epoch}/{last}: validation loss {loss:.4f}", file=sys.stderr, flush=True)


def table(history: list[dict[str, float]]) -> str:
    """Rows of metrics as CSV, `epoch` first."""
    names = ["epoch", *sorted({name for row in history for name in row} - {"epoch"})]
    lines = [",".join(names)]
    for row in history:
        cells = [f"{row['epoch']:.0f}", *(repr(row[name]) if name in row else "" for name in names[1:])]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def readable(state: Path, key: str) -> bool:
    """Whether a state to resume from is whole and of the training with this key."""
    try:
        content = torch.load(state, map_location="cpu", weights_only=True)
        return bool(content["callbacks"]["EpochRecord"]["key"] == key)
    except Exception:  # a damaged archive fails in many ways, and each means the same
        return False

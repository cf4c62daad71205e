"""Lightning, as a training here uses it: quiet, interruptible, and leaving torch as it was."""

import contextlib
import logging
import signal as signals
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, RichProgressBar
from pytorch_lightning.loggers import TensorBoardLogger

from autoscidact.embedding.batches import EventData
from autoscidact.embedding.callbacks import EpochRecord
from autoscidact.embedding.module import ContrastiveModule
from autoscidact.embedding.settings import LoggerSettings, TrainerSettings
from autoscidact.errors import UserError


def make_trainer(
    settings: TrainerSettings, folder: Path, callbacks: list[Callback], logger: LoggerSettings
) -> pl.Trainer:
    """Lightning's trainer. Raises UserError where the machine has no such devices."""
    accelerator, _, number = settings.accelerator.partition(":")
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=[int(number)] if number else settings.devices,
            num_nodes=settings.num_nodes,
            precision=settings.precision,
            deterministic=settings.deterministic,
            max_epochs=settings.max_epochs,
            callbacks=callbacks,
            logger=TensorBoardLogger(str(folder), name="", version="tensorboard") if logger.tensorboard else False,
            enable_checkpointing=True,
            enable_progress_bar=any(isinstance(callback, RichProgressBar) for callback in callbacks),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
    except (MisconfigurationException, ValueError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"trainer.accelerator={settings.accelerator}, devices={settings.devices}: {reason}") from error


def fit(
    lightning: pl.Trainer, network: ContrastiveModule, data: EventData, state: Path | None, record: EpochRecord
) -> None:
    """Trains, from `state` if there is one. Raises KeyboardInterrupt if it was stopped."""
    # On Ctrl-C Lightning ends the process and leaves SIGINT ignored. The caller is to decide, and no unfinished
    # training may pass for a finished one.
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signals.getsignal(signals.SIGINT)
    try:
        lightning.fit(network, datamodule=data, ckpt_path=state, weights_only=True)
    except SystemExit:
        if not record.interrupted:
            raise
    finally:
        if in_main_thread:
            signals.signal(signals.SIGINT, handler)
    if record.interrupted or not lightning.state.finished:
        raise KeyboardInterrupt


def say_where(lightning: pl.Trainer, state: Path | None) -> None:
    """Says on which devices the training runs."""
    if not lightning.is_global_zero:
        return
    device = lightning.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    how = f", continuing {state}" if state else ""
    print(f"training on {lightning.world_size} x {device.type} ({name}){how}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def torch_as_it_was() -> Iterator[None]:
    """Puts torch's random state and switches back at the end."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    devices: list[Any] = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        try:
            # Adam's moments of weights that no longer learn decay into denormals, which some processors handle
            # many times slower. (The loss itself makes none.) Threads inherit this from the one that starts them.
            torch.set_flush_denormal(True)
            # Nothing here reads memory that it has not written; filling every buffer costs time.
            memory.fill_uninitialized_memory = False
            yield
        finally:
            torch.set_flush_denormal(False)
            memory.fill_uninitialized_memory = fill
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silences what Lightning says of itself."""
    # Hints about workers, loggers and accelerators concern the authors of this code, not its users.
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning")]
    levels = [one.level for one in loggers]
    with warnings.catch_warnings():
        for module in ("pytorch_lightning", "lightning_fabric", "torch"):
            warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
        for one in loggers:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(loggers, levels, strict=True):
                one.setLevel(level)

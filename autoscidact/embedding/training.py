"""From background events to a checkpoint: the embedding's training."""

import contextlib
import logging
import signal as signals
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback, EarlyStopping, RichProgressBar
from pytorch_lightning.loggers import TensorBoardLogger

from autoscidact.data.contract import Events
from autoscidact.embedding.batches import Batches, EventData
from autoscidact.embedding.callbacks import EpochRecord, ProgressLines, readable
from autoscidact.embedding.checkpoint import save
from autoscidact.embedding.module import ContrastiveModule
from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings
from autoscidact.embedding.standardise import Standardisation
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.errors import UserError
from autoscidact.files import content_hash, make_folder
from autoscidact.provenance import command_line, versions


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training leaves.

    Attributes:
        checkpoint: `checkpoint.safetensors`, the encoder of the best epoch.
        best_epoch: the epoch with the lowest validation loss, counted from 1.
        history: one dict an epoch: epoch, train_loss, val_loss, and their parts.
        seconds: wall time of this call; after a resumption, of the rest only.
    """

    checkpoint: Path
    best_epoch: int
    history: tuple[dict[str, float], ...]
    seconds: float


def train(
    train_events: Events,
    val_events: Events,
    *,
    encoder: EncoderSpec,
    loss: LossSettings,
    trainer: TrainerSettings,
    folder: str | Path,
    seed: int,
    signal: str | None,
    dataset_name: str = "",
    dataset_fingerprint: str = "",
    logger: LoggerSettings | None = None,
    ideal_supervised: bool = False,
    resume: bool = True,
    progress: bool | None = None,
) -> TrainingResult:
    """Trains an encoder on background events and writes `folder/checkpoint.safetensors` once it is finished.

    Beside it go `metrics.csv` and `tensorboard/` (see `logger`) and, while the training runs, `last.ckpt`, from which
    the same call resumes after an interruption to the same weights, to the last bit. Event weights enter the
    standardisation, not the loss.

    Args:
        train_events, val_events: background only; the standardisation is that of `train_events` (none for an encoder
            that declares `standardises_itself`), and the epoch with the lowest loss on `val_events` is kept.
        signal: the class held out. None if no class is.
        dataset_name, dataset_fingerprint: written into the checkpoint, see `checkpoint.check_matches`.
        ideal_supervised: allow signal events, for studies of what knowing the signal would bring.
        resume: continue from `last.ckpt` if it is of the same training.
        progress: show a progress bar; None does so on a terminal only.

    Raises:
        UserError: no such signal class, too few classes or events, no positive pair in a whole epoch, a loss that
            is not finite, an encoder that cannot be built, or a folder that cannot be written.
        ValueError: signal events among those given, or events that are in both train and val.
        KeyboardInterrupt: the training was stopped; no checkpoint is written.

    References:
        AutoSciDACT paper, Sec. 3.1.
    """
    started = time.monotonic()
    logger = logger or LoggerSettings()
    folder = make_folder(folder)
    _refuse_signal(train_events, val_events, signal, ideal_supervised)
    val_events, codes = _classes(train_events, val_events, loss)
    n_classes = int(codes.max()) + 1

    input_shape = train_events.features.shape[1:]
    backbone = encoder.build(input_shape, seed)
    if getattr(backbone, "standardises_itself", False):
        standardisation = Standardisation.none(input_shape[0])
    else:
        standardisation = Standardisation.fit(train_events.features, train_events.weights)
    training = {
        "dataset": {"name": dataset_name, "fingerprint": dataset_fingerprint},
        "classes": [train_events.classes[i] for i in np.flatnonzero(codes >= 0)],
        "signal": signal,
        "ideal_supervised": ideal_supervised,
        "feature_names": list(train_events.feature_names),
        "input_shape": list(input_shape),
        "n_train": len(train_events),
        "n_val": len(val_events),
        "encoder": encoder.to_config(),
        "loss": loss.describe(),
        "trainer": trainer.describe(),
        "seed": seed,
    }
    key = content_hash({**training, "mean": standardisation.mean.tolist(), "scale": standardisation.scale.tolist()})

    state = folder / "last.ckpt"
    record = EpochRecord(key, folder / "metrics.csv" if logger.csv else None, state)
    callbacks: list[Callback] = [record]
    if trainer.patience is not None:
        callbacks.append(EarlyStopping("val/loss", patience=trainer.patience, check_finite=False))
    bar = sys.stderr.isatty() if progress is None else progress
    callbacks.append(RichProgressBar(refresh_rate=10) if bar else ProgressLines())

    with _torch_as_it_was(), _quiet_lightning():
        torch.manual_seed(seed)
        network = ContrastiveModule(backbone, encoder.dim, n_classes, loss, trainer, seed)
        data = EventData(
            *(
                Batches(
                    torch.from_numpy(standardisation.apply(events.features)),
                    torch.from_numpy(codes[events.labels]),
                    trainer.batch_size,
                    seed,
                    reshuffle=events is train_events,
                )
                for events in (train_events, val_events)
            )
        )
        lightning = _lightning(trainer, folder, callbacks, logger)
        where = state if resume and readable(state, key) else None
        _say_where(lightning, where)
        _fit(lightning, network, data, where, record)

    path = folder / "checkpoint.safetensors"
    if lightning.is_global_zero:
        metadata = {
            **training,
            "best_epoch": record.best_epoch,
            "key": key,
            "versions": versions(),
            "command": command_line(),
        }
        save(path, record.best_weights, standardisation, metadata)
        state.unlink(missing_ok=True)
    lightning.strategy.barrier("checkpoint")  # no rank goes on before the file is there
    return TrainingResult(path, record.best_epoch, tuple(record.history), time.monotonic() - started)


def _refuse_signal(train_events: Events, val_events: Events, signal: str | None, ideal_supervised: bool) -> None:
    if signal is not None and signal not in train_events.classes:
        raise UserError(f"signal class {signal!r} is not there; choose from {', '.join(train_events.classes)}")
    if train_events.classes != val_events.classes:
        raise ValueError("training and validation events name different classes")
    for split, name, events in (("train", "training", train_events), ("val", "validation", val_events)):
        if len(events) < 2:
            raise UserError(f"there are {len(events)} background {name} events; raise dataset.split.{split}")
        if signal is not None and not ideal_supervised:
            count = int((events.labels == events.classes.index(signal)).sum())
            if count:
                raise ValueError(f"{count} {name} events are of the signal class {signal!r}; pass background only")
    shared = np.intersect1d(train_events.ids, val_events.ids)
    if len(shared):
        raise ValueError(f"{len(shared)} events are in both training and validation, as id {shared[0]}")


def _classes(train_events: Events, val_events: Events, loss: LossSettings) -> tuple[Events, NDArray[np.int64]]:
    # The classifier's outputs are the classes that training events have, numbered without gaps: held out or empty
    # ones must not leave an output behind that is never right. -1 marks those.
    present = np.unique(train_events.labels)
    codes = np.full(len(train_events.classes), -1, dtype=np.int64)
    codes[present] = np.arange(len(present))
    if len(present) < 2 and loss.name == "supcon":
        raise UserError(
            f"supcon contrasts classes, but all training events are of {train_events.classes[present[0]]!r}; "
            "use loss=simclr, which needs no labels"
        )
    known = codes[val_events.labels] >= 0
    if not known.all():
        names = sorted({val_events.classes[label] for label in val_events.labels[~known]})
        warnings.warn(
            f"no training event is of {', '.join(names)}; the validation leaves these classes out", UserWarning, 3
        )
        val_events = val_events.take(known)
    return val_events, codes


def _lightning(
    settings: TrainerSettings, folder: Path, callbacks: list[Callback], logger: LoggerSettings
) -> pl.Trainer:
    accelerator, _, number = settings.accelerator.partition(":")
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=[int(number)] if number else settings.devices,
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


def _fit(
    lightning: pl.Trainer, network: ContrastiveModule, data: EventData, state: Path | None, record: EpochRecord
) -> None:
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


def _say_where(lightning: pl.Trainer, state: Path | None) -> None:
    if not lightning.is_global_zero:
        return
    device = lightning.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    how = f", continuing {state}" if state else ""
    print(f"training on {lightning.num_devices} x {device.type} ({name}){how}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _torch_as_it_was() -> Iterator[None]:
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
def _quiet_lightning() -> Iterator[None]:
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

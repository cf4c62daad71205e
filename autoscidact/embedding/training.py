"""From background events to a checkpoint: the embedding's training."""

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback, EarlyStopping, RichProgressBar
from torch.nn import SyncBatchNorm

from autoscidact.data.contract import Events
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding.allocator import keep_freed_memory
from autoscidact.embedding.batch_norm import share_batch_norm
from autoscidact.embedding.batches import Batches, EventData
from autoscidact.embedding.callbacks import BoundedMemory, EpochRecord, ProgressLines, readable
from autoscidact.embedding.checkpoint import save
from autoscidact.embedding.fitting import fit, make_trainer, quiet_lightning, say_where, torch_as_it_was
from autoscidact.embedding.module import ContrastiveModule
from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings
from autoscidact.embedding.standardise import Standardisation
from autoscidact.embedding.streamed_batches import StreamedBatches
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
        waited: part of the training steps' time that went into waiting for events from disk.
    """

    checkpoint: Path
    best_epoch: int
    history: tuple[dict[str, float], ...]
    seconds: float
    waited: float = 0.0


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
    callbacks: list[Callback] = [record, BoundedMemory()]
    if trainer.patience is not None:
        callbacks.append(EarlyStopping("val/loss", patience=trainer.patience, check_finite=False))
    bar = sys.stderr.isatty() if progress is None else progress
    callbacks.append(RichProgressBar(refresh_rate=10) if bar else ProgressLines())

    with torch_as_it_was(), quiet_lightning():
        torch.manual_seed(seed)
        network = ContrastiveModule(backbone, encoder.dim, n_classes, loss, trainer, seed)
        train_data, val_data = (
            _batches(events, codes, standardisation, trainer, seed, reshuffle=events is train_events)
            for events in (train_events, val_events)
        )
        lightning = make_trainer(trainer, folder, callbacks, logger)
        keep_freed_memory()
        if lightning.world_size > 1:
            on_cpu = lightning.strategy.root_device.type == "cpu"
            network.encoder = (share_batch_norm if on_cpu else SyncBatchNorm.convert_sync_batchnorm)(network.encoder)
        if trainer.compile:
            network.encoder.compile()
        where = state if resume and readable(state, key) else None
        say_where(lightning, where)
        fit(lightning, network, EventData(train_data, val_data), where, record)

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
    waited = train_data.waited / train_data.taken if isinstance(train_data, StreamedBatches) else 0.0
    return TrainingResult(path, record.best_epoch, tuple(record.history), time.monotonic() - started, waited)


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


def _batches(
    events: Events,
    codes: NDArray[np.int64],
    standardisation: Standardisation,
    settings: TrainerSettings,
    seed: int,
    *,
    reshuffle: bool,
) -> Batches | StreamedBatches:
    features, labels = events.features, codes[events.labels]
    if not isinstance(features, ShardedArray):
        values = torch.from_numpy(standardisation.apply(features))
        return Batches(values, torch.from_numpy(labels), settings.batch_size, seed, reshuffle=reshuffle)
    return StreamedBatches(
        features,
        labels.astype(np.int8 if len(codes) < 128 else np.int64),
        settings.batch_size,
        seed,
        reshuffle=reshuffle,
        buffer=settings.shuffle_buffer,
        transform=standardisation.apply,
    )

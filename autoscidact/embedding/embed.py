"""Events through a trained encoder."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Dataset, Events, Features
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding.allocator import release_freed_memory
from autoscidact.embedding.checkpoint import Checkpoint
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError

# What a batch may take: images of 224 pixels come in hundreds, tables in thousands.
_BATCH_BYTES = 1 << 28

# Keeps the choice of training events apart from every other use of the same seed.
_STREAM = 0xE3BED


def embed(
    checkpoint: Checkpoint,
    features: Features | NDArray[np.floating],
    batch_size: int = 4096,
    device: str | torch.device = "cpu",
) -> NDArray[np.float32]:
    """h = f(x): (n, *input_shape) -> (n, d) float32, standardised as in the training.

    Raises:
        UserError: events of another shape than the encoder was trained on, or an embedding that is not finite.
    """
    if features.shape[1:] != checkpoint.input_shape:
        raise UserError(
            f"events have shape {features.shape[1:]}, but {checkpoint.path} was trained on {checkpoint.input_shape}"
        )
    batch_size = max(1, min(batch_size, _BATCH_BYTES // (4 * int(np.prod(checkpoint.input_shape)))))
    points = np.empty((len(features), checkpoint.dim), dtype=np.float32)
    encoder = checkpoint.encoder.to(device).eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(features), batch_size):
                rows = slice(start, start + batch_size)
                x = torch.from_numpy(checkpoint.standardisation.apply(features[rows])).to(device)
                points[rows] = encoder(x).float().cpu().numpy()
                release_freed_memory()
    finally:
        encoder.to("cpu")
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise UserError(f"{bad} of {len(points)} events have no finite embedding; check their features for outliers")
    return points


def embed_dataset(
    checkpoint: Checkpoint,
    dataset: Dataset,
    batch_size: int = 4096,
    device: str | torch.device = "cpu",
    rows: NDArray[np.int64] | None = None,
) -> EmbeddedEvents:
    """Events of a dataset as the table that the discovery starts from.

    Args:
        rows: of the dataset, rising; by default all, those of the training split included.
    """
    events, split = dataset.events, dataset.split
    if rows is not None:
        events, split = events.take(rows), split[rows]
    points = embed(checkpoint, events.features, batch_size, device)
    standardisation = checkpoint.standardisation
    provenance = {
        **checkpoint.metadata,
        "checkpoint": str(checkpoint.path),
        "standardisation": {"mean": standardisation.mean.tolist(), "scale": standardisation.scale.tolist()},
    }
    return _table(events, split, dataset.signal, points, tuple(f"h{i}" for i in range(checkpoint.dim)), provenance)


def rows_to_embed(dataset: Dataset, splits: tuple[str, ...], n_train: int | None, seed: int) -> NDArray[np.int64]:
    """(k,) rising: the events of the given splits, but of the training split at most `n_train`, drawn at random."""
    chosen = np.isin(dataset.split, [SPLITS.index(name) for name in SPLITS if name in splits])
    training = np.flatnonzero(chosen & (dataset.split == SPLITS.index("train")))
    if n_train is not None and n_train < len(training):
        rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM]))
        chosen[training] = False
        chosen[rng.choice(training, n_train, replace=False)] = True
    return np.flatnonzero(chosen)


def unembedded(dataset: Dataset) -> EmbeddedEvents:
    """Every event as it is, its features in a row: to compare with, or for data that are of few dimensions already.

    Raises:
        UserError: the features lie on disk, being too many for memory.
    """
    features = dataset.events.features
    if isinstance(features, ShardedArray):
        raise UserError(
            f"embedding=raw: the events of dataset={dataset.name} lie on disk and are too large to be tested"
        )
    points = features.reshape(len(features), -1)
    axes = dataset.events.feature_names or tuple(f"x{i}" for i in range(points.shape[1]))
    provenance = {"raw": True, "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint}}
    return _table(dataset.events, dataset.split, dataset.signal, points, axes, provenance)


def _table(
    events: Events,
    split: NDArray[np.int8],
    signal: str,
    points: NDArray[np.float32],
    axes: tuple[str, ...],
    provenance: dict[str, Any],
) -> EmbeddedEvents:
    observers = dict(events.observers)
    if events.stored_observers is not None:
        records = events.stored_observers[:]
        observers |= {name: np.ascontiguousarray(records[name]) for name in records.dtype.names}
    return EmbeddedEvents(
        points=points,
        labels=np.array(events.classes)[events.labels],
        ids=events.ids,
        weights=events.weights,
        splits=np.array(SPLITS)[split],
        signal=signal,
        axes=axes,
        provenance=provenance,
        observers=observers,
    )

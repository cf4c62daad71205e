"""Events through a trained encoder."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Dataset
from autoscidact.embedding.checkpoint import Checkpoint
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError


def embed(
    checkpoint: Checkpoint,
    features: NDArray[np.floating],
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
    points = np.empty((len(features), checkpoint.dim), dtype=np.float32)
    encoder = checkpoint.encoder.to(device).eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(features), batch_size):
                rows = slice(start, start + batch_size)
                x = torch.from_numpy(checkpoint.standardisation.apply(features[rows])).to(device)
                points[rows] = encoder(x).float().cpu().numpy()
    finally:
        encoder.to("cpu")
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise UserError(f"{bad} of {len(points)} events have no finite embedding; check their features for outliers")
    return points


def embed_dataset(
    checkpoint: Checkpoint, dataset: Dataset, batch_size: int = 4096, device: str | torch.device = "cpu"
) -> EmbeddedEvents:
    """Every event of a dataset, its training split included, as the table that the discovery starts from."""
    points = embed(checkpoint, dataset.events.features, batch_size, device)
    standardisation = checkpoint.standardisation
    provenance = {
        **checkpoint.metadata,
        "checkpoint": str(checkpoint.path),
        "standardisation": {"mean": standardisation.mean.tolist(), "scale": standardisation.scale.tolist()},
    }
    return _table(dataset, points, tuple(f"h{i}" for i in range(checkpoint.dim)), provenance)


def unembedded(dataset: Dataset) -> EmbeddedEvents:
    """Every event as it is, its features in a row: to compare with, or for data that are of few dimensions already."""
    points = dataset.events.features.reshape(len(dataset.events), -1)
    axes = dataset.events.feature_names or tuple(f"x{i}" for i in range(points.shape[1]))
    provenance = {"raw": True, "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint}}
    return _table(dataset, points, axes, provenance)


def _table(
    dataset: Dataset, points: NDArray[np.float32], axes: tuple[str, ...], provenance: dict[str, Any]
) -> EmbeddedEvents:
    events = dataset.events
    return EmbeddedEvents(
        points=points,
        labels=np.array(events.classes)[events.labels],
        ids=events.ids,
        weights=events.weights,
        splits=np.array(SPLITS)[dataset.split],
        signal=dataset.signal,
        axes=axes,
        provenance=provenance,
        observers=events.observers,
    )

"""What every dataset must satisfy before anything is trained or tested on it."""

import warnings

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Dataset
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.errors import UserError


def check_dataset(dataset: Dataset, source: str = "") -> Dataset:
    """Returns the dataset unchanged, or says in one line what is wrong with it.

    Constant features are kept, so that a table and its trained encoder keep their columns: standardisation gives them
    scale 1. In a table they are named in a warning; in images and series (no feature names) constant pixels are usual.

    Args:
        dataset: as a loader made it.
        source: what to name in messages, e.g. the file; by default the dataset's name.

    Raises:
        UserError: no events, a feature or weight that is NaN or infinite, a weight that is not positive, a missing
            label, a class with fewer than 2 events, a signal class that is not there, no background class, repeated
            ids, or features that are all constant.
    """
    source = source or f"dataset {dataset.name}"
    events = dataset.events
    if len(events) == 0:
        raise UserError(f"{source}: there are no events")
    if len(dataset.split) != len(events):
        raise ValueError(f"split has {len(dataset.split)} entries for {len(events)} events")
    if not np.isin(dataset.split, np.arange(len(SPLITS))).all():
        raise ValueError(f"split must index {SPLITS}")
    _check_labels(dataset, source)
    # What lies on disk was checked when it was prepared; reading it all for each command would take hours.
    if not isinstance(events.features, ShardedArray):
        _check_finite(events.features, events.feature_names, source)
        _check_constant(events.features[events.labels != dataset.signal_label], events.feature_names, source)
    _check_weights(dataset, source)
    _check_ids(dataset, source)
    return dataset


def _check_labels(dataset: Dataset, source: str) -> None:
    labels, classes = dataset.events.labels, dataset.events.classes
    missing = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(missing):
        raise UserError(
            f"{source}: {_rows(len(missing))} without a label, the first is row {missing[0] + 1}; "
            "give every event a class or leave the event out"
        )
    counts = np.bincount(labels, minlength=len(classes))
    small = [f"{classes[k]} ({counts[k]})" for k in np.flatnonzero(counts < 2)]
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        raise UserError(
            f"{source}: of {len(classes)} classes, {shown} have fewer than 2 events; add events or leave the class out"
        )
    if (labels == dataset.signal_label).all():
        raise UserError(f"{source}: every event is of the signal class {dataset.signal!r}; background is needed too")


def _check_finite(features: NDArray[np.float32], feature_names: tuple[str, ...], source: str) -> None:
    features = features.reshape(len(features), -1)
    if features.shape[1] == 0:
        raise UserError(f"{source}: there are no features")
    # One pass without a table-sized temporary: a sum is finite unless a term is not, or it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(features.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(features)
    if not bad.any():
        return
    rows = np.flatnonzero(bad.any(axis=1))
    counts = bad.sum(axis=0)
    columns = np.flatnonzero(counts)
    names = feature_names or [f"value {k}" for k in range(features.shape[1])]
    shown = ", ".join(f"{names[k]} ({_rows(int(counts[k]))})" for k in columns[:5])
    more = f" and {len(columns) - 5} more features" if len(columns) > 5 else ""
    raise UserError(
        f"{source}: NaN or infinite values in {shown}{more}, the first in row {rows[0] + 1}; "
        "fill them in or leave those events or features out"
    )


def _check_weights(dataset: Dataset, source: str) -> None:
    weights = dataset.events.weights
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(bad):
        raise UserError(
            f"{source}: {_rows(len(bad))} with an event weight that is not positive and finite, "
            f"the first is row {bad[0] + 1} ({weights[bad[0]]:g}); events are drawn in proportion to their weights"
        )


def _check_ids(dataset: Dataset, source: str) -> None:
    ids = np.sort(dataset.events.ids)
    repeated = ids[1:][ids[1:] == ids[:-1]]
    if len(repeated):
        raise UserError(
            f"{source}: event id {repeated[0]} occurs more than once ({_rows(len(repeated))} repeat an id); "
            "ids keep the splits apart, so each must be unique"
        )


def _check_constant(background: NDArray[np.float32], feature_names: tuple[str, ...], source: str) -> None:
    background = background.reshape(len(background), -1)
    constant = np.flatnonzero(background.max(axis=0) == background.min(axis=0))
    if len(constant) == background.shape[1]:
        raise UserError(f"{source}: every feature is constant over the background; nothing can be learnt from them")
    if len(constant) and feature_names:
        names = ", ".join(feature_names[k] for k in constant)
        warnings.warn(f"{source}: constant over the background: {names}", UserWarning, stacklevel=4)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def whole_setting(key: str, value: object, least: int) -> int:
    """`dataset.KEY` as a whole number. Raises UserError if it is none, or below `least`."""
    # Hydra reads 1e4 as a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < least:
        raise UserError(f"dataset.{key}={value}: give a whole number of at least {least}")
    return int(value)

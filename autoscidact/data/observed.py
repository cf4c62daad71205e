"""Observed data: events without labels, in the form of a dataset's own."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Dataset, Events
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.data.tables import check_columns, plain_column, read_table
from autoscidact.errors import UserError

OBSERVED = "observed"
"""Class name of observed events."""

_CHUNK_BYTES = 1 << 28
"""Of the dataset's events that are read at a time."""

_ENOUGH = 5000

UNITS_FACTOR = 100.0
"""Features whose spread differs by more than this in the observed data are in other units."""


def observed_table(
    path: str | Path, feature_names: Sequence[str], observers: Sequence[str] = (), id: str | None = None
) -> Events:
    """Observed events of a table in any format that `read_table` knows; other columns are ignored, labels too.

    Args:
        feature_names: columns that the encoder sees. observers: columns kept for people, where the file has them.
        id: column of unique whole numbers; by default the row's number from 0.

    Raises:
        UserError: what is wrong with which file and column.
    """
    path = Path(path).expanduser()
    table = read_table(path)
    check_columns(path, table, feature_names)
    text = [name for name in feature_names if not pd.api.types.is_numeric_dtype(table[name])]
    if text:
        raise UserError(f"{path}: column {text[0]!r} is not numeric and cannot be a feature")
    with np.errstate(over="ignore"):
        features = table[list(feature_names)].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    ids = np.arange(len(table), dtype=np.int64)
    if id is not None:
        check_columns(path, table, [id])
        if not pd.api.types.is_integer_dtype(table[id]) or table[id].isna().any():
            raise UserError(f"{path}: dataset.id={id}: ids must be whole numbers")
        ids = table[id].to_numpy(dtype=np.int64)
    kept = {name: plain_column(table[name]) for name in observers if name in table.columns}
    return observed_events(features, ids, kept, tuple(feature_names))


def observed_array(path: str | Path, shape: tuple[int, ...]) -> Events:
    """Observed images or series: an NPY file of (n, *shape), never unpickled.

    Raises:
        UserError: the file cannot be read, or holds events of another shape.
    """
    path = Path(path).expanduser()
    if path.suffix != ".npy":
        raise UserError(f"{path}: events without named features come as an NPY array of shape {_shape(shape)}")
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read ({str(error)[:200]})") from error
    if values.shape[1:] != shape or values.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: holds {values.dtype} of shape {values.shape}; it must be numbers of shape {_shape(shape)}"
        )
    return observed_events(values.astype(np.float32), np.arange(len(values), dtype=np.int64), {}, ())


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['n', *map(str, shape)])})"


def observed_events(
    features: NDArray[np.float32],
    ids: NDArray[np.int64],
    observers: dict[str, NDArray[np.generic]],
    feature_names: tuple[str, ...],
) -> Events:
    """Events of the one class "observed", each of weight 1."""
    n = len(features)
    return Events(features, np.zeros(n, np.int64), (OBSERVED,), ids, np.ones(n), feature_names, observers)


def check_observed(observed: Events, dataset: Dataset, source: str) -> Events:
    """Returns the observed events unchanged, or says in one line why they cannot be tested.

    Raises:
        UserError: no events, NaN, an id twice, features on another scale than the dataset's (other units), or events
            that the dataset holds as well: the encoder has seen them, or the reference holds them.
    """
    if len(observed) == 0:
        raise UserError(f"{source}: there are no events to test; look at the selection and at the file")
    if observed.features.shape[1:] != dataset.events.features.shape[1:]:
        raise UserError(
            f"{source}: events have shape {observed.features.shape[1:]}, dataset {dataset.name} has "
            f"{dataset.events.features.shape[1:]}"
        )
    flat = observed.features[:].reshape(len(observed), -1)
    names = observed.feature_names or tuple(f"value {k}" for k in range(flat.shape[1]))
    bad = ~np.isfinite(flat)
    if bad.any():
        shown = ", ".join(names[k] for k in np.flatnonzero(bad.any(axis=0))[:5])
        rows = np.flatnonzero(bad.any(axis=1))
        raise UserError(
            f"{source}: NaN or infinite values in {shown}, in {_events(len(rows))}, the first is event {rows[0] + 1}; "
            "leave them out"
        )
    unique, counts = np.unique(observed.ids, return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{source}: {_events(int((counts - 1).sum()))} with an id that is there already, the first is "
            f"{unique[counts > 1][0]}; an event that is there twice looks like an excess: keep one of each"
        )
    _check_units(flat, dataset, names, source)
    _check_unseen(flat, dataset, source)
    return observed


def check_new_ids(observed: Events, dataset: Dataset, source: str) -> None:
    """Checks that no observed event is one of the dataset's, by ids that name events and do not only number rows.

    Features alone do not tell where they were rounded, or calibrated anew.

    Raises:
        UserError: says how many ids are known, of which splits.
    """
    known = np.isin(dataset.events.ids, observed.ids)
    if known.any():
        counts = [(name, int((dataset.split[known] == k).sum())) for k, name in enumerate(SPLITS)]
        where = ", ".join(f"{count} in its {name} split" for name, count in counts if count)
        raise UserError(
            f"{source}: {int(known.sum())} of {len(observed)} observed events have the id of an event of dataset "
            f"{dataset.name}, {where}, the first is {dataset.events.ids[known].min()}; leave them out, or give "
            "different events different ids"
        )


def _check_units(flat: NDArray[np.float32], dataset: Dataset, names: tuple[str, ...], source: str) -> None:
    features = dataset.subset("train", "background").features
    # The spread of so many is known well enough where they are on disk.
    enough = min(_ENOUGH, _rows_at_a_time(flat.shape[1]))
    background = features[:: -(-len(features) // enough)] if isinstance(features, ShardedArray) else features
    if len(flat) < 10 or len(background) < 10:
        return
    here, there = _spread(flat), _spread(background.reshape(len(background), -1))
    varying = (here > 0) & (there > 0)
    ratio = np.where(varying, here / np.where(varying, there, 1), 1.0)
    off = (ratio > UNITS_FACTOR) | (ratio < 1 / UNITS_FACTOR)
    if varying.any() and off.sum() * 2 > varying.sum():
        k = int(np.flatnonzero(off)[0])
        raise UserError(
            f"{source}: {int(off.sum())} of {len(names)} features spread {np.median(ratio[off]):.3g} times as wide as "
            f"in dataset {dataset.name} (the first is {names[k]}): the file is in other units; convert it"
        )
    if off.any() and dataset.events.feature_names:
        shown = ", ".join(names[k] for k in np.flatnonzero(off)[:5])
        warnings.warn(
            f"{source}: {shown} spread{'s' if off.sum() == 1 else ''} {np.median(ratio[off]):.3g} times as wide as in "
            f"dataset {dataset.name}; look whether the units are the same",
            UserWarning,
            stacklevel=3,
        )


def _events(n: int) -> str:
    return "1 event" if n == 1 else f"{n} events"


def _spread(values: NDArray[np.float32]) -> NDArray[np.float64]:
    low, high = np.quantile(values.astype(np.float64), [0.16, 0.84], axis=0)
    return np.asarray(high - low)


def _check_unseen(flat: NDArray[np.float32], dataset: Dataset, source: str) -> None:
    here, known = _keys(flat), dataset.events.features
    rows = _rows_at_a_time(flat.shape[1])
    starts = range(0, len(known), rows)
    there = np.concatenate([_keys(known[start : start + rows].reshape(-1, flat.shape[1])) for start in starts])
    seen = np.isin(here, there)
    # Rows of few values coincide by chance, as letters drawn on a grid do: not a leak, and not to be refused.
    by_chance = 1 - len(np.unique(there)) / len(there)
    if seen.mean() > max(0.0, 2 * by_chance):
        trained = int((dataset.split[np.isin(there, here)] < 2).sum())
        where = f"{trained} of them in its training and validation splits" if trained else "all in its test split"
        raise UserError(
            f"{source}: {int(seen.sum())} of {len(flat)} observed events are in dataset {dataset.name}, {where}; "
            "observed data must be events that neither the encoder nor the reference holds"
        )
    repeats = len(here) - len(np.unique(here))
    if repeats > 2 * by_chance * len(here):
        warnings.warn(
            f"{source}: {_events(repeats)} with the features of another one; an event that is there "
            "twice looks like an excess",
            UserWarning,
            stacklevel=3,
        )


def _rows_at_a_time(columns: int) -> int:
    return max(1, _CHUNK_BYTES // (columns * np.dtype(np.float32).itemsize))


def _keys(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(n, k) to (n,) hashes of the rows."""
    # Minus zero equals zero, but not byte by byte.
    table = pd.DataFrame(np.asarray(values, dtype=np.float32) + np.float32(0))
    return np.asarray(pd.util.hash_pandas_object(table, index=False), dtype=np.uint64)

"""Bring your own events: a table with a label column."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import Dataset, Events, Split
from autoscidact.data.labels import class_name, encode_labels
from autoscidact.data.splits import stratified_split
from autoscidact.data.tables import plain_column, read_table
from autoscidact.errors import UserError


def load(
    *,
    name: str,
    signal: str | int | None,
    split: Mapping[Split, float],
    seed: int,
    path: str | None,
    label: str | int | None,
    features: Sequence[str] | str | None = None,
    observers: Sequence[str] | str = (),
    weight: str | None = None,
    id: str | None = None,
) -> Dataset:
    """Events of a CSV, TSV, Parquet, HDF5, NPZ or NPY file; see `read_table` for what each may hold.

    Args:
        signal: the class held out; "none" holds out none, for a search without a signal sample.
        split, seed: see `stratified_split`.
        path: the file, relative to the current folder.
        label: column with the class of each event; a column number for a two-dimensional NPY array.
        features: columns the encoder sees; by default every numeric column that has no other use.
        observers: columns kept for people, never shown to the encoder or the test.
        weight: column of positive event weights; by default all are 1.
        id: column of unique whole numbers; by default the row number from 0.

    Raises:
        UserError: the file cannot be read, a column is not there or of the wrong type, or the events fail a check.
    """
    if not _given(path):
        raise UserError("dataset=custom needs a file: give dataset.path=FILE (CSV, TSV, Parquet, HDF5, NPZ or NPY)")
    file = Path(str(path)).expanduser()
    if not file.exists():
        raise UserError(f"{file}: no such file; give an existing one with dataset.path=FILE")
    table = read_table(file)
    if not _given(label):
        raise UserError(f"{file}: say which column holds the classes, dataset.label=COLUMN; there are {_some(table)}")

    label_column = _column(table, label, "dataset.label", file)
    weight_column = None if weight is None else _column(table, weight, "dataset.weight", file)
    id_column = None if id is None else _column(table, id, "dataset.id", file)
    observer_columns = [_column(table, column, "dataset.observers", file) for column in _names(observers)]
    if features is None:
        reserved = {label_column, weight_column, id_column, *observer_columns}
        feature_columns = _numeric_columns(table.drop(columns=[c for c in reserved if c is not None]), file)
    else:
        feature_columns = [_column(table, column, "dataset.features", file) for column in _names(features)]
        if label_column in feature_columns:
            raise UserError(f"{file}: {label_column!r} is the label; take it out of dataset.features")
    if not feature_columns:
        raise UserError(f"{file}: no numeric column is left as a feature; name some with dataset.features=[...]")

    labels, classes = encode_labels(table[label_column])
    if not _given(signal) and classes:
        shown = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        raise UserError(f"{file}: say which class to hold out, dataset.signal=CLASS; there are {shown}")
    events = Events(
        features=_features(table, feature_columns, file),
        labels=labels,
        classes=classes,
        ids=np.arange(len(table), dtype=np.int64) if id_column is None else _ids(table, id_column, file),
        weights=np.ones(len(table)) if weight_column is None else _numbers(table, weight_column, "weight", file),
        feature_names=tuple(feature_columns),
        observers={column: plain_column(table[column]) for column in observer_columns},
    )
    return check_dataset(Dataset(name, events, class_name(signal), stratified_split(labels, split, seed)), str(file))


def _given(value: object) -> bool:
    # "???" is how Hydra writes a value that the user must supply.
    return value is not None and value != "???" and value != ""


def _names(columns: Sequence[str] | str) -> list[str]:
    names = [columns] if isinstance(columns, str) else [str(column) for column in columns]
    return list(dict.fromkeys(names))


def _some(table: pd.DataFrame) -> str:
    return ", ".join(table.columns[:30]) + (f", ... ({len(table.columns)} in all)" if len(table.columns) > 30 else "")


def _column(table: pd.DataFrame, column: object, key: str, file: Path) -> str:
    if (name := str(column)) in table.columns:
        return name
    lower = {existing.lower(): existing for existing in table.columns}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1)
    hint = f"did you mean {lower[near[0]]!r}? " if near else ""
    raise UserError(f"{file}: {key}: there is no column {name!r}; {hint}there are {_some(table)}")


def _is_number(column: pd.Series) -> bool:  # type: ignore[type-arg]
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)


def _numeric_columns(table: pd.DataFrame, file: Path) -> list[str]:
    numeric = [column for column in table.columns if _is_number(table[column])]
    other = [column for column in table.columns if column not in numeric]
    if other:
        warnings.warn(f"{file}: not numeric, so not used as features: {', '.join(other)}", UserWarning, stacklevel=3)
    # A row counter in a file sorted by class gives the class away.
    counters = [column for column in numeric if _counts_rows(table[column])]
    if counters:
        warnings.warn(
            f"{file}: only counts the rows, so not used as a feature: {', '.join(counters)}", UserWarning, stacklevel=3
        )
    return [column for column in numeric if column not in counters]


def _counts_rows(column: pd.Series) -> bool:  # type: ignore[type-arg]
    if len(column) < 3 or not pd.api.types.is_integer_dtype(column.dtype) or column.isna().any():
        return False
    values = column.to_numpy()
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all())


def _features(table: pd.DataFrame, columns: list[str], file: Path) -> NDArray[np.float32]:
    wide = np.stack([_numbers(table, column, "feature", file) for column in columns], axis=1)
    with np.errstate(over="ignore"):
        features = wide.astype(np.float32)
    lost = np.flatnonzero((np.isinf(features) & np.isfinite(wide)).any(axis=0))
    if len(lost):
        raise UserError(f"{file}: {columns[lost[0]]!r} has values beyond 3.4e38, too large for float32; rescale it")
    return features


def _numbers(table: pd.DataFrame, column: str, use: str, file: Path) -> NDArray[np.float64]:
    if not _is_number(table[column]):
        raise UserError(f"{file}: column {column!r} is not numeric and cannot be a {use}")
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _ids(table: pd.DataFrame, column: str, file: Path) -> NDArray[np.int64]:
    values = table[column]
    whole = pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any()
    if not whole or int(values.max()) > np.iinfo(np.int64).max:
        raise UserError(f"{file}: dataset.id={column}: ids must be whole numbers below 2**63; leave dataset.id out")
    return values.to_numpy(dtype=np.int64)

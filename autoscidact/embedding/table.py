"""The table of embedded events: where the discovery starts, whether the embedding is ours or the user's own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from autoscidact.data.contract import NO_SIGNAL, SPLITS
from autoscidact.data.labels import encode_labels
from autoscidact.data.tables import check_columns, plain_column, read_table
from autoscidact.errors import UserError
from autoscidact.files import atomic_path

_KEY = b"autoscidact"
_FORMAT = 1
_OBSERVER = "observer:"


@dataclass(frozen=True)
class EmbeddedEvents:
    """Labelled points.

    Attributes:
        points: (n, d) float32.
        labels: (n,) class names.
        ids: (n,) int64, unique.
        weights: (n,) float64, positive.
        splits: (n,) each of "train", "val", "test".
        signal: the class held out of the training; None if the file does not say.
        axes: d names.
        provenance: how the points were made, as a checkpoint's metadata.
        observers: name to (n,) quantities kept for people.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.str_]
    ids: NDArray[np.int64]
    weights: NDArray[np.float64]
    splits: NDArray[np.str_]
    signal: str | None
    axes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    observers: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.points), len(self.labels), len(self.ids), len(self.weights), len(self.splits)}
        if len(lengths) != 1:
            raise ValueError(f"points, labels, ids, weights and splits differ in length: {sorted(lengths)}")
        if self.points.shape[1:] != (len(self.axes),):
            raise ValueError(f"points of shape {self.points.shape} do not fit {len(self.axes)} axes")

    def __len__(self) -> int:
        return len(self.points)

    def take(self, index: NDArray[np.generic]) -> "EmbeddedEvents":
        """The events at `index` (integers or a mask)."""
        return EmbeddedEvents(
            points=self.points[index],
            labels=self.labels[index],
            ids=self.ids[index],
            weights=self.weights[index],
            splits=self.splits[index],
            signal=self.signal,
            axes=self.axes,
            provenance=self.provenance,
            observers={name: values[index] for name, values in self.observers.items()},
        )


def write_embedding(path: str | Path, events: EmbeddedEvents) -> Path:
    """Writes Parquet: `id` int64, `label` string, `split` string, `weight` float64, then one float32 column an axis.

    Observers follow as columns `observer:NAME`. The file's key-value metadata hold, under `autoscidact`, JSON with
    `format`, `signal`, `axes`, `observers` and `provenance`.
    """
    path = Path(path)
    columns: dict[str, Any] = {
        "id": pa.array(events.ids, pa.int64()),
        "label": pa.array(events.labels.tolist(), pa.string()),
        "split": pa.array(events.splits.tolist(), pa.string()),
        "weight": pa.array(events.weights, pa.float64()),
    }
    for i, axis in enumerate(events.axes):
        columns[axis] = pa.array(np.ascontiguousarray(events.points[:, i]), pa.float32())
    for name, values in events.observers.items():
        columns[f"{_OBSERVER}{name}"] = pa.array(values if values.dtype.kind in "biuf" else values.tolist())
    header = {
        "format": _FORMAT,
        "signal": events.signal,
        "axes": list(events.axes),
        "observers": list(events.observers),
        "provenance": dict(events.provenance),
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True).encode()})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
    return path


def read_embedding(
    path: str | Path, label: str | None = None, signal: str | None = None, observers: Sequence[str] = ()
) -> EmbeddedEvents:
    """Reads embedded events: a file of `write_embedding`, or a user's own in any format that `read_table` knows.

    A user's own file has one row an event, a column of labels, optionally the columns `id`, `split` (train, val,
    test) and `weight`; every other numeric column is an axis of the embedding. Without `split` all are "test".

    Args:
        label: the column of labels, "label" if not given.
        signal: the class to look for; None takes what the file says.
        observers: columns of a user's own file that are kept for people and are no axes.

    Raises:
        UserError: what is wrong with which file and column.
    """
    path = Path(path).expanduser()
    table = read_table(path)
    header = _header(path)
    label = label or "label"
    if label not in table:
        raise UserError(f"{path}: there is no column {label!r} of labels; choose dataset.label from {_names(table)}")
    codes, classes = encode_labels(table[label])
    if (codes < 0).any():
        raise UserError(f"{path}: {int((codes < 0).sum())} rows have no label in column {label!r}")
    recorded = header.get("signal")
    if signal is not None and signal not in (*classes, NO_SIGNAL):
        raise UserError(f"{path}: signal class {signal!r} is not there; choose from {', '.join(classes)}")
    held_out = not header.get("provenance", {}).get("ideal_supervised")
    if signal is not None and recorded not in (None, signal) and held_out:
        raise UserError(
            f"{path}: the embedding was trained with {recorded!r} held out, so {signal!r} is no novelty to it; "
            f"set dataset.signal={recorded}"
        )
    kept = {f"{_OBSERVER}{name}": name for name in header["observers"]} if header.get("observers") else {}
    kept = kept or {name: name for name in observers}
    check_columns(path, table, kept)
    axes = tuple(header["axes"]) if "axes" in header else _axes(path, table, label, observers)
    return EmbeddedEvents(
        points=_numbers(path, table, axes),
        labels=np.array(classes)[codes],
        ids=_ids(path, table),
        weights=_weights(path, table),
        splits=_splits(path, table),
        signal=signal if signal is not None else recorded,
        axes=axes,
        provenance=header.get("provenance", {"file": str(path)}),
        observers={name: plain_column(table[column]) for column, name in kept.items()},
    )


def _header(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".parquet", ".pq"):
        return {}
    text = (pq.read_schema(path).metadata or {}).get(_KEY)
    if text is None:
        return {}
    try:
        header = dict(json.loads(text))
    except ValueError as error:
        raise UserError(f"{path}: its metadata are damaged ({error}); embed the events again") from error
    if header.get("format") != _FORMAT:
        raise UserError(f"{path}: has format {header.get('format')}, this version reads {_FORMAT}")
    return header


def _axes(path: Path, table: pd.DataFrame, label: str, observers: Sequence[str]) -> tuple[str, ...]:
    others = [name for name in table.columns if name not in (label, "id", "split", "weight", *observers)]
    axes = tuple(name for name in others if pd.api.types.is_numeric_dtype(table[name]))
    if not axes:
        raise UserError(f"{path}: no numeric column is left for the embedding's axes, only {_names(table)}")
    return axes


def _numbers(path: Path, table: pd.DataFrame, axes: tuple[str, ...]) -> NDArray[np.float32]:
    check_columns(path, table, axes)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which the next lines report
        points = table[list(axes)].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    bad = ~np.isfinite(points)
    if bad.any():
        names = ", ".join(axes[i] for i in np.flatnonzero(bad.any(axis=0)))
        raise UserError(f"{path}: {int(bad.any(axis=1).sum())} rows have NaN or infinite values in {names}")
    return points


def _ids(path: Path, table: pd.DataFrame) -> NDArray[np.int64]:
    if "id" not in table:
        return np.arange(len(table), dtype=np.int64)
    if not pd.api.types.is_integer_dtype(table["id"]) or table["id"].isna().any():
        raise UserError(f"{path}: column 'id' must hold whole numbers")
    ids: NDArray[np.int64] = table["id"].to_numpy(dtype=np.int64)
    if len(np.unique(ids)) != len(ids):
        raise UserError(f"{path}: column 'id' repeats {len(ids) - len(np.unique(ids))} values; ids must be unique")
    return ids


def _weights(path: Path, table: pd.DataFrame) -> NDArray[np.float64]:
    if "weight" not in table:
        return np.ones(len(table))
    if not pd.api.types.is_numeric_dtype(table["weight"]):
        raise UserError(f"{path}: column 'weight' must hold numbers")
    weights: NDArray[np.float64] = table["weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise UserError(f"{path}: column 'weight' must hold positive finite numbers")
    return weights


def _splits(path: Path, table: pd.DataFrame) -> NDArray[np.str_]:
    if "split" not in table:
        return np.full(len(table), "test")
    splits = table["split"].astype(str).to_numpy(dtype=str)
    unknown = sorted(set(splits) - set(SPLITS))
    if unknown:
        raise UserError(f"{path}: column 'split' holds {', '.join(unknown[:5])}; allowed are {', '.join(SPLITS)}")
    return splits


def _names(table: pd.DataFrame) -> str:
    names = list(table.columns)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")

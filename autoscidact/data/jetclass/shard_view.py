"""Prepared jets: shards on disk, of which labels alone are in memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.layout import CLASSES, N_CHANNELS
from autoscidact.data.jetclass.shard_index import INDEX
from autoscidact.data.jetclass.shard_recipe import (
    ENTRY_BITS,
    FORMAT,
    LABELS,
    OBSERVED,
    OBSERVED_TYPE,
    PARTICLES,
    RECORD,
)
from autoscidact.data.sharded_array import Rows, ShardedArray
from autoscidact.errors import UserError


@dataclass(frozen=True)
class JetShards:
    """Prepared jets.

    Attributes:
        particles: (n, 22, n_particles) float32, see `Jets.particles`.
        observed: (n,) records: `entry`, the row of the file, and what `OBSERVERS` lists.
        labels: (n,) int8, index into `classes`; one byte a jet is all that is kept in memory.
        classes: names.
        bounds: (shards + 1,) first row of each shard, and n: what lies between two of them is read fastest together.
        files: name of the file that each shard comes from.
        sha256: of that file.
        first_rows: (shards,) the row of that file from which the shard's go on without a gap; -1 where they have gaps.
    """

    particles: ShardedArray
    observed: ShardedArray
    labels: NDArray[np.int8]
    classes: tuple[str, ...]
    bounds: NDArray[np.int64]
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    first_rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def ids(self, rows: Rows = slice(None)) -> NDArray[np.int64]:
        """(k,) ids that depend on the file's content and the row alone: the same jet has the same in any folder."""
        index = np.arange(len(self))[rows if isinstance(rows, slice) else np.atleast_1d(rows)]
        shard = np.searchsorted(self.bounds, index, side="right") - 1
        entries = self.first_rows[shard] + index - self.bounds[shard]
        gaps = self.first_rows[shard] < 0
        entries[gaps] = self.observed[index[gaps]]["entry"]
        return np.asarray((self._codes[shard] << ENTRY_BITS) | entries)

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        return np.array([int(sha256, 16) >> (256 - (63 - ENTRY_BITS)) for sha256 in self.sha256], dtype=np.int64)


def open_shards(
    folder: str | Path, classes: Sequence[str] | None = None, wanted: Callable[[str], bool] | None = None
) -> JetShards:
    """Opens what `write_shards` wrote; reads the labels and nothing else.

    Args:
        folder: of the shards.
        classes: which jets to see, and the order of their labels; all of `CLASSES` by default, even if one is empty.
        wanted: whether a file of this name belongs here; all by default.

    Raises:
        UserError: the index or a shard is missing, damaged or of another version; a class is unknown or has no jets.
    """
    folder = Path(folder)
    index = _read_index(folder)
    unknown = [name for name in classes or () if name not in CLASSES]
    if unknown:
        raise UserError(f"JetClass has no class {', '.join(unknown)}; choose from {', '.join(CLASSES)}")
    number = np.full(len(CLASSES), -1, dtype=np.int8)
    names = tuple(classes or CLASSES)
    for k, name in enumerate(names):
        number[CLASSES.index(name)] = k
    shards, chosen, labels = [], [], []
    for shard in index["shards"]:
        present = number[np.flatnonzero(shard["counts"])]
        if (wanted is not None and not wanted(shard["file"])) or not (present >= 0).any():
            continue
        label = number[_labels(folder, shard)]
        keep = None if (present >= 0).all() else np.flatnonzero(label >= 0)
        shards.append(shard)
        chosen.append(keep)
        labels.append(label if keep is None else label[keep])
    label = np.concatenate(labels) if labels else np.zeros(0, dtype=np.int8)
    empty = [name for name, n in zip(names, np.bincount(label, minlength=len(names)), strict=True) if n == 0]
    if (classes and empty) or len(label) == 0:
        raise UserError(f"{folder}: no jets of {', '.join(empty)} in the files chosen; prepare files that hold them")
    bounds = np.concatenate([[0], np.cumsum([len(values) for values in labels])]).astype(np.int64)

    def sharded(suffix: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> ShardedArray:
        paths = tuple(folder / (shard["name"] + suffix) for shard in shards)
        return ShardedArray(paths, bounds, tuple(chosen), row_shape, dtype)

    return JetShards(
        particles=sharded(PARTICLES, (N_CHANNELS, index["n_particles"]), np.dtype("<f4")),
        observed=sharded(OBSERVED, (), OBSERVED_TYPE),
        labels=label,
        classes=names,
        bounds=bounds,
        files=tuple(shard["file"] for shard in shards),
        sha256=tuple(shard["sha256"] for shard in shards),
        first_rows=np.array(
            [
                shard["rows"][0] if keep is None and shard["rows"][1] - shard["rows"][0] == shard["n"] else -1
                for shard, keep in zip(shards, chosen, strict=True)
            ],
            dtype=np.int64,
        ),
    )


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    if not path.is_file():
        raise UserError(f"{path}: no such file; make it with autoscidact prepare dataset=jetclass")
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, shards = index["format"], index["shards"]
        needed = {"name", "file", "sha256", "rows", "n", "counts", "bytes"}
        whole = isinstance(index["n_particles"], int) and all(needed <= shard.keys() for shard in shards)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged; prepare the dataset again") from error
    if version != FORMAT or not whole:
        raise UserError(f"{path}: of another version or damaged; prepare the dataset again")
    return index


def _labels(folder: Path, shard: dict[str, Any]) -> NDArray[np.int8]:
    base = folder / shard["name"]
    particles = base.with_name(base.name + PARTICLES)
    try:
        found = np.load(base.with_name(base.name + LABELS), allow_pickle=False)
        whole = len(found) == shard["n"] and particles.stat().st_size == shard["bytes"]
    except (OSError, ValueError, EOFError):
        whole = False
    if not whole or found.dtype != np.int8 or found.max(initial=0) >= len(CLASSES) or found.min(initial=0) < 0:
        record = base.with_name(base.name + RECORD)
        raise UserError(f"{particles}: this shard is not whole; delete {record.name} beside it and prepare again")
    labels: NDArray[np.int8] = found
    return labels

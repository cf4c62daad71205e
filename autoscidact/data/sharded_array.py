"""Arrays in several files, seen as one that is read only where it is indexed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import array_hash, content_hash

Rows = int | slice | NDArray[Any] | Sequence[int]


@dataclass(frozen=True)
class ShardedArray:
    """Arrays in several files, one after the other along their first axis.

    Indexed by one row, a slice, integers in any order or a mask, it returns an array in memory that holds these rows
    and no others. Files are mapped for the time of one access, so memory does not grow with what was read before;
    rows of one shard are read together, in the order of the file.

    Attributes:
        paths: of the .npy files.
        bounds: (shards + 1,) first row of each shard, and the number of all rows.
        chosen: for each shard, the rows of its file that belong here, rising; None for all.
        row_shape: shape of a row.
        dtype: of the files.
    """

    paths: tuple[Path, ...]
    bounds: NDArray[np.int64]
    chosen: tuple[NDArray[np.int64] | None, ...]
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @cached_property
    def fingerprint(self) -> str:
        """Of the files' names, which change with their content, and of the rows; no file is read."""
        rows = ["all" if rows is None else array_hash(rows) for rows in self.chosen]
        return content_hash([[path.name for path in self.paths], rows, self.row_shape, self.dtype.descr], 16)

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def __getitem__(self, rows: Rows) -> Any:
        if isinstance(rows, (int, np.integer)):
            return self[np.array([rows])][0]
        index = self._index(rows)
        out = np.empty((len(index), *self.row_shape), dtype=self.dtype)
        order = np.argsort(index, kind="stable")
        index = index[order]
        edges = np.searchsorted(index, self.bounds)
        for shard in np.flatnonzero(np.diff(edges)):
            here = slice(edges[shard], edges[shard + 1])
            local = index[here] - self.bounds[shard]
            chosen = self.chosen[shard]
            out[order[here]] = _read(self.paths[shard], local if chosen is None else chosen[local])
        return out

    def select(self, rows: NDArray[Any]) -> "ShardedArray":
        """The same array with fewer rows; nothing is read.

        Args:
            rows: a mask, or integers that rise: an order of its own would have to be kept in memory.
        """
        index = self._index(rows)
        if len(index) and (np.diff(index) <= 0).any():
            raise ValueError("rows to select must rise")
        edges = np.searchsorted(index, self.bounds)
        paths, chosen = [], []
        for shard in np.flatnonzero(np.diff(edges)):
            local = index[edges[shard] : edges[shard + 1]] - self.bounds[shard]
            before = self.chosen[shard]
            whole = len(local) == self.bounds[shard + 1] - self.bounds[shard]
            paths.append(self.paths[shard])
            chosen.append(before if whole else local if before is None else before[local])
        bounds = np.concatenate([[0], np.cumsum(np.diff(edges)[np.diff(edges) > 0])]).astype(np.int64)
        return replace(self, paths=tuple(paths), bounds=bounds, chosen=tuple(chosen))

    def _index(self, rows: slice | NDArray[Any] | Sequence[int]) -> NDArray[np.int64]:
        n = len(self)
        if isinstance(rows, slice):
            return np.arange(*rows.indices(n))
        index = np.asarray(rows)
        if index.dtype == bool:
            if index.shape != (n,):
                raise IndexError(f"a mask of shape {index.shape} for {n} rows")
            return np.flatnonzero(index)
        if index.size == 0:
            return np.zeros(0, dtype=np.int64)
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
            raise IndexError(f"rows are integers in one dimension, not {index.dtype} of shape {index.shape}")
        if index.min() < -n or index.max() >= n:
            raise IndexError(f"rows {index.min()} to {index.max()} of {n}")
        return np.where(index < 0, index + n, index).astype(np.int64)


def taken(array: NDArray[Any] | ShardedArray, rows: NDArray[Any]) -> Any:
    """Rows of an array: a copy of those in memory, the same view with fewer rows of those on disk."""
    return array.select(rows) if isinstance(array, ShardedArray) else array[rows]


def _read(path: Path, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Rows, in rising order, of a .npy file."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        in_one_piece = np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        # A slice is copied once, by the caller.
        return mapped[rows[0] : rows[0] + len(rows)] if in_one_piece else mapped[rows]
    except (OSError, ValueError, IndexError, EOFError) as error:
        raise UserError(f"{path}: missing or damaged; delete it and prepare the dataset again") from error

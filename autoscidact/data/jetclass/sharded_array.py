"""Arrays in several files, seen as one that is read only where it is indexed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

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


def _read(path: Path, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Rows, in rising order, of a .npy file."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        in_one_piece = np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        # A slice is copied once, by the caller.
        return mapped[rows[0] : rows[0] + len(rows)] if in_one_piece else mapped[rows]
    except (OSError, ValueError, IndexError, EOFError) as error:
        raise UserError(f"{path}: missing or damaged; delete it and prepare the dataset again") from error

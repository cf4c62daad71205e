"""Rows of a ROOT tree's branches as plain arrays: uproot says what they hold, numpy takes it out of the baskets.

uproot's own arrays take a general road: each basket of a `std::vector` is masked byte by byte, and the baskets of a
branch are copied into one array before anything is selected. Numbers of particles can be taken out of the baskets'
bytes as they stand, a jet at a time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.basket_file import Basket, BasketFile

Array = NDArray[np.float32]
Content = TypeVar("Content")


class WrongShape(Exception):
    """A branch holds something else than a file of JetClass has there."""


@dataclass(frozen=True)
class Jagged:
    """A number for each particle of n jets, as they stand in a file.

    Attributes:
        data: (m,) uint8.
        starts: (n,) int64, rising: where in `data` each jet's numbers begin.
        counts: (n,) int64, how many there are.
        dtype: of the numbers.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> "Jagged":
        """Some of the jets; nothing is copied."""
        return Jagged(self.data, self.starts[start:stop], self.counts[start:stop], self.dtype)

    def padded(self, length: int) -> Array:
        """(n, length), the first particles of each jet; behind the last one, anything."""
        size = length * self.dtype.itemsize
        whole = int(np.searchsorted(self.starts, len(self.data) - size, side="right"))
        rows = [_windows(self.data, size)[self.starts[:whole]]] if whole else []
        if whole < len(self.starts):
            end = self.starts[whole]
            last = np.concatenate([self.data[end:], np.zeros(size, dtype=np.uint8)])
            rows.append(_windows(last, size)[self.starts[whole:] - end])
        numbers = rows[0] if len(rows) == 1 else np.concatenate(rows)
        return _as_float32(numbers.view(self.dtype)).reshape(-1, length)

    def flat(self, skip: int = 0) -> Array:
        """The particles of all jets in one row, without the first `skip` of each."""
        size, left = self.dtype.itemsize, np.maximum(self.counts - skip, 0)
        if not left.any():
            return np.empty(0, dtype=np.float32)
        first = self.starts + size * (skip - np.cumsum(left) + left)
        index = np.repeat(first, left) + size * np.arange(left.sum())
        return _as_float32(_windows(self.data, size)[index].view(self.dtype))


class JaggedBranch:
    """A branch of one number for each particle: a `std::vector` of numbers, or an array with a count.

    Raises:
        WrongShape: it holds something else.
    """

    def __init__(self, branch: Any, file: BasketFile) -> None:
        interpretation = branch.interpretation
        dtype = _number_type(getattr(interpretation, "content", None))
        if dtype is None or not hasattr(interpretation, "header_bytes"):
            raise WrongShape(f"branch {branch.name} does not hold a number for each particle, {_NO_JETCLASS}")
        self._dtype, self._header, self._branch = dtype, int(interpretation.header_bytes), branch
        self._baskets = _Baskets(branch, file, self._read)

    def rows(self, start: int, stop: int) -> Jagged:
        """Particles of the jets in these rows. Raises ValueError, or what uproot does, for a damaged file."""
        data, starts, counts, end = [], [], [], 0
        parts = self._baskets.over(start, stop)
        for (content, row_offsets), first, last in parts:
            offsets = row_offsets[first : last + 1]
            data.append(content[offsets[0] : offsets[-1]])
            starts.append(offsets[:-1] - offsets[0] + self._header + end)
            counts.append((np.diff(offsets) - self._header) // self._dtype.itemsize)
            end += len(data[-1])
        if len(parts) == 1:
            return Jagged(data[0], starts[0], counts[0], self._dtype)
        return Jagged(np.concatenate(data), np.concatenate(starts), np.concatenate(counts), self._dtype)

    def _read(self, basket: Basket, row: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """A basket's bytes, and where in them each row begins, and the last ends; `row` is the first."""
        offsets = basket.offsets
        if offsets is None:  # then the branch of the counts says it
            counts = self._branch.count_branch.array(entry_start=row, entry_stop=row + basket.n_rows, library="np")
            offsets = np.cumsum([0, *counts * self._dtype.itemsize])
        if offsets[0] != 0 or offsets[-1] != len(basket.data) or len(offsets) != basket.n_rows + 1:
            raise ValueError("a basket's rows do not fill it")
        sizes = np.diff(offsets) - self._header
        if (sizes < 0).any() or (sizes % self._dtype.itemsize).any():
            raise ValueError("a basket's rows are no numbers")
        return basket.data, offsets


class FlatBranch:
    """A branch of one number for each jet. Raises WrongShape where it holds something else."""

    def __init__(self, branch: Any, file: BasketFile) -> None:
        dtype = _number_type(branch.interpretation)
        if dtype is None:
            raise WrongShape(f"branch {branch.name} does not hold one number for each jet, {_NO_JETCLASS}")
        self._dtype = dtype
        self._baskets = _Baskets(branch, file, self._read)

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """(n,) numbers of these rows. Raises ValueError, or what uproot does, for a damaged file."""
        return np.concatenate([numbers[first:last] for numbers, first, last in self._baskets.over(start, stop)])

    def _read(self, basket: Basket, row: int) -> NDArray[Any]:
        numbers: NDArray[Any] = basket.data.view(self._dtype).astype(self._dtype.newbyteorder("="))
        if len(numbers) != basket.n_rows:
            raise ValueError("a basket's rows do not fill it")
        return numbers


class _Baskets(Generic[Content]):
    """Baskets of one branch, each decompressed once where rows are asked for in order; for any number of threads."""

    def __init__(self, branch: Any, file: BasketFile, read: Callable[[Basket, int], Content]) -> None:
        self._branch, self._file, self._content = branch, file, read
        self._offsets: list[int] = branch.entry_offsets
        self._held: dict[int, Content] = {}
        self._lock = Lock()

    def over(self, start: int, stop: int) -> list[tuple[Content, int, int]]:
        """Baskets with these rows; of each, the first row that is meant and the one after the last."""
        offsets = self._offsets
        with self._lock:
            wanted = range(bisect_right(offsets, start) - 1, bisect_left(offsets, stop))
            found = {k: self._held[k] if k in self._held else self._read(k) for k in wanted}
            self._held = {k: content for k, content in found.items() if offsets[k + 1] > stop}
        rows = [(found[k], max(start - offsets[k], 0), min(stop, offsets[k + 1]) - offsets[k]) for k in wanted]
        rows = [(content, first, last) for content, first, last in rows if first < last]
        if sum(last - first for _, first, last in rows) != stop - start:
            raise ValueError("baskets do not hold the tree's rows")
        return rows

    def _read(self, k: int) -> Content:
        basket = self._file.basket(self._branch, k)
        if basket.n_rows != self._offsets[k + 1] - self._offsets[k]:
            raise ValueError("a basket holds more or fewer rows than the tree says")
        return self._content(basket, self._offsets[k])


_NO_JETCLASS = "so this is no file of JetClass"


def _number_type(interpretation: Any) -> np.dtype[Any] | None:
    """What an interpretation reads, if that is plain numbers."""
    from uproot import AsDtype

    if type(interpretation) is not AsDtype:
        return None
    dtype: np.dtype[Any] = interpretation.from_dtype
    return dtype if not dtype.shape and dtype.kind in "biuf" else None


def _windows(data: NDArray[np.uint8], size: int) -> NDArray[np.void]:
    """A view of `size` bytes from every byte on, as items and not as a second axis, so that numpy copies them whole."""
    return np.ndarray(len(data) - size + 1, dtype=f"V{size}", buffer=data, strides=(1,))


def _as_float32(numbers: NDArray[Any]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is found among the features
        return numbers.astype(np.float32)

"""Bytes of a ROOT file's baskets, read and decompressed with less ado than uproot has to make.

uproot finds the baskets, and knows the compressions. But it hands each read to a thread of its own, which takes longer
than reading a small basket, and its zlib is Python's: libdeflate, by the package `deflate`, takes half the time. It is
used where it is installed.
"""

import struct
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock, local
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

# Of TKey: bytes in the file, version, bytes of the content when decompressed, date, bytes of the key itself, cycle;
# of TBasket: version, size of its buffer, size of an entry, entries, end of the entries.
_KEY = struct.Struct(">ihiIhh")
_BASKET = struct.Struct(">Hiiii")

_BLOCK_HEADER = 9
"""Of a compressed block: two letters and a number for the method, bytes in the file, bytes when decompressed."""


class Basket(NamedTuple):
    """Rows of a branch.

    Attributes:
        n_rows: how many.
        data: (m,) uint8, what the rows hold, one after the other.
        offsets: (n_rows + 1,) int64, where in `data` each row begins, and the last ends; None for rows of one size.
    """

    n_rows: int
    data: Bytes
    offsets: NDArray[np.int64] | None


class BasketFile:
    """A file that uproot has opened as well; any number of threads may read.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._size = path.stat().st_size
        self._file = path.open("rb", buffering=0)
        self._lock, self._memory = Lock(), local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._file.close()

    def basket(self, branch: Any, number: int) -> Basket:
        """A basket of uproot's `branch`. Raises ValueError, or what uproot or libdeflate do, where it is damaged."""
        if branch.embedded_baskets and number >= branch.num_baskets - len(branch.embedded_baskets):
            known = branch.basket(number)
            offsets = None if known.byte_offsets is None else known.byte_offsets.astype(np.int64)
            return Basket(known.num_entries, known.data, offsets)
        raw = self._read(int(branch.member("fBasketSeek")[number]), branch.basket_compressed_bytes(number))
        n_bytes, _, size, _, key, _ = _KEY.unpack_from(raw.data)
        _, _, _, n_rows, end = _BASKET.unpack_from(raw.data, key - _BASKET.size - 1)
        content = raw[key:n_bytes]
        if len(content) == size:
            self._memory.bytes = ()  # the next basket may not be read over this one
        else:
            content = _decompressed(content, size, branch)
        data, rest = content[: end - key], content[end - key :]
        if not len(rest):
            return Basket(n_rows, data, None)
        # The first of them says how many follow, and the last is no offset but 0.
        offsets = rest.view(">i4")[1:].astype(np.int64) - key
        offsets[-1] = len(data)
        return Basket(n_rows, data, offsets)

    def _read(self, start: int, n: int) -> Bytes:
        """Bytes of the file, until this thread reads again: memory that is new each time would take longer."""
        if not 0 <= start <= start + n <= self._size:
            raise ValueError("a basket lies outside of the file")
        if len(getattr(self._memory, "bytes", ())) < n:
            self._memory.bytes = np.empty(n, dtype=np.uint8)
        raw: Bytes = self._memory.bytes[:n]
        with self._lock:
            self._file.seek(start)
            if self._file.readinto(raw.data) != n:
                raise ValueError("the file ends within a basket")
        return raw


@cache
def _libdeflate() -> Callable[[Bytes, int], bytearray] | None:
    try:
        inflate: Callable[[Bytes, int], bytearray] = import_module("deflate").zlib_decompress
    except ImportError:
        return None
    return inflate


def _decompressed(content: Bytes, size: int, branch: Any) -> Bytes:
    inflate = _libdeflate()
    if inflate is not None and bytes(content[:2]) == b"ZL":
        return _inflated(content, size, inflate)
    from uproot.compression import decompress
    from uproot.source.chunk import Chunk
    from uproot.source.cursor import Cursor

    source = branch.file.source
    chunk = decompress(Chunk.wrap(source, content), Cursor(0), {}, len(content), size)
    found: Bytes = chunk.get(0, size, Cursor(0), {})
    return found


def _inflated(content: Bytes, size: int, inflate: Callable[[Bytes, int], bytearray]) -> Bytes:
    blocks, at = [], 0
    while at < len(content):
        header = bytes(content[at : at + _BLOCK_HEADER])
        compressed, n = (int.from_bytes(header[k : k + 3], "little") for k in (3, 6))
        at += _BLOCK_HEADER
        if header[:2] != b"ZL" or at + compressed > len(content):
            raise ValueError("a basket's blocks are damaged")
        blocks.append(np.frombuffer(inflate(content[at : at + compressed], n), dtype=np.uint8))
        at += compressed
    whole = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(whole) != size:
        raise ValueError("a basket's blocks do not fill it")
    return whole

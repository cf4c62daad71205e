"""Arrays in .npy files, whole or absent, that may grow while they are written."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.files import atomic_path


@contextlib.contextmanager
def growing_array(
    path: str | Path, row_shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """Yields a function that appends rows, so that an array larger than the memory can be written.

    Args:
        path: of the .npy file, which is there only once the block has ended without an error.
        row_shape: (...) of one row.
        dtype: of the file.
    """
    n = 0
    with atomic_path(path) as temporary, temporary.open("r+b") as file:
        start = _write_header(file, (n, *row_shape), dtype)

        def append(rows: NDArray[Any]) -> None:
            nonlocal n
            if rows.shape[1:] != row_shape:
                raise ValueError(f"rows of shape {rows.shape[1:]} for an array of {row_shape}")
            file.write(np.ascontiguousarray(rows, dtype=dtype).data)
            n += len(rows)

        yield append
        file.seek(0)
        # numpy leaves room in the header for a first axis that grows.
        if _write_header(file, (n, *row_shape), dtype) != start:
            raise ValueError(f"{path}: the header does not hold {n} rows")


def _write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return file.tell()

"""JetClass's ROOT files: jets of varying length in, arrays of one shape out, in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import parent_process
from pathlib import Path
from typing import Any, TypeVar

from autoscidact.data.jetclass.basket_file import BasketFile
from autoscidact.data.jetclass.baskets import WrongShape
from autoscidact.data.jetclass.chunks import BRANCHES, Chunk, columns
from autoscidact.data.jetclass.layout import N_PARTICLES, TREE, Jets
from autoscidact.errors import UserError

CHUNK = 5_000
"""Jets that come at once while a file is read, 28 MB of arrays; a larger number reads no faster."""

Result = TypeVar("Result")


class BadFile(UserError):
    """A file, or a jet in it, cannot be used; others may be."""


def read_root(
    path: str | Path,
    n_particles: int = N_PARTICLES,
    entries: tuple[int, int] | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
) -> Jets:
    """Reads a file, or the rows `entries` of it, at once; see `iterate_root`."""
    everything = 1 << 62
    (jets,) = iterate_root(path, n_particles, entries, skip_bad, everything, threads)
    return jets


def iterate_root(
    path: str | Path,
    n_particles: int = N_PARTICLES,
    entries: tuple[int, int] | None = None,
    skip_bad: bool = False,
    chunk: int = CHUNK,
    threads: int | None = None,
) -> Iterator[Jets]:
    """Reads a file chunk by chunk.

    Args:
        path: file in the format of JetClass (doi:10.5281/zenodo.6619768), tree `tree`.
        n_particles: particles kept of a jet, those of largest pT.
        entries: first row and the one after the last; all rows by default.
        skip_bad: leave out a jet without particles, without one class, or with a number that is NaN, infinite or
            impossible, and count it in `Jets.n_bad`, instead of refusing the file.
        chunk: rows read at a time; a chunk may hold fewer jets, or none, where bad ones are left out. While one is
            used, the next is made.
        threads: that read; by default two if there are two cores, but one in a process that is itself a worker.

    Raises:
        BadFile: names the file: it is missing, damaged, has no such tree or branch, no jets, or (unless `skip_bad`)
            names the row of a bad jet and what is wrong with it.
    """
    path = Path(path)
    with _opened(path) as file, BasketFile(path) as baskets:
        tree = _tree(file, path)
        start, stop = (0, tree.num_entries) if entries is None else entries
        stop = min(stop, tree.num_entries)
        if not 0 <= start < stop:
            raise BadFile(f"{path}: no jets in rows {start} to {stop}; the file has {tree.num_entries}")
        branches = _of(path, lambda: columns(tree, baskets))
        pool = ThreadPoolExecutor(threads or _free_cores())
        try:
            making: deque[Chunk] = deque()
            for first in range(start, stop, chunk):
                making.append(Chunk(branches, first, min(first + chunk, stop), n_particles, pool))
                if len(making) == 2:
                    yield _jets(making.popleft(), path, skip_bad)
            yield _jets(making.popleft(), path, skip_bad)
        finally:
            # No thread may read from a closed file.
            pool.shutdown(cancel_futures=True)


def count_entries(path: str | Path) -> int:
    """Rows of a file's tree. Raises BadFile as `iterate_root` does for what can be seen without reading them."""
    path = Path(path)
    with _opened(path) as file:
        return int(_tree(file, path).num_entries)


def _opened(path: Path) -> Any:
    import uproot
    from uproot.source.file import MultithreadedFileSource

    if not path.is_file():
        raise BadFile(f"{path}: no such file")
    try:
        # Read, not mapped: pages of a mapped file count as this process's memory.
        return uproot.open(path, handler=MultithreadedFileSource, object_cache=None, array_cache=None)
    except Exception as error:  # a damaged file fails anywhere in the reader, with whatever its bytes lead to
        raise _damaged(path, error) from error


def _tree(file: Any, path: Path) -> Any:
    try:
        names = {key.partition(";")[0]: name for key, name in file.classnames(recursive=False).items()}
        if names.get(TREE) != "TTree":
            there = ", ".join(sorted(names)) or "nothing"
            raise BadFile(f"{path}: no tree {TREE!r}, so this is no file of JetClass; there is {there}")
        tree = file[TREE]
        branches = set(tree.keys())
    except BadFile:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    missing = [name for name in BRANCHES if name not in branches]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise BadFile(f"{path}: tree {TREE!r} has no branch {', '.join(missing[:6])}{more}")
    if tree.num_entries == 0:
        raise BadFile(f"{path}: tree {TREE!r} holds no jets")
    return tree


def _jets(chunk: Chunk, path: Path, skip_bad: bool) -> Jets:
    _of(path, chunk.wait_for_branches)
    jets, bad = chunk.jets()
    if bad and not skip_bad:
        row, reason = min(bad.items())
        raise BadFile(f"{path}: the jet in row {row} {reason}; mend it, or leave bad jets out with skip_bad")
    return jets


def _of(path: Path, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except WrongShape as error:
        raise BadFile(f"{path}: {error}") from error
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BadFile:
    return BadFile(f"{path}: cut short, damaged, or no ROOT file ({type(error).__name__}); get it again")


def _free_cores() -> int:
    if parent_process() is not None:
        return 1  # the other cores are for the other workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 2)

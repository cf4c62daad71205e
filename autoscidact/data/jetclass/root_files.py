"""JetClass's ROOT files: jets of varying length in, arrays of one shape out, in bounded memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.layout import CLASSES, N_PARTICLES, OBSERVERS, PARTICLE_BRANCHES, TREE, Jets
from autoscidact.data.jetclass.padding import padded_jets
from autoscidact.errors import UserError

CHUNK = 5_000
"""Jets in memory at once while a file is read, 28 MB of arrays; a larger number reads no faster."""

_LABELS = tuple(f"label_{name}" for name in CLASSES)
_BRANCHES = (*PARTICLE_BRANCHES, *OBSERVERS, *_LABELS)


class BadFile(UserError):
    """A file, or a jet in it, cannot be used; others may be."""


def read_root(
    path: str | Path, n_particles: int = N_PARTICLES, entries: tuple[int, int] | None = None, skip_bad: bool = False
) -> Jets:
    """Reads a file, or the rows `entries` of it, at once; see `iterate_root`."""
    chunks = list(iterate_root(path, n_particles, entries, skip_bad))
    return Jets(
        particles=np.concatenate([chunk.particles for chunk in chunks]),
        labels=np.concatenate([chunk.labels for chunk in chunks]),
        observers={name: np.concatenate([chunk.observers[name] for chunk in chunks]) for name in OBSERVERS},
        entries=np.concatenate([chunk.entries for chunk in chunks]),
        n_bad=sum(chunk.n_bad for chunk in chunks),
    )


def iterate_root(
    path: str | Path,
    n_particles: int = N_PARTICLES,
    entries: tuple[int, int] | None = None,
    skip_bad: bool = False,
    chunk: int = CHUNK,
) -> Iterator[Jets]:
    """Reads a file chunk by chunk.

    Args:
        path: file in the format of JetClass (doi:10.5281/zenodo.6619768), tree `tree`.
        n_particles: particles kept of a jet, those of largest pT.
        entries: first row and the one after the last; all rows by default.
        skip_bad: leave out a jet without particles, without one class, or with a number that is NaN, infinite or
            impossible, and count it in `Jets.n_bad`, instead of refusing the file.
        chunk: rows read at a time; a chunk may hold fewer jets, or none, where bad ones are left out.

    Raises:
        BadFile: names the file: it is missing, damaged, has no such tree or branch, no jets, or (unless `skip_bad`)
            names the row of a bad jet and what is wrong with it.
    """
    path = Path(path)
    with _opened(path) as file:
        tree = _tree(file, path)
        start, stop = (0, tree.num_entries) if entries is None else entries
        stop = min(stop, tree.num_entries)
        if not 0 <= start < stop:
            raise BadFile(f"{path}: no jets in rows {start} to {stop}; the file has {tree.num_entries}")
        steps = tree.iterate(list(_BRANCHES), step_size=chunk, entry_start=start, entry_stop=stop, library="ak")
        for arrays in _ahead(steps, path):
            yield _jets(arrays, start, path, n_particles, skip_bad)
            start += len(arrays)


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
    missing = [name for name in _BRANCHES if name not in branches]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise BadFile(f"{path}: tree {TREE!r} has no branch {', '.join(missing[:6])}{more}")
    if tree.num_entries == 0:
        raise BadFile(f"{path}: tree {TREE!r} holds no jets")
    return tree


def _ahead(steps: Iterator[Any], path: Path) -> Iterator[Any]:
    """Reads and decompresses the next chunk in a thread while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, steps, None)
        while True:
            try:
                arrays = coming.result()
            except Exception as error:
                raise _damaged(path, error) from error
            if arrays is None:
                return
            coming = pool.submit(next, steps, None)
            yield arrays


def _damaged(path: Path, error: Exception) -> BadFile:
    return BadFile(f"{path}: cut short, damaged, or no ROOT file ({type(error).__name__}); get it again")


def _jets(arrays: Any, first: int, path: Path, n_particles: int, skip_bad: bool) -> Jets:
    jagged = {name: _jagged(arrays[name], name, path) for name in PARTICLE_BRANCHES}
    flat = {name: _one_a_jet(arrays[name], name, path) for name in (*OBSERVERS, *_LABELS)}
    offsets = jagged["part_px"][0]
    counts = np.diff(offsets)
    for name, (other, _) in jagged.items():
        if not np.array_equal(other, offsets):
            row = first + int(np.argmax(np.diff(other) != counts))
            raise BadFile(f"{path}: row {row}: {name} and part_px differ in their numbers of particles")
    with np.errstate(over="ignore", invalid="ignore"):  # a double too large for float32 is found below
        observers = {name: flat[name].astype(np.float32) for name in OBSERVERS}
        particles = {name: values.astype(np.float32, copy=False) for name, (_, values) in jagged.items()}
        x, bad = padded_jets(particles, counts, observers["jet_pt"], observers["jet_energy"], n_particles)
    is_class = np.stack([flat[name] for name in _LABELS], axis=1) == 1
    for jet in np.flatnonzero(is_class.sum(axis=1) != 1):
        bad.setdefault(int(jet), f"belongs to {is_class[jet].sum()} of the classes, by its label branches")
    if bad and not skip_bad:
        row, reason = min(bad.items())
        raise BadFile(f"{path}: the jet in row {first + row} {reason}; mend it, or leave bad jets out with skip_bad")
    good = _kept(len(counts), bad)
    return Jets(
        particles=x[good] if bad else x,
        labels=is_class.argmax(axis=1)[good],
        observers={name: values[good] for name, values in observers.items()},
        entries=first + good,
        n_bad=len(bad),
    )


def _kept(n: int, bad: dict[int, str]) -> NDArray[np.int64]:
    return np.setdiff1d(np.arange(n), np.fromiter(bad, dtype=np.int64, count=len(bad)), assume_unique=True)


def _jagged(array: Any, name: str, path: Path) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets of each jet's particles, and the particles' numbers in one row."""
    import awkward as ak

    if array.ndim == 2:
        layout = ak.to_packed(ak.from_regular(array)).layout
        if layout.is_list and layout.content.is_numpy:
            return np.asarray(layout.offsets.data, dtype=np.int64), np.asarray(layout.content.data)
    raise BadFile(f"{path}: branch {name} does not hold a number for each particle, so this is no file of JetClass")


def _one_a_jet(array: Any, name: str, path: Path) -> NDArray[Any]:
    if array.ndim == 1 and array.layout.is_numpy:
        return np.asarray(array.layout.data)
    raise BadFile(f"{path}: branch {name} does not hold one number for each jet, so this is no file of JetClass")

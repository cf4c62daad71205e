"""Some rows of a file of jets, on their way from its baskets to arrays of one shape."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from autoscidact.data.jetclass.basket_file import BasketFile
from autoscidact.data.jetclass.baskets import FlatBranch, JaggedBranch, WrongShape
from autoscidact.data.jetclass.layout import CLASSES, N_CHANNELS, OBSERVERS, PARTICLE_BRANCHES, Jets
from autoscidact.data.jetclass.padding import pad_jets

BLOCK = 1000
"""Jets padded at once, at most: an array of one number for each of their particles, 256 kB, stays in a core's cache."""

_LABELS = tuple(f"label_{name}" for name in CLASSES)
_FLAT = (*OBSERVERS, *_LABELS)
BRANCHES = (*PARTICLE_BRANCHES, *_FLAT)


@dataclass(frozen=True)
class Columns:
    """What is read of a tree: a branch each of `PARTICLE_BRANCHES`, and one of each number of a jet."""

    jagged: Mapping[str, JaggedBranch]
    flat: Mapping[str, FlatBranch]


def columns(tree: Any, file: BasketFile) -> Columns:
    """The branches of uproot's `tree`, to be read from `file`.

    Raises:
        WrongShape: a branch holds something else than JetClass has there.
    """
    return Columns(
        {name: JaggedBranch(tree[name], file) for name in PARTICLE_BRANCHES},
        {name: FlatBranch(tree[name], file) for name in _FLAT},
    )


class Chunk:
    """Jets that threads are making since this was: first branches are read, each by itself, then jets made in blocks.

    Args:
        branches: of the tree.
        start: first row.
        stop: the one after the last.
        n_particles: particles kept of a jet.
        pool: of the threads.
    """

    def __init__(self, branches: Columns, start: int, stop: int, n_particles: int, pool: ThreadPoolExecutor) -> None:
        self._start = start
        self._particles = np.empty((stop - start, N_CHANNELS, n_particles), dtype=np.float32)
        read: dict[str, FlatBranch | JaggedBranch] = {**branches.flat, **branches.jagged}
        self._rows: dict[str, Future[Any]] = {name: pool.submit(b.rows, start, stop) for name, b in read.items()}
        # A block waits only for branches that stand before it in the line, so some thread always goes on.
        # Two at least: the jets of a small file are made by two cores as well.
        n_blocks = max(2, -(-(stop - start) // BLOCK))
        edges = np.linspace(0, stop - start, n_blocks + 1).astype(int).tolist()
        self._bad = [pool.submit(self._pad, *rows) for rows in pairwise(edges) if rows[0] < rows[1]]

    def wait_for_branches(self) -> None:
        """Returns when all is read. Raises what the reading raised; WrongShape if counts of particles disagree."""
        for rows in self._rows.values():
            rows.result()
        counts = self._rows["part_px"].result().counts
        for name in PARTICLE_BRANCHES:
            other = self._rows[name].result().counts
            if not np.array_equal(other, counts):
                row = self._start + int(np.argmax(other != counts))
                raise WrongShape(f"row {row}: {name} and part_px differ in their numbers of particles")

    def jets(self) -> tuple[Jets, dict[int, str]]:
        """The good jets, and for the row of each bad one, the reason."""
        bad = {jet: why for part in self._bad for jet, why in part.result().items()}
        flat = {name: self._rows[name].result() for name in _FLAT}
        is_class = np.stack([flat[name] for name in _LABELS], axis=1) == 1
        n_classes = is_class.sum(axis=1)
        for jet in np.flatnonzero(n_classes != 1):
            bad.setdefault(int(jet), f"belongs to {n_classes[jet]} of the classes, by its label branches")
        good = np.delete(np.arange(len(self._particles)), list(bad))
        jets = Jets(
            particles=self._particles[good] if bad else self._particles,
            labels=is_class.argmax(axis=1)[good],
            observers={name: _float32(flat[name])[good] for name in OBSERVERS},
            entries=self._start + good,
            n_bad=len(bad),
        )
        return jets, {self._start + jet: why for jet, why in bad.items()}

    def _pad(self, start: int, stop: int) -> dict[int, str]:
        branches = {name: self._rows[name].result().rows(start, stop) for name in PARTICLE_BRANCHES}
        pt, energy = (_float32(self._rows[name].result()[start:stop]) for name in ("jet_pt", "jet_energy"))
        bad = pad_jets(branches, pt, energy, self._particles[start:stop])
        return {start + jet: why for jet, why in bad.items()}


def _float32(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    with np.errstate(over="ignore"):  # a double too large for float32 is infinite, and so a bad jet's
        return values.astype(np.float32)

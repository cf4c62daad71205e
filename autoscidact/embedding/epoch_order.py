"""In which order a training reads events that lie on disk: near to random, in pieces that a disk reads fast."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 128
"""Events that lie together on disk and are read together: 0.7 MB of jets."""

LANES = 8
"""Equal parts of every batch. Each is read by one process, from places of its own, so that the batches are the same
for every number of processes that divides it."""


@dataclass(frozen=True)
class Window:
    """The events of some batches that follow each other, which are in memory together.

    Attributes:
        rows: (events,) row of each, batch after batch; of this process only.
        sizes: events of each batch.
    """

    rows: NDArray[np.int64]
    sizes: NDArray[np.int64]


class EpochOrder:
    """Divides an epoch into windows of batches.

    The events of each shard are cut into blocks. Blocks are put in a random order in which the classes alternate, and
    this tape of events is cut into windows. A window is cut into `LANES` equal pieces of tape, whose events are
    shuffled; a batch takes as many from each lane. Two events of a batch are therefore of different blocks in most
    cases, and a batch holds the classes as evenly as blocks do.

    Every event is seen once an epoch, but for fewer than `LANES` that the equal parts leave over, other ones each
    time.

    Args:
        bounds: (shards + 1,) first event of each shard.
        labels: (n,) class of each event.
        batch_size: most events of a batch, over all processes; batches are as equal in size as lanes allow.
        buffer: events of a window, over all processes; one batch at least.
        world_size: processes. Where it does not divide `LANES`, there are as many lanes as processes instead.

    Raises:
        ValueError: fewer events than processes.
    """

    def __init__(
        self, bounds: NDArray[np.int64], labels: NDArray[np.integer], batch_size: int, buffer: int, world_size: int = 1
    ) -> None:
        if len(labels) < world_size:
            raise ValueError(f"{len(labels)} events cannot be shared by {world_size} processes")
        self.lanes = LANES
        while self.lanes > min(len(labels), batch_size):
            self.lanes //= 2
        self.lanes = self.lanes if self.lanes % world_size == 0 else world_size
        self.world_size = world_size
        of_lane = len(labels) // self.lanes
        n_batches = -(-of_lane // max(1, batch_size // self.lanes))
        # Events of each batch in one lane.
        self.share = np.full(n_batches, of_lane // n_batches)
        self.share[: of_lane % n_batches] += 1
        self.per_window = max(1, buffer // batch_size)
        self.starts = np.concatenate([np.arange(a, b, BLOCK) for a, b in itertools.pairwise(bounds)])
        ends = np.append(self.starts[1:], bounds[-1])
        self.lengths = ends - self.starts
        self.classes = np.asarray(labels[self.starts])

    def __len__(self) -> int:
        return len(self.share)

    def windows(self, seed: Sequence[int], rank: int = 0) -> Iterator[Window]:
        """The windows of one epoch, for one process.

        Args:
            seed: of the order.
            rank: of the process.
        """
        rng = np.random.default_rng(np.random.SeedSequence(list(seed)))
        blocks = self._alternating(rng)
        first = np.concatenate([[0], np.cumsum(self.lengths[blocks])])
        mine = slice(rank * self.lanes // self.world_size, (rank + 1) * self.lanes // self.world_size)
        place = 0
        for start in range(0, len(self.share), self.per_window):
            share = self.share[start : start + self.per_window]
            length = int(share.sum())
            # Drawn for all lanes, so that no lane depends on who reads the others.
            order = np.stack([rng.permutation(length) for _ in range(self.lanes)])
            tape = place + order[mine] + length * np.arange(self.lanes)[mine, None]
            place += length * self.lanes
            block = np.searchsorted(first, tape, side="right") - 1
            rows = self.starts[blocks[block]] + tape - first[block]
            batches = np.split(rows, np.cumsum(share)[:-1], axis=1)
            yield Window(np.concatenate([batch.reshape(-1) for batch in batches]), share * len(tape))

    def _alternating(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Blocks in a random order that spreads those of each class evenly."""
        key = np.empty(len(self.starts))
        for label in np.unique(self.classes):
            members = np.flatnonzero(self.classes == label)
            key[rng.permutation(members)] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
        return np.argsort(key, kind="stable")

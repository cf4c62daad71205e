"""Events on disk as whole batches: read ahead in a thread, never all in memory."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding.epoch_order import EpochOrder, Window


class StreamedBatches:
    """Iterates over (features, labels) batches in an order that depends on the seed and the epoch alone.

    At most two windows of `buffer` events are in memory, over all processes: the one that is learnt from, and the
    next one, which a thread reads meanwhile. Each process reads its own part of every batch, see `EpochOrder`.

    Attributes:
        epoch: to be set before each epoch.
        waited, taken: seconds that iterations have waited for the disk, and have lasted, in all.
    """

    def __init__(
        self,
        features: ShardedArray,
        labels: NDArray[np.integer],
        batch_size: int,
        seed: int,
        *,
        reshuffle: bool,
        buffer: int,
        transform: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> None:
        """Takes (n, ...) features and (n,) labels.

        Args:
            batch_size: events a batch, over all processes.
            reshuffle: a new order every epoch; otherwise one shuffled order for good.
            buffer: events of a window, over all processes.
            transform: standardises a window.
        """
        self.features, self.labels = features, labels
        self.batch_size, self.buffer = batch_size, buffer
        self.seed, self.reshuffle, self.transform = seed, reshuffle, transform
        self.epoch = 0
        self.waited = self.taken = 0.0
        self.place(torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.order)

    def place(self, device: torch.device, rank: int = 0, world_size: int = 1) -> "StreamedBatches":
        """Takes this process's share of every batch; Lightning moves batches to the device."""
        self.rank = rank
        self.order = EpochOrder(self.features.bounds, self.labels, self.batch_size, self.buffer, world_size)
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        windows = self.order.windows([self.seed, self.epoch if self.reshuffle else 0], self.rank)
        started = time.monotonic()
        try:
            with ThreadPoolExecutor(1) as pool:
                coming = pool.submit(self._read, windows)
                while True:
                    asked = time.monotonic()
                    window = coming.result()
                    self.waited += time.monotonic() - asked
                    if window is None:
                        return
                    coming = pool.submit(self._read, windows)
                    yield from window
                    del window
        finally:
            self.taken += time.monotonic() - started

    def _read(self, windows: Iterator[Window]) -> list[tuple[Tensor, Tensor]] | None:
        window = next(windows, None)
        if window is None:
            return None
        features = torch.from_numpy(self.transform(self.features[window.rows]))
        labels = torch.from_numpy(self.labels[window.rows].astype(np.int64))
        ends = np.cumsum(window.sizes).tolist()
        places = [slice(end - size, end) for end, size in zip(ends, window.sizes.tolist(), strict=True)]
        return [(features[place], labels[place]) for place in places]

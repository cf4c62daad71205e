"""In-memory events as whole batches: one indexed slice a step, never event by event."""

from collections.abc import Iterator

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from autoscidact.embedding.streamed_batches import StreamedBatches

# A dataset up to this size is copied to the device once; a larger one goes there batch by batch.
_RESIDENT_BYTES = 2**30


class Batches:
    """Iterates over (features, labels) batches in an order that depends on the seed and the epoch alone.

    The events are divided into as few batches as `batch_size` allows, whose sizes differ by at most one (by
    `world_size` with several processes), so that no small remainder is left with classes of one member.

    Attributes:
        epoch: to be set before each epoch.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        batch_size: int,
        seed: int,
        *,
        reshuffle: bool,
    ) -> None:
        """Takes (n, ...) features and (n,) labels.

        Args:
            batch_size: events a batch, over all processes.
            reshuffle: a new order every epoch; otherwise one shuffled order for good.
        """
        self.features, self.labels = features, labels
        self.n_batches = -(-len(labels) // batch_size)
        self.seed, self.reshuffle = seed, reshuffle
        self.rank, self.world_size = 0, 1
        self.epoch = 0

    def __len__(self) -> int:
        return self.n_batches

    def place(self, device: torch.device, rank: int = 0, world_size: int = 1) -> "Batches":
        """Moves the events to the device, unless they are too many, and takes this process's share of every batch.

        All shares are equal: up to world_size - 1 events of a batch sit an epoch out.
        """
        if self.features.nbytes <= _RESIDENT_BYTES:
            self.features, self.labels = self.features.to(device), self.labels.to(device)
        self.rank, self.world_size = rank, world_size
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([self.seed, self.epoch if self.reshuffle else 0])
        order = torch.from_numpy(rng.permutation(len(self.labels))).to(self.labels.device)
        for batch in torch.tensor_split(order, self.n_batches):
            share = len(batch) // self.world_size
            index = batch[self.rank * share : (self.rank + 1) * share]
            yield self.features[index], self.labels[index]


class EventData(pl.LightningDataModule):
    """Hands Lightning the batches once it knows device and rank."""

    def __init__(self, train: Batches | StreamedBatches, val: Batches | StreamedBatches) -> None:
        super().__init__()
        self.train, self.val = train, val

    def train_dataloader(self) -> Batches | StreamedBatches:
        return self._place(self.train)

    def val_dataloader(self) -> Batches | StreamedBatches:
        return self._place(self.val)

    def _place(self, batches: Batches | StreamedBatches) -> Batches | StreamedBatches:
        assert self.trainer is not None
        return batches.place(self.trainer.strategy.root_device, self.trainer.global_rank, self.trainer.world_size)

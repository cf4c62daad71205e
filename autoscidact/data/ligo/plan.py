"""Which events a prepared folder is to hold, in chunks that are made one by one and are whole or absent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscidact.data.contract import SPLITS, Split
from autoscidact.data.ligo.layout import CLASSES
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError

CHUNK = 1_000
"""Events of a chunk: some seconds of one core, which is what an interruption may cost."""


@dataclass(frozen=True)
class Chunk:
    """Events of one class and split.

    Attributes:
        class_name: of `layout.CLASSES`.
        split: where they belong.
        number: of the chunk within class and split.
        n: events.
        recipe: hash of all else that they depend on.
    """

    class_name: str
    split: Split
    number: int
    n: int
    recipe: str

    @property
    def name(self) -> str:
        """Of its files, without a suffix."""
        return f"{self.class_name}_{self.split}_{self.recipe}_{self.number:04d}_{self.n}"

    def events(self, folder: Path) -> Path:
        """The file of (n, 2, 200) float32."""
        return folder / f"{self.name}.npy"

    def truths(self, folder: Path) -> Path:
        """The file of (n,) records of what was injected; written before the events."""
        return folder / f"{self.name}.truths.npy"

    def seeds(self, seed: int) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
        """Of its noise and of its signals."""
        place = [seed, CLASSES.index(self.class_name), SPLITS.index(self.split), self.number]
        noise, signals = np.random.SeedSequence(place).spawn(2)
        return noise, signals


def plan_chunks(sizes: Mapping[Split, int], classes: Sequence[str], recipe: str) -> list[Chunk]:
    """Chunks that hold `sizes` events of each class; classes alternate, so that an interruption leaves some of each."""
    return [
        Chunk(name, split, number, min(CHUNK, n - number * CHUNK), recipe)
        for split, n in sizes.items()
        for number in range(-(-n // CHUNK))
        for name in classes
    ]


def split_sizes(n_per_class: int, split: Mapping[Split, float]) -> dict[Split, int]:
    """How many of a class's events go to each split.

    Raises:
        UserError: a bad share, or a split with a share that gets no event.
    """
    counts = np.bincount(stratified_split(np.zeros(n_per_class, dtype=np.int64), split, 0), minlength=len(SPLITS))
    empty = [name for name, n in zip(SPLITS, counts, strict=True) if n == 0 and split.get(name, 0) > 0]
    if empty:
        raise UserError(f"n_per_class={n_per_class}: too few for events in {', '.join(empty)}; give more")
    return {name: int(n) for name, n in zip(SPLITS, counts, strict=True) if n}

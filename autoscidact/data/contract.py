"""What every dataset delivers: events with labels, weights, ids, and the split each belongs to."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.sharded_array import ShardedArray, taken
from autoscidact.errors import UserError

Features = NDArray[np.float32] | ShardedArray
"""In memory, or on disk where they are too many for that."""

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
NO_SIGNAL = "none"
"""`dataset.signal` where no class is held out: a search with background samples only."""


@dataclass(frozen=True)
class Events:
    """A table of events.

    Attributes:
        features: (n, ...) float32, what the encoder sees.
        labels: (n,) int64, index into `classes`.
        classes: names of the classes.
        ids: (n,) int64, unique over the dataset: disjointness is checked by them.
        weights: (n,) float64, positive.
        feature_names: one name a column for tables; empty for images and series.
        observers: (n,) arrays kept for people, never shown to the encoder or the test.
        stored_observers: (n,) records of further observers on disk, a field for each; None where there are none.
    """

    features: Features
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    ids: NDArray[np.int64]
    weights: NDArray[np.float64]
    feature_names: tuple[str, ...] = ()
    observers: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    stored_observers: ShardedArray | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.features), len(self.labels), len(self.ids), len(self.weights)}
        if len(lengths) != 1:
            raise ValueError(f"features, labels, ids and weights differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.generic]) -> "Events":
        """The events at `index` (integers or a mask; integers must rise where features are on disk)."""
        return Events(
            features=taken(self.features, index),
            labels=self.labels[index],
            classes=self.classes,
            ids=self.ids[index],
            weights=self.weights[index],
            feature_names=self.feature_names,
            observers={name: values[index] for name, values in self.observers.items()},
            stored_observers=None if self.stored_observers is None else self.stored_observers.select(index),
        )


@dataclass(frozen=True)
class Dataset:
    """Events, which class is held out as the signal, and which split each event is in.

    Attributes:
        split: (n,) int8, index into SPLITS.
    """

    name: str
    events: Events
    signal: str
    split: NDArray[np.int8]

    @cached_property
    def signal_label(self) -> int:
        """Index of the signal class in `events.classes`; -1 where no class is held out."""
        classes = self.events.classes
        if self.signal == NO_SIGNAL and NO_SIGNAL not in classes:
            return -1
        if self.signal not in classes:
            near = difflib.get_close_matches(self.signal, classes, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            shown = ", ".join(classes[:30]) + (f", ... ({len(classes)} in all)" if len(classes) > 30 else "")
            raise UserError(
                f"dataset {self.name}: signal class {self.signal!r} is not there; {hint}"
                f"choose dataset.signal from {shown}"
            )
        return classes.index(self.signal)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change whenever anything a training or a test depends on does."""
        events = self.events
        digest = hashlib.sha256(json.dumps([events.classes, self.signal]).encode())
        features = events.features
        if isinstance(features, ShardedArray):
            digest.update(features.fingerprint.encode())
        arrays = () if isinstance(features, ShardedArray) else (features,)
        for array in (*arrays, events.labels, events.ids, events.weights, self.split):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    def subset(self, split: Split, kind: Literal["all", "background", "signal"] = "all") -> Events:
        """The events of one split: all, only background classes, or only the signal class."""
        mask = self.split == SPLITS.index(split)
        if kind == "background":
            mask &= self.events.labels != self.signal_label
        elif kind == "signal":
            mask &= self.events.labels == self.signal_label
        return self.events.take(mask)

"""Prepared segments of strain as a dataset: on disk, in the splits that preparation gave them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import SPLITS, Dataset, Events
from autoscidact.data.labels import class_name
from autoscidact.data.ligo.layout import CLASSES, DETECTORS, WINDOW
from autoscidact.data.ligo.plan import CHUNK
from autoscidact.data.ligo.shard_index import SHARDS_FOLDER, read_index
from autoscidact.data.ligo.truth import TRUTH_TYPE
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.errors import UserError

_SHARDS_A_SPLIT = 1_000_000 // CHUNK


def load(
    *,
    name: str,
    signal: str,
    split: Mapping[str, float],
    path: str,
    seed: int = 0,
    label: str | None = None,
    **settings: object,
) -> Dataset:
    """Segments of a folder that `prepare` filled, (n, 2, 200) for H1 and L1, which stay on disk.

    Observers: those of `truth.TRUTH_TYPE`, what was injected.

    Args:
        signal: the class held out.
        split: shares of the splits, as prepared: what shares a second of noise, or a waveform, is in one split.
        path: the folder.
        seed: not used: the run's seed decided when the events were made.
        label: not used by this dataset; refused if given.
        settings: how the events are made, which only `prepare` reads.

    Raises:
        UserError: nothing prepared, a damaged file, other splits than prepared, or an unknown class.

    References:
        AutoSciDACT, App. A.2.
    """
    if label is not None:
        raise UserError("dataset=ligo brings its own labels; for a table use dataset=custom dataset.path=FILE")
    folder = Path(path).expanduser() / SHARDS_FOLDER
    index = read_index(folder)
    _check_split(split, index["recipe"]["split"], folder)
    classes: tuple[str, ...] = tuple(index["recipe"]["classes"])
    shards = index["shards"]
    sizes = np.array([shard["n"] for shard in shards])
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def sharded(suffix: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> ShardedArray:
        paths = tuple(folder / f"{shard['name']}{suffix}" for shard in shards)
        return ShardedArray(paths, bounds, (None,) * len(shards), row_shape, dtype)

    known: list[str] = [*SPLITS]
    first_ids = [_first_id(shard["class"], known.index(shard["split"]), int(shard["number"])) for shard in shards]
    events = Events(
        features=sharded(".npy", (len(DETECTORS), WINDOW), np.dtype("<f4")),
        labels=np.repeat([classes.index(shard["class"]) for shard in shards], sizes).astype(np.int64),
        classes=classes,
        ids=np.concatenate([first + np.arange(n) for first, n in zip(first_ids, sizes, strict=True)]),
        weights=np.ones(int(bounds[-1])),
        stored_observers=sharded(".truths.npy", (), TRUTH_TYPE),
    )
    splits = np.repeat([known.index(shard["split"]) for shard in shards], sizes).astype(np.int8)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {folder}")


def _first_id(name: str, split: int, number: int) -> int:
    return ((CLASSES.index(name) * len(SPLITS) + split) * _SHARDS_A_SPLIT + number) * CHUNK


def _check_split(asked: Mapping[str, float], prepared: Mapping[str, float], folder: Path) -> None:
    def shares(split: Mapping[str, float]) -> Sequence[float]:
        total = sum(split.values()) or 1.0
        return [round(split.get(name, 0.0) / total, 9) for name in SPLITS]

    if shares(asked) != shares(prepared):
        raise UserError(
            f"{folder}: prepared with dataset.split={dict(prepared)}, not {dict(asked)}; give those, or prepare again"
        )

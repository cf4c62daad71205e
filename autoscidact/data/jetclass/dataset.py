"""Prepared jets as a dataset: on disk, split by the numbers of their files as JetClass's authors do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import SPLITS, Dataset, Events
from autoscidact.data.jetclass.file_names import split_of, split_ranges
from autoscidact.data.jetclass.layout import N_PARTICLES
from autoscidact.data.jetclass.shard_view import open_shards
from autoscidact.data.labels import class_name
from autoscidact.errors import UserError

SHARDS_FOLDER = "shards"
"""Of `dataset.path`: where `prepare` leaves what is read here."""

FIVE_CLASSES = ("QCD", "Hbb", "Zqq", "Wqq", "Tbqq")
"""Those of AutoSciDACT, App. A.3."""


def load(
    *,
    name: str,
    signal: str,
    split: Mapping[str, Sequence[int]],
    path: str,
    seed: int = 0,
    label: str | None = None,
    classes: Sequence[str] = FIVE_CLASSES,
    n_particles: int = N_PARTICLES,
) -> Dataset:
    """Jets of a folder that `prepare` filled, (n, 22, particles), which stay on disk; see `layout.Jets.particles`.

    In memory are label, id, weight and split, 25 bytes a jet. Observers: those of `layout.OBSERVERS`.

    Args:
        signal: the class held out.
        split: first and last file number of each split, such as train: [0, 99].
        path: the folder.
        seed: not used: file numbers decide the splits.
        label: not used by this dataset; refused if given.
        classes: of `layout.CLASSES`.
        n_particles: of a jet, as prepared.

    Raises:
        UserError: nothing prepared, a damaged shard, an unknown class or one without jets, or a bad setting.

    References:
        AutoSciDACT, App. A.3; JetClass, doi:10.5281/zenodo.6619768.
    """
    if label is not None:
        raise UserError("dataset=jetclass brings its own labels; for a table use dataset=custom dataset.path=FILE")
    ranges = split_ranges(split)
    folder = Path(path).expanduser() / SHARDS_FOLDER
    jets = open_shards(folder, classes, lambda file: split_of(file, ranges) is not None)
    if jets.particles.shape[2] != n_particles:
        raise UserError(
            f"{folder}: prepared with dataset.n_particles={jets.particles.shape[2]}, not {n_particles}; give that "
            "number, or prepare the dataset again"
        )
    of_shard = [[*ranges].index(str(split_of(file, ranges))) for file in jets.files]
    events = Events(
        features=jets.particles,
        labels=jets.labels.astype(np.int64),
        classes=jets.classes,
        ids=jets.ids(),
        weights=np.ones(len(jets)),
        stored_observers=jets.observed,
    )
    known: list[str] = [*SPLITS]
    number = np.array([known.index(name) for name in ranges], dtype=np.int8)
    splits = np.repeat(number[of_shard], np.diff(jets.bounds))
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {folder}")

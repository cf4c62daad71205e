"""Butterflies as a dataset: subspecies split by a seed, hybrids in the test (AutoSciDACT, App. A.6)."""

from collections.abc import Mapping

import numpy as np

from autoscidact.data.butterflies.challenge_tables import HIDDEN, HYBRID, MIMIC, MIMIC_HYBRID, UNNUMBERED
from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import Dataset, Split
from autoscidact.data.images.dataset import SIZE
from autoscidact.data.images.pool_split import split_by_pool
from autoscidact.data.images.stored import open_images
from autoscidact.data.labels import class_name
from autoscidact.errors import UserError

TEST_ONLY = (HYBRID, MIMIC, MIMIC_HYBRID, UNNUMBERED)
"""Classes that no encoder is trained on. Of the first three only the one that is the signal is there at all."""


def load(
    *,
    name: str,
    signal: str | int,
    split: Mapping[Split, float],
    path: str,
    seed: int = 0,
    label: str | None = None,
    size: int = SIZE,
    hidden: bool = False,
) -> Dataset:
    """Images of a folder that `prepare` filled, (n, 3, size, size) from 0 to 255, which stay on disk.

    Subspecies are numbered as in the challenge, "0" to "13". The challenge's own split is not used: its hidden test
    images are of subspecies that only have names, and about half of them of another species.

    Args:
        signal: hybrid; or a subspecies; or, with `hidden`, mimic (the other species) or mimic_hybrid.
        split: shares of the images of the training table, class by class; hybrids are all in the test, unless hidden
            ones are: those of the table are then split too, and the supervised test has something to learn from.
        path: the folder.
        seed: of the split.
        label: not used by this dataset; refused if given.
        size: edge in pixels, as prepared.
        hidden: with the hidden test images of the same species, all in the test: hybrids of the signal, the others
            as background class "unnumbered". Among these are subspecies that the encoder has not seen.

    Raises:
        UserError: nothing prepared, a damaged shard, an unknown class, or a bad setting.

    References:
        Butterfly Hybrid Detection, https://www.codabench.org/competitions/3764/; images of the University of
        Cambridge's collections, doi:10.5281/zenodo.4289223 and others that the tables name.
    """
    if label is not None:
        raise UserError("dataset=butterflies brings its own labels; for images of your own use dataset=images")
    stored = open_images(path, whole_setting("size", size, 1), name)
    if hidden and not (stored.pools == HIDDEN).any():
        raise UserError(
            f"dataset.hidden=true: {path} holds no hidden test images; prepare the dataset again with ref_test.csv"
        )
    wanted = np.ones(len(stored), dtype=bool) if hidden else stored.pools != HIDDEN
    for other in (HYBRID, MIMIC, MIMIC_HYBRID):
        if other != class_name(signal):
            wanted &= stored.labels != other
    stored = stored.take(wanted)
    events = stored.events()
    only_test = np.isin(stored.labels, TEST_ONLY)
    if hidden:
        only_test &= (stored.labels != HYBRID) | (stored.pools == HIDDEN)
    pools = np.where(only_test, "test", "")
    splits = split_by_pool(events.labels, pools, split, seed)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {path}")

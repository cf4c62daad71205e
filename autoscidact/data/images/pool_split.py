"""The split of images, some of which come in a split already."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Split
from autoscidact.data.splits import stratified_split


def split_by_pool(
    labels: NDArray[np.integer], pools: NDArray[np.str_], split: Mapping[Split, float], seed: int
) -> NDArray[np.int8]:
    """The split that each image's pool names; images of other pools are split by `split`, class by class.

    Where no image is in a pool "val", validation images are taken from the pool "train": as large a part of it as
    `split` gives validation of training and validation together.

    Args:
        labels: (n,) class indices.
        pools: (n,) "train", "val" and "test" are splits; others are not.
        split, seed: see `stratified_split`.

    Returns:
        (n,) index into SPLITS.

    Raises:
        UserError: a bad split.
    """
    # Of all images, even if each of them has its split: a bad split is always refused.
    found = stratified_split(labels, split, seed)
    free = ~np.isin(pools, SPLITS)
    if free.any() and not free.all():
        found[free] = stratified_split(labels[free], split, seed)
    for k, name in enumerate(SPLITS):
        found[pools == name] = k
    training = pools == "train"
    shares: dict[Split, float] = {"train": split.get("train", 0.0), "val": split.get("val", 0.0)}
    if training.any() and not (pools == "val").any() and shares["train"] + shares["val"] > 0:
        found[training] = stratified_split(labels[training], shares, seed)
    return found

"""CIFAR-10 as a dataset: in its published split, or split by a seed (AutoSciDACT, App. A.5)."""

from collections.abc import Mapping

import numpy as np

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.cifar10.layout import CIFAR5M, CLASSES, SIZE
from autoscidact.data.contract import SPLITS, Dataset, Split
from autoscidact.data.images.pool_split import split_by_pool
from autoscidact.data.images.stored import open_images
from autoscidact.data.labels import class_name
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError

OFFICIAL = "official"
_OFFICIAL_SHARES: Mapping[Split, float] = {"train": 0.9, "val": 0.1}


def load(
    *,
    name: str,
    signal: str,
    split: Mapping[Split, float] | str,
    path: str,
    seed: int = 0,
    label: str | None = None,
    size: int = SIZE,
    cifar5m: int = 0,
    n_observed: int | None = None,
) -> Dataset:
    """Images (60000, 3, 32, 32) from 0 to 255, which stay on disk, in a folder that `prepare` filled.

    Args:
        signal: the class held out, of `layout.CLASSES`.
        split: "official" keeps the published test images for the test and a tenth of the training images, class by
            class, for the validation; shares split all images anew.
        path: the folder.
        seed: of the split.
        label: not used by this dataset; refused if given.
        size: edge in pixels, as prepared.
        cifar5m: so many images of CIFAR-5m, as prepared, stand in the test split too.
        n_observed: not used here, see `observed`.

    Raises:
        UserError: nothing prepared, a damaged shard, an unknown class, or a bad setting.

    References:
        A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. CIFAR-5m: P. Nakkiran et al.,
        arXiv:2010.08127.
    """
    if label is not None:
        raise UserError("dataset=cifar10 brings its own labels; for images of your own use dataset=images")
    cifar5m = whole_setting("cifar5m", cifar5m, 0)
    stored = open_images(path, whole_setting("size", size, 1), name)
    generated = stored.pools == CIFAR5M
    if generated.sum() < cifar5m:
        raise UserError(f"dataset.cifar5m={cifar5m}: {generated.sum()} are prepared; prepare the dataset again with it")
    stored = stored.take(~generated | (np.cumsum(generated) <= cifar5m) & (cifar5m > 0))
    events = stored.events([known for known in CLASSES if known in stored.labels])
    added = stored.pools == CIFAR5M
    splits = np.full(len(events), SPLITS.index("test"), dtype=np.int8)
    if split == OFFICIAL:
        if not np.isin(stored.pools, ("train", "test", CIFAR5M)).all():
            raise UserError(f"{path}: these images come in no split; give dataset.split='{{train: 0.5, ...}}'")
        pools = np.where(added, "test", stored.pools)
        splits = split_by_pool(events.labels, pools, _OFFICIAL_SHARES, seed)
    elif isinstance(split, str):
        raise UserError(f"dataset.split={split}: choose official, or shares as {{train: 0.5, val: 0.1, test: 0.4}}")
    else:
        splits[~added] = stratified_split(events.labels[~added], split, seed)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {path}")

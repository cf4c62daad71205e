"""Prepared images as a dataset: on disk, in the splits of their folders or split by a seed."""

from collections.abc import Mapping

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import Dataset, Split
from autoscidact.data.images.pool_split import split_by_pool
from autoscidact.data.images.stored import SHARDS_FOLDER, open_images
from autoscidact.data.labels import class_name
from autoscidact.errors import UserError

SIZE = 224
"""Edge in pixels that most encoders were trained on."""


def load(
    *,
    name: str,
    signal: str | int | None,
    split: Mapping[Split, float],
    path: str,
    seed: int = 0,
    label: str | None = None,
    size: int = SIZE,
) -> Dataset:
    """Images of a folder that `prepare` filled, (n, 3, size, size) from 0 to 255, which stay on disk.

    In memory are label, id, weight, split and file name. Observers: `file`, and `width` and `height` of the file's
    image where they differ.

    Args:
        signal: the class held out.
        split: shares; for images in folders train, val and test only val's share of train and val, where there is
            no folder val.
        path: the folder.
        seed: of the split.
        label: not used by this dataset; refused if given.
        size: edge in pixels, as prepared.

    Raises:
        UserError: nothing prepared, a damaged shard, an unknown class or one with fewer than 2 images, or a bad
            setting.
    """
    if label is not None:
        raise UserError(f"dataset={name} takes labels from its folders; leave out dataset.label")
    stored = open_images(path, whole_setting("size", size, 1))
    events = stored.events()
    # "???" is how Hydra writes a value that the user must supply.
    if signal in (None, "", "???"):
        shown = ", ".join(events.classes[:30])
        raise UserError(f"dataset {name}: give the class held out with dataset.signal=CLASS; there are {shown}")
    splits = split_by_pool(events.labels, stored.pools, split, seed)
    source = f"dataset {name} in {path}/{SHARDS_FOLDER}"
    return check_dataset(Dataset(name, events, class_name(signal), splits), source)

"""Tissue tiles as a dataset: healthy tissues split by a seed, diseased liver in the test (AutoSciDACT, App. A.4)."""

from collections.abc import Mapping, Sequence

import numpy as np

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import Dataset, Split
from autoscidact.data.histology.layout import CLASSES, DISEASE
from autoscidact.data.images.pool_split import split_by_pool
from autoscidact.data.images.stored import open_images
from autoscidact.data.labels import class_name
from autoscidact.errors import UserError

SIZE = 256
"""Edge of the published tiles in pixels, 0.44 micrometres each."""


def load(
    *,
    name: str,
    signal: str,
    split: Mapping[Split, float],
    path: str,
    seed: int = 0,
    label: str | None = None,
    size: int = SIZE,
    classes: Sequence[str] = CLASSES,
    stain: str = "mt",
) -> Dataset:
    """Tiles of a folder that `prepare` filled, (n, 3, size, size) from 0 to 255, which stay on disk.

    The test split holds its share of the training folders and the independent tiles of healthy and of diseased mouse
    liver. Diseased tiles are left out where another class is the signal: they are no background.

    Args:
        signal: the class held out, NAFLD or a tissue.
        split: shares of the training folders, class by class.
        path: the folder.
        seed: of the split.
        label: not used by this dataset; refused if given.
        size: edge in pixels, as prepared.
        classes: the healthy tissues.
        stain: not used here, see `prepare`.

    Raises:
        UserError: nothing prepared, a damaged shard, an unknown class, or a bad setting.

    References:
        I. Zingman, B. Stierstorfer, F. Heinemann, "NAFLD pathology and healthy tissue samples", 2022,
        https://osf.io/gqutd/; I. Zingman et al., doi:10.1016/j.media.2023.103067.
    """
    if label is not None:
        raise UserError("dataset=histology brings its own labels; for images of your own use dataset=images")
    stored = open_images(path, whole_setting("size", size, 1), name)
    wanted = [*classes, *([DISEASE] if class_name(signal) == DISEASE else [])]
    missing = [tissue for tissue in wanted if tissue not in stored.labels]
    if missing:
        raise UserError(f"{path}: no tiles of {', '.join(missing)} are prepared; prepare the dataset again with them")
    stored = stored.take(np.isin(stored.labels, wanted))
    events = stored.events(wanted)
    splits = split_by_pool(events.labels, stored.pools, split, seed)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {path}")

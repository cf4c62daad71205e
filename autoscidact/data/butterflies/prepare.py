"""Fills a folder with butterflies: the challenge's images, classed by its tables."""

import contextlib
from pathlib import Path

from autoscidact.data.butterflies.challenge_tables import matched, read_challenge
from autoscidact.data.checks import whole_setting
from autoscidact.data.images.class_folders import NO_POOL, images_below
from autoscidact.data.images.dataset import SIZE
from autoscidact.data.images.index import write_index
from autoscidact.data.images.mirrors import is_archive, opened_mirror
from autoscidact.data.images.preparation import write_shards
from autoscidact.data.images.stored import SHARDS_FOLDER
from autoscidact.data.images.summary import summary
from autoscidact.errors import UserError
from autoscidact.files import make_folder

_SHOWN = 5


def prepare(
    *,
    path: str,
    size: int = SIZE,
    mirror: str | None = None,
    skip_bad_files: bool = False,
    workers: int = 1,
    **others: object,
) -> None:
    """Decodes the images once, and prints how many of each class there are, and which are missing.

    Args:
        path: the folder to fill.
        size: edge in pixels.
        mirror: a folder with butterfly_anomaly_train.csv, ref_test.csv where hidden images are wanted, and the
            images: as files anywhere below, or in tar or zip archives beside the tables. `path` by default.
        skip_bad_files: leave out images that cannot be used, and count them, instead of refusing.
        workers: processes.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: names the table or file that cannot be used and why, or the setting.
    """
    folder, size = Path(path).expanduser(), whole_setting("size", size, 1)
    place = folder if mirror is None else Path(mirror).expanduser()
    if not place.is_dir():
        raise UserError(f"{place}: no such folder; give one with the challenge's tables and images as mirror=FOLDER")
    rows = read_challenge(place)
    shards = make_folder(folder / SHARDS_FOLDER)
    with contextlib.ExitStack() as stack:
        places = [place]
        for archive in sorted(entry for entry in place.iterdir() if is_archive(entry)):
            places.append(stack.enter_context(opened_mirror(archive, folder)))
        images = [image for where in places for image in images_below(where, where, NO_POOL, "")[0]]
        found = matched(images, rows)
        recipes, unread = write_shards(found.images, shards, size, skip_bad_files, workers)
    index = write_index(shards, size, recipes, unread, found.unlisted, skip_bad_files)
    print(summary(index, folder, "dataset=butterflies"))
    if found.missing:
        more = f" and {len(found.missing) - _SHOWN} more" if len(found.missing) > _SHOWN else ""
        print(
            f"{len(found.missing)} of {len(rows)} rows of the tables have no image: "
            f"{', '.join(found.missing[:_SHOWN])}{more}"
        )

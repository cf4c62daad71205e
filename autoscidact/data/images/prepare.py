"""Fills a folder with shards of images from class folders."""

from pathlib import Path

from autoscidact.data.checks import whole_setting
from autoscidact.data.images.class_folders import find_class_folders
from autoscidact.data.images.dataset import SIZE
from autoscidact.data.images.index import write_index
from autoscidact.data.images.mirrors import opened_mirror
from autoscidact.data.images.preparation import write_shards
from autoscidact.data.images.stored import SHARDS_FOLDER
from autoscidact.data.images.summary import summary
from autoscidact.errors import UserError
from autoscidact.files import make_folder


def prepare(
    *,
    path: str,
    size: int = SIZE,
    mirror: str | None = None,
    skip_bad_files: bool = False,
    workers: int = 1,
    name: str = "images",
    **others: object,
) -> None:
    """Decodes the images of class folders once, and prints how many of each class there are.

    An interrupted run goes on where it stopped; images that changed since an earlier run are decoded again.

    Args:
        path: the folder to fill.
        size: edge in pixels that images are fitted to, see `decoding.fit`.
        mirror: a folder or archive with CLASS/FILE, or with SPLIT/CLASS/FILE where SPLIT is train, val or test. It
            is only read. By default `path` itself.
        skip_bad_files: leave out images that cannot be used, and count them, instead of refusing.
        workers: processes.
        name: of the dataset.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: names the file that cannot be used and why, the class that is empty, or the setting.
    """
    folder = Path(path).expanduser()
    if mirror is None and not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the folder or archive of your images with mirror=FOLDER")
    size = whole_setting("size", size, 1)
    shards = make_folder(folder / SHARDS_FOLDER)
    with opened_mirror(folder if mirror is None else mirror, folder) as source:
        found = find_class_folders(source, (folder, shards))
        recipes, unread = write_shards(found.images, shards, size, skip_bad_files, workers)
    index = write_index(shards, size, recipes, unread, found.ignored, skip_bad_files)
    changed = {"name": (name, "images"), "size": (size, SIZE)}
    overrides = "".join(f" dataset.{key}={value}" for key, (value, usual) in changed.items() if value != usual)
    print(summary(index, folder, f"dataset=images{overrides} dataset.signal=CLASS"))

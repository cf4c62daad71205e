"""Fills a folder with CIFAR-10: downloaded, or from a folder or archive in any of its usual forms."""

from pathlib import Path

from autoscidact.data.checks import whole_setting
from autoscidact.data.cifar10.batches import TEST, TRAINING, find_batches, read_batch
from autoscidact.data.cifar10.cifar5m import first_images
from autoscidact.data.cifar10.layout import ARCHIVE, CIFAR5M, CLASSES, SHA256, SIZE, URL
from autoscidact.data.downloads import fetch
from autoscidact.data.images.array_shards import write_array_shards
from autoscidact.data.images.class_folders import Found, find_class_folders
from autoscidact.data.images.index import write_index
from autoscidact.data.images.mirrors import is_archive, opened_mirror
from autoscidact.data.images.preparation import write_shards
from autoscidact.data.images.shard_files import ShardRecipe
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
    cifar5m: int = 0,
    workers: int = 1,
    **others: object,
) -> None:
    """Makes shards of CIFAR-10's images and prints how many of each class there are.

    Args:
        path: the folder to fill.
        size: edge in pixels.
        mirror: a folder or archive with the pickled batches, read by `read_batch`, or with the images as files
            train/CLASS/FILE and test/CLASS/FILE; a folder may also hold one such archive. By default the published
            archive is downloaded to `path`.
        skip_bad_files: leave out images that cannot be used, and count them, instead of refusing.
        cifar5m: so many images of CIFAR-5m too, from part0.npz, ... in `mirror`.
        workers: processes.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: names the file that cannot be used or downloaded and why, or the setting.
    """
    folder = Path(path).expanduser()
    size, cifar5m = whole_setting("size", size, 1), whole_setting("cifar5m", cifar5m, 0)
    shards = make_folder(folder / SHARDS_FOLDER)
    given = fetch(URL, SHA256, folder / ARCHIVE) if mirror is None else Path(mirror).expanduser()
    unread: dict[str, str] = {}
    with opened_mirror(_archive_in(given) or given, folder) as source:
        batches = find_batches(source)
        found = Found((), 0) if batches else _class_folders(source)
        if batches:
            recipes = _from_batches(batches, shards, size)
        else:
            recipes, unread = write_shards(found.images, shards, size, skip_bad_files, workers)
    if cifar5m:
        parts = first_images(given if given.is_dir() else folder, cifar5m)
        recipes += write_array_shards(*parts, CIFAR5M, shards, size)
    index = write_index(shards, size, recipes, unread, found.ignored, skip_bad_files)
    print(summary(index, folder, "dataset=cifar10"))


def _archive_in(given: Path) -> Path | None:
    """The one archive of a folder that holds no batches and no folders of images."""
    if not given.is_dir() or find_batches(given):
        return None
    archives = [path for path in sorted(given.iterdir()) if is_archive(path)]
    folders = [path for path in given.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return archives[0] if len(archives) == 1 and not folders else None


def _class_folders(source: Path) -> Found:
    found = find_class_folders(source)
    unknown = sorted({image.label for image in found.images} - set(CLASSES))
    if unknown:
        raise UserError(
            f"{source}: CIFAR-10 has no class {', '.join(unknown[:5])}; it has {', '.join(CLASSES)}. For other images "
            "use dataset=images"
        )
    return found


def _from_batches(folder: Path, shards: Path, size: int) -> list[ShardRecipe]:
    recipes = []
    for name in (*TRAINING, TEST):
        batch = read_batch(folder / name)
        pool = "test" if name == TEST else "train"
        recipes += write_array_shards(batch.pixels, batch.labels, batch.names, pool, shards, size)
    return recipes

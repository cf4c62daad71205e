"""Fills a folder with tissue tiles from the folders or archives of OSF gqutd."""

from collections.abc import Sequence
from pathlib import Path

from autoscidact.data.checks import whole_setting
from autoscidact.data.histology.dataset import SIZE
from autoscidact.data.histology.layout import ADDRESS, CLASSES, LIVER, STAINS, TEST, test_folders, training_folder
from autoscidact.data.images.class_folders import NO_POOL, images_below
from autoscidact.data.images.index import write_index
from autoscidact.data.images.mirrors import archives_below, opened_mirror
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
    classes: Sequence[str] = CLASSES,
    stain: str = "mt",
    mirror: str | None = None,
    skip_bad_files: bool = False,
    workers: int = 1,
    **others: object,
) -> None:
    """Decodes the tiles once, and prints how many of each class there are. Archives are unpacked one at a time.

    Args:
        path: the folder to fill.
        size: edge in pixels.
        classes: the healthy tissues, of `layout.CLASSES`.
        stain: mt or he.
        mirror: a folder that holds, anywhere below, a folder or archive for each of `layout.training_folder` and
            `layout.test_folders`; `path` by default.
        skip_bad_files: leave out images that cannot be used, and count them, instead of refusing.
        workers: processes.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: names the folder that is missing, the file that cannot be used and why, or the setting.
    """
    folder, size = Path(path).expanduser(), whole_setting("size", size, 1)
    place = folder if mirror is None else Path(mirror).expanduser()
    if not place.is_dir():
        raise UserError(f"{place}: no such folder; give one with the folders or archives of {ADDRESS} as mirror=FOLDER")
    parts = _places(place, classes, stain)
    shards = make_folder(folder / SHARDS_FOLDER)
    recipes: list[ShardRecipe] = []
    unread: dict[str, str] = {}
    ignored = 0
    for (label, pool, title), found in parts.items():
        print(f"{title}:")
        with opened_mirror(found, folder) as tiles:
            root = tiles.parent if found.is_dir() else tiles
            images, others_there = images_below(tiles, root, pool, label)
            if not images:
                raise UserError(f"{found}: holds no images")
            made, failed = write_shards(images, shards, size, skip_bad_files, workers)
        recipes += made
        unread |= failed
        ignored += others_there
    print(summary(write_index(shards, size, recipes, unread, ignored, skip_bad_files), folder, "dataset=histology"))


def _places(place: Path, classes: Sequence[str], stain: str) -> dict[tuple[str, str, str], Path]:
    """Class, pool and title of each folder to where it is."""
    if stain not in STAINS:
        raise UserError(f"dataset.stain={stain}: choose {' or '.join(STAINS)}")
    unknown = [tissue for tissue in classes if tissue not in CLASSES]
    if unknown:
        raise UserError(f"dataset.classes: no tissue {', '.join(unknown)}; choose from {', '.join(CLASSES)}")
    wanted = {(tissue, NO_POOL, training_folder(tissue, stain)): tissue for tissue in classes}
    tests = {(label, TEST, title): label for label, title in test_folders(stain).items()}
    wanted |= {key: label for key, label in tests.items() if label != LIVER or LIVER in classes}
    folders = {path.name: path for path in sorted(place.rglob("*"), reverse=True) if path.is_dir()}
    archives = {title: archives_below(place, [title]) for _, _, title in wanted}
    missing = [title for _, _, title in wanted if title not in folders and not archives[title]]
    if missing:
        raise UserError(
            f"{place}: no folder or archive {', '.join(missing)}; get them from {ADDRESS}, or leave the tissue out of "
            "dataset.classes"
        )
    return {key: folders[key[2]] if key[2] in folders else archives[key[2]][0] for key in wanted}

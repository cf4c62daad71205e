"""Images in folders named after their classes."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoscidact.data.images.decoding import SUFFIXES
from autoscidact.errors import UserError

SPLIT_FOLDERS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Top folders that say which split their images are in."""

NO_POOL = ""
"""Pool of images that come in no split."""


@dataclass(frozen=True)
class ImageFile:
    """An image and what its place says.

    Attributes:
        path: where to read it.
        name: path below the folder that was searched, with slashes.
        pool: the part of the dataset it belongs to, such as "train"; NO_POOL for none.
        label: its class.
    """

    path: Path
    name: str
    pool: str
    label: str


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        images: in the order of their pools, classes and names.
        ignored: files that are no images by their ending, or lie in no class folder.
    """

    images: tuple[ImageFile, ...]
    ignored: int


def find_class_folders(root: str | Path, apart: Collection[Path] = ()) -> Found:
    """Finds the images of FOLDER/CLASS/... or FOLDER/SPLIT/CLASS/..., with SPLIT of `SPLIT_FOLDERS`.

    A folder that holds one other folder and no images is passed through, as archives often have one. Hidden files
    and folders are not looked at. Folders inside a class folder belong to it, but for links.

    Args:
        root: the folder.
        apart: folders below it that are none of the user's.

    Raises:
        UserError: no such folder, no class folders, a class folder without images, or another folder beside splits.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    place = _passed_through(root, apart)
    folders = _folders(place, apart)
    splits = {folder: SPLIT_FOLDERS[folder.name.lower()] for folder in folders if folder.name.lower() in SPLIT_FOLDERS}
    nested = any(_folders(folder) for folder in splits)
    beside = [folder.name for folder in folders if folder not in splits]
    if nested and {"train", "test"} <= set(splits.values()) and beside:
        raise UserError(f"{place}: {', '.join(beside)} beside train and test is neither split nor class; move it away")
    if nested and not beside:
        _check_splits(splits, place)
        order = ("train", "val", "test")
        parts = sorted(splits.items(), key=lambda part: order.index(part[1]))
    else:
        parts = [(place, NO_POOL)]
    images, ignored = [], 0
    for part, pool in parts:
        ignored += sum(1 for _ in _files(part))
        for folder in _folders(part, apart):
            found, others = images_below(folder, root, pool, folder.name)
            if not found:
                raise UserError(f"{folder}: no image in this class folder ({_endings()}); add some or delete it")
            images += found
            ignored += others
    if not images:
        raise UserError(f"{root}: no class folders; put the images of each class into a folder with its name")
    return Found(tuple(images), ignored)


def images_below(folder: Path, root: Path, pool: str, label: str) -> tuple[list[ImageFile], int]:
    """Every image at any depth of `folder`, by name, and the number of other files.

    Args:
        root: names are relative to it. pool, label: of all of them.
    """
    paths = []
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _visible(name)]
        paths += [Path(current) / name for name in names if _visible(name)]
    files = [path for path in paths if path.suffix.lower() in SUFFIXES]
    named = sorted((path.relative_to(root).as_posix(), path) for path in files)
    return [ImageFile(path, name, pool, label) for name, path in named], len(paths) - len(files)


def _passed_through(root: Path, apart: Collection[Path]) -> Path:
    place, inner = root, _folders(root, apart)
    while len(inner) == 1 and _folders(inner[0]) and not any(_is_image(path) for path in _files(place)):
        place, inner = inner[0], _folders(inner[0])
    return place


def _check_splits(splits: Mapping[Path, str], place: Path) -> None:
    twice = [folder.name for folder in splits if list(splits.values()).count(splits[folder]) > 1]
    if twice:
        raise UserError(f"{place}: {' and '.join(twice)} are the same split; make one folder of them")
    missing = [name for name in ("train", "test") if name not in splits.values()]
    if missing:
        raise UserError(
            f"{place}: holds {', '.join(folder.name for folder in splits)} but no folder {missing[0]}; add it, or put "
            "the class folders side by side to have them split"
        )


def _folders(place: Path, apart: Collection[Path] = ()) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and _visible(path.name) and path not in apart)


def _files(place: Path) -> Iterator[Path]:
    return (path for path in place.iterdir() if not path.is_dir() and _visible(path.name))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _visible(name: str) -> bool:
    # __MACOSX holds what macOS keeps beside each file of a zip archive.
    return not name.startswith(".") and name != "__MACOSX"


def _endings() -> str:
    return ", ".join(SUFFIXES)

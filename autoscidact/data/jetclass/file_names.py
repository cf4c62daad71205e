"""What the names of JetClass's files say: STEM_NNN.root holds jets of one class, for one split."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from autoscidact.data.contract import SPLITS
from autoscidact.data.jetclass.layout import CLASSES
from autoscidact.errors import UserError

STEMS = {
    "QCD": "ZJetsToNuNu",
    "Hbb": "HToBB",
    "Hcc": "HToCC",
    "Hgg": "HToGG",
    "H4q": "HToWW4Q",
    "Hqql": "HToWW2Q1L",
    "Zqq": "ZToQQ",
    "Wqq": "WToQQ",
    "Tbqq": "TTBar",
    "Tbl": "TTBarLep",
}
"""Class to the beginning of its files' names, https://zenodo.org/records/6619768."""

FILE_NUMBERS = {"train": range(100), "test": range(100, 120), "val": range(120, 125)}
"""Of JetClass's files, 100000 jets each."""

_CLASS = {stem: name for name, stem in STEMS.items()}
_NUMBER = re.compile(r"(.*)_(\d{1,9})", re.DOTALL)


def class_of(name: str) -> str | None:
    """The class of a file's jets; None for a name that is none of JetClass's, whose label branches tell."""
    stem = PurePath(name).stem
    match = _NUMBER.fullmatch(stem)
    return _CLASS.get(match[1] if match else stem)


def file_number(name: str) -> int | None:
    """The number at the end of a file's name, as 7 of HToBB_007.root; None where there is none."""
    match = _NUMBER.fullmatch(PurePath(name).stem)
    return int(match[2]) if match else None


def split_of(name: str, ranges: Mapping[str, range] = FILE_NUMBERS) -> str | None:
    """The split whose range holds a file's number; None where there is none, by default of JetClass's own."""
    number = file_number(name)
    return next((split for split, numbers in ranges.items() if number in numbers), None)


def split_ranges(split: Mapping[str, Sequence[int]]) -> dict[str, range]:
    """File numbers of each split, from the first and last of each.

    Raises:
        UserError: an unknown split, something else than two numbers, or a number in two splits.
    """
    ranges: dict[str, range] = {}
    for name, numbers in split.items():
        if name not in SPLITS:
            raise UserError(f"dataset.split.{name}: there is no such split; the splits are {', '.join(SPLITS)}")
        whole = not isinstance(numbers, str | float | int) and all(isinstance(number, int) for number in numbers)
        if not whole or len(numbers) != 2 or numbers[0] > numbers[1]:
            raise UserError(f"dataset.split.{name}={numbers}: give the first and last file number, such as [0,99]")
        ranges[name] = range(numbers[0], numbers[1] + 1)
        for other, taken in ranges.items():
            shared = sorted(set(taken) & set(ranges[name]))
            if other != name and shared:
                raise UserError(f"dataset.split: files of number {shared[0]} are in both {other} and {name}")
    return ranges


def check_classes(classes: Sequence[str]) -> None:
    """Raises UserError where a class is unknown, or there is none."""
    unknown = [str(name) for name in classes if name not in CLASSES]
    if unknown or not classes:
        raise UserError(
            f"dataset.classes: JetClass has no class {', '.join(unknown) or '(none given)'}; "
            f"choose from {', '.join(CLASSES)}"
        )

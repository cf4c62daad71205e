"""How many jets go to which of JetClass's file numbers."""

from collections.abc import Mapping

from autoscidact.data.jetclass.jet_files import FILE_STEMS, JetFile
from autoscidact.errors import UserError

FILE_NUMBERS = {"train": range(100), "test": range(100, 120), "val": range(120, 125)}
"""Of JetClass's files, 100000 jets each."""

SHARES = {"train": 0.55, "test": 0.40, "val": 0.05}
"""JetClass itself has 0.80, 0.16 and 0.04; of few jets the toys need a larger part."""

JETS_PER_FILE = 1_000
"""About twelve seconds of one core: what an interruption may cost."""


def planned_files(n_per_class: int, seed: int, shares: Mapping[str, float] = SHARES) -> list[JetFile]:
    """Files that hold `n_per_class` jets of each of the five classes, in training, test and validation numbers.

    Files hold `JETS_PER_FILE` jets, or more where the numbers of a split would not suffice. Classes alternate, so
    that an interrupted run leaves some of each.

    Args:
        n_per_class: jets of each class.
        seed: of the run.
        shares: part of the jets for each split; they sum to 1.

    Raises:
        UserError: there are too few jets for one in each split.
    """
    sizes: dict[int, int] = {}
    left = n_per_class
    for index, (split, share) in enumerate(shares.items()):
        n = left if index == len(shares) - 1 else round(share * n_per_class)
        left -= n
        if n < 1:
            raise UserError(f"n_per_class={n_per_class}: too few for jets in each of {', '.join(shares)}; give more")
        numbers = FILE_NUMBERS[split]
        n_files = min(-(-n // JETS_PER_FILE), len(numbers))
        sizes |= {numbers[k]: n * (k + 1) // n_files - n * k // n_files for k in range(n_files)}
    return [JetFile(name, number, n, seed) for number, n in sizes.items() for name in FILE_STEMS]

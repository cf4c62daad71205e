"""A data set of generated jets: how many go to which of JetClass's file numbers."""

from collections.abc import Mapping
from pathlib import Path

from autoscidact.data.jetclass.file_names import FILE_NUMBERS
from autoscidact.data.jetclass.generation_report import write_generation_report
from autoscidact.data.jetclass.jet_files import FILE_STEMS, JetFile, generate_files
from autoscidact.errors import UserError
from autoscidact.files import make_folder

SHARES = {"train": 0.55, "test": 0.40, "val": 0.05}
"""JetClass itself has 0.80, 0.16 and 0.04; of few jets the toys need a larger part."""

JETS_PER_FILE = 1_000
"""About twelve seconds of one core: what an interruption may cost."""


def generate_dataset(folder: Path, n_per_class: int, seed: int, workers: int) -> Path:
    """Generates jets of the five classes in a folder of JetClass's layout, with a report.

    Files that are there already are kept, so an interrupted run goes on where it stopped, and one with a larger
    `n_per_class` extends what is there.

    Args:
        folder: made if missing.
        n_per_class: jets of each class, for training, test and validation together.
        seed: same seed, same jets, whatever the number of workers.
        workers: processes.

    Returns:
        The report, generation.md.

    Raises:
        UserError: too few jets; a file of such a name holds something else; pythia8mc or fastjet is not installed.
    """
    files = planned_files(n_per_class, seed)
    generate_files(files, make_folder(folder), workers)
    return write_generation_report(files, folder)


def planned_files(n_per_class: int, seed: int, shares: Mapping[str, float] = SHARES) -> list[JetFile]:
    """Files that hold `n_per_class` jets of each of the five classes, in training, test and validation numbers.

    Files hold `JETS_PER_FILE` jets, the last of a split what is left over; they hold more where the numbers of a
    split would not suffice. Classes alternate, so that an interrupted run leaves some of each.

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
        full = max(JETS_PER_FILE, -(-n // len(numbers)))
        sizes |= {numbers[k]: min(full, n - k * full) for k in range(-(-n // full))}
    return [JetFile(name, number, n, seed) for number, n in sizes.items() for name in FILE_STEMS]

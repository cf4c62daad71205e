"""Files of generated jets in JetClass's ROOT format, made in parallel; an interrupted run leaves whole files."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.file_names import STEMS
from autoscidact.data.jetclass.jet_branches import generate_jets
from autoscidact.data.jetclass.layout import TREE
from autoscidact.errors import UserError
from autoscidact.files import atomic_path
from autoscidact.progress import progress

FILE_STEMS = {name: STEMS[name] for name in ("QCD", "Tbqq", "Wqq", "Zqq", "Hbb")}
"""Of the classes that are generated."""

_VERSION = 1
"""Raise it where the same seed gives other jets."""


@dataclass(frozen=True)
class JetFile:
    """One file to make.

    Attributes:
        jet_class: a key of `FILE_STEMS`.
        number: in the file's name; in JetClass 0 to 99 is training, 100 to 119 test and 120 to 124 validation.
        n_jets: in the file.
        seed: of the run; class and number give each file random numbers of its own.
    """

    jet_class: str
    number: int
    n_jets: int
    seed: int

    def path(self, folder: Path) -> Path:
        return folder / f"{FILE_STEMS[self.jet_class]}_{self.number:03d}.root"

    def recipe(self) -> str:
        return f"{self._jets()} n_jets={self.n_jets}"

    def is_longer_or_shorter(self, recipe: str) -> bool:
        """Whether a file of this recipe differs in the number of its jets at most."""
        return recipe.startswith(f"{self._jets()} n_jets=")

    def _jets(self) -> str:
        return f"autoscidact jets v{_VERSION} class={self.jet_class} number={self.number} seed={self.seed}"


def generate_files(files: Sequence[JetFile], folder: Path, workers: int) -> list[Path]:
    """Generates jets in parallel; files that are there already are kept.

    A file of fewer or more jets is made anew; those that both have are the same jets.

    Args:
        files: what to make.
        folder: of the files.
        workers: processes.

    Returns:
        Their paths. They hold the same jets for the same seed, whatever the number of workers.

    Raises:
        UserError: a file of such a name holds something else, or pythia8mc or fastjet is not installed.
    """
    missing = [file for file in files if not _is_made(file, folder)]
    total = sum(file.n_jets for file in files)
    with progress("generating jets", total, done=total - sum(file.n_jets for file in missing)) as bar:
        for n_jets in _made(missing, folder, workers):
            bar.advance(n_jets)
    return [file.path(folder) for file in files]


def write_jets(
    path: Path,
    jets: Mapping[str, NDArray[Any]],
    particles: Mapping[str, NDArray[Any]],
    counts: NDArray[np.int64],
    recipe: str,
) -> None:
    """Writes branches as a ROOT file with JetClass's tree and, beside it, what the jets were made from; atomically."""
    import awkward as ak
    import uproot

    lists = {name.removeprefix("part_"): ak.unflatten(values, counts) for name, values in particles.items()}
    with atomic_path(path) as temporary, uproot.recreate(temporary) as file:
        data = {"part": ak.zip(lists), **jets}
        # Assignment would write an RNTuple, which JetClass's readers do not know.
        tree = file.mktree(TREE, {name: ak.type(values).content for name, values in data.items()})
        tree.extend(data)
        file["recipe"] = recipe


def _is_made(file: JetFile, folder: Path) -> bool:
    path = file.path(folder)
    if not path.exists():
        return False
    import uproot

    try:
        with uproot.open(path) as opened:
            recipe = str(opened["recipe"])
    except Exception as error:  # a damaged file fails anywhere in the reader
        raise UserError(f"{path}: is no file of jets generated here; choose another folder, or move it") from error
    if not file.is_longer_or_shorter(recipe):
        raise UserError(f"{path}: was generated with another seed; delete it, or choose another folder")
    return recipe == file.recipe()


def _made(files: list[JetFile], folder: Path, workers: int) -> Iterator[int]:
    """Makes files, in this process if one worker is enough; yields how many jets each holds."""
    if workers == 1 or len(files) <= 1:
        for file in files:
            _make(file, folder)
            yield file.n_jets
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(files)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_make, file, folder): file.n_jets for file in files}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(file: JetFile, folder: Path) -> None:
    jets, particles, counts = generate_jets(file.jet_class, file.n_jets, file.seed, file.number)
    write_jets(file.path(folder), jets, particles, counts, file.recipe())

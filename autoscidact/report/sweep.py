"""Runs of a sweep: sorted by the key that is the x axis, and by the seeds over which they are aggregated."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from autoscidact.errors import UserError
from autoscidact.report.gather import Gathered, differences, gather, in_words
from autoscidact.report.runs import Run
from autoscidact.report.sweep_values import axis_values, distinct, has_key, plain_value, rank, value_of

F_S = "f_s"
"""As x it is the scan that every run holds: then runs differ in nothing but their seeds."""


@dataclass(frozen=True)
class Cell:
    """All runs of one place of a sweep and one seed.

    Attributes:
        x: where on the axis: a number, or text; of x=f_s the same for all.
        seeds: the values of the keys that are aggregated over.
    """

    x: Any
    seeds: tuple[Any, ...]
    gathered: Gathered


@dataclass(frozen=True)
class Sweep:
    """Runs of one dataset that differ in nothing but `key`, `over`, f_S and statistics.

    Attributes:
        dataset: its name. key: the x axis. over: the keys, mostly seeds, over which is aggregated.
        cells: sorted by x, then by seeds.
        left_out: runs that do not have `key`.
    """

    dataset: str
    key: str
    over: tuple[str, ...]
    cells: tuple[Cell, ...]
    left_out: tuple[Run, ...] = ()

    @property
    def places(self) -> list[Any]:
        """The values of x, in order; of x=f_s those of every run."""
        if self.key == F_S:
            return sorted({float(f_s) for cell in self.cells for f_s in cell.gathered.table.f_s})
        return list(dict.fromkeys(cell.x for cell in self.cells))

    @property
    def seeds(self) -> list[tuple[Any, ...]]:
        """Every seed that some cell has, in order."""
        return sorted({cell.seeds for cell in self.cells}, key=lambda seeds: tuple(map(rank, seeds)))


def sweep_of(runs: Sequence[Run], key: str, over: Sequence[str]) -> Sweep:
    """Sorts runs of one dataset.

    Raises:
        UserError: no run has `key`, or two differ in more than `key` and `over`; names what in.
    """
    over = tuple(name for name in over if name != key)
    having = [run for run in runs if key == F_S or has_key(run, key)]
    if not having:
        raise UserError(f"x={key}: no run of dataset {runs[0].dataset} has it; choose other ones with datasets=[...]")
    for one, other in combinations(having, 2):
        if unlike := differences(one, other, (key, *over)):
            raise UserError(_refusal(one, other, key, over, unlike))
    by_cell: dict[tuple[Any, tuple[Any, ...]], list[Run]] = {}
    places = [F_S] * len(having) if key == F_S else axis_values(having, key)
    for x, run in zip(places, having, strict=True):
        seeds = tuple(plain_value(value_of(run, name)) for name in over)
        by_cell.setdefault((x, seeds), []).append(run)
    cells = [Cell(x, seeds, gather(mine)[0]) for (x, seeds), mine in by_cell.items()]
    cells.sort(key=lambda cell: (rank(cell.x), *map(rank, cell.seeds)))
    left_out = tuple(run for run in runs if key != F_S and not has_key(run, key))
    return Sweep(runs[0].dataset, key, over, tuple(cells), left_out)


def by_seed(groups: Sequence[Sequence[Run]], over: Sequence[str]) -> list[list[Sequence[Run]]]:
    """Groups, each of which may stand in one table, in sets whose groups differ in nothing but `over`."""
    sets: list[list[Sequence[Run]]] = []
    for group in groups:
        fitting = (known for known in sets if all(_seeds_alone(other, group, over) for other in known))
        known = next(fitting, None)
        if known is None:
            sets.append([group])
        else:
            known.append(group)
    return sets


def differ_in(runs: Sequence[Run], keys: Sequence[str]) -> bool:
    """Whether any two runs differ in one of `keys`."""
    return any(len(distinct([value_of(run, key) for run in runs])) > 1 for key in keys)


def _seeds_alone(first: Sequence[Run], second: Sequence[Run], over: Sequence[str]) -> bool:
    if first[0].dataset != second[0].dataset or not differ_in([first[0], second[0]], over):
        return False
    return not any(differences(one, other, over) for one, other in product(first, second))


def _refusal(one: Run, other: Run, key: str, over: Sequence[str], unlike: Sequence[str]) -> str:
    first, _, values = unlike[0].partition(": ")
    beside = " and ".join(name for name in (key, *over) if name != F_S) or F_S
    text = (
        f"runs {one.folder} and {other.folder} of dataset {one.dataset} differ in {in_words(unlike)}, not in {beside} "
    )
    if not (has_key(one, first) or has_key(other, first)):
        return f"{text}alone; report those that belong together, with runs=[FOLDER,...]"
    way = f"report against it, with x={first if len(unlike) == 1 else 'KEY'}"
    if first.rpartition(".")[2] == "seed":
        way = f"aggregate over it, with over=[{','.join([*over, first])}]"
    return f"{text}alone; {way}, or choose runs, with only={{{first}: {values.partition(' and ')[0]}}}"

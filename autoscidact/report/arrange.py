"""What a report shows of its runs: sweeps, and runs that stand in one table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from autoscidact.report.gather import Gathered, compatible, gather
from autoscidact.report.runs import Run
from autoscidact.report.sweep import F_S, Sweep, by_seed, differ_in, sweep_of
from autoscidact.report.sweep_values import seed_name

Part = TypeVar("Part", Sweep, Gathered)


def arranged(
    runs: Sequence[Run], key: str | None, over: Sequence[str], named: bool
) -> tuple[list[Sweep], list[Gathered]]:
    """Sweeps to show, and runs that stand in one table each.

    With an x axis there are sweeps alone, one a dataset. Without, runs that differ in their seeds alone make a sweep
    over f_S, and those of the first seed stand for the others wherever single toys are shown.

    Args:
        key: x. over: keys that are aggregated over. named: the user chose the runs, so what does not fit is refused.

    Raises:
        UserError: runs do not belong together.
    """
    by_dataset: dict[str, list[Run]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset, []).append(run)
    if key is not None:
        return [sweep_of(mine, key, over) for _, mine in sorted(by_dataset.items())], []
    if named:
        groups = [group for _, group in sorted(by_dataset.items())]
        seeded = [differ_in(group, over) for group in groups]
    else:
        sets = by_seed(compatible(runs), over)
        groups = [[run for group in found for run in group] for found in sets]
        seeded = [len(found) > 1 for found in sets]
    sweeps, together = [], []
    for group, several in zip(groups, seeded, strict=True):
        if not several:
            together += gather(group)
            continue
        sweep = sweep_of(group, F_S, over)
        cell = sweep.cells[0]
        sweeps.append(sweep)
        together.append(replace(cell.gathered, dataset=f"{sweep.dataset} ({seed_name(over, cell.seeds)})"))
    return [replace(sweep, dataset=name) for sweep, name in _named(sweeps)], [
        replace(gathered, dataset=name) for gathered, name in _named(together)
    ]


def _named(parts: Sequence[Part]) -> list[tuple[Part, str]]:
    """Names by which what is shown of one dataset is told apart: where it takes several tables, its first run's."""
    names = [part.dataset for part in parts]
    first = [(part.cells[0].gathered if isinstance(part, Sweep) else part).runs[0].name for part in parts]
    return [
        (part, f"{part.dataset} ({run})" if names.count(part.dataset) > 1 else part.dataset)
        for part, run in zip(parts, first, strict=True)
    ]

"""Finished discoveries whose Z are set by hand, for tests of what is aggregated over them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from finished_run import finished_run

from autoscidact.report.runs import Run, read_run

FRACTIONS = (0.01, 0.1)


def made(
    folder: Path,
    z: float,
    is_bound: bool = False,
    changes: Mapping[str, Any] | None = None,
    tests: tuple[str, ...] = ("nplm",),
    **options: Any,
) -> Run:
    """A run with Z = `z` at the first f_S and z + 1 at the second, at every variant; the last one may be a bound.

    Embedded events differ from run to run, as they do where each seed trains an embedding of its own.
    """
    options = {"fractions": FRACTIONS, "pools": str(folder), **options}
    path = finished_run(folder, tests, changes=changes, **options) / "z_scores.csv"
    table = pd.read_csv(path)
    last = table.f_s == max(options["fractions"])
    table["z_empirical"] = z + last
    table["z_asymptotic"] = table.z_asymptotic.where(table.z_asymptotic.isna(), z + last)
    table["z_empirical_is_bound"] = last & is_bound
    table.to_csv(path, index=False)
    return read_run(folder)


def sweep_runs(folder: Path, key: str, z: Mapping[Any, Mapping[int, float]], **options: Any) -> list[Run]:
    """Runs of every x and seed in `z`."""
    return [
        made(folder / f"{place}-{seed}", value, changes={key: x, "seed": seed}, **options)
        for place, (x, seeds) in enumerate(z.items())
        for seed, value in seeds.items()
    ]

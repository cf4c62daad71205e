"""The observed events, selected as the simulated ones."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autoscidact.data.contract import Events
from autoscidact.data.fourlepton.csv_files import check_duplicates, check_numbers, read_csv
from autoscidact.data.fourlepton.events import as_events
from autoscidact.data.fourlepton.ids import SIMULATED_RUN
from autoscidact.data.fourlepton.leptons import Leptons
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.data.fourlepton.samples import RUNS, check_years
from autoscidact.data.fourlepton.simulated import selected
from autoscidact.errors import UserError


def observed(
    file: str | Path,
    *,
    years: Sequence[int] = (2012,),
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
    **others: object,
) -> Events:
    """The observed events of a CSV or ROOT file, selected and written as those of `load`.

    Warns where some are simulated.

    Args:
        file: CSV with the columns `COLUMNS` of `csv_files`, or ROOT as in `read_root`. Masses in it are not read.
        years, m4l, z1, z2, leading_pt: as in `load`.
        others: the other settings of `load`, which do not concern observed data.

    Returns:
        One class, "observed", every weight 1, in the order of the file.

    Raises:
        UserError: the file cannot be read, holds an event twice, events of another year, or none that is selected.
    """
    file = Path(file).expanduser()
    leptons = read_root(file) if file.suffix == ".root" else read_csv(file)
    check_numbers(leptons.run, leptons.event, file)
    check_duplicates(leptons, file)
    _warn_of_simulation(leptons, file)
    _check_runs(leptons, check_years("years", years), file)
    chosen = selected(leptons, 1.0, {"m4l": m4l, "z1": z1, "z2": z2, "leading_pt": leading_pt}).leptons
    if len(chosen) == 0:
        raise UserError(f"{file}: none of its {len(leptons)} events passes the selection; widen dataset.m4l")
    n = len(chosen)
    return as_events(chosen, np.zeros(n, dtype=np.int64), ("observed",), np.ones(n))


def _warn_of_simulation(leptons: Leptons, file: Path) -> None:
    simulated = int((leptons.run == SIMULATED_RUN).sum())
    if simulated:
        warnings.warn(
            f"{file}: {simulated} of {len(leptons)} events are simulated (Run {SIMULATED_RUN}), not observed",
            UserWarning,
            stacklevel=3,
        )


def _check_runs(leptons: Leptons, years: Sequence[int], file: Path) -> None:
    for year in set(RUNS) - set(years):
        first, last = RUNS[year]
        other = int(((leptons.run >= first) & (leptons.run <= last)).sum())
        if other:
            raise UserError(
                f"{file}: {other} of {len(leptons)} events are of {year}, but dataset.years={list(years)} sets the "
                f"expected background; give dataset.years=[{year}], or both years with the files of both"
            )

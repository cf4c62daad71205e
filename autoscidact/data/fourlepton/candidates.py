"""Events known beforehand, such as CMS's own candidates: where they are, and which of them this search selects."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Events
from autoscidact.data.fourlepton.csv_files import read_csv
from autoscidact.data.fourlepton.events import as_events
from autoscidact.data.fourlepton.leptons import Leptons, concatenate
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.data.fourlepton.samples import FINAL_SELECTION, RUNS, check_years
from autoscidact.data.fourlepton.selection import cuts


def published_files(path: str | Path, *, years: Sequence[int] = (2012,), **others: object) -> list[Path]:
    """Files of the candidates that CMS published for these years (record 5200), whether they are there or not.

    Args:
        path: the folder that `prepare` fills.
        years: of the observed data.
        others: the other settings of `load`, which do not concern it.
    """
    wanted = [str(year) for year in check_years("years", years)]
    names = [file.name for file in FINAL_SELECTION if any(year in file.name for year in wanted)]
    return [Path(path).expanduser() / name for name in names]


def published(folder: str | Path, years: Sequence[int] = (2012,)) -> Leptons:
    """CMS's own candidates (record 5200) of these years, without any selection of ours.

    Raises:
        UserError: a file is missing or cannot be read.
    """
    return concatenate([read_csv(file) for file in published_files(folder, years=years)])


def known(
    file: str | Path,
    *,
    years: Sequence[int] = (2012,),
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
    **others: object,
) -> tuple[Events, NDArray[np.bool_]]:
    """All events of a CSV or ROOT file, and which of them `observed` would keep if they were in the data.

    Args:
        file, years, m4l, z1, z2, leading_pt, others: as in `observed`.

    Returns:
        The events, one class "known", in the order of the file; and (n,) whether each is of these years and passes
        the selection.

    Raises:
        UserError: the file cannot be read.
    """
    file = Path(file).expanduser()
    leptons = read_root(file) if file.suffix == ".root" else read_csv(file)
    n = len(leptons)
    passed = np.all(list(cuts(leptons, m4l=m4l, z1=z1, z2=z2, leading_pt=leading_pt).values()), axis=0)
    for year in set(RUNS) - set(check_years("years", years)):
        first, last = RUNS[year]
        passed &= (leptons.run < first) | (leptons.run > last)
    return as_events(leptons, np.zeros(n, dtype=np.int64), ("known",), np.ones(n)), passed

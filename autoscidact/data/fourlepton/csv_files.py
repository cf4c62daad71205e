"""Four-lepton events of the CSV files that CMS publishes on the CERN Open Data portal."""

import difflib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.data.fourlepton.ids import EVENT_BITS
from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, Leptons, ordered
from autoscidact.errors import UserError

# Nothing else is read: masses that a file brings along (M, mZ1, mZ2) cannot reach a feature or a selection.
_PER_LEPTON = ("PID", "Q", "E", "px", "py", "pz")
COLUMNS = ("Run", "Event", *(f"{name}{i}" for i in range(1, 5) for name in _PER_LEPTON))
"""Columns that a file must have: run and event number, then for lepton i = 1..4 kind, charge and momentum in GeV."""

_MOST_RUNS, _MOST_EVENTS, _SIGNED_EVENTS = 2**22, 2**EVENT_BITS, 2**31
# GeV. No four leptons have more; in MeV all four-lepton events above 8 GeV do.
_COLLISION_ENERGY = 8000.0
_ROUNDING = 1e-3


def read_csv(path: str | Path) -> Leptons:
    """Reads a file with (at least) the columns `COLUMNS`, in any order.

    Both published layouts have them: the final selection (record 5200) and the pre-selected and simulated events.

    Raises:
        UserError: names the file, and what is wrong: it cannot be read, holds no events, lacks a column, or has a
            value that is missing, infinite, no lepton, in MeV, no run or event number, or an energy below the momentum.
    """
    path = Path(path)
    table = _table(path)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise UserError(f"{path}: {_missing(missing, [str(name) for name in table.columns])}")
    if len(table) == 0:
        raise UserError(f"{path}: there are no events, only the header")
    values = np.stack([_numbers(table[column], column, path) for column in COLUMNS], axis=1)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        rows = len(np.unique(bad[:, 0]))
        raise UserError(
            f"{path}: {rows} {'row has' if rows == 1 else 'rows have'} a missing or infinite value, the first is "
            f"{COLUMNS[bad[0, 1]]} in row {bad[0, 0] + 1}; fill it in or leave the event out"
        )
    run, event = values[:, 0], values[:, 1]
    # The published files hold event numbers as signed 32-bit ones, so that those from 2^31 on are negative.
    event = np.where((event < 0) & (event >= -_SIGNED_EVENTS), event + 2 * _SIGNED_EVENTS, event)
    check_numbers(run, event, path)
    lepton = values[:, 2:].reshape(-1, 4, len(_PER_LEPTON))
    kind, charge = lepton[..., 0], lepton[..., 1]
    p4 = lepton[..., [3, 4, 5, 2]]
    _check_kinds(kind, charge, path)
    check_momenta(p4, path)
    whole = (array.astype(np.int64) for array in (np.abs(kind), charge, run, event))
    return ordered(p4, *whole)


def check_numbers(
    run: NDArray[np.float64] | NDArray[np.int64], event: NDArray[np.float64] | NDArray[np.int64], path: Path
) -> None:
    """Raises UserError naming the file where (n,) numbers are not whole, or too large to make an id of each pair."""
    for name, values, low, high in (("Run", run, 1, _MOST_RUNS), ("Event", event, 0, _MOST_EVENTS)):
        bad = np.flatnonzero((values < low) | (values >= high) | (values % 1 != 0))
        if len(bad):
            raise UserError(
                f"{path}: {name}={values[bad[0]]:.16g} in row {bad[0] + 1} ({len(bad)} such); it must be a whole "
                f"number from {low} to {high - 1}, for run and event together name an event"
            )


def check_momenta(p4: NDArray[np.float64], path: Path) -> None:
    """Raises UserError naming the file where momenta (n, 4, 4) are in MeV or an energy is below its momentum."""
    energy = np.abs(p4[..., 3]).sum(axis=1)
    large = np.flatnonzero(energy > _COLLISION_ENERGY)
    if len(large):
        raise UserError(
            f"{path}: the leptons of {len(large)} of {len(p4)} events, the first in row {large[0] + 1}, have more "
            f"energy ({energy[large[0]]:.0f}) than the colliding protons, {_COLLISION_ENERGY:.0f} GeV, which looks "
            "like MeV; momenta and energies must be in GeV: divide them by 1000"
        )
    momentum = np.linalg.norm(p4[..., :3], axis=-1)
    bad = np.argwhere(p4[..., 3] < momentum * (1 - _ROUNDING))
    if len(bad):
        row, lepton = bad[0]
        raise UserError(
            f"{path}: row {row + 1}, lepton {lepton + 1}: E={p4[row, lepton, 3]:g} is below "
            f"|p|={momentum[row, lepton]:g} ({len(bad)} such); give momenta and energies in the same units, GeV"
        )


def check_duplicates(leptons: Leptons, path: str | Path) -> None:
    """Raises UserError where an event, named by its run and event number, occurs twice.

    The published files of one channel and of another may hold the same event, and a file may be read twice.
    """
    names = pd.MultiIndex.from_arrays([leptons.run, leptons.event])
    repeated = np.flatnonzero(names.duplicated())
    if len(repeated):
        first = repeated[0]
        raise UserError(
            f"{path}: {len(repeated)} {'event occurs' if len(repeated) == 1 else 'events occur'} twice, the first is "
            f"Run {leptons.run[first]} Event {leptons.event[first]} in row {first + 1}; keep each event once"
        )


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, skipinitialspace=True, index_col=False)
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}: the file is empty; there are no events") from error
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        raise UserError(f"{path}: cannot be read as CSV ({str(error).splitlines()[0]})") from error


def _missing(missing: list[str], there: list[str]) -> str:
    lower = {name.lower(): name for name in there}
    near = {
        column: lower[found[0]]
        for column in missing
        if (found := difflib.get_close_matches(column.lower(), list(lower), n=1))
    }
    hint = ", ".join(f"{found!r} may be {column!r}" for column, found in list(near.items())[:3] if found not in COLUMNS)
    shown = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
    return f"columns missing: {shown}" + (f" ({hint})" if hint else "") + f"; needed are {', '.join(COLUMNS)}"


def _numbers(column: "pd.Series[float]", name: str, path: Path) -> NDArray[np.float64]:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & column.notna())
    if len(wrong):
        raise UserError(f"{path}: {name}={column.iloc[wrong[0]]!r} in row {wrong[0] + 1} is not a number")
    return np.asarray(numbers, dtype=np.float64)


def _check_kinds(kind: NDArray[np.float64], charge: NDArray[np.float64], path: Path) -> None:
    bad = np.argwhere(~np.isin(np.abs(kind), (ELECTRON, MUON)))
    if len(bad):
        row, lepton = bad[0]
        raise UserError(
            f"{path}: PID{lepton + 1}={kind[row, lepton]:.9g} in row {row + 1} is no electron (±11) or muon (±13)"
        )
    bad = np.argwhere(np.abs(charge) != 1)
    if len(bad):
        row, lepton = bad[0]
        raise UserError(
            f"{path}: Q{lepton + 1}={charge[row, lepton]:.9g} in row {row + 1}: a lepton's charge is -1 or 1"
        )

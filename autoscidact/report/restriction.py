"""A choice among runs by their settings: only={encoder.dim: 4, f_s: [0.01,0.02]}."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.report.gather import shown
from autoscidact.report.runs import Run
from autoscidact.report.sweep_values import distinct, has_key, plain_value, rank, value_of


def restricted(runs: Sequence[Run], only: Mapping[str, Any]) -> list[Run]:
    """Runs that have the values asked for, of f_s their rows and toys; a list allows any of its values.

    Raises:
        UserError: a key that leaves no run, with the values that there are.
    """
    for key, wanted in only.items():
        allowed = [wanted, *(wanted if isinstance(wanted, list) else [])]
        if key == "f_s":
            kept = [part for run in runs if len((part := _of_fractions(run, allowed)).table)]
            there: list[Any] = sorted({float(f_s) for run in runs for f_s in run.table.f_s})
        else:
            kept = [run for run in runs if has_key(run, key) and value_of(run, key) in allowed]
            there = sorted(distinct([plain_value(value_of(run, key)) for run in runs if has_key(run, key)]), key=rank)
        if not kept:
            known = ", ".join(map(shown, there[:6])) + (" and more" if len(there) > 6 else "")
            raise UserError(f"only={{{key}: {shown(wanted)}}} leaves no run; there are {known or 'none'}")
        runs = kept
    return list(runs)


def _of_fractions(run: Run, allowed: Sequence[Any]) -> Run:
    wanted = np.array([value for value in allowed if isinstance(value, int | float)], dtype=float)

    def chosen(f_s: pd.Series) -> NDArray[np.bool_]:
        return np.asarray(np.isclose(f_s.to_numpy(dtype=float)[:, None], wanted, rtol=1e-9, atol=1e-12).any(axis=1))

    toys = run.toys[chosen(run.toys.f_s) | (run.toys.role == "null").to_numpy()]
    return replace(run, table=run.table[chosen(run.table.f_s)].reset_index(drop=True), toys=toys)

"""Z-score tables: tidy CSV for programs, Markdown and a terminal table for people."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from autoscidact.files import atomic_path, write_text
from autoscidact.inference.significance import Significance

COLUMNS = [
    "dataset",
    "statistic",
    "variant",
    "width",
    "f_s",
    "n_ref",
    "n_data",
    "n_null",
    "n_toys",
    "n_failed",
    "t_median",
    "p_empirical",
    "z_empirical",
    "z_empirical_is_bound",
    "z_empirical_q16",
    "z_empirical_q84",
    "p_asymptotic",
    "z_asymptotic",
    "z_asymptotic_q16",
    "z_asymptotic_q84",
    "asymptotic_law",
    "chi2_df",
    "asymptotic_ks_p",
]


def z_score_table(rows: Sequence[Significance], dataset: str, n_ref: int, n_data: int) -> pd.DataFrame:
    """One row per statistic, variant and f_s, with COLUMNS."""
    table = pd.DataFrame([{"dataset": dataset, "n_ref": n_ref, "n_data": n_data, **asdict(row)} for row in rows])
    return table[COLUMNS]


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Writes the tidy table; floats with all their digits, so that equal runs give equal bytes."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_markdown(path: str | Path, table: pd.DataFrame, header: str) -> None:
    """Writes what `terminal_rows` shows as a Markdown table below a header line."""
    titles, rows = readable(table)
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    write_text(path, header + "\n\n" + "\n".join(lines) + "\n")


def readable(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Titles and cells for people: Z with its 16-84 % band, `>` where only a bound is known."""
    titles = ["statistic", "variant", "width", "f_S", "p", "Z empirical", "16-84 %", "Z asymptotic", "fit p"]
    rows = []
    for row in table.itertuples():
        bound = bool(row.z_empirical_is_bound)
        rows.append(
            [
                str(row.statistic),
                str(row.variant),
                _number(row.width, ".3g"),
                _number(row.f_s, ".4g"),
                ("<= " if bound else "") + _number(row.p_empirical, ".2g"),
                ("> " if bound else "") + _number(row.z_empirical, ".2f"),
                f"{_number(row.z_empirical_q16, '.2f')} .. {_number(row.z_empirical_q84, '.2f')}",
                _number(row.z_asymptotic, ".2f"),
                _number(row.asymptotic_ks_p, ".2g"),
            ]
        )
    return titles, rows


def _number(value: object, style: str) -> str:
    number = float(value)  # type: ignore[arg-type]
    return "" if math.isnan(number) else format(number, style)


def overview(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of a table that fits a terminal: variants down, f_S across, `empirical / asymptotic` Z."""
    fractions = sorted(table.f_s.unique())
    titles = ["statistic", "variant", "width", *(f"f_S={100 * f_s:g}%" for f_s in fractions)]
    rows = []
    for (statistic, variant), group in table.groupby(["statistic", "variant"], sort=False):
        cells = {}
        for row in group.itertuples():
            empirical = (">" if bool(row.z_empirical_is_bound) else "") + _number(row.z_empirical, ".2f")
            asymptotic = _number(row.z_asymptotic, ".2f")
            cells[row.f_s] = f"{empirical} / {asymptotic}" if asymptotic else empirical
        rows.append(
            [str(statistic), str(variant), _number(group.width.iloc[0], ".3g"), *map(cells.__getitem__, fractions)]
        )
    return titles, rows

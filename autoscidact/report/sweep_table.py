"""Z of every test at every place of a sweep, median and spread over its seeds: the tidy table behind sweep.csv."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from autoscidact.report.headline import asymptotic_variant, empirical_variant
from autoscidact.report.spread import spread
from autoscidact.report.sweep import F_S, Sweep

KINDS = ("empirical", "asymptotic")
PLACE = ["dataset", "key", "x", "f_s", "statistic", "variant", "kind"]
VALUES = ["n_seeds", "z", "low", "high", "is_bound", "low_is_bound", "high_is_bound", "headline"]


def sweep_table(sweep: Sweep) -> pd.DataFrame:
    """One row an x, f_s, statistic, variant and kind of Z, with columns PLACE and VALUES.

    `z` is the median over seeds of the median toy's Z, `low` and `high` their range (see `spread`), `n_seeds` how many
    seeds have a Z there. `headline`: the variant stands for its statistic in figures and tables.
    """
    rows = pd.DataFrame(_rows(sweep))
    found = []
    for place, group in rows.groupby(PLACE[2:], sort=False):
        over = spread(group.z, group.is_bound)
        found.append(
            {
                **dict(zip(PLACE, (sweep.dataset, sweep.key, *place), strict=True)),
                "n_seeds": over.n,
                "z": over.median,
                "low": over.low,
                "high": over.high,
                "is_bound": over.median_is_bound,
                "low_is_bound": over.low_is_bound,
                "high_is_bound": over.high_is_bound,
                "headline": bool(group.headline.any()),
            }
        )
    table = pd.DataFrame(found, columns=[*PLACE, *VALUES])
    order = {x: turn for turn, x in enumerate(sweep.places)}
    return table.sort_values("x", key=lambda x: x.map(order), kind="stable", ignore_index=True)


def _rows(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """One row a cell, f_s, statistic, variant and kind, where there is a Z."""
    for cell in sweep.cells:
        for statistic in cell.gathered.statistics:
            mine = cell.gathered.of(statistic)
            headlines = dict(zip(KINDS, (empirical_variant(mine), asymptotic_variant(mine)), strict=True))
            for row, kind in ((row, kind) for row in mine.to_dict("records") for kind in KINDS):
                if pd.isna(row[f"z_{kind}"]):
                    continue
                yield {
                    "x": row["f_s"] if sweep.key == F_S else cell.x,
                    "f_s": row["f_s"],
                    "statistic": statistic,
                    "variant": row["variant"],
                    "kind": kind,
                    "z": row[f"z_{kind}"],
                    "is_bound": kind == "empirical" and bool(row["z_empirical_is_bound"]),
                    "headline": row["variant"] == headlines[kind],
                }

"""Does the search say what it should: tables and a figure of false alarms, uniformity and power."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.inference.coverage import Rate, coverage, power, uniformity
from autoscidact.report.style import figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAN = float("nan")


def coverage_table(
    statistic: str,
    calibration: str,
    p: Mapping[float, Mapping[str, NDArray[np.float64]]],
    n_null: int,
    shared: bool,
) -> pd.DataFrame:
    """A row for each variant, signal fraction and level: how often pseudo-observations reach 1, 2 and 3 sigma.

    Args:
        p: signal fraction to variant to (m,) p; at fraction 0 the rate is the type-I error, which the columns
            expected_low and expected_high (95 %) and uniformity_p judge, elsewhere it is the power.
        n_null: toys or permutations behind each p. shared: all p come from the same ones.
    """
    rows = []
    n_shared = n_null if shared else None
    for f_s, variants in p.items():
        for variant, values in variants.items():
            usable = np.where(np.isnan(values), 1.0, values)
            if f_s > 0:
                rows += [_row(statistic, variant, calibration, f_s, rate) for rate in power(usable, n_null=n_null)]
                continue
            uniform = uniformity(usable, n_null, n_shared)
            rows += [
                _row(statistic, variant, calibration, f_s, found.rate)
                | {
                    "expected_low": found.expected_low,
                    "expected_high": found.expected_high,
                    "inside": found.inside,
                    "uniformity_p": uniform,
                }
                for found in coverage(usable, n_null=n_null, n_shared=n_shared)
            ]
    columns = [*_row("", "", "", 0.0, Rate(0, 0, 0, 0, 1, 0, 0, 0)), *_JUDGED]
    return pd.DataFrame(rows, columns=columns)


_JUDGED = ("expected_low", "expected_high", "inside", "uniformity_p")


def _row(statistic: str, variant: str, calibration: str, f_s: float, rate: Rate) -> dict[str, object]:
    return {
        "statistic": statistic,
        "variant": variant,
        "calibration": calibration,
        "f_s": f_s,
        "level": rate.level,
        "nominal": rate.nominal,
        "attainable": rate.attainable,
        "k": rate.k,
        "n": rate.n,
        "rate": rate.rate,
        "low": rate.low,
        "high": rate.high,
    }


def readable_coverage(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Titles and cells for people: false alarms at each level beside what they should be, then power."""
    levels = sorted(table.level.unique())
    titles = ["statistic", "variant", "calibration", "f_S", *(f"{level:g} sigma" for level in levels), "uniform p"]
    rows = []
    for (statistic, variant, calibration, _), group in table.groupby(
        ["statistic", "variant", "calibration", "f_s"], sort=False
    ):
        cells = {row.level: _cell(row) for row in group.itertuples()}
        uniform = group.uniformity_p.iloc[0]
        rows.append(
            [
                str(statistic),
                str(variant),
                str(calibration),
                f"{group.f_s.iloc[0]:g}",
                *(cells[level] for level in levels),
                "" if pd.isna(uniform) else f"{uniform:.2g}",
            ]
        )
    return titles, rows


def _cell(row: object) -> str:
    rate, f_s = float(row.rate), float(row.f_s)  # type: ignore[attr-defined]
    if float(row.attainable) == 0:  # type: ignore[attr-defined]
        return "not reached"
    if f_s > 0:
        return f"{rate:.0%}"
    mark = "" if bool(row.inside) else " !"  # type: ignore[attr-defined]
    return f"{rate:.2%} [{row.expected_low:.2%}, {row.expected_high:.2%}]{mark}"  # type: ignore[attr-defined]


@figure_style()
def draw_uniformity(p: Mapping[str, NDArray[np.float64]], title: str) -> "Figure":
    """Draws, for each variant, the part of pseudo-observations with p at or below each value, on logarithmic axes.

    Args:
        p: name to (m,) p of pseudo-observations without signal.
    """
    figure = new_figure(3.6)
    axes = figure.subplots()
    n = max(map(len, p.values()))
    axes.plot([1 / n, 1], [1 / n, 1], color="black", linewidth=0.8, label="calibrated")
    for name, values in p.items():
        ordered = np.sort(values[~np.isnan(values)])
        axes.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post", linewidth=1.1, label=name)
    axes.set(xscale="log", yscale="log", xlim=(0.5 / n, 1), ylim=(0.5 / n, 1.05))
    axes.set_xlabel("p")
    axes.set_ylabel("part of pseudo-observations at or below")
    axes.set_title(title, loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncol=3, fontsize=8)
    return figure

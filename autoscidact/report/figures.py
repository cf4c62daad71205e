"""Figures: Z against signal fraction, as Fig. 3 of AutoSciDACT."""

from pathlib import Path

import pandas as pd

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.inference.significance import BEST_WIDTH, COMBINED
from autoscidact.report.style import BLACK, BLUE, GREY, ORANGE, fraction_axis, new_figure, save


def draw_z_against_fraction(path: str | Path, table: pd.DataFrame, title: str) -> None:
    """Draws Z against f_S for one statistic with its widths, and saves it (PNG, PDF or SVG by suffix).

    Black: average p over the widths, calibrated; blue: the best width, asymptotic; orange: the
    best width, empirical; thin grey: every width. Above the dotted line the null toys give
    only lower bounds, drawn as upward triangles.

    Args:
        table: as `z_score_table` gives it, of one dataset and one statistic.
    """
    figure = new_figure(4.4, 6.4)
    axes = figure.subplots()
    single = table[~table.variant.isin(COMBINED)]
    for _, rows in single.groupby("variant", sort=False):
        axes.plot(100 * rows.f_s, rows.z_asymptotic, color=GREY, lw=0.7, alpha=0.6)
    axes.plot([], [], color=GREY, lw=0.7, label="each kernel width, asymptotic")
    best = table[table.variant == BEST_WIDTH] if (table.variant == BEST_WIDTH).any() else single
    axes.plot(100 * best.f_s, best.z_asymptotic, color=BLUE, marker="s", ms=4, label="best width, asymptotic")
    axes.fill_between(100 * best.f_s, best.z_asymptotic_q16, best.z_asymptotic_q84, color=BLUE, alpha=0.15, lw=0)
    _empirical(axes, best, ORANGE, "best width, empirical")
    combined = table[table.variant == "average_p"]
    if len(combined):
        axes.fill_between(
            100 * combined.f_s, combined.z_empirical_q16, combined.z_empirical_q84, color=BLACK, alpha=0.12, lw=0
        )
        _empirical(axes, combined, BLACK, "average p over widths")
    limit = float(z_from_p(resolution(int(table.n_null.iloc[0]))))
    axes.axhline(limit, color=GREY, ls=":", lw=1.2)
    axes.annotate(
        f"resolution of {int(table.n_null.iloc[0])} null toys",
        (0.99, limit),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=8,
        color=GREY,
    )
    fraction_axis(axes, sorted(table.f_s.unique()))
    axes.set_ylabel(r"significance $Z$ ($\sigma$)")
    axes.set_ylim(bottom=min(-0.5, axes.get_ylim()[0] if axes.get_ylim()[0] > -3 else -3))
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, path)


def _empirical(axes: object, rows: pd.DataFrame, color: str, label: str) -> None:
    bound = rows.z_empirical_is_bound.astype(bool)
    axes.plot(100 * rows.f_s, rows.z_empirical, color=color, lw=1.2, label=label)  # type: ignore[attr-defined]
    for part, marker in ((rows[~bound], "o"), (rows[bound], "^")):
        axes.plot(100 * part.f_s, part.z_empirical, color=color, marker=marker, ms=5, ls="")  # type: ignore[attr-defined]

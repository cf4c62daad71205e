"""Z of every test against the key of a sweep: medians over its seeds, with their spread as bars."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.distributions import TARGETS
from autoscidact.report.scan import LINEAR_UP_TO, LOWEST, stretch
from autoscidact.report.study_figure import draw_line, key_axis, places_of
from autoscidact.report.style import GREY, Style, figure_style, fraction_axis, in_order, new_figure, statistic_style
from autoscidact.report.sweep import F_S, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = 0.012
"""How far apart, as a part of the axis, the bars of two tests at the same x are drawn."""


@figure_style()
def draw_sweep(sweep: Sweep, table: pd.DataFrame, kind: str) -> "Figure":
    """One panel a signal fraction, of at most as many as TARGETS; of x=f_s one alone.

    A line is a statistic, at the variant that stands for it. Upward triangles: the median is only a bound.

    Args:
        table: as `sweep_table` makes it. kind: empirical or asymptotic.
    """
    fractions = [] if sweep.key == F_S else panel_fractions(table)
    rows = table[(table.kind == kind) & table.headline & (table.f_s.isin(fractions) if fractions else True)]
    statistics = in_order([str(name) for name in rows.statistic.unique()])
    panels = max(1, len(fractions))
    figure = new_figure(1.0 + (2.4 if panels > 1 else 3.0) * panels + 0.26 * ((len(statistics) + 1) // 2))
    every = figure.subplots(panels, 1, squeeze=False, sharex=True)[:, 0]
    lines = [3.0, 5.0] if kind == "asymptotic" else _resolutions(sweep)
    for turn, axes in enumerate(every):
        mine = rows[rows.f_s == fractions[turn]] if fractions else rows
        _panel(axes, sweep, mine, statistics)
        _z_axis(axes, kind, lines, rows)
        if fractions:
            axes.set_title(rf"$f_S$ = {100 * fractions[turn]:.4g} %", loc="left")
    if sweep.key != F_S:
        every[-1].set_xlabel(sweep.key)
    handles = {label: line for axes in every for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        columns = 2 if len(handles) > 1 else 1
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncol=columns)
    return figure


def panel_fractions(table: pd.DataFrame) -> list[float]:
    """All f_S where there are few; else those at which the first test, over all x, is nearest to TARGETS.

    Of asymptotic Z where the first test has one, as empirical Z ends where the toys do; the same for both figures.

    Args:
        table: as `sweep_table` makes it.
    """
    rows = table[table.headline]
    fractions = sorted({float(f_s) for f_s in rows.f_s})
    if len(fractions) <= len(TARGETS):
        return fractions
    first = rows[rows.statistic == in_order([str(name) for name in rows.statistic.unique()])[0]]
    if (first.kind == "asymptotic").any():
        first = first[first.kind == "asymptotic"]
    typical = {f_s: float(first.z[first.f_s == f_s].clip(LOWEST, 50).median()) for f_s in sorted(first.f_s.unique())}
    chosen: list[float] = []
    for target in TARGETS:
        left = [f_s for f_s in typical if f_s not in chosen]
        chosen += [min(left, key=lambda f_s: (abs(typical[f_s] - target), f_s))] if left else []
    return sorted(chosen)


def _panel(axes: "Axes", sweep: Sweep, rows: pd.DataFrame, statistics: list[str]) -> None:
    if sweep.key == F_S:
        fraction_axis(axes, sweep.places)
        every = [100 * f_s for f_s in sweep.places]
    else:
        every = sweep.places
        key_axis(axes, "", every)
    for turn, name in enumerate(statistics):
        mine = rows[rows.statistic == name]
        if len(mine):
            x = [100 * f_s for f_s in mine.x] if sweep.key == F_S else list(mine.x)
            places = _beside(places_of(x, every), places_of(every, every), axes, turn - (len(statistics) - 1) / 2)
            _statistic(axes, mine, places, statistic_style(name, statistics))


def _z_axis(axes: "Axes", kind: str, lines: list[float], rows: pd.DataFrame) -> None:
    """The same for all panels, so that they can be compared.

    Args:
        lines: Z to mark, of which at least the first is in sight. rows: of all panels.
    """
    for z in lines:
        axes.axhline(z, color=GREY, ls=":", lw=1.1, zorder=1)
    low = min([*rows.low.clip(lower=LOWEST), 0.0])
    high = max([*rows.high[np.isfinite(rows.high)], *(lines[:1] or [1.0])])
    axes.set_ylabel(rf"{kind} $Z$ ($\sigma$)")
    if kind == "asymptotic" and stretch(axes, high):
        axes.set_ylabel(f"asymptotic $Z$ ($\\sigma$),\nlogarithmic above {LINEAR_UP_TO:g}")
    axes.set_ylim(low - 0.3, 1.08 * high + 0.2)


def _resolutions(sweep: Sweep) -> list[float]:
    """The Z above which the null toys give only bounds, where it is the same at every x."""
    counts = {int(n) for cell in sweep.cells for n in cell.gathered.table.n_null}
    return [float(z_from_p(resolution(n))) for n in counts] if len(counts) == 1 else []


def _statistic(axes: "Axes", rows: pd.DataFrame, places: NDArray[np.float64], style: Style) -> None:
    order = np.argsort(places, kind="stable")
    rows, places = rows.iloc[order], places[order]
    z, low, high = (
        rows[name].clip(lower=LOWEST).replace(np.inf, np.nan).to_numpy(dtype=float) for name in ("z", "low", "high")
    )
    line = draw_line(axes, style, places, z, np.nan_to_num(np.clip([z - low, high - z], 0, None)), style.label)
    bound = rows.is_bound.to_numpy(dtype=bool)
    line.set_markevery(np.flatnonzero(~bound).tolist())
    axes.plot(places[bound], z[bound], color=style.color, marker="^", ls="", ms=8, mec="white", mew=0.6, zorder=6)


def _beside(places: NDArray[np.float64], every: NDArray[np.float64], axes: "Axes", turn: float) -> NDArray[np.float64]:
    """Places moved a little aside, so that bars of several tests stand beside each other."""
    if axes.get_xscale() == "log":
        return np.asarray(places * (every.max() / every.min()) ** (BESIDE * turn))
    return np.asarray(places + BESIDE * turn * (np.ptp(every) or 1.0))

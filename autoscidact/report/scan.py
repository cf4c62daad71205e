"""Z against signal fraction for all tests of a dataset, as Figs. 3 and 11 of AutoSciDACT."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.gather import Gathered
from autoscidact.report.headline import asymptotic_variant, empirical_variant
from autoscidact.report.style import BLACK, GREY, Style, figure_style, fraction_axis, new_figure, statistic_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINEAR_UP_TO = 5.0
"""Above this Z the axis is logarithmic, so that 30 sigma leave room for what is decided below."""

LOWEST = -1.5


@figure_style()
def draw_empirical(gathered: Gathered) -> "Figure":
    """Empirical Z of every test, with the line above which the null toys give only bounds (upward triangles).

    A statistic with kernel widths is shown by its smallest p, calibrated over all of them.
    """
    figure, axes = _axes(gathered, empirical_variant, "empirical")
    limits = sorted({int(n) for n in gathered.table.n_null})
    for n_null in limits:
        limit = float(z_from_p(resolution(n_null)))
        axes.axhline(limit, color=GREY, ls=":", lw=1.3, zorder=1)
        axes.annotate(
            f"{n_null} null toys: only lower bounds",
            (0.01, limit),
            (0, 11),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=10,
            color="#595959",
        )
    axes.margins(x=0.1)
    axes.set_ylim(_span(axes)[0], float(z_from_p(resolution(limits[-1]))) + 0.65)
    axes.set_ylabel(r"empirical $Z$ ($\sigma$)")
    return figure


@figure_style()
def draw_asymptotic(gathered: Gathered) -> "Figure":
    """Asymptotic Z of every test; a statistic with kernel widths by the best of them, chosen after the fact."""
    figure, axes = _axes(gathered, asymptotic_variant, "asymptotic")
    for z in (3, 5):
        axes.axhline(z, color=GREY, ls=":", lw=1, zorder=1)
    axes.set_ylabel(r"asymptotic $Z$ ($\sigma$)")
    low, high = _span(axes)
    if stretch(axes, high):
        axes.set_ylabel(rf"asymptotic $Z$ ($\sigma$), logarithmic above {LINEAR_UP_TO:g}")
        high *= 1.15
    axes.set_ylim(low, max(high, 3.4))
    return figure


def stretch(axes: "Axes", high: float) -> bool:
    """Makes the Z axis logarithmic above LINEAR_UP_TO if `high`, the largest Z, is well above it; whether it did."""
    from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

    if high <= 1.3 * LINEAR_UP_TO:
        return False
    axes.set_yscale("symlog", linthresh=LINEAR_UP_TO, linscale=1.6)
    ticks = [t for t in (-1, 0, 1, 2, 3, 4, 5, 10, 20, 50, 100, 200, 500, 1000) if t < 1.05 * high]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(FixedLocator([]))
    return True


def _axes(gathered: Gathered, variant: Callable[[pd.DataFrame], str], kind: str) -> "tuple[Figure, Axes]":
    shown = {}
    for name in gathered.statistics:
        rows = gathered.of(name)
        rows = rows[rows.variant == variant(rows)]
        if np.isfinite(rows[f"z_{kind}"]).any():
            shown[name] = rows
    figure = new_figure(3.9 + 0.26 * ((len(shown) + 1) // 2))
    axes = figure.subplots()
    for turn, (name, rows) in enumerate(shown.items()):
        style = statistic_style(name, gathered.statistics)
        variant_name = str(rows.variant.iloc[0]).replace("_", " ")
        label = style.label if variant_name == "t" else f"{style.label}: {variant_name}"
        _line(axes, rows, kind, style, label, turn - (len(shown) - 1) / 2, band=turn == 0)
    if not shown:
        axes.text(0.5, 0.5, f"no test has {kind} Z", ha="center", transform=axes.transAxes, color=BLACK)
    fraction_axis(axes, sorted(gathered.table.f_s.unique()))
    if shown:
        figure.legend(loc="outside lower center", ncol=2 if len(shown) > 1 else 1, columnspacing=1.0, handlelength=1.8)
    return figure, axes


def _line(axes: "Axes", rows: pd.DataFrame, kind: str, style: Style, label: str, turn: float, band: bool) -> None:
    from matplotlib.transforms import ScaledTranslation

    x, z = 100 * rows.f_s, rows[f"z_{kind}"].clip(lower=LOWEST)
    line = axes.plot(x, z, color=style.color, ls=style.line, lw=2.2 if band else 1.5, label=label, zorder=4 - band)
    line[0].set(marker=style.marker, markersize=6)
    if band:
        low, high = (rows[f"z_{kind}_{q}"].clip(lower=LOWEST) for q in ("q16", "q84"))
        axes.fill_between(x, low, high, color=style.color, alpha=0.15, lw=0, zorder=0)
    if kind == "empirical":
        bound = rows.z_empirical_is_bound.to_numpy(dtype=bool)
        line[0].set_markevery(np.flatnonzero(~bound).tolist())
        # All bounds lie on one line: side by side they stay visible.
        beside = axes.transData + ScaledTranslation(turn * 5 / 72, 3.5 / 72, axes.figure.dpi_scale_trans)
        axes.plot(x[bound], z[bound], color=style.color, marker="^", ls="", ms=7, mec="white", mew=0.6, zorder=6)
        axes.lines[-1].set(transform=beside, clip_on=False, in_layout=False)


def _span(axes: "Axes") -> tuple[float, float]:
    """Lowest and highest Z drawn, and some room; the lowest is never above -0.5."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    values = values[np.isfinite(values)]
    return min(-0.5, float(values.min(initial=0.0)) - 0.3), 1.05 * float(values.max(initial=0.0))

"""Figures of a study: Z against what was scanned, f_S needed for 3 sigma, or every kernel width."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.inference.significance import COMBINED
from autoscidact.report.runs import Run
from autoscidact.report.style import (
    GREY,
    STATISTICS,
    Style,
    figure_style,
    fraction_axis,
    new_figure,
    statistic_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WELL_SEEN = 3.0
"""Z at which a test is neither blind nor saturated: f_S is chosen to come near it (App. B.3 of AutoSciDACT)."""


@figure_style()
def draw_scan(title: str, z: pd.DataFrame, thresholds: pd.DataFrame, keys: Sequence[str]) -> "Figure":
    """Z at one f_S against the first scanned key and, where there are any, f_S needed for 3 sigma below it.

    Args:
        z, thresholds: as `study_tables` makes them. keys: those that were scanned.
    """
    rows = z[z.f_s == shown_fraction(z)]
    panels = 1 + bool(len(thresholds))
    figure = new_figure(1.2 + 2.9 * panels)
    axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
    styles = _styles(_series(rows, keys), several=len(keys) > 1)
    for label, group in _series(rows, keys):
        draw_line(axes[0], styles[label], _places(group, rows, keys), group.z, [group.error, group.error], label)
    axes[0].axhline(0, color=GREY, lw=0.6)
    axes[0].set_ylabel(rf"$Z$ ($\sigma$) at $f_S$ = {100 * rows.f_s.iloc[0]:g} %")
    for label, group in _series(thresholds, keys) if len(thresholds) else ():
        known = group[group.bound == ""]
        low = (known.f_s_3_sigma - known.low).clip(lower=0)
        high = (known.high.replace(np.inf, np.nan).fillna(known.f_s_3_sigma) - known.f_s_3_sigma).clip(lower=0)
        places = _places(known, rows, keys)
        draw_line(axes[1], styles[label], places, 100 * known.f_s_3_sigma, [100 * low, 100 * high], None)
    if len(thresholds):
        axes[1].set_ylabel(r"$f_S$ for 3$\sigma$ (%)")
    for one in axes:
        _scan_axis(one, rows, keys)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    axes[0].set_title(title, fontsize=10, loc="left", wrap=True)
    return figure


@figure_style()
def draw_widths(title: str, runs: Sequence[Run]) -> "Figure":
    """Asymptotic and empirical Z of every kernel width against f_S, as Fig. 9 and 10 of AutoSciDACT."""
    table = pd.concat([run.table for run in runs])
    table = table[table.statistic == "nplm"]
    figure = new_figure(7.6)
    axes = figure.subplots(2, 1)
    widths = [str(name) for name in table.variant.unique() if name not in COMBINED]
    # Ordered from narrow to wide: a sequence that grey-scale and colour-blind readers can follow.
    import matplotlib

    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, len(widths)))
    markers = "osDvPX<>h*"
    for one, kind in zip(axes, ("asymptotic", "empirical"), strict=True):
        for place, variant in enumerate(widths):
            rows = table[table.variant == variant].sort_values("f_s")
            marker = markers[place % len(markers)]
            one.plot(100 * rows.f_s, rows[f"z_{kind}"], color=colors[place], marker=marker, ms=5, label=variant)
        one.set_ylabel(rf"{kind} $Z$ ($\sigma$)")
        fraction_axis(one, sorted(table.f_s.unique()))
    for rule, line in (("min_p", "-"), ("average_p", "--")):
        rows = table[table.variant == rule].sort_values("f_s")
        axes[1].plot(100 * rows.f_s, rows.z_empirical, color="black", ls=line, lw=1.8, label=rule.replace("_", " "))
    limit = float(z_from_p(resolution(int(table.n_null.min()))))
    axes[1].axhline(limit, color=GREY, ls=":", lw=1.2, label=f"resolution of {int(table.n_null.min())} null toys")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    axes[0].set_title(title, fontsize=10, loc="left", wrap=True)
    return figure


def shown_fraction(z: pd.DataFrame) -> float:
    """The f_s at which the first statistic is best seen without being saturated."""
    first = z[z.statistic == z.statistic.iloc[0]]
    distance = (first.z.clip(upper=50) - WELL_SEEN).abs().groupby(first.f_s).mean()
    return float(distance.idxmin())


def _series(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Lines of a figure by label: arm, statistic and every scanned key but the first."""
    arms = table.arm.nunique() > 1
    found = []
    for names, group in table.groupby(["arm", "statistic", *keys[1:]], sort=False):
        arm, statistic, *values = names
        label = STATISTICS[statistic].label if statistic in STATISTICS else str(statistic)
        found.append((", ".join([label, *([str(arm)] if arms else []), *map(str, values)]), group))
    return found


def _styles(series: Sequence[tuple[str, pd.DataFrame]], several: bool) -> dict[str, Style]:
    """A style for each label: that of its statistic, or, where one has several lines, the next of the palette.

    Dotted where the other arm of the same study sees the events raw.
    """
    arms = {str(group.arm.iloc[0]) for _, group in series}
    names = list(dict.fromkeys(str(group.statistic.iloc[0]) for _, group in series))
    palette = list(STATISTICS.values())
    styles = {}
    for place, (label, group) in enumerate(series):
        style = palette[place % len(palette)] if several else statistic_style(str(group.statistic.iloc[0]), names)
        raw = len(arms) > 1 and str(group.arm.iloc[0]) == "raw"
        styles[label] = replace(style, line=":") if raw else style
    return styles


def draw_line(
    axes: "Axes", style: Style, places: NDArray[np.float64], values: Any, errors: Any, label: str | None
) -> "Line2D":
    """A line with markers and error bars; returns the line.

    Args:
        places: (n,), where on the x axis. values: (n,). errors: (2, n), how far down and up; 0 for none.
        label: in the legend; None for none there.
    """
    hollow = "white" if style.line == ":" else style.color
    drawn = axes.errorbar(
        places,
        np.asarray(values, dtype=float),
        np.asarray(errors, dtype=float),
        color=style.color,
        marker=style.marker,
        mfc=hollow,
        ls=style.line,
        lw=1.3,
        ms=6,
        capsize=2,
        label=label,
    )
    line = drawn.lines[0]
    assert line is not None  # only a style without markers and lines has none
    return line


def _places(group: pd.DataFrame, rows: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.float64]:
    if not keys:
        return np.zeros(len(group))
    return places_of(list(group[keys[0]]), list(rows[keys[0]]))


def _scan_axis(axes: "Axes", rows: pd.DataFrame, keys: Sequence[str]) -> None:
    if not keys:
        axes.set_xticks([])
        return
    key_axis(axes, keys[0], list(rows[keys[0]]))


def places_of(values: Sequence[Any], every: Sequence[Any]) -> NDArray[np.float64]:
    """Where values stand on the axis that `key_axis` makes of `every`: numbers at their size, others in their order."""
    if _are_numbers(every):
        return np.asarray(values, dtype=float)
    order = list(dict.fromkeys(every))
    return np.array([order.index(value) for value in values], dtype=float)


def key_axis(axes: "Axes", key: str, every: Sequence[Any]) -> None:
    """Names the x axis, with a tick at every value; logarithmic where numbers span about a decade or more."""
    axes.set_xlabel(key)
    if not _are_numbers(every):
        names = list(dict.fromkeys(every))
        axes.set_xticks(range(len(names)), [str(name) for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        return
    ticks = sorted({float(value) for value in every})
    if ticks[0] > 0 and ticks[-1] / ticks[0] > 8:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)

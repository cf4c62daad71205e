"""What t looks like without and with signal, a panel for each variant, as Fig. 14 of AutoSciDACT."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.inference.null import fit_asymptotic, signed_root
from autoscidact.inference.significance import COMBINED
from autoscidact.report.gather import Gathered
from autoscidact.report.headline import asymptotic_variant
from autoscidact.report.style import BLACK, SIGNAL, SIGNAL_DARK, SIGNAL_LIGHT, figure_style, new_figure, statistic_style
from autoscidact.statistics.contract import AsymptoticLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panel = tuple[str, str]
"""Statistic and variant."""

LAWS: dict[str, AsymptoticLaw] = {"chi2": "chi2", "normal": "normal", "signed_root": "signed_root"}
PINKS = ((SIGNAL_LIGHT, "-"), (SIGNAL, "-"), (SIGNAL_DARK, "--"))
OTHERS = "other_tests"
NULL, LAW = "no signal", "law fitted to it"
ROOT = r"signed root of $t$"
TARGETS = (1.0, 3.0, 5.0)
BINS = 36
REACH = 9.0
"""Panels end this many standard deviations of the null above its mean; toys past that are counted in words."""


def panels(gathered: Gathered) -> dict[str, list[Panel]]:
    """Figure name to its panels: one figure for a statistic with three variants or more, one for all the others."""
    figures: dict[str, list[Panel]] = {}
    for statistic in gathered.statistics:
        rows = gathered.of(statistic).sort_values("width", kind="stable")
        alone = [(statistic, str(name)) for name in rows.variant.unique() if name not in COMBINED]
        held = set(gathered.toys.variant[gathered.toys.statistic == statistic])
        alone = [panel for panel in alone if panel[1] in held]
        figures.setdefault(statistic if len(alone) > 2 else OTHERS, []).extend(alone)
    last = figures.pop(OTHERS, [])
    return {name: found for name, found in {**figures, OTHERS: last}.items() if found}


def fractions_to_show(gathered: Gathered) -> list[float]:
    """Up to three signal fractions: where the first test's Z is nearest 1, 3 and 5."""
    rows = gathered.of(gathered.statistics[0])
    rows = rows[(rows.variant == asymptotic_variant(rows)) & (rows.f_s > 0)]
    z = rows.z_asymptotic if rows.z_asymptotic.notna().any() else rows.z_empirical
    scan = dict(zip(rows.f_s.tolist(), z.replace(-np.inf, -10.0).tolist(), strict=True))
    chosen: list[float] = []
    for target in TARGETS:
        left = [f_s for f_s in scan if f_s not in chosen]
        if left:
            chosen.append(min(left, key=lambda f_s: (abs(scan[f_s] - target), f_s)))
    return sorted(chosen)


@figure_style()
def draw_distributions(gathered: Gathered, shown: Sequence[Panel], fractions: Sequence[float]) -> "Figure":
    """Null toys (grey) with the law fitted to them (black) and signal toys (pink) at each of `fractions`."""
    columns = 2 if len(shown) > 1 else 1
    lines = -(-len(shown) // columns)
    figure = new_figure(1.1 + 1.75 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    several = len({statistic for statistic, _ in shown}) > 1
    for axes, (statistic, variant) in zip(grid.flat, shown, strict=False):
        rows = gathered.of(statistic)
        row = rows[rows.variant == variant].iloc[0]
        toys = gathered.toys[(gathered.toys.statistic == statistic) & (gathered.toys.variant == variant)]
        law = str(row.asymptotic_law)
        _panel(axes, toys, fractions, law)
        name = variant if np.isnan(row.width) else f"{variant}: $\\sigma$={row.width:.3g}"
        label = statistic_style(statistic, gathered.statistics).label
        axes.set_title(f"{label}{'' if variant == 't' else f', {name}'}" if several else name, fontsize=10)
        if law == "signed_root" or axes in grid[-1] or len(shown) - 1 < columns:
            axes.set_xlabel(ROOT if law == "signed_root" else "$t$", fontsize=10)
    for axes in list(grid.flat)[len(shown) :]:
        axes.axis("off")
    if not several:
        figure.suptitle(label, fontsize=11)
    # A panel without a law has no curve, so no panel alone has everything.
    entries = {
        name: handle for axes in grid.flat for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    names = sorted(entries, key=lambda name: (name != NULL, name != LAW))
    figure.legend([entries[name] for name in names], names, loc="outside lower center", ncol=2)
    return figure


def _panel(axes: "Axes", toys: pd.DataFrame, fractions: Sequence[float], law: str) -> None:
    scale = signed_root if law == "signed_root" else np.asarray
    null = scale(_finite(toys[toys.role == "null"].t))
    signal = {f_s: scale(_finite(toys[(toys.role == "signal") & (toys.f_s == f_s)].t)) for f_s in fractions}
    bins = histogram_bins(null, [t for t in signal.values() if len(t)])
    low, high = bins[0], bins[-1]
    axes.hist(null, bins, density=True, color="#C4C4C4", label=NULL)
    _curve(axes, _finite(toys[toys.role == "null"].t), law, bins)
    off = []
    for (f_s, t), (color, line) in zip(signal.items(), PINKS, strict=False):
        label = rf"$f_S$ = {100 * f_s:g} %"
        inside = t[t <= high]
        axes.plot([], [], color=color, ls=line, lw=1.8, label=label)
        if len(inside):
            # Coarser: there are fewer of them. Heights stay those of all toys, also of those off the scale.
            weight = np.full(len(inside), 1 / (len(t) * (bins[2] - bins[0])))
            axes.hist(inside, bins[::2], weights=weight, histtype="step", color=color, ls=line, lw=1.8)
        if len(inside) < len(t):
            off.append(f"{100 * f_s:g} %: {100 - 100 * len(inside) / len(t):.0f} % beyond $\\rightarrow$")
    axes.set_ylim(top=(1.05 + 0.15 * len(off)) * axes.get_ylim()[1])
    axes.text(
        0.99, 0.99, "\n".join(off), transform=axes.transAxes, ha="right", va="top", fontsize=9.5, linespacing=1.05
    )
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(low, high)
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 4))


def histogram_bins(null: NDArray[np.float64], signal: Sequence[NDArray[np.float64]]) -> list[float]:
    """Edges that hold the null and what of the signal lies within REACH of it; an even number of bins.

    Where t takes few values, as a count over a few events does, bins are as wide as several of its steps: otherwise
    some would hold one value more than their neighbours.
    """
    mean, spread = float(null.mean()), float(null.std())
    low = min(null.min(), *(t.min() for t in signal), null.max())
    high = max(null.max(), *(np.quantile(t, 0.98) for t in signal), null.min())
    low = max(float(low), mean - REACH * spread) - 0.3 * spread
    high = min(float(high), mean + REACH * spread) + 0.3 * spread
    # Tests break ties of such counts by a little of something else: what lies closer together is one value. (Rounding
    # would part values that straddle one of its steps.)
    ordered = np.unique(null)
    values = ordered[np.concatenate([[True], np.diff(ordered) > 1e-3 * spread])]
    step = float(np.diff(values).min(initial=np.inf))
    edges = np.linspace(low, high, BINS + 1)
    if (high - low) / step <= 20 * BINS:
        width = step * max(1.0, np.ceil((high - low) / step / BINS))
        start = values[0] - step / 2 - width * np.ceil((values[0] - low) / width)
        count = int(np.ceil((high - start) / width))
        edges = start + width * np.arange(count + count % 2 + 1)
    return [float(edge) for edge in edges]


def _curve(axes: "Axes", null: NDArray[np.float64], law: str, bins: Sequence[float]) -> None:
    if law not in LAWS:
        return
    fitted = fit_asymptotic(LAWS[law], null)
    edges = np.linspace(bins[0], bins[-1], 241)
    t = np.sign(edges) * edges**2 if law == "signed_root" else edges
    # The law's share between neighbouring edges, as for a histogram: a chi-square's density may have a pole.
    share = -np.diff(fitted.p(t)) / np.diff(edges)
    if np.isfinite(share).all():
        axes.plot((edges[1:] + edges[:-1]) / 2, share, color=BLACK, lw=1.2, label=LAW)


def _finite(t: "pd.Series[float]") -> NDArray[np.float64]:
    values = t.to_numpy(dtype=float)
    return np.asarray(values[np.isfinite(values)])

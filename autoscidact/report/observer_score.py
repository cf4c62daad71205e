"""A quantity that the test never saw against the test's score, event by event: Fig. 15 (d) of AutoSciDACT."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autoscidact.report.observation_panels import EXPECTED, OBSERVED
from autoscidact.report.style import BLACK, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cloud = tuple[NDArray[np.float64], NDArray[np.float64]]
"""An observer and the score of the same events, (n,) each."""

REFERENCE, DATA, INJECTED = "reference", "observed events", "68 and 95 % of signal"
PALE, DEEP = "#DCE9F5", "#2F7FBF"
LINES = ("--", "-.", ":")
CONTOURS = (0.95, 0.68)
FEWEST_FOR_CONTOURS, FINE = 20, 100
AROUND = np.array(
    [
        (radius * np.cos(angle), radius * np.sin(angle))
        for radius in (0.17, 0.28, 0.4)
        for angle in np.pi * np.arange(8) / 4
    ]
)
"""Where a number may stand around its point, in inches, nearest first."""

CLEAR = 0.14
"""Inches between the middle of a number and what else there is."""


@dataclass(frozen=True)
class ObserverScore:
    """One observer against the score; events with NaN in either are not drawn.

    Attributes:
        label: the observer with its unit, for the axis.
        reference, observed: observer and score of R's and D's events. signal: of a signal sample's, or None.
        thresholds: scores at which lines are drawn.
        score: the score's name, for the axis.
    """

    label: str
    reference: Cloud
    observed: Cloud
    thresholds: Sequence[float] = ()
    signal: Cloud | None = None
    score: str = "log density ratio"


@figure_style()
def draw_score_against_observer(shown: ObserverScore, ranks: int = 5) -> "Figure":
    """Draws R's density (filled), observed events (points), the `ranks` with the largest score by number."""
    figure = new_figure(3.9)
    axes = figure.subplots()
    draw_score(axes, shown, ranks)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncol=2, fontsize=9.5)
    return figure


def draw_score(axes: "Axes", shown: ObserverScore, ranks: int = 5) -> None:
    """As `draw_score_against_observer`, into axes."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    reference, observed = _finite(shown.reference), _finite(shown.observed)
    edges = [_edges(reference[axis], observed[axis]) for axis in (0, 1)]
    counts = np.histogram2d(*reference, bins=edges)[0]
    blues = LinearSegmentedColormap.from_list("reference", [PALE, DEEP])
    # The root keeps the sparse edges of the background in sight, where single data points matter.
    norm = PowerNorm(0.5, vmin=0.0, vmax=max(float(counts.max()), 1.0))
    axes.pcolormesh(*edges, np.ma.masked_equal(counts.T, 0), cmap=blues, norm=norm, rasterized=True)
    axes.plot([], [], color=DEEP, marker="s", ms=8, ls="", label=REFERENCE)
    if shown.signal is not None:
        _contours(axes, _finite(shown.signal), edges)
    size = float(np.clip(35 / np.sqrt(max(len(observed[0]), 1)), 2.0, 5.0))
    axes.plot(*observed, color=BLACK, marker="o", ls="", ms=size, mew=0.4, mec="white", label=DATA)
    for place, threshold in enumerate(shown.thresholds):
        above = int((shown.observed[1] >= threshold).sum())
        label = f"above {threshold:.2g}: {above} of {len(shown.observed[1])}"
        axes.axhline(threshold, color=OBSERVED, ls=LINES[place % len(LINES)], lw=1.2, label=label)
    axes.set_xlim(edges[0][0], edges[0][-1])
    axes.set_ylim(edges[1][0], edges[1][-1])
    axes.locator_params(axis="both", nbins=5)
    axes.set_xlabel(shown.label, fontsize=10, parse_math=False)
    # Beside the axis it would take the room that neighbouring panels' words need.
    axes.annotate(
        shown.score, (0, 1), xycoords="axes fraction", xytext=(-12, 4), textcoords="offset points", fontsize=10,
        ha="left", va="bottom", parse_math=False,
    )  # fmt: skip
    _number(axes, shown.observed, ranks)


def _finite(cloud: Cloud) -> Cloud:
    known = np.isfinite(cloud[0]) & np.isfinite(cloud[1])
    return cloud[0][known], cloud[1][known]


def _edges(reference: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges that hold all observed events and all but R's outermost 0.2 %; the larger R, the finer."""
    ends = np.concatenate([np.quantile(reference, [0.001, 0.999]) if len(reference) else [], observed])
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    bins = int(np.clip(np.sqrt(len(reference)) / 3, 10, 40))
    return np.linspace(low - margin, high + margin, bins + 1)


def _contours(axes: "Axes", signal: Cloud, edges: Sequence[NDArray[np.float64]]) -> None:
    """Lines of equal density, smoothed by Scott's rule, around 95 % and 68 % of the signal inside the panel."""
    from scipy.interpolate import RegularGridInterpolator
    from scipy.ndimage import gaussian_filter

    grid = [np.linspace(edge[0], edge[-1], FINE + 1) for edge in edges]
    inside = [(grid[axis][0] <= signal[axis]) & (signal[axis] <= grid[axis][-1]) for axis in (0, 1)]
    events = np.column_stack(signal)[inside[0] & inside[1]]
    if len(events) < FEWEST_FOR_CONTOURS:
        return
    counts = np.histogramdd(events, grid)[0]
    cells = [g[1] - g[0] for g in grid]
    density = gaussian_filter(counts, events.std(axis=0) * len(events) ** (-1 / 6) / cells, mode="constant")
    middle = [(g[1:] + g[:-1]) / 2 for g in grid]
    at_events = RegularGridInterpolator(middle, density, bounds_error=False, fill_value=0.0)(events)
    levels = np.unique(np.quantile(at_events, [1 - part for part in CONTOURS]))
    if not 0 < levels[0] <= levels[-1] < density.max():
        return
    axes.contour(*middle, density.T, levels=levels, colors=EXPECTED, linewidths=(1.1, 1.8)[-len(levels) :])
    axes.plot([], [], color=EXPECTED, lw=1.8, label=INJECTED)


def _number(axes: "Axes", observed: Cloud, ranks: int) -> None:
    """Writes the rank beside the highest-ranked events, each at the nearest place that is free."""
    known = np.isfinite(observed[0]) & np.isfinite(observed[1])
    inches = _inches(axes)
    points = axes.transAxes.inverted().transform(axes.transData.transform(np.column_stack(observed)))
    taken = list(points[known])
    order = np.argsort(-np.where(np.isnan(observed[1]), -np.inf, observed[1]), kind="stable")
    for rank, row in enumerate(order[:ranks], start=1):
        if not known[row]:
            continue
        places = points[row] + AROUND / inches
        inside = ((places > 0.03) & (places < 0.97)).all(axis=1)
        clear = np.linalg.norm((places[:, None] - np.array(taken)) * inches, axis=2).min(axis=1)
        free = np.flatnonzero(inside & (clear > CLEAR))
        place = places[free[0] if len(free) else np.argmax(np.where(inside, clear, -1.0))]
        taken.append(place)
        axes.annotate(
            str(rank), (observed[0][row], observed[1][row]), xytext=tuple(place), textcoords="axes fraction",
            ha="center", va="center", fontsize=9, fontweight="bold", color=OBSERVED,
            arrowprops={"arrowstyle": "-", "lw": 0.6, "color": OBSERVED, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


def _inches(axes: "Axes") -> NDArray[np.float64]:
    """Width and height that the axes will about have: the layout is settled only when the figure is saved."""
    place = axes.get_subplotspec()
    assert axes.figure is not None
    width, height = axes.figure.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    lines, columns = place.get_gridspec().get_geometry() if place is not None else (1, 1)
    return np.array([width / columns - 0.6, 0.55 * height / lines])

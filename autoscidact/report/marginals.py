"""Data, R and R reweighted by the fitted density ratio, one quantity at a time, with their ratio below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from autoscidact.report.observation_panels import OBSERVED
from autoscidact.report.style import BLACK, GREY, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Quantity = NDArray[Any]
"""(n,) numbers, or names of categories."""

DATA, REFERENCE, REWEIGHTED = "observed events", "reference, scaled", "reference × fitted density ratio"
FILL = "#B5CBDD"
ONE_SIGMA = 0.6827
MOST_CATEGORIES = 12
OTHERS = "others"
TOP_RATIO = 4.0


@dataclass(frozen=True)
class Marginal:
    """One quantity, counted.

    Attributes:
        edges: (b + 1,) of the bins; integers around which categories stand, where there are names.
        names: of categories; () for a number.
        data: (b,) observed events. reference: (b,) expected ones. reweighted: (b,) with the density ratio.
    """

    edges: NDArray[np.float64]
    names: tuple[str, ...]
    data: NDArray[np.float64]
    reference: NDArray[np.float64]
    reweighted: NDArray[np.float64]


@figure_style()
def draw_marginals(
    names: Sequence[str],
    reference: Mapping[str, Quantity],
    data: Mapping[str, Quantity],
    weight: float,
    log_ratio: NDArray[np.float64],
    labels: Mapping[str, str] | None = None,
) -> "Figure":
    """Draws a panel for each quantity: data with Poisson errors (68 %), R filled, R times e^f as a line.

    The first and the last bin of a number hold everything beyond them; NaN are left out. Below each panel, data
    (points) and reweighted R (line) over R; points past the top are triangles there.

    Args:
        names: keys of both mappings, at least one.
        reference, data: quantities of R's and D's events.
        weight: w_R, expected |D| / |R|.
        log_ratio: (|R|,) f of R's events.
        labels: of axes, with units, where they are not the names.
    """
    columns = min(len(names), 2)
    lines = -(-len(names) // columns)
    figure = new_figure(0.5 + 2.5 * lines)
    grid = figure.subplots(2 * lines, columns, squeeze=False, height_ratios=[2.6, 1] * lines)
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.0)  # type: ignore[union-attr,call-arg]
    for place, name in enumerate(names):
        line, column = divmod(place, columns)
        above, below = grid[2 * line, column], grid[2 * line + 1, column]
        counted = count(reference[name], data[name], weight, log_ratio)
        _draw(above, below, counted, column == 0)
        below.set_xlabel((labels or {}).get(name, name), fontsize=10, parse_math=False)
    for axes in grid[-2:, 1:].flat if len(names) % columns else ():
        axes.axis("off")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncol=2, fontsize=9.5)
    return figure


def count(reference: Quantity, data: Quantity, weight: float, log_ratio: NDArray[np.float64]) -> Marginal:
    """Counts one quantity; arguments as of `draw_marginals`."""
    if not (np.issubdtype(reference.dtype, np.number) and np.issubdtype(data.dtype, np.number)):
        return _count_names(reference.astype(str), data.astype(str), weight, log_ratio)
    known = np.isfinite(reference)
    edges = _edges(reference[known].astype(float), data[np.isfinite(data)].astype(float))

    def held(values: Quantity, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return np.histogram(np.clip(values, edges[0], edges[-1]), edges, weights=weights)[0].astype(float)

    ratio = np.exp(log_ratio[known])
    values = reference[known]
    return Marginal(edges, (), held(data[np.isfinite(data)]), weight * held(values), weight * held(values, ratio))


def poisson_interval(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central 68 % intervals of Poisson means (Garwood 1936), ends of shape (b,); the lower is 0 where nothing is."""
    tail = (1 - ONE_SIGMA) / 2
    low = np.where(counts > 0, chi2.ppf(tail, 2 * np.maximum(counts, 1)) / 2, 0.0)
    return low, np.asarray(chi2.isf(tail, 2 * (counts + 1)) / 2)


def _edges(reference: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bins over all but R's outermost 0.2 % and over the data, but no more than twice R's range beyond it."""
    both = np.concatenate([reference, data])
    if not len(both):
        return np.linspace(0.0, 1.0, 3)
    low, high = np.quantile(reference, [0.001, 0.999]) if len(reference) else (data.min(), data.max())
    reach = 2 * (high - low)
    if len(data) and reach > 0:
        low, high = min(low, max(data.min(), low - reach)), max(high, min(data.max(), high + reach))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    bins = int(np.clip(2 * len(data) ** (1 / 3), 10, 30))
    steps = np.unique(both)
    if len(steps) <= MOST_CATEGORIES and (steps == np.round(steps)).all():
        # Counts get a bin each, else neighbours would hold different numbers of them.
        return np.asarray(np.arange(steps[0] - 0.5, min(steps[-1], steps[0] + 60) + 1), dtype=float)
    return np.linspace(low, high, bins + 1)


def _count_names(reference: Quantity, data: Quantity, weight: float, log_ratio: NDArray[np.float64]) -> Marginal:
    found, counts = np.unique(np.concatenate([reference, data]), return_counts=True)
    frequent = [str(name) for name in found[np.argsort(-counts, kind="stable")]]
    names = frequent if len(frequent) <= MOST_CATEGORIES else [*frequent[: MOST_CATEGORIES - 1], OTHERS]
    place = {name: min(i, len(names) - 1) for i, name in enumerate(frequent)}

    def held(values: Quantity, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        rows = np.array([place[str(value)] for value in values], dtype=np.int64)
        return np.bincount(rows, weights, minlength=len(names)).astype(float)

    edges = np.linspace(-0.5, len(names) - 0.5, len(names) + 1)
    ratio = np.exp(log_ratio)
    return Marginal(edges, tuple(names), held(data), weight * held(reference), weight * held(reference, ratio))


def _draw(above: "Axes", below: "Axes", counted: Marginal, first: bool) -> None:
    edges, data, reference = counted.edges, counted.data, counted.reference
    middle = (edges[1:] + edges[:-1]) / 2
    low, high = poisson_interval(data)
    above.stairs(reference, edges, fill=True, color=FILL, label=REFERENCE)
    above.stairs(counted.reweighted, edges, color=OBSERVED, lw=1.6, label=REWEIGHTED)
    points: dict[str, Any] = {"color": BLACK, "marker": "o", "ms": 3.2, "ls": "", "elinewidth": 0.9}
    above.errorbar(middle, data, [data - low, high - data], label=DATA, **points)
    above.set_ylim(bottom=0)
    above.locator_params(axis="y", nbins=4)

    some = reference > 0
    over = np.where(some, reference, 1.0)
    ratio = data / over
    top = float(np.clip(1.15 * ratio[some].max(initial=1.6), 1.6, TOP_RATIO))
    below.axhline(1.0, color=GREY, lw=0.8)
    below.stairs(np.where(some, counted.reweighted / over, np.nan), edges, color=OBSERVED, lw=1.6, baseline=None)
    inside, past = some & (ratio <= top), some & (ratio > top)
    errors = np.array([data - low, high - data]) / over
    below.errorbar(middle[inside], ratio[inside], errors[:, inside], **points)
    below.plot(middle[past], np.full(past.sum(), 0.94 * top), color=BLACK, marker="^", ms=4.5, ls="")
    below.set_ylim(0, top)
    below.locator_params(axis="y", nbins=3)
    for axes in (above, below):
        axes.set_xlim(edges[0], edges[-1])
    above.tick_params(labelbottom=False)
    if counted.names:
        turn = 0 if sum(map(len, counted.names)) < 20 else 35
        options: dict[str, Any] = {"rotation": turn, "ha": "right" if turn else "center", "parse_math": False}
        above.set_xticks(middle)
        below.set_xticks(middle, counted.names, fontsize=9, **options)
    else:
        below.locator_params(axis="x", nbins=5)
    if first:
        above.set_ylabel("events", fontsize=10)
        below.set_ylabel("ratio", fontsize=10)

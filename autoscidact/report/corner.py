"""Corner plot of the embedding: every pair of axes, background classes below, the signal in pink above."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.report.style import SIGNAL, SIGNAL_DARK, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 20_000
MOST_SIGNAL = 1500
MOST_AXES = 6
NAMED_CLASSES = 9
LEGEND_LETTERS = 62
"""That fit beside each other under the panels."""

DOTS: dict[str, Any] = {"marker": "o", "ls": "", "rasterized": True}
COOL = ("#6CB4E4", "#9CC9EA", "#C9DDF0", "#55C2A6", "#8FD6B0", "#CDE9B5")
"""Blues and greens that the background's classes are spread over: all lighter than the signal's pink, which without
red or green cones is a blue too."""


@figure_style()
def draw_corner(events: EmbeddedEvents, seed: int = 0) -> "Figure":
    """Draws the test split's events, standardised by its background, as the tests see them.

    At most 20000 of them, 1500 of these signal so that they do not hide the rest, drawn without replacement; at
    most the first six axes.

    Args:
        events: with a signal class.
        seed: of the choice of events.
    """
    test = events.take(events.splits == "test")
    is_signal = test.labels == events.signal
    points = _standardised(test.points[:, :MOST_AXES], test.weights, ~is_signal)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xC0]))
    order = rng.permutation(len(points))
    chosen = order[is_signal[order]][:MOST_SIGNAL]
    kept = np.concatenate([order[~is_signal[order]][: MOST_POINTS - len(chosen)], chosen])
    points, labels, is_signal = points[kept], test.labels[kept], is_signal[kept]
    classes = sorted(set(labels[~is_signal].tolist()))
    colors = dict(zip(classes, _shades(len(classes)), strict=True))

    d = points.shape[1]
    rows = -(-(min(len(classes), NAMED_CLASSES) + 1) // _columns(classes, str(test.signal)))
    figure = new_figure(4.3 + 0.25 * rows, 4.8)
    grid = figure.subplots(d, d, squeeze=False)
    limits = [_limits(points[:, i], is_signal) for i in range(d)]
    # Marker diameter in points: the fewer events, the larger.
    size = float(np.sqrt(np.clip(3e4 / len(points) / d, 0.6, 9.0)))
    counts = {name: int((labels == name).sum()) for name in classes}
    for row in range(d):
        for column in range(d):
            axes = grid[row, column]
            axes.set_xlim(limits[column])
            if column > row:
                axes.axis("off")
                continue
            if row == column:
                bins = np.linspace(*limits[row], 41)
                axes.hist(points[~is_signal, row], bins, density=True, color="#B5CBDD")
                axes.hist(points[is_signal, row], bins[::2], density=True, histtype="step", color=SIGNAL, lw=1.8)
                axes.set_yticks([])
                axes.spines["left"].set_visible(False)
            else:
                axes.set_ylim(limits[row])
                # Class by class, large ones first: a marker for each event of its own would take ten times as long.
                for name in sorted(classes, key=lambda name: -counts[name]):
                    cloud = points[labels == name]
                    axes.plot(cloud[:, column], cloud[:, row], color=colors[name], alpha=0.5, ms=size, mew=0, **DOTS)
                cloud = points[is_signal]
                axes.plot(
                    cloud[:, column],
                    cloud[:, row],
                    color=SIGNAL,
                    mec=SIGNAL_DARK,
                    mew=0.1,
                    alpha=0.9,
                    ms=1.7 * size,
                    **DOTS,
                )
            _label(axes, row, column, d, events.axes)
    figure.align_ylabels(grid[:, 0])
    _legend(figure, colors, str(events.signal))
    return figure


def _standardised(
    points: NDArray[np.float32], weights: NDArray[np.float64], background: NDArray[np.bool_]
) -> NDArray[np.float64]:
    values = points.astype(np.float64)
    mean = np.average(values[background], axis=0, weights=weights[background])
    scale = np.sqrt(np.average((values[background] - mean) ** 2, axis=0, weights=weights[background]))
    return np.asarray((values - mean) / np.where(scale > 0, scale, 1.0))


def _limits(values: NDArray[np.float64], is_signal: NDArray[np.bool_]) -> tuple[float, float]:
    """Wide enough for 99 % of either kind: a few far events would shrink everything else."""
    parts = [part for part in (values[~is_signal], values[is_signal]) if len(part)]
    low = min(float(np.quantile(part, 0.005)) for part in parts)
    high = max(float(np.quantile(part, 0.995)) for part in parts)
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def _shades(n: int) -> Sequence[str]:
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    if n <= len(COOL):
        return [COOL[i] for i in np.linspace(0, len(COOL) - 1, n).round().astype(int)]
    colormap = LinearSegmentedColormap.from_list("cool", COOL)
    return [to_hex(colormap(i / (n - 1))) for i in range(n)]


def _label(axes: object, row: int, column: int, d: int, names: Sequence[str]) -> None:
    axes.locator_params(nbins=3, axis="x")  # type: ignore[attr-defined]
    axes.tick_params(labelsize=9)  # type: ignore[attr-defined]
    if row == d - 1:
        axes.set_xlabel(names[column], fontsize=10)  # type: ignore[attr-defined]
    else:
        axes.set_xticklabels([])  # type: ignore[attr-defined]
    if row != column:
        axes.locator_params(nbins=3, axis="y")  # type: ignore[attr-defined]
        if column == 0:
            axes.set_ylabel(names[row], fontsize=10)  # type: ignore[attr-defined]
        else:
            axes.set_yticklabels([])  # type: ignore[attr-defined]


def _columns(classes: Sequence[str], signal: str) -> int:
    """Of the legend: three, or fewer where names are long."""
    shown = classes if len(classes) <= NAMED_CLASSES else ()
    longest = max(len(text) for text in (f"{signal} (signal)", *shown))
    return max(1, min(3, LEGEND_LETTERS // (longest + 4)))


def _legend(figure: "Figure", colors: dict[str, str], signal: str) -> None:
    from matplotlib.lines import Line2D

    def dot(color: str, label: str) -> Line2D:
        return Line2D([], [], color=color, marker="o", ls="", ms=7, label=label)

    handles = [dot(SIGNAL, f"{signal} (signal)")]
    names = list(colors)
    if len(names) <= NAMED_CLASSES:
        handles += [dot(colors[name], name) for name in names]
    else:
        handles += [dot(colors[names[len(names) // 3]], f"{len(names)} background classes")]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncol=_columns(list(colors), signal),
        handletextpad=0.1,
        columnspacing=1.0,
    )

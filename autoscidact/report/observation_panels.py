"""What t looks like in null toys and in toys with signal, and where the observed data lie: Fig. 15 (a)-(c)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.report.distributions import histogram_bins
from autoscidact.report.style import BLACK, BLUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXPECTED, EXPECTED_TEXT, OBSERVED = "#E69F00", "#8A5A00", "#B00020"
"""Toys with signal, words about them, and the observed value: orange and red as in Fig. 15 of AutoSciDACT."""

NULL, SIGNAL, VARIED, MEASURED = "null toys", "toys with signal", "null toys with variations", "observed"

MUCH = 0.03
"""Share of toys with signal beyond a panel that is worth a word: 2 % always are."""


@dataclass(frozen=True)
class TestPanel:
    """One test as a panel shows it.

    Attributes:
        title: above the panel.
        null: (n,) t of null toys. signal: (m,) t of toys with signal, or None.
        observed: t of the observed data; NaN or infinite where it has none.
        expected: p and Z of the median toy with signal, in words; "" for none.
        measured: p and Z of the observed data, in words.
        variant: below the panel, beside t.
        varied_null: (k,) t of null toys that hold systematic variations, or None.
    """

    __test__ = False

    title: str
    null: NDArray[np.float64]
    signal: NDArray[np.float64] | None
    observed: float
    expected: str
    measured: str
    variant: str = ""
    varied_null: NDArray[np.float64] | None = None


def draw_panel(axes: "Axes", panel: TestPanel) -> None:
    """Draws one test into axes: null (blue), with signal (orange), with variations (dashed), observed (red).

    Bars are shares of all toys, those that lie beyond the panel and those whose fit failed included.
    """
    bins = panel_bins(panel)
    steps: dict[str, Any] = {"bins": bins, "histtype": "step"}
    axes.hist(_finite(panel.null), bins, weights=_share(panel.null), color=BLUE, alpha=0.55, lw=0, label=NULL)
    if panel.varied_null is not None:
        shares = _share(panel.varied_null)
        axes.hist(_finite(panel.varied_null), weights=shares, color=BLACK, ls="--", lw=1.1, label=VARIED, **steps)
    beyond = []
    if panel.signal is not None:
        axes.hist(_finite(panel.signal), weights=_share(panel.signal), color=EXPECTED, lw=1.8, label=SIGNAL, **steps)
        far = float(np.mean(panel.signal > bins[-1]))
        if far >= MUCH:
            beyond.append((f"{100 * far:.0f} % of signal toys $\\rightarrow$", EXPECTED_TEXT))
    if bins[0] <= panel.observed <= bins[-1]:
        axes.axvline(panel.observed, color=OBSERVED, lw=2.0, label=MEASURED)
    elif panel.observed > bins[-1]:
        far_off = f"{panel.observed:.4g}" if np.isfinite(panel.observed) else "infinite"
        beyond.append((f"observed: {far_off} $\\rightarrow$", OBSERVED))
    for line, (words, color) in enumerate(beyond):
        offset = (0, -1 - 12 * line)
        axes.annotate(
            words, (1, 1), xycoords="axes fraction", xytext=offset, textcoords="offset points",
            ha="right", va="top", fontsize=9, color=color,
        )  # fmt: skip
    axes.set_ylim(top=(1.05 + 0.15 * len(beyond)) * axes.get_ylim()[1])
    axes.set_xlim(bins[0], bins[-1])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 4))
    axes.set_xlabel(f"t ({panel.variant})" if panel.variant else "t", fontsize=10, parse_math=False)
    _words_above(axes, panel)


def panel_legend(figure: "Figure", panels: Sequence["Axes"]) -> None:
    """One legend below the figure, of all that any panel shows."""
    entries = {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    names = [name for name in (NULL, SIGNAL, VARIED, MEASURED) if name in entries]
    names += [name for name in entries if name not in names]
    figure.legend([entries[name] for name in names], names, loc="outside lower center", ncol=2, fontsize=9.5)


def panel_bins(panel: TestPanel) -> list[float]:
    """Edges that hold the null and, as far as it does not squeeze the null, the signal and the observed value."""
    null = _finite(panel.null)
    others = [_finite(t) for t in (panel.signal, panel.varied_null, np.array([panel.observed])) if t is not None]
    if len(null) and np.ptp(null) > 0:
        return histogram_bins(null, [t for t in others if len(t)])
    middle = float(null[0]) if len(null) else 0.0
    return [middle - 0.5, middle - 0.1, middle + 0.1, middle + 0.5]


def _words_above(axes: "Axes", panel: TestPanel) -> None:
    lines = [(panel.measured, OBSERVED, 9.3), (panel.expected, EXPECTED_TEXT, 9.3), (panel.title, BLACK, 10.5)]
    shown = [line for line in lines if line[0]]
    for place, (words, color, size) in enumerate(shown):
        axes.annotate(
            words, (0, 1), xycoords="axes fraction", xytext=(0, 3 + 12.5 * place), textcoords="offset points",
            ha="left", va="bottom", fontsize=size, color=color, parse_math=False,
        )  # fmt: skip


def _finite(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(t[np.isfinite(t)], dtype=float)


def _share(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the finite ones."""
    return np.full(int(np.isfinite(t).sum()), 1 / max(len(t), 1))

"""The figure that an observation's report begins with: tests and their toys, and the score of every event (Fig. 15)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autoscidact.report.observation_panels import TestPanel, draw_panel, panel_legend
from autoscidact.report.observer_score import ObserverScore, draw_score
from autoscidact.report.style import figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TESTS = 3


@figure_style()
def draw_observation(panels: Sequence[TestPanel], score: ObserverScore | None = None, ranks: int = 3) -> "Figure":
    """Draws up to three tests and, last, an observer against the score: Fig. 15 (a)-(d) of AutoSciDACT.

    Args:
        panels: at least one; those past the third are not drawn.
        score: None where there is no observer. ranks: how many events bear their rank.
    """
    shown = list(panels[:MOST_TESTS])
    total = len(shown) + (score is not None)
    columns = min(total, 2)
    lines = -(-total // columns)
    figure = new_figure(0.9 + 2.45 * lines)
    grid = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, panel in zip(grid, shown, strict=False):
        draw_panel(axes, panel)
    if score is not None:
        draw_score(grid[len(shown)], score, ranks)
    for axes in grid[total:]:
        axes.axis("off")
    panel_legend(figure, grid[:total])
    return figure

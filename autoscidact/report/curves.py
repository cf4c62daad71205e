"""Training curves: every loss by epoch, on training and validation events."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from autoscidact.errors import UserError
from autoscidact.report.style import BLUE, GREY, ORANGE, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"loss": "total loss", "contrastive": "contrastive loss", "cross_entropy": "cross-entropy"}


def read_metrics(path: Path) -> pd.DataFrame:
    """Reads metrics.csv of a training. Raises UserError where it is damaged."""
    try:
        metrics = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())[:120]}); train again") from error
    if "epoch" not in metrics or not len(metrics) or not quantities(metrics):
        raise UserError(f"{path} is damaged (it holds no epoch with losses); train again")
    return metrics


def quantities(metrics: pd.DataFrame) -> list[str]:
    """Losses that both splits have, the total first, without those that are nowhere but zero."""
    found = [name.removeprefix("train_") for name in metrics.columns if name.startswith("train_")]
    found = [name for name in found if f"val_{name}" in metrics and name != "anchors"]
    varies = [name for name in found if (metrics[[f"train_{name}", f"val_{name}"]].abs() > 0).any(axis=None)]
    return sorted(varies, key=lambda name: (list(TITLES).index(name) if name in TITLES else len(TITLES), name))


@figure_style()
def draw_curves(metrics: pd.DataFrame, best_epoch: int | None = None) -> "Figure":
    """Draws a panel for each loss; the dashed line marks the epoch whose encoder was kept."""
    names = quantities(metrics)
    figure = new_figure(1.0 + 1.6 * len(names))
    grid = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for axes, name in zip(grid, names, strict=True):
        marker = "o" if len(metrics) == 1 else None
        axes.plot(metrics.epoch, metrics[f"train_{name}"], color=BLUE, lw=1.6, marker=marker, label="training")
        axes.plot(
            metrics.epoch, metrics[f"val_{name}"], color=ORANGE, lw=1.6, ls="--", marker=marker, label="validation"
        )
        if best_epoch is not None:
            axes.axvline(best_epoch, color=GREY, lw=1, ls=":", label=f"kept: epoch {best_epoch}")
        axes.set_title(TITLES.get(name, name.replace("_", " ")), fontsize=10, loc="left")
    grid[-1].set_xlabel("epoch")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=3)
    return figure

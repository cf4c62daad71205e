"""Sub-samples of a data set beside null toys: a table, and distributions of t as in Fig. 14 of AutoSciDACT."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.inference.shift import LEVEL, Shift
from autoscidact.report.distributions import histogram_bins
from autoscidact.report.style import ORANGE, figure_style, new_figure, save, statistic_style


def shift_table(rows: Sequence[Shift]) -> pd.DataFrame:
    """A row a `Shift`, a column an attribute."""
    return pd.DataFrame([vars(row) for row in rows])


def shift_markdown(rows: Sequence[Shift], source: str) -> str:
    """The table for people.

    Args:
        source: name of the observed file.
    """
    lines = [
        f"{source}: {rows[0].n_subsamples} sub-samples, {rows[0].n_null} null toys",
        "",
        f"| statistic | variant | width | median Z, empirical / asymptotic | share with p <= {100 * LEVEL:.0f} % |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        z = f"{'>' if row.z_is_bound else ''}{row.z_median:.2f}"
        z += "" if np.isnan(row.z_asymptotic) else f" / {row.z_asymptotic:.2f}"
        rejected = (
            ""
            if np.isnan(row.rejected)
            else f"{100 * row.rejected:.0f} % ({100 * row.rejected_low:.0f} to {100 * row.rejected_high:.0f})"
        )
        width = "" if np.isnan(row.width) else f"{row.width:.3g}"
        lines.append(f"| {row.statistic} | {row.variant} | {width} | {z} | {rejected} |")
    return "\n".join(lines) + "\n"


@figure_style()
def draw_shift(
    path: Path,
    statistic: str,
    variants: Sequence[str],
    null: NDArray[np.float64],
    subsamples: NDArray[np.float64],
    source: str,
) -> None:
    """Draws the distributions of t, a panel for each variant, and saves the figure.

    Args:
        null, subsamples: (n, variants) and (m, variants).
        source: what the sub-samples are called.
    """
    columns = 2 if len(variants) > 1 else 1
    lines = -(-len(variants) // columns)
    figure = new_figure(1.2 + 1.7 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    for k, (axes, variant) in enumerate(zip(grid.flat, variants, strict=False)):
        ordinary, other = (values[:, k][np.isfinite(values[:, k])] for values in (null, subsamples))
        bins = histogram_bins(ordinary, [other])
        axes.hist(ordinary, bins, density=True, color="#C4C4C4", label="background")
        beyond = float((other > bins[-1]).mean())
        axes.hist(
            other[other <= bins[-1]],
            bins,
            weights=np.full(int((other <= bins[-1]).sum()), 1 / (len(other) * (bins[1] - bins[0]))),
            histtype="step",
            color=ORANGE,
            lw=1.8,
            label=source,
        )
        axes.set_title(variant + (f", {100 * beyond:.0f} % beyond" if beyond > 0.005 else ""), fontsize=10)
        axes.set_yticks([])
        axes.set_xlim(bins[0], bins[-1])
        axes.locator_params(axis="x", nbins=4)
        if k >= len(variants) - columns:
            axes.set_xlabel("$t$", fontsize=10)
    for axes in list(grid.flat)[len(variants) :]:
        axes.axis("off")
    figure.suptitle(statistic_style(statistic, [statistic]).label, fontsize=11)
    handles, names = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncol=2)
    save(figure, path)

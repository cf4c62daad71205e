"""What calibration=coverage shows: false alarms and power, and what to know when reading them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from autoscidact.files import write_text
from autoscidact.inference.effective_toys import effective_toys, size_warnings
from autoscidact.report.coverage import draw_uniformity, readable_coverage
from autoscidact.report.style import save
from autoscidact.report.tables import write_csv
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition

ONE_REFERENCE = (
    "permutations are exact over the draw of R; here all pseudo-observations share one R "
    "(toys.resample_reference=false), and where it is unusual by chance their rates are off together: "
    "toys.resample_reference=true shows what permutations promise"
)


def coverage_notes(pools: Pools, definition: ToyDefinition, n_null: int, calibrations: set[str]) -> list[str]:
    """Sentences on the sizes of R, D and the pool, and on permutations beside one fixed R."""
    weights = pools.weights[pools.background]
    notes = size_warnings(definition.n_ref, definition.n_data, effective_toys(n_null, definition.n_data, weights))
    shared = "permutation" in calibrations and not definition.resample_reference
    return [*notes, ONE_REFERENCE] if shared else notes


def write_coverage(folder: Path, table: pd.DataFrame, uniform: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """Writes coverage.csv, coverage.md and a figure of p for each statistic and calibration."""
    write_csv(folder / "coverage.csv", table)
    titles, cells = readable_coverage(table)
    lines = [titles, ["---"] * len(titles), *cells]
    write_text(folder / "coverage.md", "".join(f"| {' | '.join(line)} |\n" for line in lines))
    for name, p in uniform.items():
        save(draw_uniformity(p, name), folder / f"uniformity_{name.replace(' ', '_')}.png")


def show_coverage(table: pd.DataFrame, warnings: list[str]) -> None:
    """Prints false alarms and power, and what is wrong with the sizes of R, D and the pool."""
    titles, cells = readable_coverage(table)
    shown = Table(*titles, box=None, header_style="bold", title="type-I error and power", title_justify="left")
    for row in cells:
        shown.add_row(*row)
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(shown)
    for sentence in warnings:
        console.print(f"warning: {sentence}")

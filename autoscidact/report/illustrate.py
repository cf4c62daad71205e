"""Every figure of a dataset, drawn and saved in all formats, with its caption and its description in words."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.report.corner import MOST_AXES, draw_corner
from autoscidact.report.curves import draw_curves
from autoscidact.report.distributions import draw_distributions, fractions_to_show, panels
from autoscidact.report.document import Figure
from autoscidact.report.gather import Gathered
from autoscidact.report.scan import draw_asymptotic, draw_empirical
from autoscidact.report.style import save_formats, statistic_style


@dataclass(frozen=True)
class Training:
    """What is left of the training behind a discovery.

    Attributes:
        source: file or folder it was read from; what was looked for where there is none.
        events: its embedded events, or None. metrics: its losses by epoch, or None.
        best_epoch: the epoch whose encoder was kept.
    """

    source: str
    events: EmbeddedEvents | None = None
    metrics: pd.DataFrame | None = None
    best_epoch: int | None = None


@dataclass(frozen=True)
class Illustrations:
    """Figures by what they show; empty where there is nothing to show."""

    scan: tuple[Figure, ...]
    distributions: tuple[Figure, ...]
    training: tuple[Figure, ...]


def stem(dataset: str) -> str:
    """The dataset's name as the beginning of file names and anchors."""
    return re.sub(r"[^A-Za-z0-9]+", "-", dataset).strip("-").lower() or "dataset"


def illustrate(gathered: Gathered, training: Training, folder: Path, prefix: str, seed: int = 0) -> Illustrations:
    """Draws and saves the figures of one dataset.

    Args:
        folder: where they go. prefix: of their names, unique to the dataset.
        seed: of the choice of events that the corner plot shows.
    """
    return Illustrations(
        _scan(gathered, folder, prefix),
        _distributions(gathered, folder, prefix),
        _training(gathered.dataset, training, folder, prefix, seed),
    )


def _scan(gathered: Gathered, folder: Path, prefix: str) -> tuple[Figure, ...]:
    save_formats(draw_empirical(gathered), folder, f"{prefix}_z_empirical")
    save_formats(draw_asymptotic(gathered), folder, f"{prefix}_z_asymptotic")
    first = statistic_style(gathered.statistics[0], gathered.statistics).label
    tests = ", ".join(statistic_style(name, gathered.statistics).label for name in gathered.statistics)
    return (
        Figure(
            f"{prefix}_z_empirical",
            f"{gathered.dataset}: empirical Z of the median toy against f_S; kernel widths combined by their smallest "
            f"p, calibrated on the same null toys. Triangles: past every null toy, so only a lower bound. Band: "
            f"16 to 84 % of toys ({first}).",
            f"Line chart of empirical Z against signal fraction for {tests}. The numbers are in the table below.",
        ),
        Figure(
            f"{prefix}_z_asymptotic",
            f"{gathered.dataset}: asymptotic Z of the median toy against f_S, at the kernel width that turned out best "
            f"(no look-elsewhere effect is paid). Dotted: 3 and 5 sigma. Band: 16 to 84 % of toys ({first}).",
            f"Line chart of asymptotic Z against signal fraction for {tests}. The numbers are in the table below.",
        ),
    )


def _distributions(gathered: Gathered, folder: Path, prefix: str) -> tuple[Figure, ...]:
    figures = []
    fractions = fractions_to_show(gathered)
    for name, shown in panels(gathered).items():
        save_formats(draw_distributions(gathered, shown, fractions), folder, f"{prefix}_t_{stem(name)}")
        alone = {statistic for statistic, _ in shown}
        label = "the other tests"
        if len(alone) == 1:
            label = statistic_style(alone.pop(), gathered.statistics).label
        listed = ", ".join(f"{100 * f_s:g} %" for f_s in fractions)
        figures.append(
            Figure(
                f"{prefix}_t_{stem(name)}",
                f"{gathered.dataset}: t of {label} in toys without signal (grey), with the law fitted to them (black), "
                f"and in toys with f_S = {listed} (pink). Toys beyond a panel's right end are counted in it.",
                f"Histograms of the test statistic of {label} without and with signal, one panel for each of "
                f"{len(shown)} variants; the further right the pink lies of the grey, the more is seen.",
            )
        )
    return tuple(figures)


def _training(dataset: str, training: Training, folder: Path, prefix: str, seed: int) -> tuple[Figure, ...]:
    figures = []
    if training.events is not None:
        events = training.events
        save_formats(draw_corner(events, seed), folder, f"{prefix}_embedding")
        axes = f"{min(len(events.axes), MOST_AXES)} of {len(events.axes)}" if len(events.axes) > MOST_AXES else "all"
        figures.append(
            Figure(
                f"{prefix}_embedding",
                f"{dataset}: events of the test split in the embedding, standardised by its background; {axes} axes. "
                f"Background classes in blues and greens, the held-out class {events.signal} in pink.",
                f"Corner plot: scatter plots of every pair of embedding axes, with the signal class {events.signal} "
                "in pink over the background classes in blue and green, and a histogram of each axis.",
            )
        )
    if training.metrics is not None:
        save_formats(draw_curves(training.metrics, training.best_epoch), folder, f"{prefix}_training")
        figures.append(
            Figure(
                f"{prefix}_training",
                f"{dataset}: losses of the embedding's training by epoch, on training (solid) and validation events "
                "(dashed).",
                "Line chart of training and validation losses by epoch.",
            )
        )
    return tuple(figures)

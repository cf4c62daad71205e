"""How every figure looks and is saved: one palette, sizes that a phone can show, the same bytes each time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoscidact.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, BLACK, GREY = "#0072B2", "#D55E00", "#000000", "#7F7F7F"
"""From Okabe and Ito's palette, told apart with every kind of colour vision."""

SIGNAL, SIGNAL_DARK, SIGNAL_LIGHT = "#FF1493", "#7A0046", "#F28CC2"
"""The held-out class, wherever it is shown."""

WIDTH = 4.4
"""Inches: at this width 11 pt text stays readable on a telephone."""

FORMATS = ("png", "pdf", "svg")


@dataclass(frozen=True)
class Style:
    """How one statistic is drawn and named; no two share colour, marker and line together."""

    label: str
    color: str
    marker: str
    line: str = "-"


STATISTICS: dict[str, Style] = {
    "nplm": Style("NPLM", BLUE, "o"),
    "supervised": Style("supervised", BLACK, "s", "--"),
    "ideal_supervised": Style("ideal supervised", GREY, "D", "--"),
    "mmd": Style("MMD", "#E69F00", "v"),
    "mahalanobis": Style("Mahalanobis", "#009E73", "P"),
    "frechet": Style("Fréchet", "#CC79A7", "X"),
    "c2st": Style("classifier two-sample", "#56B4E9", "h"),
    "one_class_svm": Style("one-class SVM", ORANGE, "p"),
}
"""In the order in which tests are listed. Upward triangles are kept for bounds."""


def statistic_style(name: str, others: list[str]) -> Style:
    """The style of a statistic; one that has none of its own takes the next of the palette, dotted.

    Args:
        others: every statistic shown together with it.
    """
    if name in STATISTICS:
        return STATISTICS[name]
    unknown = sorted(set(others) - set(STATISTICS))
    turn = unknown.index(name)
    known = list(STATISTICS.values())
    color, marker = known[-1 - turn % len(known)].color, "<>d*8H"[turn % 6]
    return Style(name.replace("_", " "), color, marker, (":", "-.")[turn // len(known) % 2])


def in_order(names: list[str]) -> list[str]:
    """Statistics as they are listed everywhere: known ones first, others as they come."""
    return [name for name in STATISTICS if name in names] + [name for name in names if name not in STATISTICS]


@contextmanager
def figure_style() -> Iterator[None]:
    """Sizes of text and lines; also a decorator of functions that draw."""
    import matplotlib

    settings: dict[Any, Any] = {
        "font.size": 11,
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "legend.fontsize": 10,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "legend.frameon": False,
        "pdf.fonttype": 42,
    }
    with matplotlib.rc_context(settings):
        yield


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """An empty figure, in inches, that no window and no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: str | Path, dpi: int = 160) -> None:
    """Saves as PNG, PDF or SVG by suffix, without the date and random ids that would make equal figures differ."""
    import matplotlib

    suffix = Path(path).suffix.removeprefix(".")
    metadata: Mapping[str, None] = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None},
        "svg": {"Date": None},
    }[suffix]
    with atomic_path(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "autoscidact"}):
        figure.savefig(temporary, format=suffix, dpi=dpi, metadata=metadata)


def save_formats(figure: "Figure", folder: Path, name: str) -> None:
    """Saves folder/name in each of FORMATS, the PNG at twice a screen's resolution.

    The layout is settled by the first of them: settling it is most of the time that a figure takes.
    """
    for suffix in FORMATS:
        save(figure, folder / f"{name}.{suffix}", dpi=192)
        figure.set_layout_engine("none")


def fraction_axis(axes: "Axes", fractions: list[float]) -> None:
    """Puts f_S in percent on the x axis: logarithmic where it can be, ticks where points are and have room.

    Args:
        fractions: sorted.
    """
    axes.set_xlabel(r"signal fraction $f_S$ (%)")
    ticks = [100 * f_s for f_s in fractions]
    if len(ticks) > 1 and ticks[0] > 0:
        axes.set_xscale("log")
        shown = [ticks[0]]
        for tick in ticks[1:]:
            if tick / shown[-1] > 1.08 * (ticks[-1] / ticks[0]) ** (1 / 9):
                shown.append(tick)
        axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
        axes.minorticks_off()

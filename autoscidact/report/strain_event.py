"""Figure: the whitened strain of both detectors around a gravitational wave."""

from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from autoscidact.report.style import BLUE, GREY, ORANGE, figure_style, new_figure, save


@figure_style()
def draw_event(
    path: str | Path,
    time: NDArray[np.float64],
    strain: NDArray[np.float64],
    *,
    shown: tuple[float, float],
    delay: float,
    inverted: bool,
    title: str,
    band: tuple[float, float] = (35.0, 350.0),
) -> None:
    """Draws H1, L1, and L1 moved over H1, and saves the figure (PNG, PDF or SVG by suffix).

    Args:
        time: (n,) evenly spaced seconds since some time that `title` names; more of them than are shown, for the
            filter's ends.
        strain: (2, n) of H1 and L1, whitened, in standard deviations of the noise; in grey.
        shown: first and last second on the axis.
        delay: seconds by which the wave reaches H1 later than L1.
        inverted: whether L1 is drawn upside down over H1, for the detectors are turned by about 90 degrees.
        band: Hz of the coloured lines, narrower than the strain's own, for the eye to see more than the loudest waves.
    """
    rate = 1 / float(np.mean(np.diff(time)))
    smooth = scipy.signal.sosfiltfilt(scipy.signal.butter(4, band, "bandpass", fs=rate, output="sos"), strain)
    figure = new_figure(4.8)
    panels = figure.subplots(3, 1, sharex=True, sharey=True)
    for axes, own, filtered, color, name in zip(panels[:2], strain, smooth, (ORANGE, BLUE), ("H1", "L1"), strict=True):
        axes.plot(time, own, color=GREY, lw=0.5, alpha=0.6)
        axes.plot(time, filtered, color=color, lw=1.2)
        axes.set_title(name, loc="left", fontsize=10)
    panels[2].plot(time, smooth[0], color=ORANGE, lw=1.2)
    panels[2].plot(time + delay, -smooth[1] if inverted else smooth[1], color=BLUE, lw=1.2)
    moved = f"H1, and L1 {abs(delay) * 1000:.1f} ms {'later' if delay > 0 else 'earlier'}"
    panels[2].set_title(moved + (", inverted" if inverted else ""), loc="left", fontsize=10)
    inside = (time >= shown[0]) & (time <= shown[1])
    panels[0].set_xlim(*shown)
    panels[0].set_ylim(*(1.1 * np.abs(strain[:, inside]).max() * np.array([-1, 1])))
    figure.suptitle(title, fontsize=11)
    figure.supylabel("whitened strain (standard deviations)", fontsize=11)
    panels[2].set_xlabel("time (s)")
    save(figure, path)

"""What segments look like: one of each class, as both detectors see it (the paper's Fig. 5)."""

from pathlib import Path

import numpy as np

from autoscidact.data.ligo.layout import DETECTORS, RATE, WINDOW
from autoscidact.data.ligo.shard_index import SHARDS_FOLDER, read_index
from autoscidact.errors import UserError
from autoscidact.files import atomic_path

_COLORS = ("#d55e00", "#0072b2")
_COLUMNS = 5


def draw_examples(folder: Path) -> Path:
    """Draws an example of each class that is prepared, of median SNR, and returns the picture's path.

    Args:
        folder: `dataset.path`, with its shards.
    """
    from matplotlib.figure import Figure

    shards = folder / SHARDS_FOLDER
    index = read_index(shards)
    classes = index["recipe"]["classes"]
    rows = -(-len(classes) // _COLUMNS)
    figure = Figure(figsize=(2.6 * _COLUMNS, 1.9 * rows + 0.5), layout="constrained")
    panels = np.ravel(figure.subplots(rows, min(_COLUMNS, len(classes)), squeeze=False, sharex=True))
    milliseconds = np.arange(WINDOW) / RATE * 1000
    for axes, name in zip(panels, classes, strict=False):
        segment, snr = _example(shards, next(shard["name"] for shard in index["shards"] if shard["class"] == name))
        for detector, series, color in zip(DETECTORS, segment, _COLORS, strict=True):
            axes.plot(milliseconds, series, color=color, lw=0.9, label=detector)
        axes.set_title(name.replace("_", " ") + (f", SNR {snr:.0f}" if np.isfinite(snr) else ""), fontsize=9)
    for axes in panels[len(classes) :]:
        axes.set_visible(False)
    figure.supxlabel("time [ms]", fontsize=9)
    figure.supylabel("whitened strain [standard deviations]", fontsize=9)
    panels[0].legend(fontsize=8, loc="upper left")
    path = folder / "examples.png"
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    return path


def _example(shards: Path, name: str) -> tuple[np.ndarray, float]:
    try:
        snr = np.load(shards / f"{name}.truths.npy", allow_pickle=False)["snr"]
        row = 0 if np.isnan(snr).all() else int(np.argsort(snr)[len(snr) // 2])
        segment = np.load(shards / f"{name}.npy", mmap_mode="r", allow_pickle=False)[row]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{shards / name}.npy: damaged; delete it and prepare the dataset again") from error
    return np.asarray(segment), float(snr[row])

"""Which window of real noise each event gets: no two events share one, no two splits share a second."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Split
from autoscidact.data.ligo.layout import WINDOWS_A_SECOND, NoiseWindows
from autoscidact.data.ligo.plan import CHUNK, Chunk
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError


def share_noise(
    noise: NoiseWindows, sizes: Mapping[Split, int], classes: Sequence[str], split: Mapping[Split, float], seed: int
) -> Callable[[Chunk], NoiseWindows]:
    """Divides windows among the chunks of `plan.plan_chunks`.

    Whole seconds go to a split, by their shares; within a split, windows in a random order go to one class after the
    other. So an event of one split has no second of noise in common with one of another, and no two have a window.

    Args:
        noise: windows inside whole seconds.
        sizes: events of each class in each split.
        seed: of the division.

    Returns:
        A function that gives the windows of a chunk.

    Raises:
        UserError: too little noise: says how many seconds there are, how many are needed, and what fits.
    """
    seconds, of_window = np.unique(np.floor(noise.gps).astype(np.int64), return_inverse=True)
    of_second = stratified_split(np.zeros(len(seconds), dtype=np.int64), split, seed)
    rows: dict[Split, NDArray[np.int64]] = {}
    for k, name in enumerate(SPLITS):
        random = np.random.default_rng(np.random.SeedSequence([seed, k, len(seconds)]))
        rows[name] = random.permutation(np.flatnonzero(of_second[of_window] == k))
    _check_enough(rows, sizes, len(classes), len(seconds))

    def noise_of(chunk: Chunk) -> NoiseWindows:
        start = classes.index(chunk.class_name) * sizes[chunk.split] + chunk.number * CHUNK
        return _without_other_spectra(noise.take(rows[chunk.split][start : start + chunk.n]))

    return noise_of


def _check_enough(
    rows: Mapping[Split, NDArray[np.int64]], sizes: Mapping[Split, int], n_classes: int, n_seconds: int
) -> None:
    fits = min(len(rows[name]) / (n * n_classes) for name, n in sizes.items())
    if fits < 1:
        wanted = sum(sizes.values())
        seconds = wanted * n_classes // WINDOWS_A_SECOND + 1
        raise UserError(
            f"n_per_class={wanted}: {n_classes} classes of so many need {seconds} s of good strain in both detectors, "
            f"and there are {n_seconds} s; get more files, or give n_per_class={int(0.98 * wanted * fits)}"
        )


def _without_other_spectra(noise: NoiseWindows) -> NoiseWindows:
    used, index = np.unique(noise.asd_index, return_inverse=True)
    return NoiseWindows(noise.windows, noise.asd[used], index, noise.gps)

"""Fills a folder with labelled segments: real or simulated noise, and injected signals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.checks import whole_setting
from autoscidact.data.contract import SPLITS, Split
from autoscidact.data.labels import class_name
from autoscidact.data.ligo.arrays_preparation import prepare_arrays
from autoscidact.data.ligo.examples_figure import draw_examples
from autoscidact.data.ligo.generation import Signals, make_chunks
from autoscidact.data.ligo.glitch_files import read_glitches
from autoscidact.data.ligo.layout import CLASSES
from autoscidact.data.ligo.noise_shares import share_noise
from autoscidact.data.ligo.plan import plan_chunks, split_sizes
from autoscidact.data.ligo.priors import checked_snr
from autoscidact.data.ligo.real_background import real_background
from autoscidact.data.ligo.shard_index import FORMAT, SHARDS_FOLDER, write_index
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError
from autoscidact.files import array_hash, content_hash, make_folder

N_PER_CLASS = 10_000
"""Segments of each class: about a minute of two cores."""

_SOURCES = ("files", "simulated", "arrays")


def prepare(
    *,
    path: str,
    split: Mapping[Split, float],
    signal: str = "",
    snr: Sequence[float] = (8.0, 40.0),
    skies_a_waveform: int = 4,
    glitches: str | None = None,
    gps: Sequence[float] | None = None,
    arrays: Mapping[str, str] | None = None,
    mirror: str | None = None,
    source: str | None = None,
    n_per_class: int | None = None,
    seed: int = 0,
    workers: int = 1,
    **others: object,
) -> None:
    """Makes segments of every class, and prints what there is.

    Chunks that are there already are kept: an interrupted run goes on, a larger `n_per_class` adds to what there is.

    Args:
        path: the folder to fill.
        split: shares of training, validation and test events.
        signal: the class held out; only checked.
        snr: least and largest network signal-to-noise ratio of what is injected.
        skies_a_waveform: binary black holes that share a waveform, each with a sky position, SNR and noise of its own.
        glitches: NPZ file of real glitches to inject; simulated ones by default.
        gps: first and last GPS second of strain to download from GWOSC.
        arrays: with source=arrays, the file of each class.
        mirror: a folder with GWOSC's strain files (or with arrays), anywhere below.
        source: files, for noise from strain files; simulated, for coloured Gaussian noise; arrays, for segments that
            are whitened and cut already. By default files, if `mirror` or `gps` is given.
        n_per_class: segments of each class.
        seed: of the noise, the signals and the splits.
        workers: processes.
        others: the other settings of `load`, which do not concern the preparation.

    Raises:
        UserError: names the file that cannot be used and why, or the setting.
    """
    source = _source(source, mirror, gps)
    if class_name(signal) not in CLASSES:
        raise UserError(f"dataset.signal={signal}: choose from {', '.join(CLASSES)}")
    folder = make_folder(Path(path).expanduser())
    shards = make_folder(folder / SHARDS_FOLDER)
    if source == "arrays":
        written = prepare_arrays(Path(str(mirror)).expanduser(), arrays, shards, split, seed)
        print(written)
    else:
        wanted = N_PER_CLASS if n_per_class is None else whole_setting("n_per_class", n_per_class, 1)
        skies = whole_setting("skies_a_waveform", skies_a_waveform, 1)
        signals = Signals(checked_snr(snr), skies, _glitches(glitches, split, seed), seed)
        sizes = split_sizes(wanted, split)
        noise = real_background(folder, mirror, gps) if source == "files" else None
        recipe = _recipe(signals, split, source, None if noise is None else array_hash(noise.gps, noise.windows))
        chunks = plan_chunks(sizes, CLASSES, content_hash(recipe, 10))
        noise_of = None if noise is None else share_noise(noise, sizes, CLASSES, split, seed)
        make_chunks(chunks, shards, signals, noise_of, workers)
        write_index(shards, chunks, recipe)
        print(
            f"{wanted} segments of each of {len(CLASSES)} classes, " + ", ".join(f"{n} {s}" for s, n in sizes.items())
        )
    print(f"examples: {draw_examples(folder)}")
    print(f"\nthe folder {folder} is ready; next: autoscidact train dataset=ligo")


def _source(source: str | None, mirror: str | None, gps: Sequence[float] | None) -> str:
    if source is None:
        if mirror is None and gps is None:
            raise UserError(
                "dataset=ligo: choose where noise comes from: mirror=FOLDER with GWOSC's 4 kHz files of H1 and L1, "
                "dataset.gps=[FIRST,LAST] to download them, source=simulated, or source=arrays mirror=FOLDER"
            )
        return "files"
    if source not in _SOURCES:
        raise UserError(f"source={source}: choose {', '.join(_SOURCES)}")
    if source == "simulated" and (mirror is not None or gps is not None):
        raise UserError("source=simulated needs no files; leave out mirror and dataset.gps, or leave out source")
    if source == "arrays" and mirror is None:
        raise UserError("source=arrays: give the folder of the arrays with mirror=FOLDER")
    return source


def _glitches(
    path: str | None, split: Mapping[Split, float], seed: int
) -> dict[Split, tuple[NDArray[np.int64], NDArray[np.float32]]] | None:
    """The cases of each split, so that none is learnt and tested on."""
    if path is None:
        return None
    cases = read_glitches(Path(path).expanduser())
    of_case = stratified_split(np.zeros(len(cases), dtype=np.int64), split, seed)
    numbers = {name: np.flatnonzero(of_case == k) for k, name in enumerate(SPLITS)}
    empty = [name for name in SPLITS if split.get(name, 0) > 0 and not len(numbers[name])]
    if empty:
        raise UserError(f"{path}: {len(cases)} glitches are too few for some in {', '.join(empty)}")
    return {name: (rows, cases[rows]) for name, rows in numbers.items()}


def _recipe(signals: Signals, split: Mapping[Split, float], source: str, noise: str | None) -> dict[str, Any]:
    cases = None if signals.glitches is None else [values for _, values in signals.glitches.values()]
    return {
        "format": FORMAT,
        "source": source,
        "noise": noise,
        "snr": list(signals.snr),
        "skies_a_waveform": signals.skies_a_waveform,
        "glitches": None if cases is None else array_hash(*cases),
        "seed": signals.seed,
        "split": dict(split),
        "classes": list(CLASSES),
    }

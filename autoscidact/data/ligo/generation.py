"""Chunks of labelled segments, made in parallel from noise and injected signals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Split
from autoscidact.data.ligo.glitches import inject_glitches
from autoscidact.data.ligo.injection import inject, normalise
from autoscidact.data.ligo.layout import NoiseWindows
from autoscidact.data.ligo.noise_windows import simulated_noise
from autoscidact.data.ligo.plan import Chunk
from autoscidact.data.ligo.truth import Truths, no_truth
from autoscidact.files import write_array
from autoscidact.progress import progress

NoiseOf = Callable[[Chunk], NoiseWindows]


@dataclass(frozen=True)
class Signals:
    """What is injected.

    Attributes:
        snr: least and largest network signal-to-noise ratio.
        skies_a_waveform: sky positions that share an expensive waveform.
        glitches: for each split, numbers and (k, m) whitened time series of real glitches; None for simulated ones.
        seed: of everything.
    """

    snr: tuple[float, float]
    skies_a_waveform: int
    glitches: Mapping[Split, tuple[NDArray[np.int64], NDArray[np.float32]]] | None
    seed: int


def make_chunks(
    chunks: Sequence[Chunk],
    folder: Path,
    signals: Signals,
    noise_of: NoiseOf | None,
    workers: int,
) -> None:
    """Makes those chunks that are not there yet.

    Args:
        folder: of the chunks.
        noise_of: the real noise of a chunk; None simulates it.
        workers: processes; the bytes do not depend on their number.
    """
    todo = [chunk for chunk in chunks if not chunk.events(folder).is_file()]
    total = sum(chunk.n for chunk in chunks)
    with progress("segments", total, done=total - sum(chunk.n for chunk in todo)) as bar:
        for chunk in _made(todo, folder, signals, noise_of, workers):
            bar.advance(chunk.n)


def _made(
    todo: Sequence[Chunk],
    folder: Path,
    signals: Signals,
    noise_of: NoiseOf | None,
    workers: int,
) -> Iterator[Chunk]:
    if workers < 2 or len(todo) < 2:
        for chunk in todo:
            make_chunk(chunk, folder, signals, noise_of(chunk) if noise_of else None)
            yield chunk
        return
    # Spawned, for a fork of a process with threads may hang; and handed out few at a time, for noise is large.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[None], Chunk] = {}
        for chunk in todo:
            noise = noise_of(chunk) if noise_of else None
            running[pool.submit(make_chunk, chunk, folder, signals, noise)] = chunk
            if len(running) > 2 * workers:
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: dict[Future[None], Chunk]) -> Iterator[Chunk]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        future.result()
        yield running.pop(future)


def make_chunk(chunk: Chunk, folder: Path, signals: Signals, noise: NoiseWindows | None) -> None:
    """Writes the segments of a chunk, (n, 2, 200) of standard deviation 1, and what was injected into each.

    Args:
        noise: of the chunk's n windows; None simulates them.
    """
    noise_seed, signal_seed = chunk.seeds(signals.seed)
    if noise is None:
        noise = simulated_noise(chunk.n, noise_seed)
    random = np.random.default_rng(signal_seed)
    if chunk.class_name == "background":
        events, truths = noise.windows, no_truth(noise)
    elif chunk.class_name == "glitch":
        events, truths = _glitches(chunk.split, signals, noise, random)
    else:
        events, truths = inject(chunk.class_name, noise, random, signals.snr, skies_a_waveform=signals.skies_a_waveform)
    # The events are written last: they say that a chunk is whole.
    for path, values in ((chunk.truths(folder), truths), (chunk.events(folder), normalise(events))):
        write_array(path, values)


def _glitches(
    split: Split, signals: Signals, noise: NoiseWindows, random: np.random.Generator
) -> tuple[NDArray[np.float32], Truths]:
    if signals.glitches is None:
        return inject_glitches(noise, random, signals.snr)
    numbers, cases = signals.glitches[split]
    events, truths = inject_glitches(noise, random, signals.snr, cases)
    truths["case"] = numbers[truths["case"].astype(np.int64)]
    return events, truths

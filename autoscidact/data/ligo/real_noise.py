"""Windows of real noise: strain of both detectors, whitened by the spectrum of the time around and cut."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.cutting import cut_windows, window_starts
from autoscidact.data.ligo.layout import DETECTORS, RATE, NoiseWindows
from autoscidact.data.ligo.science_time import EVENT_MARGIN, QUALITY, runs, science_seconds
from autoscidact.data.ligo.spectrum_estimate import LEAST_SEGMENTS, estimated_asd, periodograms
from autoscidact.data.ligo.spectrum_segments import nearest_segments, segment_seconds, segment_starts
from autoscidact.data.ligo.strain_search import CommonStrain, find_strain
from autoscidact.data.ligo.whitening import PADDING, filtered_asd, whiten
from autoscidact.errors import UserError
from autoscidact.progress import progress

LEAST_SECONDS = 16
"""Good seconds that a stretch of files needs for a spectrum that does not contain what it whitens."""

_PIECE = 1024
_BLOCKS = (2, 64)


@dataclass(frozen=True)
class _Block:
    windows: NDArray[np.float32]
    asd: NDArray[np.float64]
    gps: NDArray[np.float64]


def real_noise(
    places: str | Path | Iterable[str | Path],
    *,
    quality: Sequence[str] = QUALITY,
    extra_events: Iterable[float] = (),
    margin: float = EVENT_MARGIN,
) -> NoiseWindows:
    """Whitened windows of all good seconds in GWOSC's files of H1 and L1, 20 of each second.

    Good seconds are those of `science_time.science_seconds` with 2 more good seconds before and after them, which the
    whitening filter reaches into. They are whitened in blocks of 2 s (32-s files) to 64 s, each by the median spectrum
    of up to 63 segments nearest to it, none of which contains a sample of the block: segments of 4 s, or of 2 s where
    there is less than a minute.

    Args:
        places: a folder, looked into at all depths, or files.
        quality: names of quality flags that must be set.
        extra_events: GPS seconds of events beside the published ones.
        margin: seconds left out before and after an event.

    Returns:
        Windows in order of time, each wholly within a GPS second; `gps` is that of the first sample.

    Raises:
        UserError: names the file that cannot be used; or says how many good seconds there are and how many are needed.
    """
    strain = find_strain(places)
    events = tuple(extra_events)
    blocks: list[_Block] = []
    good_seconds = 0
    with progress("seconds whitened", sum(end - start for start, end in strain.spans)) as bar:
        for span in strain.spans:
            most = 0
            for start, end in _pieces(*span):
                first, last = max(span[0], start - PADDING), min(span[1], end + PADDING)
                detectors = [strain.read(name, first, last) for name in DETECTORS]
                good = science_seconds(detectors, quality=quality, extra=events, margin=margin)
                values = np.stack([detector.strain for detector in detectors])
                blocks += _blocks(values, good, first, (start, end))
                most += int(good[start - first : end - first].sum())
                bar.advance(end - start)
            good_seconds = max(good_seconds, most)
    if not blocks:
        raise UserError(_too_short(strain, good_seconds))
    return NoiseWindows(
        windows=np.concatenate([block.windows for block in blocks]),
        asd=np.stack([block.asd for block in blocks]),
        asd_index=np.repeat(np.arange(len(blocks)), [len(block.gps) for block in blocks]),
        gps=np.concatenate([block.gps for block in blocks]),
    )


def _pieces(start: int, end: int) -> list[tuple[int, int]]:
    edges = np.linspace(start, end, -(-(end - start) // _PIECE) + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _blocks(
    strain: NDArray[np.float64], good: NDArray[np.bool_], first: int, within: tuple[int, int]
) -> Iterator[_Block]:
    if good.sum() < LEAST_SECONDS:
        return
    length = segment_seconds(good)
    starts = segment_starts(good, length)
    power = periodograms(strain, starts, length)
    usable = _eroded(good, PADDING)
    seconds = first + np.arange(len(good))
    usable &= (seconds >= within[0]) & (seconds < within[1])
    longest = int(np.clip(good.sum() // 8, *_BLOCKS))
    for run_start, run_end in runs(usable):
        edges = np.linspace(run_start, run_end, -(-(run_end - run_start) // longest) + 1).round().astype(int)
        for start, end in pairwise(edges):
            chosen = nearest_segments(starts, length, start, end)
            if len(chosen) < LEAST_SEGMENTS:
                continue
            asd = estimated_asd(power[:, chosen])
            padded = strain[:, (start - PADDING) * RATE : (end + PADDING) * RATE]
            yield _cut(whiten(padded, asd), filtered_asd(asd), first + start)


def _cut(whitened: NDArray[np.float64], asd: NDArray[np.float64], start: int) -> _Block:
    windows = cut_windows(whitened)
    return _Block(windows, asd, start + window_starts(len(windows)))


def _eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    kept = np.zeros_like(mask)
    for start, end in runs(mask):
        kept[start + by : end - by] = True
    return kept


def _too_short(strain: CommonStrain, good_seconds: int) -> str:
    return (
        f"{strain.files[0].path}{' and the other files' if len(strain.files) > 1 else ''}: at most {good_seconds} s of "
        f"good strain of both detectors in a row of files; at least {LEAST_SECONDS} s are needed, "
        f"{2 * PADDING + 1} of them without a gap, for a spectrum apart from what it whitens; get longer files"
    )

"""Observed segments: real strain, whitened and cut as the background's, or segments that are cut already."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Events
from autoscidact.data.ligo.challenge_arrays import read_segments
from autoscidact.data.ligo.injection import normalise
from autoscidact.data.ligo.real_noise import real_noise
from autoscidact.data.observed import observed_events

_ARRAYS = (".npy", ".npz")


def observed(file: str | Path, **settings: object) -> Events:
    """Segments of an NPY or NPZ file as they are, or every window of good strain in GWOSC's files.

    Of strain, seconds near a known event are left out, as in the background. Ids come from the samples, so that a
    segment which the dataset holds as well is recognised.

    Args:
        file: array file, strain file, or folder of strain files of both detectors.
        settings: those of `load`, which do not concern observed data.

    Returns:
        (n, 2, 200) of one class, "observed"; of strain with the observer `gps`, the first sample's time.

    Raises:
        UserError: names the file that cannot be used.
    """
    path = Path(file).expanduser()
    if path.suffix in _ARRAYS:
        segments = read_segments(path)
        return observed_events(segments, _ids(segments), {}, ())
    noise = real_noise(path)
    segments = normalise(noise.windows)
    return observed_events(segments, _ids(segments), {"gps": noise.gps}, ())


def _ids(segments: NDArray[np.float32]) -> NDArray[np.int64]:
    digests = [hashlib.blake2b(segment.tobytes(), digest_size=8).digest() for segment in segments]
    return np.frombuffer(b"".join(digests), dtype=">i8").astype(np.int64)

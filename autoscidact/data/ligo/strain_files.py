"""One file of strain as GWOSC publishes it: HDF5, one detector, 4096 samples a second."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import DETECTORS, RATE
from autoscidact.errors import UserError

STRAIN = "strain/Strain"
_QUALITY = (("quality/simple/DQmask", "DQShortnames"), ("quality/injections/Injmask", "InjShortnames"))


@dataclass(frozen=True)
class StrainHeader:
    """What a file covers.

    Attributes:
        path: of the file.
        detector: of `layout.DETECTORS`.
        start: GPS second of the first sample.
        seconds: length.
    """

    path: Path
    detector: str
    start: int
    seconds: int

    @property
    def end(self) -> int:
        """GPS second after the last sample."""
        return self.start + self.seconds


@dataclass(frozen=True)
class DetectorStrain:
    """Strain of one detector.

    Attributes:
        detector: of `layout.DETECTORS`.
        start: GPS second of the first sample.
        strain: (seconds * 4096,) float64; NaN where there is none.
        flags: name of a quality or injection flag, as GWOSC calls it, to (seconds,) whether it is set.
    """

    detector: str
    start: int
    strain: NDArray[np.float64]
    flags: Mapping[str, NDArray[np.bool_]]


def read_header(path: str | Path) -> StrainHeader:
    """Reads what a file covers, and checks that it is whole.

    Raises:
        UserError: names the file, and what is wrong: it is no HDF5 or was cut short, lacks a dataset, is of another
            detector or sampling rate, or holds another number of samples or flags than its length says.
    """
    path = Path(path)
    with _opened(path) as file:
        strain = _dataset(file, STRAIN, path)
        rate = 1 / float(strain.attrs.get("Xspacing", np.nan))
        if rate != RATE:
            hint = " (those at 16384 Hz have 16KHZ or LOSC_16 in their names)" if rate > RATE else ""
            raise UserError(f"{path}: {rate:g} samples a second; get GWOSC's 4 kHz file instead{hint}")
        name = _dataset(file, "meta/Detector", path)[()]
        detector = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        if detector not in DETECTORS:
            raise UserError(f"{path}: strain of detector {detector!r}; only {' and '.join(DETECTORS)} are used here")
        start, seconds = (int(_dataset(file, f"meta/{key}", path)[()]) for key in ("GPSstart", "Duration"))
        if strain.shape != (seconds * RATE,):
            raise UserError(
                f"{path}: {STRAIN} has shape {strain.shape}, {seconds} s are {seconds * RATE} samples; get it again"
            )
        for mask, names in _QUALITY:
            if _dataset(file, mask, path).shape != (seconds,):
                raise UserError(f"{path}: {mask} does not hold one number for each of {seconds} s; get it again")
            _dataset(file, _names(mask, names), path)
    return StrainHeader(path, detector, start, seconds)


def read_strain(header: StrainHeader, start: int | None = None, end: int | None = None) -> DetectorStrain:
    """Reads a file, or of it the seconds from `start` until before `end` (GPS).

    Raises:
        UserError: names the file that is damaged.
    """
    first = max(header.start, header.start if start is None else start)
    last = min(header.end, header.end if end is None else end)
    rows = slice(first - header.start, last - header.start)
    flags = {}
    with _opened(header.path) as file:
        strain = np.asarray(file[STRAIN][rows.start * RATE : rows.stop * RATE], dtype=np.float64)
        for mask, names in _QUALITY:
            bits = np.asarray(file[mask][rows], dtype=np.uint32)
            for bit, name in enumerate(file[_names(mask, names)][()]):
                flags[name.decode()] = (bits >> bit & 1).astype(bool)
    return DetectorStrain(header.detector, first, strain, flags)


def _names(mask: str, names: str) -> str:
    return f"{mask.rpartition('/')[0]}/{names}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: no HDF5 file, or cut short ({reason}); get it again from gwosc.org") from error


def _dataset(file: Any, name: str, path: Path) -> Any:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"{path}: no dataset {name}, which GWOSC's strain files have; get one of their HDF5 files")
    return found

"""Strain files in folders, and the times that those of both detectors cover; files that adjoin count as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscidact.data.ligo.layout import DETECTORS, RATE
from autoscidact.data.ligo.strain_files import DetectorStrain, StrainHeader, read_header, read_strain
from autoscidact.errors import UserError

SUFFIXES = (".hdf5", ".h5")


@dataclass(frozen=True)
class CommonStrain:
    """Files of both detectors, and when there are both.

    Attributes:
        files: sorted by time, all that share time with the other detector.
        spans: GPS seconds (start, end) of each time without a gap between files, in order.
    """

    files: tuple[StrainHeader, ...]
    spans: tuple[tuple[int, int], ...]

    def read(self, detector: str, start: int, end: int) -> DetectorStrain:
        """Strain from `start` until before `end`, from as many files as it takes; NaN and no flag where none is."""
        strain = np.full((end - start) * RATE, np.nan)
        flags: dict[str, np.ndarray] = {}
        for file in self.files:
            if file.detector != detector or file.end <= start or file.start >= end:
                continue
            part = read_strain(file, start, end)
            first = part.start - start
            strain[first * RATE : first * RATE + len(part.strain)] = part.strain
            for name, values in part.flags.items():
                flags.setdefault(name, np.zeros(end - start, dtype=bool))[first : first + len(values)] = values
        return DetectorStrain(detector, start, strain, flags)


def find_strain(places: str | Path | Iterable[str | Path]) -> CommonStrain:
    """Finds HDF5 files of both detectors in a folder and all folders below, or among the files given.

    Files without a partner in time are left out, and one line is printed on them.

    Raises:
        UserError: there are none, no two of different detectors share time (names one), or one cannot be read.
    """
    files = sorted((read_header(path) for path in _paths(places)), key=lambda file: (file.start, file.detector))
    covered = [_joined([(file.start, file.end) for file in files if file.detector == name]) for name in DETECTORS]
    spans = _overlaps(*covered)
    paired = tuple(file for file in files if any(file.start < end and start < file.end for start, end in spans))
    alone = [file for file in files if file not in paired]
    if not paired:
        first = alone[0]
        other = next(name for name in DETECTORS if name != first.detector)
        raise UserError(
            f"{first.path}: no file of {other} covers GPS {first.start} to {first.end}; events need both detectors, "
            f"get that of {other} from gwosc.org as well"
        )
    if alone:
        print(f"left out, no file of the other detector at that time: {', '.join(file.path.name for file in alone)}")
    return CommonStrain(paired, tuple(spans))


def _paths(places: str | Path | Iterable[str | Path]) -> list[Path]:
    listed = [Path(places)] if isinstance(places, str | Path) else [Path(place) for place in places]
    paths: list[Path] = []
    for place in listed:
        if place.is_dir():
            inside = [path for path in place.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
            # macOS's tar adds a ._NAME to each NAME.
            paths += [path for path in inside if not path.name.startswith(".")]
        elif place.exists():
            paths.append(place)
        else:
            raise UserError(f"{place}: there is no such folder or file")
    if not paths:
        raise UserError(
            f"{', '.join(map(str, listed))}: no strain files (.hdf5) there; get 4 kHz HDF5 files of H1 and L1 from "
            "gwosc.org"
        )
    return sorted(set(paths))


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _overlaps(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return sorted((start, end) for start, end in pairs if start < end)

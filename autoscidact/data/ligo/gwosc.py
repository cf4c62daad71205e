"""Strain from the Gravitational Wave Open Science Center: files of both detectors in a range of GPS time."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from autoscidact.data.downloads import Unreachable
from autoscidact.data.ligo.layout import DETECTORS
from autoscidact.data.ligo.resumed_download import download
from autoscidact.data.ligo.strain_files import read_header
from autoscidact.errors import UserError
from autoscidact.files import make_folder, sha256_of, write_text

HOST = "https://gwosc.org"

RECORD = "checksums.json"
"""File name to SHA-256 of what was downloaded: GWOSC publishes none for its archive of runs."""

RUNS = {
    "O1": ("O1", 1126051217, 1137254417),
    "O2": ("O2_4KHZ_R1", 1164556817, 1187733618),
    "O3a": ("O3a_4KHZ_R1", 1238166018, 1253977218),
    "O3b": ("O3b_4KHZ_R1", 1256655618, 1269363618),
}
"""Observing run to GWOSC's name of its 4 kHz data, first and last GPS second (doi 10.7935/K57P8W9D, 10.7935/CA75-FM95,
10.7935/nfnt-hm34, 10.7935/pr1e-j706)."""

_NAME = re.compile(r"[HL]-(?P<detector>H1|L1)_\w+-(?P<start>\d+)-(?P<seconds>\d+)\.hdf5")


@dataclass(frozen=True)
class _Listed:
    url: str
    name: str
    detector: str
    start: int
    seconds: int

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.start + self.seconds


def fetch_strain(start: int, end: int, folder: str | Path, run: str | None = None, host: str = HOST) -> list[Path]:
    """Downloads the 4 kHz files of H1 and L1 that hold GPS seconds `start` until `end`; 4096 s, some 120 MB each.

    A file is kept if it is there already; one that was cut short is gone on with. Times without data of the other
    detector are left out.

    Args:
        folder: of the files, and of `RECORD`.
        run: of `RUNS`; by default the one that holds the range.
        host: address of the archive.

    Returns:
        Paths of the files, in order of time.

    Raises:
        Unreachable: the archive did not answer; names the file.
        UserError: a range that is in no run, or without data of both detectors; or a file in `folder`, named, that is
            not what was downloaded or what its name says.
    """
    dataset = RUNS[run_of(start, end, run)][0]
    listed = {name: _list(host, dataset, name, start, end) for name in DETECTORS}
    wanted = [
        file
        for name, files in listed.items()
        for file in files
        if any(file.overlaps(f.start, f.start + f.seconds) for n in DETECTORS if n != name for f in listed[n])
    ]
    if not wanted:
        raise UserError(f"GPS {start} to {end}: GWOSC has no time with data of both detectors there; choose another")
    folder = make_folder(Path(folder))
    wanted.sort(key=lambda file: (file.start, file.detector))
    return [_have(file, folder, f"{k}/{len(wanted)} {file.name}") for k, file in enumerate(wanted, 1)]


def run_of(start: int, end: int, run: str | None = None) -> str:
    """The key of `RUNS` that holds GPS seconds `start` until `end`. Raises UserError if none does."""
    names = ", ".join(f"{name} {first} to {last}" for name, (_, first, last) in RUNS.items())
    if run is not None and run not in RUNS:
        raise UserError(f"run {run}: choose from {', '.join(RUNS)}")
    for name in RUNS if run is None else [run]:
        if RUNS[name][1] <= start < end <= RUNS[name][2]:
            return name
    raise UserError(f"GPS {start} to {end}: not a range within {'a run' if run is None else run}: {names}")


def _list(host: str, dataset: str, detector: str, start: int, end: int) -> list[_Listed]:
    import requests

    url = f"{host}/archive/links/{dataset}/{detector}/{start}/{end}/json/"
    try:
        answer = requests.get(url, timeout=(10, 60))
        answer.raise_for_status()
        urls = [str(entry["url"]) for entry in answer.json()["strain"] if entry["format"] == "hdf5"]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unreachable(
            f"{url}: no list of files ({reason}); try again, or download the files elsewhere and give their folder "
            "with mirror=FOLDER"
        ) from error
    found = []
    for address in urls:
        name = address.rpartition("/")[2]
        match = _NAME.fullmatch(name)
        if match and match["detector"] == detector:
            found.append(_Listed(address, name, detector, int(match["start"]), int(match["seconds"])))
    return [file for file in found if file.overlaps(start, end)]


def _have(file: _Listed, folder: Path, label: str) -> Path:
    path, record = folder / file.name, _read_record(folder)
    if path.exists():
        digest = sha256_of(path)
        if record.get(file.name, digest) != digest:
            raise UserError(f"{path}: its content has changed since it was downloaded; move it away, then run again")
        _check(path, file)
    else:
        part = download(file.url, path, label)
        try:
            _check(part, file)
        except UserError:
            part.unlink()
            raise
        digest = sha256_of(part)
        part.replace(path)
    write_text(folder / RECORD, json.dumps(dict(sorted((record | {file.name: digest}).items())), indent=1) + "\n")
    return path


def _check(path: Path, file: _Listed) -> None:
    header = read_header(path)
    if (header.detector, header.start, header.seconds) != (file.detector, file.start, file.seconds):
        raise UserError(
            f"{path}: holds {header.seconds} s of {header.detector} from GPS {header.start}, which is not what its "
            "name says; move it away, then run again"
        )


def _read_record(folder: Path) -> dict[str, str]:
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged; delete it, then run again") from error
    if not isinstance(record, dict):
        raise UserError(f"{path}: damaged; delete it, then run again")
    return {str(name): str(digest) for name, digest in record.items()}

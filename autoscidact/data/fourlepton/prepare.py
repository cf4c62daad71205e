"""Fills a folder with what the four-lepton search needs: open files, generated events, the cut flow."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from autoscidact.data.archives import unpack
from autoscidact.data.checks import whole_setting
from autoscidact.data.downloads import Unreachable, copy, fetch, is_there
from autoscidact.data.fourlepton.cutflow import write_cutflow
from autoscidact.data.fourlepton.samples import FINAL_SELECTION, HIGGS_FILE, OTHERS
from autoscidact.data.fourlepton.shards import generate_sample, write_sample
from autoscidact.data.fourlepton.simulated import HIGGS_SAMPLE, ZZ_SAMPLE, uses_other_background
from autoscidact.errors import UserError
from autoscidact.files import make_folder
from autoscidact.progress import progress

N_EVENTS = 36_000
"""ZZ events selected in all channels: about three minutes on two cores."""

_SELECTED_SHARE = 0.075
"""ZZ events selected between 110 and 180 GeV for each generated one."""

_HIGGS_GENERATED = 100_000
_SHARDS = "shards"


def prepare(
    *,
    path: str,
    years: Sequence[int] = (2012,),
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
    other_background: bool | str = "auto",
    simulated_years: Sequence[int] = (2011, 2012),
    mirror: str | None = None,
    n_events: int | None = None,
    seed: int = 0,
    workers: int = 1,
    **others: object,
) -> None:
    """Gets the open files, generates ZZ (and Higgs bosons where CMS's file is not at hand), prints the cut flow.

    Files that are there already are kept, and an interrupted generation goes on where it stopped.

    Args:
        path: the folder to fill.
        years, m4l, z1, z2, leading_pt, other_background, simulated_years: as in `load`.
        mirror: a folder or archive that holds the files; those that it lacks are downloaded where an address is
            known. What cannot be had is named; then Higgs bosons are generated, and Drell-Yan and top left out.
        n_events: about how many ZZ events to have after the selection.
        seed: of the generation.
        workers: processes.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: a file is not the published one or cannot be written, or `other_background` is True without files.
    """
    folder = make_folder(Path(path).expanduser())
    wanted = whole_setting("n_events", N_EVENTS if n_events is None else n_events, 1)
    missing = _get_files(folder, mirror)
    uses_others = uses_other_background(folder, other_background, simulated_years)
    low, high = (float(edge) for edge in m4l)
    zz = generate_sample("zz", round(wanted / _SELECTED_SHARE), (low, high), seed, folder / _SHARDS, workers)
    write_sample(folder / ZZ_SAMPLE, zz)
    if HIGGS_FILE in missing:
        higgs = generate_sample("higgs", _HIGGS_GENERATED, (low, high), seed, folder / _SHARDS, workers)
        write_sample(folder / HIGGS_SAMPLE, higgs)
    selection = {"m4l": m4l, "z1": z1, "z2": z2, "leading_pt": leading_pt}
    print(write_cutflow(folder, years, simulated_years if uses_others else (), selection))
    print(f"\nthe folder {folder} is ready; next: autoscidact train dataset=fourlepton")


def _get_files(folder: Path, mirror: str | None) -> list[str]:
    """Gets every file that can be had; says which cannot and why, and returns their names."""
    unreachable: list[str] = []
    unknown: list[str] = []
    reason = ""
    files = (*FINAL_SELECTION, *OTHERS)
    with tempfile.TemporaryDirectory() as temporary, progress("open files", len(files)) as bar:
        source = None if mirror is None else _mirror_folder(Path(mirror).expanduser(), Path(temporary))
        for file in files:
            bar.advance()
            target = folder / file.name
            found = sorted(source.rglob(file.name)) if source else []
            if is_there(target, file.sha256):
                continue
            if found:
                copy(found[0], file.sha256, target)
            elif file.url is None:
                unknown.append(file.name)
            elif unreachable:
                # One wait for a server that does not answer is enough.
                unreachable.append(file.name)
            else:
                try:
                    fetch(file.url, file.sha256, target)
                except Unreachable as error:
                    unreachable, reason = [file.name], str(error)
    if unreachable:
        print(f"not at hand: {', '.join(unreachable)} ({reason}); only the count of published candidates needs them")
    if unknown:
        print(
            f"not at hand: {', '.join(unknown)}; they come with CMS's Higgs example (CERN Open Data record 5500) and "
            "have no address of their own: give a folder or archive that holds them with mirror=FOLDER"
        )
    return unreachable + unknown


def _mirror_folder(mirror: Path, temporary: Path) -> Path:
    if not mirror.exists():
        raise UserError(f"mirror={mirror}: there is no such folder or archive")
    return mirror if mirror.is_dir() else unpack(mirror, temporary)

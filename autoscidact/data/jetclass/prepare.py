"""Fills a folder with shards of jets: from JetClass's files as they were downloaded, or from generated ones."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from autoscidact.data.checks import whole_setting
from autoscidact.data.jetclass.arrays import write_shards
from autoscidact.data.jetclass.dataset import FIVE_CLASSES, SHARDS_FOLDER
from autoscidact.data.jetclass.file_names import FILE_NUMBERS, STEMS, check_classes, class_of, split_ranges
from autoscidact.data.jetclass.found_files import ADDRESS, LeaveOut, choose_files, find_files
from autoscidact.data.jetclass.generation_plan import generate_dataset, planned_files
from autoscidact.data.jetclass.jet_files import FILE_STEMS
from autoscidact.data.jetclass.layout import N_PARTICLES
from autoscidact.data.jetclass.preparation_summary import preparation_summary
from autoscidact.data.jetclass.root_files import BadFile
from autoscidact.data.jetclass.root_sources import RootSource
from autoscidact.data.jetclass.tar_files import check_published
from autoscidact.data.known_files import KnownFiles
from autoscidact.errors import UserError
from autoscidact.files import make_folder

GENERATED_FOLDER = "pythia"

N_PER_CLASS = 20_000
"""Jets generated of each class: about a quarter of an hour of two cores."""

_SOURCES = ("files", "pythia")


def prepare(
    *,
    path: str,
    n_particles: int = N_PARTICLES,
    classes: Sequence[str] = FIVE_CLASSES,
    split: Mapping[str, Sequence[int]] | None = None,
    mirror: str | None = None,
    source: str | None = None,
    n_per_class: int | None = None,
    skip_bad_files: bool = False,
    seed: int = 0,
    workers: int = 1,
    **others: object,
) -> None:
    """Makes shards of the jets in ROOT files, generated before if asked for, and prints how many of each class.

    Archives are not unpacked: one file after the other is taken out, and deleted once its shards are made. An
    interrupted run goes on where it stopped.

    Args:
        path: the folder to fill.
        n_particles, classes, split: as in `load`; files of other classes, or of no split, are left alone.
        mirror: a folder with the .root files or .tar archives, anywhere below, or one of them; `path` by default.
        source: files, or pythia, which generates jets of the five classes into `path`/pythia first.
        n_per_class: how many jets of each class to generate.
        skip_bad_files: leave out files, archives and jets that cannot be used, and count them, instead of refusing.
            An archive that is not whole, or not the published one, is left out as a whole.
        seed: of the generation.
        workers: processes.
        others: the other settings of `load`, which do not concern the files.

    Raises:
        UserError: names the file that cannot be used and why, the class that is empty, or the setting.
    """
    classes = tuple(classes)
    check_classes(classes)
    ranges = FILE_NUMBERS if split is None else split_ranges(split)
    n_particles = whole_setting("n_particles", n_particles, 1)
    _check_source(source, mirror, n_per_class, classes)
    folder = make_folder(Path(path).expanduser())
    shards = make_folder(folder / SHARDS_FOLDER)
    skipped: dict[str, str] = {}

    def leave_out(label: str, error: BadFile) -> None:
        if not skip_bad_files:
            raise error
        skipped[label] = str(error)

    if source == "pythia":
        wanted = N_PER_CLASS if n_per_class is None else n_per_class
        sources = _generated(folder / GENERATED_FOLDER, wanted, seed, workers)
    else:
        place = folder if mirror is None else Path(mirror).expanduser()
        sources = find_files(place, (shards, folder / GENERATED_FOLDER), leave_out)
    sources = choose_files(sources, classes, ranges, leave_out)
    sources = _published(sources, KnownFiles(shards), leave_out)
    names = {class_of(file.name) for file in sources}
    if None not in names:
        # Before hours are spent on the others.
        _check_empty([name for name in classes if name not in names], "files", skipped)
    written = write_shards(sources, shards, n_particles, skip_bad=skip_bad_files, workers=workers, skipped=skipped)
    index = json.loads(written.read_text(encoding="utf-8"))
    _check_empty([name for name in classes if not index["counts"][name]], "jets", index["skipped_files"])
    print(preparation_summary(index, classes, ranges))
    print(f"\nthe folder {folder} is ready; next: autoscidact train dataset=jetclass")


def _check_source(source: str | None, mirror: str | None, n_per_class: int | None, classes: Sequence[str]) -> None:
    if source not in (None, *_SOURCES):
        raise UserError(f"source={source}: choose {' or '.join(_SOURCES)}")
    if source != "pythia":
        if n_per_class is not None:
            raise UserError("n_per_class is for generated jets; leave it out, or give source=pythia as well")
        return
    if mirror is not None:
        raise UserError("mirror is for files that are there already; leave it out, or leave out source=pythia")
    unknown = [name for name in classes if name not in FILE_STEMS]
    if unknown:
        raise UserError(
            f"source=pythia generates no jets of {', '.join(unknown)}; choose dataset.classes from "
            f"{', '.join(FILE_STEMS)}"
        )


def _generated(folder: Path, n_per_class: int, seed: int, workers: int) -> list[RootSource]:
    report = generate_dataset(folder, n_per_class, seed, workers)
    print(f"report on the generated jets: {report}")
    # Not all that the folder holds: an earlier run may have asked for more.
    paths = [file.path(folder) for file in planned_files(n_per_class, seed)]
    return [RootSource(path) for path in sorted(paths)]


def _published(sources: list[RootSource], known: KnownFiles, leave_out: LeaveOut) -> list[RootSource]:
    """Those that come from no archive with a published name but another content."""
    changed = set()
    for archive in sorted({source.path for source in sources if source.member is not None}):
        try:
            check_published(archive, known)
        except BadFile as error:
            leave_out(str(archive), error)
            changed.add(archive)
    return [source for source in sources if source.path not in changed]


def _check_empty(classes: list[str], what: str, skipped: Mapping[str, str]) -> None:
    if classes:
        wanted = ", ".join(f"{name} ({STEMS[name]}_NNN.root)" for name in classes)
        reasons = f"; left out: {'; '.join(skipped.values())}" if skipped else ""
        raise UserError(
            f"empty class: no {what} of {wanted}; get them from {ADDRESS}, or leave the class out of "
            f"dataset.classes{reasons}"
        )

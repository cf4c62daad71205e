"""The ROOT files that there are to prepare: by themselves or in tar archives, of the classes asked for."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from autoscidact.data.jetclass.file_names import class_of, file_number, split_of
from autoscidact.data.jetclass.root_files import BadFile
from autoscidact.data.jetclass.root_sources import RootSource
from autoscidact.data.jetclass.tar_files import root_members
from autoscidact.errors import UserError

LeaveOut = Callable[[str, BadFile], None]
"""Takes what messages call a file, and what is wrong with it: raises that, or keeps it."""

ADDRESS = "https://zenodo.org/records/6619768"
"""Of JetClass, 190 GB."""


def find_files(place: Path, without: Iterable[Path], leave_out: LeaveOut) -> list[RootSource]:
    """ROOT files in a folder and all folders below, by themselves and in plain tar archives, sorted by their names.

    Args:
        place: a folder, or one .root or .tar file.
        without: folders not to look into.
        leave_out: called for an archive, or a member of one, that is not to be read (see `root_members`).

    Raises:
        UserError: `place` is not there, is another kind of file, or holds none of these.
    """
    if place.is_dir():
        apart = [folder.resolve() for folder in without if not place.resolve().is_relative_to(folder.resolve())]
        paths = sorted(path for path in place.rglob("*") if path.suffix in (".root", ".tar") and path.is_file())
        # macOS's tar adds a ._NAME to each NAME.
        paths = [path for path in paths if not path.name.startswith(".")]
        paths = [path for path in paths if not any(path.resolve().is_relative_to(folder) for folder in apart)]
    elif not place.exists():
        raise UserError(f"mirror={place}: there is no such folder or file")
    elif place.suffix in (".root", ".tar"):
        paths = [place]
    else:
        raise UserError(f"mirror={place}: give a folder, a .tar archive (unpack others) or a .root file")
    if not paths:
        raise UserError(
            f"{place}: no .root files or .tar archives there; get JetClass from {ADDRESS} (190 GB) and give its "
            "folder with mirror=FOLDER, or generate jets with source=pythia"
        )
    sources = []
    for path in paths:
        if path.suffix == ".root":
            sources.append(RootSource(path))
            continue
        try:
            members, bad = root_members(path)
        except BadFile as error:
            leave_out(str(path), error)
            continue
        for label, reason in bad.items():
            leave_out(label, BadFile(reason))
        sources += members
    return sorted(sources, key=lambda source: (source.name, source.label))


def choose_files(
    sources: Iterable[RootSource], classes: Sequence[str], ranges: Mapping[str, range], leave_out: LeaveOut
) -> list[RootSource]:
    """Those that may hold jets of `classes` and belong to a split; one line is printed on those that do not.

    Args:
        sources: where the files are.
        classes: as in `CLASSES`; the name tells a file's class, and one that JetClass does not use may hold any.
        ranges: file numbers of each split.
        leave_out: called for a file without a number, which no split can hold.

    Raises:
        UserError: two files have the same name.
    """
    named: dict[str, RootSource] = {}
    others: Counter[str] = Counter()
    for source in sources:
        jet_class = class_of(source.name)
        if jet_class is not None and jet_class not in classes:
            others[jet_class] += 1
        elif file_number(source.name) is None:
            reason = "splits go by the number at the end of a file's name, such as HToBB_007.root; rename it"
            leave_out(source.label, BadFile(f"{source.label}: {reason}"))
        elif split_of(source.name, ranges) is None:
            others["no split"] += 1
        elif source.name in named:
            other = named[source.name].label
            raise UserError(f"{other} and {source.label} have the same name; move one of them away, or give mirror=")
        else:
            named[source.name] = source
    if others:
        counts = ", ".join(f"{number} of {name}" for name, number in sorted(others.items()))
        print(f"left alone, by dataset.classes and dataset.split: files {counts}")
    return list(named.values())

"""The folder that a user's images are in, whether they come as one or as archives."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from autoscidact.data.archives import unpack
from autoscidact.errors import UserError
from autoscidact.files import make_folder

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@contextlib.contextmanager
def opened_mirror(mirror: str | Path, place: Path) -> Iterator[Path]:
    """Yields a folder with the images: `mirror` itself, or what the archive holds, unpacked for the time of the block.

    Args:
        mirror: a folder, or a tar or zip archive.
        place: the folder to unpack in.

    Raises:
        UserError: no such folder or archive, or an archive that cannot be unpacked safely, see `unpack`.
    """
    mirror = Path(mirror).expanduser()
    if not mirror.exists():
        raise UserError(f"mirror={mirror}: there is no such folder or archive")
    if mirror.is_dir():
        yield mirror
        return
    with tempfile.TemporaryDirectory(prefix=".images.", dir=make_folder(place)) as temporary:
        yield unpack(mirror, temporary)


def is_archive(path: Path) -> bool:
    """Whether a file is an archive by its ending."""
    return path.name.lower().endswith(ARCHIVES) and path.is_file()


def archives_below(folder: Path, names: Sequence[str]) -> list[Path]:
    """Archives at any depth of `folder` whose names, without endings, are among `names`; in the order of the names."""
    found = sorted(path for path in folder.rglob("*") if is_archive(path))
    return [path for name in names for path in found if stem(path) == name]


def stem(path: Path) -> str:
    """The name of an archive without its ending."""
    endings = [ending for ending in ARCHIVES if path.name.lower().endswith(ending)]
    return path.name[: -len(max(endings, key=len))] if endings else path.name

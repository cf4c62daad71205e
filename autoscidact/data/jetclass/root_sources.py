"""A ROOT file by itself or within a tar archive, from which it is taken alone: whole archives have no room twice."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoscidact.data.jetclass.root_files import BadFile
from autoscidact.data.known_files import file_key
from autoscidact.errors import UserError

_BLOCK = 1 << 22
_PREFIX = ".unpacked."
_STALE_SECONDS = 3600


@dataclass(frozen=True)
class RootSource:
    """Where a ROOT file is.

    Attributes:
        path: of the file, or of the archive that holds it.
        member: its name within the archive; None for a file by itself.
        offset: in the archive, of its content in bytes.
        size: of its content in bytes; both only within an archive.
    """

    path: Path
    member: str | None = None
    offset: int = 0
    size: int = 0

    @property
    def label(self) -> str:
        """What messages call it."""
        if self.member is None:
            return str(self.path)
        # A name from elsewhere may hold a line break.
        return f"{self.path}: {self.member if self.member.isprintable() else repr(self.member)}"

    @property
    def name(self) -> str:
        """Its own name, without any folder."""
        return self.path.name if self.member is None else base_name(self.member)

    def key(self) -> str:
        """Changes whenever the content may have (see `file_key`); empty if there is no such file."""
        try:
            key = file_key(self.path)
        except OSError:
            return ""
        return key if self.member is None else f"{key} {self.offset} {self.member}"

    def taken_out(self, folder: Path) -> Path:
        """The path of a plain file: its own, or that of a copy, under its own name alone, in a new folder in `folder`.

        Raises:
            BadFile: the archive ends before the member does.
            UserError: the archive cannot be read, or the copy not be written.
        """
        if self.member is None:
            return self.path
        try:
            copy = Path(tempfile.mkdtemp(dir=folder)) / self.name
            with self.path.open("rb") as archive, copy.open("xb") as target:
                archive.seek(self.offset)
                left = self.size
                while left > 0 and (block := archive.read(min(_BLOCK, left))):
                    target.write(block)
                    left -= len(block)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{self.label}: cannot be copied into {folder}: {reason}; free some room there") from error
        if left:
            raise BadFile(f"{self.label}: the archive was cut short; get it again")
        return copy

    def put_away(self, path: Path) -> None:
        """Deletes what `taken_out` copied, and never an archive or a file of the user's."""
        if path != self.path:
            shutil.rmtree(path.parent, ignore_errors=True)

    def named(self, error: BadFile, path: Path) -> BadFile:
        """The error about the file at `path`, naming where that came from instead of a copy that is gone."""
        return BadFile(str(error).replace(str(path), self.label))


def base_name(member: str) -> str:
    """The last part of a name within an archive, whichever system made it."""
    return member.replace("\\", "/").rpartition("/")[2]


@contextlib.contextmanager
def folder_of_copies(folder: Path) -> Iterator[Path]:
    """A folder within `folder`, deleted at the end, as are those of runs that were killed before theirs."""
    for old in folder.glob(f"{_PREFIX}*"):
        # Another run may be at work in it: each copy that is made renews the time.
        if time.time() - old.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=folder) as temporary:
        yield Path(temporary)

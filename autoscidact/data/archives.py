"""Archives from elsewhere, unpacked so that they can write nothing outside their folder."""

import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from autoscidact.errors import UserError
from autoscidact.files import make_folder

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
)
# Of a member's flags in a zip archive.
_ENCRYPTED = 0x1


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpacks a tar (plain or compressed) or zip archive into `folder`, all of it or nothing.

    Raises:
        UserError: names the archive: it is none, cut short or damaged; a member is encrypted, has an absolute path,
            climbs out with "..", links to outside or is a device; or a member's file is there already.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise UserError(f"{archive}: no such archive")
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix=".unpacking.", dir=folder) as name:
        temporary = Path(name)
        try:
            if zipfile.is_zipfile(archive):
                _unpack_zip(archive, temporary)
            else:
                _unpack_tar(archive, temporary)
        except _DAMAGE as error:
            # tarfile has a line for each compressor that it tried.
            reason = " ".join(str(error).split())
            raise UserError(
                f"{archive}: cut short, damaged, or no tar or zip archive ({reason}); get it again"
            ) from error
        files = [path for path in temporary.rglob("*") if not path.is_dir() or path.is_symlink()]
        for path in files:
            target = folder / path.relative_to(temporary)
            if target.exists():
                raise UserError(f"{archive}: {target} is there already; nothing was written")
        for path in files:
            target = folder / path.relative_to(temporary)
            make_folder(target.parent)
            shutil.move(path, target)
    return folder


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            _check_path(member.filename, archive)
            if member.flag_bits & _ENCRYPTED:
                raise UserError(
                    f"{archive}: {member.filename!r} is encrypted; unpack it with its password; nothing was written"
                )
        file.extractall(folder)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        members = file.getmembers()
        _check_end(file, members)
        for member in members:
            _check_path(member.name, archive)
            if member.issym():
                _check_path(os.path.normpath(PurePosixPath(member.name).parent / member.linkname), archive)
            elif member.islnk():
                _check_path(member.linkname, archive)
            elif not (member.isfile() or member.isdir()):
                raise UserError(f"{archive}: {member.name!r} is no file, folder or link; nothing was written")
            if member.issym() and member.linkname.startswith("/"):
                raise UserError(f"{archive}: {member.name!r} links to {member.linkname!r}; nothing was written")
        file.extractall(folder, members=members, filter="data")


def _check_end(file: tarfile.TarFile, members: list[tarfile.TarInfo]) -> None:
    """tarfile takes an archive that was cut between two members, or in a compressor's last bytes, for a whole one."""
    assert file.fileobj is not None
    blocks = max((m.offset_data + (m.size if m.isfile() else 0) for m in members), default=0)
    file.fileobj.seek(-(-blocks // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
    if file.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("no end of the archive")
    while file.fileobj.read(1 << 20):
        pass


def _check_path(name: str, archive: Path) -> None:
    """Backslashes and drive letters count too: what is harmless here may be unpacked on another system."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":"):
        raise UserError(f"{archive}: {name!r} would be written outside the folder; nothing was written")

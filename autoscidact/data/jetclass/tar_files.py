"""JetClass's tar archives: whether they are whole and the published ones, and which ROOT files they hold."""

import hashlib
import tarfile
from pathlib import Path

from autoscidact.data.jetclass.root_files import BadFile
from autoscidact.data.jetclass.root_sources import RootSource, base_name
from autoscidact.data.known_files import KnownFiles, file_key
from autoscidact.progress import progress

PUBLISHED_MD5 = {
    "JetClass_Pythia_train_100M_part0.tar": "de4fd2dca2e68ab3c85d5cfd3bcc65c3",
    "JetClass_Pythia_train_100M_part1.tar": "9722a359c5ef697bea0fbf79bf50f003",
    "JetClass_Pythia_train_100M_part2.tar": "1e9f66cd1f915f9d10e90ae1d7761720",
    "JetClass_Pythia_train_100M_part3.tar": "47348fc8985319fa4806da87500482fa",
    "JetClass_Pythia_train_100M_part4.tar": "6b0ce16bd93b442a8d51914466990279",
    "JetClass_Pythia_train_100M_part5.tar": "416e347512e716de51d392bee327b8e9",
    "JetClass_Pythia_train_100M_part6.tar": "e9b9c1557b1b39bf0a16e4ab631ae451",
    "JetClass_Pythia_train_100M_part7.tar": "5bfc6cb285ccb7680cefa9ac82ad1a2e",
    "JetClass_Pythia_train_100M_part8.tar": "540c1a0d66dfad78d2b363c5740ccf86",
    "JetClass_Pythia_train_100M_part9.tar": "668f40b3275167ff7104c48317c0ae2a",
    "JetClass_Pythia_val_5M.tar": "7235ccb577ed85023ea3ab4d5e6160cf",
    "JetClass_Pythia_test_20M.tar": "64e5156d26d101adeb43b8388207d767",
}
"""From the authors' repository, github.com/jet-universe/particle_transformer; the archives are on Zenodo."""

_BLOCK = 1 << 24
_MEGABYTE = 1_000_000


def root_members(archive: Path) -> tuple[list[RootSource], dict[str, str]]:
    """The ROOT files of a plain tar archive; members of other names are never read, whatever they are.

    Args:
        archive: read from header to header, so that 16 GB take no longer than the number of its members.

    Returns:
        Regular files whose names end in .root, and those that are not to be read: what messages call them to what is
        wrong. These are links, devices, and names that climb out of the folder they would be unpacked in.

    Raises:
        BadFile: the archive is none, damaged, or cut: in a header, in a member, or between two of them.
    """
    sources: list[RootSource] = []
    bad: dict[str, str] = {}
    end = 0
    try:
        with tarfile.open(archive, "r:") as file:
            for member in file:
                end = member.offset_data + (member.size if member.isreg() else 0)
                # macOS's tar adds a ._NAME to each NAME.
                if not member.name.endswith(".root") or base_name(member.name).startswith("."):
                    continue
                source = RootSource(archive, member.name, member.offset_data, member.size)
                reason = _refusal(member)
                if reason is None:
                    sources.append(source)
                else:
                    bad[source.label] = f"{source.label}: {reason}; nothing was written"
        with archive.open("rb") as plain:
            plain.seek(-(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
            # tarfile takes an archive that was cut between two members, or in a header, for a whole one.
            if plain.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("no end of the archive")
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise BadFile(f"{archive}: cut short, damaged, or no plain tar archive ({reason}); get it again") from error
    return sources, bad


def check_published(archive: Path, known: KnownFiles) -> None:
    """Compares an archive that bears a published name with its published checksum; reads it once and no more.

    Args:
        archive: with another name, it has no checksum to compare.
        known: where the checksum is looked up and kept.

    Raises:
        BadFile: it is not the published file.
    """
    expected = PUBLISHED_MD5.get(archive.name)
    if expected is None:
        return
    key = file_key(archive)
    facts = known.get(key, "md5")
    md5 = str(facts[0]) if facts else _md5(archive)
    if facts is None:
        known.put(key, md5=md5)
    if md5 != expected:
        raise BadFile(f"{archive}: cut short or changed; download it again (md5 {md5}, published {expected})")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    megabytes = read = 0
    with path.open("rb") as file, progress(f"checking {path.name}, MB", path.stat().st_size // _MEGABYTE) as bar:
        while block := file.read(_BLOCK):
            digest.update(block)
            read += len(block)
            bar.advance(read // _MEGABYTE - megabytes)
            megabytes = read // _MEGABYTE
    return digest.hexdigest()


def _refusal(member: tarfile.TarInfo) -> str | None:
    parts = member.name.replace("\\", "/").split("/")
    if parts[0] in ("", "..") or ".." in parts or parts[0].endswith(":"):
        return "would be written outside the folder"
    if member.issym() or member.islnk():
        return "is a link; put the file itself into the archive"
    if not member.isreg() or member.issparse():
        return "is no regular file"
    return None

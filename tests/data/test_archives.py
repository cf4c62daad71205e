"""Unpacking writes nothing outside its folder, and nothing at all when an archive is bad."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

from autoscidact.data.archives import unpack
from autoscidact.errors import UserError


def tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content
                file.addfile(info)
    return path


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_tar_gives_its_files(tmp_path, mode):
    archive = tar(tmp_path / "a.tar", [("a.csv", b"1", b"0"), ("deep/b.csv", b"2", b"0")], mode)
    assert contents(unpack(archive, tmp_path / "out")) == {"a.csv": b"1", "deep/b.csv": b"2"}


def test_zip_gives_its_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.csv", "1")
        file.writestr("deep/b.csv", "2")
    assert contents(unpack(tmp_path / "a.zip", tmp_path / "out")) == {"a.csv": b"1", "deep/b.csv": b"2"}


def test_link_inside_is_kept(tmp_path):
    members = [("deep/a.csv", b"1", tarfile.REGTYPE), ("deep/b.csv", "a.csv", tarfile.SYMTYPE)]
    out = unpack(tar(tmp_path / "a.tar", members), tmp_path / "out")
    assert (out / "deep" / "b.csv").read_bytes() == b"1"


@pytest.mark.parametrize(
    "bad",
    [
        ("../escaped", b"x", tarfile.REGTYPE),
        ("deep/../../escaped", b"x", tarfile.REGTYPE),
        ("/tmp/escaped", b"x", tarfile.REGTYPE),
        ("..\\escaped", b"x", tarfile.REGTYPE),
        ("C:\\escaped", b"x", tarfile.REGTYPE),
        ("link", "../escaped", tarfile.SYMTYPE),
        ("deep/link", "../../escaped", tarfile.SYMTYPE),
        ("link", "/etc/passwd", tarfile.SYMTYPE),
        ("link", "../escaped", tarfile.LNKTYPE),
        ("pipe", "", tarfile.FIFOTYPE),
    ],
)
def test_tar_that_climbs_out_writes_nothing(tmp_path, bad):
    archive = tar(tmp_path / "a.tar", [("good.csv", b"1", tarfile.REGTYPE), bad])
    with pytest.raises(UserError, match=r"a\.tar.*nothing was written"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {}
    assert list(tmp_path.glob("escaped")) == []


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/../../escaped"])
def test_zip_that_climbs_out_writes_nothing(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("good.csv", "1")
        file.writestr(name, "x")
    with pytest.raises(UserError, match="nothing was written"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_truncated_archive_writes_nothing(tmp_path, kind, keep):
    content = bytes(range(256)) * 400
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("a.csv", content)
    else:
        tar(archive, [(f"{i}.csv", bytes([i]) * 90_000, tarfile.REGTYPE) for i in range(9)])
    archive.write_bytes(archive.read_bytes()[: int(keep * archive.stat().st_size)])
    with pytest.raises(UserError, match="cut short, damaged"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz", "lzma.zip", "bz2.zip", "deflate.zip"])
def test_damaged_archive_writes_nothing(tmp_path, kind):
    """Each compressor has its own word for damage."""
    content = np.random.default_rng(0).bytes(100_000)
    archive = tmp_path / f"a.{kind}"
    if kind.startswith("tar"):
        tar(archive, [("a.csv", content, tarfile.REGTYPE)], f"w:{kind.partition('.')[2]}")
        damaged = slice(50_000, 50_100)
    else:
        compression = {"lzma": zipfile.ZIP_LZMA, "bz2": zipfile.ZIP_BZIP2, "deflate": zipfile.ZIP_DEFLATED}
        with zipfile.ZipFile(archive, "w", compression[kind.partition(".")[0]]) as file:
            file.writestr("a.csv", content)
        damaged = slice(50, 200)
    changed = bytearray(archive.read_bytes())
    changed[damaged] = bytes(byte ^ 0x55 for byte in changed[damaged])
    archive.write_bytes(changed)
    with pytest.raises(UserError, match=r"cut short, damaged.*get it again") as error:
        unpack(archive, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert contents(tmp_path / "out") == {}


def test_encrypted_zip_writes_nothing(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("good.csv", "1")
        file.writestr("secret.csv", "2")
    changed = bytearray((tmp_path / "a.zip").read_bytes())
    # The flag of the second member, in its own header and in the directory at the end.
    changed[changed.rfind(b"PK\x03\x04") + 6] |= 1
    changed[changed.rfind(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(changed)
    with pytest.raises(UserError, match=r"a\.zip: 'secret\.csv' is encrypted.*nothing was written") as error:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert "\n" not in str(error.value)
    assert contents(tmp_path / "out") == {}


def test_tar_cut_between_two_members(tmp_path):
    archive = tar(tmp_path / "a.tar", [("a.csv", b"1", b"0"), ("b.csv", b"2", b"0")], "w")
    archive.write_bytes(archive.read_bytes()[:1024])
    with pytest.raises(UserError, match="no end of the archive"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_existing_file_is_not_overwritten(tmp_path):
    archive = tar(tmp_path / "a.tar", [("new.csv", b"1", b"0"), ("mine.csv", b"theirs", b"0")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.csv").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"mine\.csv is there already"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine.csv": b"mine"}


def test_missing_archive(tmp_path):
    with pytest.raises(UserError, match="no such archive"):
        unpack(tmp_path / "a.tar", tmp_path)

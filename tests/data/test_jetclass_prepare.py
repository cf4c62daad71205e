"""Preparing jets: the same shards from files and archives, nothing done twice, and each damage named or counted."""

import hashlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from jetclass_files import random_table, write_table

from autoscidact.data.jetclass import arrays, generation_plan, prepare, tar_files
from autoscidact.data.jetclass.file_names import STEMS, class_of, file_number, split_of
from autoscidact.data.jetclass.layout import CLASSES as CLASSES_OF_JETCLASS
from autoscidact.data.jetclass.root_files import read_root
from autoscidact.data.jetclass.root_sources import RootSource
from autoscidact.data.jetclass.shard_view import open_shards
from autoscidact.errors import UserError

pytest.importorskip("uproot")

CLASSES = ("QCD", "Hbb", "Zqq", "Wqq", "Tbqq")
NUMBERS = {0: 14, 100: 11, 121: 9}
"""File number to its jets."""


@pytest.fixture(scope="session")
def mirror(tmp_path_factory):
    """Files of the five classes, three each, in two folders."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "more").mkdir()
    for k, name in enumerate(CLASSES):
        for number, n in NUMBERS.items():
            path = folder / ("more" if number else ".") / f"{STEMS[name]}_{number:03d}.root"
            write_table(path, random_table(n, seed=10 * number + k, max_particles=20, classes=(name,)))
    return folder


@pytest.fixture(scope="session")
def archive(mirror, tmp_path_factory):
    """All of them in one archive, beside which nothing else is."""
    return make_archive(tmp_path_factory.mktemp("archive") / "JetClass_all.tar", sorted(mirror.rglob("*.root")))


@pytest.fixture(scope="session")
def prepared(mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(path=str(folder), mirror=str(mirror))
    return folder


def make_archive(path, files, prefix="JetClass/train/"):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as file:
        for each in files:
            file.add(each, f"{prefix}{each.name}")
    return path


def contents(folder):
    """Name to bytes, but for what is remembered of the sources."""
    return {p.name: p.read_bytes() for p in sorted((folder / "shards").iterdir()) if p.name != "checksums.json"}


def index_of(folder):
    return json.loads((folder / "shards" / "index.json").read_text())


def with_one_more(mirror, folder, name="HToBB_101.root"):
    """A copy of the mirror, and the path of a file to add to it."""
    shutil.copytree(mirror, folder)
    return folder / name


def test_shards_hold_the_jets_of_all_files(prepared, mirror):
    view = open_shards(prepared / "shards")
    files = sorted(mirror.rglob("*.root"), key=lambda path: path.name)
    assert list(view.files) == [path.name for path in files]
    assert np.array_equal(view.particles[:], np.concatenate([read_root(path).particles for path in files]))


def test_summary_counts_each_class_in_each_split(mirror, tmp_path, capsys):
    prepare(path=str(tmp_path), mirror=str(mirror), classes=("Zqq", "QCD"))
    table = capsys.readouterr().out.split("\n\n")[0]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()}
    assert rows["class"] == ["train", "val", "test"]
    assert rows["Zqq"] == rows["QCD"] == ["14", "9", "11"]
    assert "Hbb" not in rows


def test_archive_and_unpacked_files_give_the_same_shards(prepared, archive, tmp_path):
    prepare(path=str(tmp_path), mirror=str(archive), workers=2)
    assert contents(tmp_path) == contents(prepared)
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    # Once more with nothing to do: the archive must outlive what is deleted of copies.
    prepare(path=str(tmp_path), mirror=str(archive.parent))
    assert archive.is_file()
    assert contents(tmp_path) == contents(prepared)


def test_files_lie_in_the_folder_itself(prepared, mirror, tmp_path):
    shutil.copytree(mirror, tmp_path / "data")
    (tmp_path / "data" / "pythia").mkdir()
    shutil.copy(mirror / "HToBB_000.root", tmp_path / "data" / "pythia" / "HToBB_001.root")
    for _ in range(2):
        prepare(path=str(tmp_path / "data"))
        assert contents(tmp_path / "data") == contents(prepared)


@pytest.mark.parametrize("packed", [False, True])
def test_an_interrupted_run_goes_on(prepared, mirror, archive, tmp_path, monkeypatch, packed):
    made, opened = [], []
    make, taken_out = arrays._make, RootSource.taken_out

    def interrupted(recipe, folder):
        if len(made) == 6:
            raise KeyboardInterrupt
        made.append(recipe.name)
        return make(recipe, folder)

    def counted(source, folder):
        opened.append(source.name)
        return taken_out(source, folder)

    monkeypatch.setattr(arrays, "_make", interrupted)
    monkeypatch.setattr(RootSource, "taken_out", counted)
    place = str(archive if packed else mirror)
    with pytest.raises(KeyboardInterrupt):
        prepare(path=str(tmp_path), mirror=place)
    assert not list((tmp_path / "shards").glob(".unpacked*"))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*.npy")}
    assert len(kept) == 18
    made.append("so that the others pass")
    prepare(path=str(tmp_path), mirror=place)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert contents(tmp_path) == contents(prepared)
    # The file that was interrupted is opened again, none of the finished ones.
    assert len(opened) == 15 + 1
    assert len(made) == 1 + 15
    prepare(path=str(tmp_path), mirror=place)
    assert len(opened) == 15 + 1


def test_finished_shards_are_found_without_the_record(prepared, archive, tmp_path, monkeypatch):
    shutil.copytree(prepared / "shards", tmp_path / "shards")
    monkeypatch.setattr(arrays, "_make", None)
    for damage in ("", "[]", '{"a": 3}'):
        (tmp_path / "shards" / "checksums.json").write_text(damage)
        prepare(path=str(tmp_path), mirror=str(archive))
    assert contents(tmp_path) == contents(prepared)


def test_copies_of_a_killed_run_are_deleted(archive, tmp_path):
    old, busy = tmp_path / "shards" / ".unpacked.old", tmp_path / "shards" / ".unpacked.busy"
    for folder in (old, busy):
        folder.mkdir(parents=True)
        (folder / "HToBB_000.root").write_text("half a copy")
    os.utime(old, (0, 0))
    prepare(path=str(tmp_path), mirror=str(archive))
    assert (old.exists(), busy.exists()) == (False, True)


def cut_short(path):
    write_table(path, random_table(200, seed=5, classes=("Hbb",)))
    path.write_bytes(path.read_bytes()[:30_000])


def without_branch(path):
    table = random_table(20, seed=5, classes=("Hbb",))
    del table["part_d0err"]
    write_table(path, table)


def other_schema(path):
    write_table(path, random_table(20, seed=5, classes=("Hbb",)), tree="Events")


def without_jets(path):
    write_table(path, random_table(20, seed=5, classes=("Hbb",)), baskets=0)


def no_root_file(path):
    path.write_text("<html>404</html>")


BAD_FILES = {
    cut_short: "cut short, damaged, or no ROOT file",
    without_branch: "no branch part_d0err",
    other_schema: "no tree 'tree'.*Events",
    without_jets: "holds no jets",
    no_root_file: "cut short, damaged, or no ROOT file",
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("spoil", BAD_FILES, ids=lambda function: function.__name__)
def test_a_bad_file_is_refused_or_counted(mirror, tmp_path, capsys, spoil, packed):
    bad = with_one_more(mirror, tmp_path / "mirror")
    spoil(bad)
    label = str(bad)
    if packed:
        archive = make_archive(tmp_path / "mirror" / "more.tar", [bad])
        bad.unlink()
        label = f"{archive}: JetClass/train/HToBB_101.root"
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=f"HToBB_101.root: .*{BAD_FILES[spoil]}") as error:
        prepare(**settings)
    assert str(error.value).startswith(label)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data" / "shards" / "index.json").exists()
    prepare(**settings, skip_bad_files=True)
    index = index_of(tmp_path / "data")
    assert list(index["skipped_files"]) == [label]
    assert index["counts"]["Hbb"] == sum(NUMBERS.values())
    out = capsys.readouterr().out
    assert "left out: 0 bad jets, 1 files" in out
    assert index["skipped_files"][label] in out


def test_a_jet_with_nan_is_refused_or_counted(mirror, tmp_path, capsys):
    table = random_table(20, seed=5, classes=("Hbb",))
    table["part_energy"][7][0] = np.nan
    write_table(with_one_more(mirror, tmp_path / "mirror"), table)
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=r"HToBB_101\.root: the jet in row 7 has NaN or infinity"):
        prepare(**settings)
    prepare(**settings, skip_bad_files=True)
    assert index_of(tmp_path / "data")["bad_jets"] == 1
    assert index_of(tmp_path / "data")["counts"]["Hbb"] == sum(NUMBERS.values()) + 19
    assert "left out: 1 bad jets, 0 files" in capsys.readouterr().out
    # A shard without the bad jet is none for those who want to know of it.
    with pytest.raises(UserError, match="the jet in row 7"):
        prepare(**settings)


def test_skipping_as_an_afterthought_keeps_what_is_made(mirror, tmp_path, monkeypatch):
    no_root_file(with_one_more(mirror, tmp_path / "mirror", "ZToQQ_100_9.root"))
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=r"ZToQQ_100_9\.root"):
        prepare(**settings)
    made, make = [], arrays._make
    monkeypatch.setattr(arrays, "_make", lambda recipe, folder: made.append(recipe.source.name) or make(recipe, folder))
    prepare(**settings, skip_bad_files=True)
    assert made == ["ZToQQ_121.root"]


def cut_in_header(members):
    return members[1].offset + 200


def cut_in_data(members):
    return members[1].offset_data + 1000


def cut_in_the_last_data(members):
    return members[-1].offset_data + members[-1].size - 1


def cut_between_members(members):
    return members[1].offset


def cut_before_the_end(members):
    return members[-1].offset_data + -(-members[-1].size // 512) * 512


CUTS = (cut_in_header, cut_in_data, cut_in_the_last_data, cut_between_members, cut_before_the_end)


@pytest.mark.parametrize("cut", CUTS, ids=lambda function: function.__name__)
def test_an_incomplete_archive_is_refused_or_counted(prepared, mirror, tmp_path, capsys, cut):
    more = [tmp_path / f"HToBB_00{k}.root" for k in (1, 2, 3)]
    for k, path in enumerate(more):
        write_table(path, random_table(15, seed=50 + k, classes=("Hbb",)))
    shutil.copytree(mirror, tmp_path / "mirror")
    archive = make_archive(tmp_path / "mirror" / "more.tar", more)
    with tarfile.open(archive) as file:
        members = file.getmembers()
    archive.write_bytes(archive.read_bytes()[: cut(members)])
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=r"more\.tar: cut short, damaged, or no plain tar archive .*; get it again"):
        prepare(**settings)
    prepare(**settings, skip_bad_files=True)
    index = index_of(tmp_path / "data")
    assert list(index["skipped_files"]) == [str(archive)]
    # Of an archive that is not whole nothing is taken.
    assert index["counts"] == index_of(prepared)["counts"]
    assert "1 files" in capsys.readouterr().out


def climbing(name):
    return tarfile.TarInfo(name), "would be written outside the folder"


def link(kind, target):
    member = tarfile.TarInfo("JetClass/HToBB_101.root")
    member.type, member.linkname = kind, target
    return member, "is a link; put the file itself"


def device():
    member = tarfile.TarInfo("JetClass/HToBB_101.root")
    member.type = tarfile.FIFOTYPE
    return member, "is no regular file"


HOSTILE = [
    climbing("../HToBB_101.root"),
    climbing("JetClass/../../HToBB_101.root"),
    climbing("/tmp/HToBB_101.root"),
    climbing("C:\\HToBB_101.root"),
    link(tarfile.SYMTYPE, "/etc/passwd"),
    link(tarfile.SYMTYPE, "HToBB_000.root"),
    link(tarfile.LNKTYPE, "../HToBB_000.root"),
    device(),
]


@pytest.mark.parametrize(("member", "reason"), HOSTILE, ids=[f"{m.name} {m.linkname}" for m, _ in HOSTILE])
def test_a_hostile_member_is_refused_or_counted(prepared, mirror, tmp_path, member, reason):
    content = (mirror / "HToBB_000.root").read_bytes() if member.isreg() else b""
    member.size = len(content)
    (tmp_path / "in").mkdir()
    archive = make_archive(tmp_path / "in" / "a.tar", sorted(mirror.rglob("*.root")))
    with tarfile.open(archive, "a") as file:
        file.addfile(member, io.BytesIO(content))
    settings = {"path": str(tmp_path / "in" / "data"), "mirror": str(archive)}
    with pytest.raises(UserError, match=f"a.tar: .*HToBB_101.root'?: {reason}.*; nothing was written"):
        prepare(**settings)
    prepare(**settings, skip_bad_files=True)
    index = index_of(tmp_path / "in" / "data")
    assert len(index["skipped_files"]) == 1
    assert index["shards"] == index_of(prepared)["shards"]
    assert not list(tmp_path.rglob("HToBB_101*"))
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.tar", "data"]


def test_members_of_other_names_are_never_read(prepared, archive, tmp_path):
    again = tmp_path / "again.tar"
    shutil.copy(archive, again)
    escape = tarfile.TarInfo("JetClass")
    escape.type, escape.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
    notes, fork = tarfile.TarInfo("../notes.txt"), tarfile.TarInfo("JetClass/._HToBB_000.root")
    with tarfile.open(again, "a") as file:
        for member in (escape, notes, fork):
            file.addfile(member)
    prepare(path=str(tmp_path / "data"), mirror=str(again))
    assert contents(tmp_path / "data") == contents(prepared)


def test_a_published_name_needs_the_published_content(prepared, archive, mirror, tmp_path, monkeypatch, capsys):
    name = "JetClass_Pythia_val_5M.tar"
    shutil.copytree(mirror, tmp_path / "mirror")
    more = write_table(tmp_path / "HToBB_001.root", random_table(15, seed=50, classes=("Hbb",)))
    official = make_archive(tmp_path / "mirror" / name, [more])
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=rf"{name}: cut short or changed; download it again"):
        prepare(**settings)
    prepare(**settings, skip_bad_files=True)
    assert list(index_of(tmp_path / "data")["skipped_files"]) == [str(official)]
    assert index_of(tmp_path / "data")["counts"] == index_of(prepared)["counts"]
    monkeypatch.setitem(tar_files.PUBLISHED_MD5, name, hashlib.md5(official.read_bytes()).hexdigest())
    prepare(**settings)
    assert index_of(tmp_path / "data")["counts"]["Hbb"] == sum(NUMBERS.values()) + 15
    # Read once: a run that goes on must not read 190 GB again, unless the file is another one.
    monkeypatch.setattr(tar_files, "_md5", lambda path: "read again")
    prepare(**settings)
    with official.open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(UserError, match="md5 read again"):
        prepare(**settings)


def test_empty_classes_are_named(mirror, tmp_path):
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    spoilt = with_one_more(mirror, tmp_path / "mirror")
    for path in (tmp_path / "mirror").rglob("HToBB*"):
        path.unlink()
    with pytest.raises(UserError, match=r"empty class: no files of Hbb \(HToBB_NNN\.root\)"):
        prepare(**settings)
    no_root_file(spoilt)
    with pytest.raises(UserError, match=r"empty class: no jets of Hbb .*left out: .*HToBB_101\.root: cut short"):
        prepare(**settings, skip_bad_files=True)
    # Named like one of the class, but its jets are of another.
    write_table(spoilt, random_table(15, seed=5, classes=("QCD",)))
    with pytest.raises(UserError, match=r"empty class: no jets of Hbb"):
        prepare(**settings)
    # And jets of the class in a file of another name.
    write_table(spoilt.with_name("mine_7.root"), random_table(15, seed=6, classes=("Hbb",)))
    prepare(**settings)
    assert index_of(tmp_path / "data")["counts"]["Hbb"] == 15


def test_files_of_other_classes_are_left_alone_unless_asked_for(mirror, tmp_path, capsys):
    write_table(with_one_more(mirror, tmp_path / "mirror", "HToCC_000.root"), random_table(12, classes=("Hcc",)))
    no_root_file(tmp_path / "mirror" / "TTBarLep_003.root")
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    prepare(**settings)
    assert "dataset.split: files 1 of Hcc, 1 of Tbl" in capsys.readouterr().out
    assert index_of(tmp_path / "data")["counts"]["Hcc"] == 0
    prepare(**settings, classes=("QCD", "Hcc"))
    assert index_of(tmp_path / "data")["counts"] == dict.fromkeys(CLASSES_OF_JETCLASS, 0) | {"QCD": 34, "Hcc": 12}


def test_files_of_no_split_are_left_alone(mirror, tmp_path, capsys):
    no_root_file(with_one_more(mirror, tmp_path / "mirror", "HToBB_125.root"))
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    prepare(**settings)
    assert "files 1 of no split" in capsys.readouterr().out
    prepare(**settings, split={"train": [0, 10], "test": [121, 124]})
    out = capsys.readouterr().out
    assert "files 6 of no split" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows["class"] == ["train", "test"]
    assert rows["QCD"] == ["14", "9"]
    prepare(**settings, split={"train": [0, 10], "val": [100, 100], "test": [105, 124]}, classes=["QCD"])
    assert "note" not in capsys.readouterr().out
    prepare(**settings, split={"train": [0, 10], "val": [111, 112], "test": [121, 124]}, classes=["QCD", "Zqq"])
    assert "note: no jets of QCD, Zqq in val" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["jets.root", "HToBB.root", "HToBB_1e1.root", "HToBB_5a.root"])
def test_a_file_without_a_number_is_refused_or_counted(mirror, tmp_path, name):
    write_table(with_one_more(mirror, tmp_path / "mirror", name), random_table(12, classes=("Hbb",)))
    settings = {"path": str(tmp_path / "data"), "mirror": str(tmp_path / "mirror")}
    with pytest.raises(UserError, match=f"{name}: splits go by the number at the end .* rename it"):
        prepare(**settings)
    prepare(**settings, skip_bad_files=True)
    assert list(index_of(tmp_path / "data")["skipped_files"]) == [str(tmp_path / "mirror" / name)]


def test_names_tell_class_and_split():
    assert {name: class_of(f"{stem}_017.root") for name, stem in STEMS.items()} == {name: name for name in STEMS}
    assert class_of("TTBar_mine_001.root") is None
    assert [split_of(f"HToBB_{n:03d}.root") for n in (0, 99, 100, 119, 120, 124, 125)] == [
        *["train"] * 2,
        *["test"] * 2,
        *["val"] * 2,
        None,
    ]
    assert file_number(f"HToBB_{'9' * 5000}.root") is None


def test_one_name_twice_is_refused(mirror, archive, tmp_path):
    shutil.copytree(mirror, tmp_path / "mirror")
    shutil.copy(archive, tmp_path / "mirror")
    with pytest.raises(UserError, match=r"HToBB_000\.root and .*HToBB_000\.root have the same name; move one"):
        prepare(path=str(tmp_path / "data"), mirror=str(tmp_path / "mirror"))


WRONG = [
    ({"source": "zenodo"}, "source=zenodo: choose files or pythia"),
    ({"n_per_class": 100}, "n_per_class is for generated jets; .*source=pythia"),
    ({"n_per_class": 100, "source": "files"}, "n_per_class is for generated jets"),
    ({"mirror": "m", "source": "pythia"}, "mirror is for files that are there already"),
    ({"classes": ("QCD", "Hcc"), "source": "pythia"}, "generates no jets of Hcc; choose dataset.classes from QCD"),
    ({"n_per_class": 5, "source": "pythia"}, "n_per_class=5: too few"),
    ({"classes": ("QCD", "Higgs")}, "no class Higgs; choose from QCD"),
    ({"classes": ()}, "choose from QCD"),
    ({"split": {"train": [0, 5], "test": [5, 9]}}, "files of number 5 are in both train and test"),
    ({"split": {"train": [0]}}, "dataset.split.train=.*first and last file number"),
    ({"split": {"dev": [0, 5]}}, "dataset.split.dev: there is no such split"),
    ({"n_particles": 0}, "n_particles=0"),
    ({"mirror": "nowhere"}, "mirror=nowhere: there is no such folder or file"),
    ({"mirror": "files.zip"}, r"mirror=files\.zip: give a folder, a \.tar archive"),
    (
        {},
        r"no \.root files or \.tar archives there; get JetClass from https://zenodo\.org/records/6619768 .*source=pyt",
    ),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_settings_are_named(tmp_path, monkeypatch, settings, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files.zip").write_text("")
    with pytest.raises(UserError, match=message):
        prepare(path="data", **settings)


def test_generated_jets_are_the_same_for_the_same_seed(tmp_path, capsys, monkeypatch):
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    two = ("QCD", "Wqq")
    monkeypatch.setattr(generation_plan, "FILE_STEMS", {name: STEMS[name] for name in two})
    settings = {"source": "pythia", "n_per_class": 20, "seed": 3, "classes": two}
    prepare(path=str(tmp_path / "a"), **settings)
    prepare(path=str(tmp_path / "b"), **settings, workers=2)
    assert "generation.md" in capsys.readouterr().out
    # ROOT files hold the time they were written at; the jets' ids and shards must not depend on it.
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert index_of(tmp_path / "a")["counts"] == dict.fromkeys(CLASSES_OF_JETCLASS, 0) | dict.fromkeys(two, 20)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.npy")}
    prepare(path=str(tmp_path / "a"), **settings)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    # Jets of another seed that lie there are neither taken nor overwritten.
    with pytest.raises(UserError, match="was generated with another seed"):
        prepare(path=str(tmp_path / "a"), **settings | {"seed": 4})


def test_importing_the_package_is_cheap():
    heavy = ("uproot", "awkward", "fastjet", "pythia8mc", "matplotlib", "torch")
    code = f"import sys, autoscidact.data.jetclass; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_loader_finds_prepare_beside_it():
    assert importlib.import_module("autoscidact.data.jetclass").prepare is prepare

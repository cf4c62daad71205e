"""Shards of prepared jets: the jets of the files, whatever was interrupted, in memory that does not grow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jetclass_files import random_table, write_table

from autoscidact.data.jetclass import arrays
from autoscidact.data.jetclass.array_files import growing_array
from autoscidact.data.jetclass.arrays import write_shards
from autoscidact.data.jetclass.layout import CLASSES
from autoscidact.data.jetclass.root_files import read_root
from autoscidact.data.jetclass.shard_view import open_shards
from autoscidact.errors import UserError
from autoscidact.files import write_array

pytest.importorskip("uproot")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files: of one class, of another, and of three."""
    folder = tmp_path_factory.mktemp("files")
    classes = {"ZJetsToNuNu_000": ("QCD",), "HToBB_100": ("Hbb",), "mixed_001": ("QCD", "Wqq", "Tbqq")}
    return [
        write_table(folder / f"{name}.root", random_table(100 + 7 * k, seed=k, classes=chosen))
        for k, (name, chosen) in enumerate(classes.items())
    ]


@pytest.fixture(scope="module")
def jets(files):
    return [read_root(path) for path in files]


@pytest.fixture
def shards(files, tmp_path):
    write_shards(files, tmp_path / "prepared", shard_size=40, chunk=13)
    return tmp_path / "prepared"


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_hold_the_jets_of_the_files(shards, jets):
    view = open_shards(shards)
    particles = np.concatenate([part.particles for part in jets])
    assert view.particles.shape == particles.shape
    assert view.particles.dtype == np.float32
    assert np.array_equal(view.particles[:], particles)
    assert np.array_equal(view.labels, np.concatenate([part.labels for part in jets]))
    observed = view.observed[:]
    assert np.array_equal(observed["entry"], np.concatenate([part.entries for part in jets]))
    for name in jets[0].observers:
        assert np.array_equal(observed[name], np.concatenate([part.observers[name] for part in jets]))
    assert list(np.diff(view.bounds)) == [40, 40, 20, 40, 40, 27, 40, 40, 34]
    assert view.files == ("ZJetsToNuNu_000.root",) * 3 + ("HToBB_100.root",) * 3 + ("mixed_001.root",) * 3


def test_any_numpy_index_gives_what_numpy_gives(shards, jets):
    view, random = open_shards(shards), np.random.default_rng(0)
    n = len(view)
    whole = np.concatenate([part.particles for part in jets])
    for rows in (
        slice(35, 130),
        slice(None, None, 7),
        slice(50, 10, -3),
        slice(10, 10),
        random.permutation(n),
        random.integers(-n, n, 50),
        np.array([3, 3, 5, 5, 4]),
        np.array([0, 0, 2]),
        np.zeros(0, int),
        [n - 1, -n],
        random.random(n) < 0.3,
    ):
        assert np.array_equal(view.particles[rows], whole[rows])
    assert view.particles[[]].shape == (0, 22, 64)
    assert np.array_equal(view.particles[-1], whole[-1])
    assert np.array_equal(view.particles[np.int64(41)], whole[41])


@pytest.mark.parametrize("rows", [[10**6], [-(10**6)], np.zeros(3, bool), np.zeros((2, 2), int), np.zeros(3)])
def test_rows_that_are_not_there(shards, rows):
    with pytest.raises(IndexError):
        open_shards(shards).particles[rows]


def test_rows_are_copies(shards):
    view = open_shards(shards)
    view.particles[0:3][:] = 7
    assert not (view.particles[0:3] == 7).all()


def test_chosen_classes_and_files(shards, jets):
    view = open_shards(shards, classes=("Wqq", "QCD"))
    assert view.classes == ("Wqq", "QCD")
    labels = np.concatenate([part.labels for part in jets])
    rows = np.flatnonzero((labels == CLASSES.index("Wqq")) | (labels == CLASSES.index("QCD")))
    assert np.array_equal(view.labels, (labels[rows] == CLASSES.index("QCD")).astype(np.int8))
    assert np.array_equal(view.particles[:], np.concatenate([part.particles for part in jets])[rows])
    test = open_shards(shards, wanted=lambda name: int(name[-8:-5]) >= 100)
    assert set(test.files) == {"HToBB_100.root"}
    assert np.array_equal(test.particles[:], jets[1].particles)


def test_unknown_and_empty_classes_are_named(shards):
    with pytest.raises(UserError, match="no class Higgs; choose from QCD, Hbb"):
        open_shards(shards, classes=("QCD", "Higgs"))
    with pytest.raises(UserError, match="no jets of Zqq, Tbl in the files chosen"):
        open_shards(shards, classes=("QCD", "Zqq", "Tbl"))
    with pytest.raises(UserError, match="in the files chosen"):
        open_shards(shards, wanted=lambda name: False)


def test_index_counts(shards, files, jets):
    index = json.loads((shards / "index.json").read_text())
    labels = np.concatenate([part.labels for part in jets])
    assert index["counts"] == {name: int((labels == k).sum()) for k, name in enumerate(CLASSES)}
    assert index["bad_jets"] == 0
    assert index["skipped_files"] == {}
    assert {shard["file"] for shard in index["shards"]} == {path.name for path in files}


def test_ids_are_of_the_jet_and_not_of_the_folder(shards, files, tmp_path):
    view = open_shards(shards)
    ids = view.ids()
    assert len(np.unique(ids)) == len(view)
    assert (ids >= 0).all()
    write_shards(files[1:2], tmp_path / "other", shard_size=31)
    other = open_shards(tmp_path / "other")
    assert np.array_equal(other.ids(), ids[100:207])
    assert np.array_equal(view.ids(np.array([150, 3])), ids[[150, 3]])


@pytest.mark.parametrize("options", [{"chunk": 1000}, {"workers": 2}])
def test_same_bytes_whatever_the_chunks_and_workers(shards, files, tmp_path, options):
    write_shards(files, tmp_path / "again", shard_size=40, **options)
    assert contents(tmp_path / "again") == contents(shards)


def test_an_interrupted_run_goes_on(shards, files, tmp_path, monkeypatch):
    made = []
    make = arrays._make

    def interrupted(recipe, folder):
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(recipe.name)
        return make(recipe, folder)

    monkeypatch.setattr(arrays, "_make", interrupted)
    again = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        write_shards(files, again, shard_size=40)
    with pytest.raises(UserError, match=r"index\.json: no such file"):
        open_shards(again)
    kept = {path: path.stat().st_mtime_ns for path in again.glob("*.npy")}
    made.append("so that the next five pass")
    write_shards(files, again, shard_size=40)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert len(made) == 1 + 9
    assert contents(again) == contents(shards)


def test_a_changed_file_is_made_again(files, tmp_path):
    path = write_table(tmp_path / "a.root", random_table(30, seed=1))
    write_shards([path], tmp_path / "prepared")
    write_table(path, random_table(30, seed=2))
    write_shards([path], tmp_path / "prepared")
    assert np.array_equal(open_shards(tmp_path / "prepared").particles[:], read_root(path).particles)


def test_bad_files_and_jets_are_refused_or_counted(files, tmp_path):
    table = random_table(50, seed=20)
    table["part_dzval"][30][0] = np.nan
    spoilt = write_table(tmp_path / "spoilt.root", table)
    cut = tmp_path / "cut.root"
    cut.write_bytes(files[0].read_bytes()[:20000])
    with pytest.raises(UserError, match=r"spoilt\.root: the jet in row 30 has NaN or infinity in tanh_dz"):
        write_shards([files[0], spoilt], tmp_path / "a", shard_size=20)
    with pytest.raises(UserError, match=r"cut\.root: cut short"):
        write_shards([files[0], cut], tmp_path / "a")
    write_shards([cut, spoilt, files[0]], tmp_path / "a", shard_size=20, skip_bad=True)
    index = json.loads((tmp_path / "a" / "index.json").read_text())
    assert index["bad_jets"] == 1
    assert list(index["skipped_files"]) == [str(cut)]
    assert len(open_shards(tmp_path / "a")) == 49 + 100
    with pytest.raises(UserError, match=r"no jets to prepare; .*cut\.root"):
        write_shards([cut], tmp_path / "b", skip_bad=True)


def test_a_full_disk_is_no_bad_file(files, tmp_path, monkeypatch):
    (tmp_path / "prepared").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot make folder"):
        write_shards(files, tmp_path / "prepared", skip_bad=True)


def test_the_same_file_twice_is_refused(files, tmp_path):
    twin = tmp_path / "twin.root"
    twin.write_bytes(files[0].read_bytes())
    with pytest.raises(UserError, match=r"twin\.root and .*ZJetsToNuNu_000\.root are the same file"):
        write_shards([*files, twin], tmp_path / "prepared")


@pytest.mark.parametrize("suffix", [".particles.npy", ".labels.npy"])
def test_a_shard_cut_short_is_named(shards, suffix):
    path = sorted(shards.glob(f"*{suffix}"))[0]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"this shard is not whole; delete .*\.json"):
        open_shards(shards)
    path.unlink()
    with pytest.raises(UserError, match="this shard is not whole"):
        open_shards(shards)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 0, "n_particles": 64, "shards": []}'])
def test_a_damaged_index_is_named(shards, text):
    (shards / "index.json").write_text(text)
    with pytest.raises(UserError, match=r"index\.json: .*prepare the dataset again"):
        open_shards(shards)


def test_growing_arrays_are_those_of_numpy(tmp_path):
    rows = np.random.default_rng(0).random((12345, 2, 3)).astype(np.float32)
    with growing_array(tmp_path / "a.npy", (2, 3), np.dtype("<f4")) as append:
        for part in np.array_split(rows, 17):
            append(part)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), rows)
    write_array(tmp_path / "b.npy", rows)
    assert np.array_equal(np.load(tmp_path / "b.npy"), rows)
    with pytest.raises(RuntimeError), growing_array(tmp_path / "c.npy", (2, 3), np.dtype("<f4")):
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


PEAK = r"""
import re, sys, numpy as np
from autoscidact.data.jetclass.arrays import write_shards
from autoscidact.data.jetclass.shard_view import open_shards
folder = write_shards([sys.argv[1]], sys.argv[2], shard_size=1500, chunk=500).parent
view = open_shards(folder)
for rows in np.array_split(np.random.default_rng(0).permutation(len(view)), len(view) // 250):
    view.particles[rows].sum()
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
def test_memory_does_not_grow_with_the_jets(tmp_path):
    """Four times the jets, preparing and then reading each once in random order: the same peak within 10 %."""
    peaks = []
    for n in (3000, 12000):
        path = write_table(tmp_path / f"{n}.root", random_table(500, seed=n), repeat=n // 500)
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / f"prepared_{n}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] == pytest.approx(peaks[0], rel=0.1)

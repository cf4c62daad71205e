"""Preparing images: the same bytes for the same images, again only what changed, and bad folders refused by name."""

import io
import json
import os
import tarfile
import zipfile

import numpy as np
import pytest
from image_folders import picture, write_class_folders
from PIL import Image

from autoscidact.data.images import load, prepare
from autoscidact.data.images.decoding import decode_file
from autoscidact.errors import UserError

SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}


@pytest.fixture
def source(tmp_path):
    return write_class_folders(tmp_path / "source", "abc", 10)


@pytest.fixture
def prepared(tmp_path, source):
    def prepared(place=source, **settings):
        prepare(path=str(tmp_path / "out"), mirror=None if place is None else str(place), size=16, **settings)
        return tmp_path / "out"

    return prepared


def loaded(folder, **settings):
    return load(**{"name": "mine", "signal": "c", "split": SPLIT, "path": str(folder), "size": 16} | settings)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def index(folder):
    return json.loads((folder / "shards" / "index.json").read_text())


def test_pixels_labels_and_names_belong_together(prepared, source):
    events = loaded(prepared()).events
    assert (events.features.shape, events.features.dtype) == ((30, 3, 16, 16), np.float32)
    assert events.classes == ("a", "b", "c")
    assert events.feature_names == ()
    for row in (0, 13, 29):
        name = events.observers["file"][row]
        expected = decode_file(source / name, name, 16).pixels
        assert np.array_equal(events.features[row], expected.astype(np.float32))
        assert events.classes[events.labels[row]] == name[0]


def test_same_bytes_for_any_number_of_workers_and_any_place(tmp_path, source):
    for name, workers in (("one", 1), ("two", 2)):
        prepare(path=str(tmp_path / name), mirror=str(source), size=16, workers=workers)
        (source / "a").rename(source / "moved")
        (source / "moved").rename(source / "a")
        for path in source.rglob("*.png"):
            os.utime(path, (0, 0))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_goes_on_where_it_stopped(prepared, source, monkeypatch):
    decoded = []

    def counted(path, name, size):
        decoded.append(name)
        return decode_file(path, name, size)

    monkeypatch.setattr("autoscidact.data.images.preparation.decode_file", counted)
    good = (source / "c" / "000.png").read_bytes()
    (source / "c" / "000.png").write_bytes(good[:50])
    with pytest.raises(UserError, match=r"c/000\.png: damaged"):
        prepared()
    (source / "c" / "000.png").write_bytes(good)
    decoded.clear()
    folder = prepared()
    assert {name[0] for name in decoded} == {"c"}
    decoded.clear()
    before = contents(folder)
    prepared()
    assert decoded == []
    assert contents(folder) == before


def test_changed_image_is_noticed(prepared, source):
    before = index(prepared())
    fingerprint = loaded(prepared()).fingerprint
    Image.fromarray(picture(np.random.default_rng(9), 1, 20)).save(source / "b" / "003.png")
    after = index(prepared())
    changed = [a["label"] for a, b in zip(after["shards"], before["shards"], strict=True) if a["name"] != b["name"]]
    assert changed == ["b"]
    assert loaded(prepared()).fingerprint != fingerprint


def test_bad_images_are_left_out_and_counted(prepared, source, capsys):
    (source / "a" / "000.png").write_bytes(b"")
    (source / "b" / "bad.jpg").write_bytes(b"no image")
    (source / "c" / "link.png").symlink_to(source / "nowhere.png")
    with pytest.raises(UserError, match=r"c/link\.png: cannot be read"):
        prepared()
    folder = prepared(skip_bad_files=True)
    assert set(index(folder)["bad"]) == {"a/000.png", "b/bad.jpg", "c/link.png"}
    assert "left out: 3 that cannot be used" in capsys.readouterr().out
    assert np.bincount(loaded(folder).events.labels).tolist() == [9, 10, 10]
    (source / "c" / "link.png").unlink()
    with pytest.raises(UserError, match=r"a/000\.png: the file is empty"):
        prepared()


def test_other_files_are_ignored_and_counted(prepared, source, capsys):
    (source / "a" / "Thumbs.db").write_bytes(b"x")
    (source / "readme.txt").write_text("x")
    (source / "loose.png").write_bytes(b"x")
    (source / "b" / "._000.png").write_bytes(b"what macOS leaves")
    (source / "__MACOSX").mkdir()
    assert index(prepared())["ignored"] == 3
    assert "ignored: 3 files" in capsys.readouterr().out


def test_identical_images_are_kept_once(prepared, source, capsys):
    Image.open(source / "a" / "001.png").save(source / "a" / "copy.bmp")
    folder = prepared()
    assert index(folder)["repeats"] == {"a/copy.bmp": "a/001.png"}
    assert "left out: 1 equal to another image" in capsys.readouterr().out
    events = loaded(folder).events
    assert "a/copy.bmp" not in events.observers["file"]
    assert len(np.unique(events.ids)) == len(events) == 30
    assert np.array_equal(events.features[29], decode_file(source / "c" / "009.png", "", 16).pixels)


def test_identical_images_in_two_classes(prepared, source):
    (source / "b" / "copy.png").write_bytes((source / "a" / "001.png").read_bytes())
    with pytest.raises(UserError, match=r"b/copy\.png \(b\) and a/001\.png \(a\) are the same image in two classes"):
        prepared()
    assert len(loaded(prepared(skip_bad_files=True)).events) == 30


def test_split_folders_are_the_splits(tmp_path, prepared):
    source = tmp_path / "archive" / "pictures"
    for seed, (name, n) in enumerate({"Train": 10, "test": 6}.items()):
        write_class_folders(source / name, "ab", n, seed=seed)
    dataset = loaded(prepared(tmp_path / "archive"), signal="b", split={"train": 0.8, "val": 0.2, "test": 0.7})
    counts = [np.bincount(dataset.events.labels[dataset.split == k]).tolist() for k in range(3)]
    assert counts == [[8, 8], [2, 2], [6, 6]]
    assert all("/test/" in name for name in dataset.events.observers["file"][dataset.split == 2])
    write_class_folders(source / "valid", "ab", 3, seed=5)
    dataset = loaded(prepared(tmp_path / "archive"), signal="b")
    assert [int((dataset.split == k).sum()) for k in range(3)] == [20, 6, 12]


def test_image_in_train_and_test_stays_in_train(tmp_path, prepared):
    for seed, name in enumerate(("train", "test")):
        write_class_folders(tmp_path / "s" / name, "ab", 5, seed=seed)
    (tmp_path / "s" / "test" / "a" / "leak.png").write_bytes((tmp_path / "s" / "train" / "a" / "000.png").read_bytes())
    assert index(prepared(tmp_path / "s"))["repeats"] == {"test/a/leak.png": "train/a/000.png"}


def test_folder_of_its_own(prepared, tmp_path):
    """Without a mirror, images lie where the shards go; the shards are no class."""
    write_class_folders(tmp_path / "out", "abc", 4)
    assert index(prepared(None)) == index(prepared(None))
    assert loaded(tmp_path / "out").events.classes == ("a", "b", "c")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archive(tmp_path, prepared, source, kind):
    archive = tmp_path / f"pictures.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(source.rglob("*.png")):
                file.write(path, path.relative_to(source))
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(source, ".")
    expected = index(prepared())
    folder = prepared(archive)
    assert index(folder) == expected
    assert [path.name for path in folder.iterdir()] == ["shards"]


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [("../escaped.png", tarfile.REGTYPE, ""), ("a/x.png", tarfile.SYMTYPE, "/etc/passwd")],
)
def test_archive_that_climbs_out(tmp_path, prepared, name, kind, link):
    with tarfile.open(tmp_path / "bad.tar", "w") as file:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, 0 if link else 3
        file.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(UserError, match=r"bad\.tar.*nothing was written"):
        prepared(tmp_path / "bad.tar")
    assert not list(tmp_path.rglob("escaped.png"))


def test_source_is_only_read(prepared, source):
    before = contents(source)
    prepared()
    assert contents(source) == before


def test_empty_class_folder(prepared, source):
    (source / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no image in this class folder"):
        prepared()


def test_classes_may_be_called_like_splits(prepared, source):
    for name, new in (("a", "train"), ("b", "val"), ("c", "test")):
        (source / name).rename(source / new)
    assert loaded(prepared(), signal="val").events.classes == ("test", "train", "val")


def test_split_folders_that_are_incomplete(prepared, tmp_path):
    write_class_folders(tmp_path / "s" / "train", "ab", 4)
    write_class_folders(tmp_path / "s" / "val", "ab", 4)
    with pytest.raises(UserError, match="holds train, val but no folder test"):
        prepared(tmp_path / "s")
    write_class_folders(tmp_path / "s" / "test", "ab", 4)
    write_class_folders(tmp_path / "s" / "masks", "ab", 4)
    with pytest.raises(UserError, match="masks beside train and test is neither split nor class"):
        prepared(tmp_path / "s")


def test_no_mirror_and_nothing_there(tmp_path):
    with pytest.raises(UserError, match="mirror=FOLDER"):
        prepare(path=str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"mirror=.*no such folder or archive"):
        prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no class folders"):
        prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "empty"))


def test_loading_says_what_is_wrong(prepared, tmp_path):
    with pytest.raises(UserError, match="autoscidact prepare dataset=images"):
        loaded(tmp_path / "absent")
    folder = prepared()
    for settings, says in (
        ({"size": 32}, r"prepared with dataset\.size=16, not 32"),
        ({"signal": "???"}, r"dataset\.signal=CLASS; there are a, b, c"),
        ({"signal": "d"}, "signal class 'd' is not there"),
        ({"label": "kind"}, r"leave out dataset\.label"),
        ({"split": {"train": -1.0}}, r"dataset\.split\.train"),
    ):
        with pytest.raises(UserError, match=says):
            loaded(folder, **settings)
    shard = next((folder / "shards").glob("*.npy"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match="this shard is not whole; delete"):
        loaded(folder)
    (folder / "shards" / "index.json").write_text("{")
    with pytest.raises(UserError, match=r"index\.json: damaged"):
        loaded(folder)

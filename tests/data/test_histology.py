"""Tissue tiles in the published layout: folders or archives, training tiles split, independent ones in the test."""

import shutil
import zipfile

import numpy as np
import pytest
from histology_folders import TISSUES, write_tissues

from autoscidact.data.histology import load, prepare
from autoscidact.errors import UserError

SPLIT = {"train": 0.7, "val": 0.2, "test": 0.1}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_tissues(tmp_path_factory.mktemp("osf"), n_train=20, n_test=12)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("histology")
    prepare(path=str(folder), mirror=str(source), size=32)
    return folder


def loaded(folder, **settings):
    return load(**{"name": "histology", "signal": "NAFLD", "split": SPLIT, "path": str(folder), "size": 32} | settings)


def test_splits(prepared):
    dataset = loaded(prepared)
    assert dataset.events.classes == (*TISSUES, "NAFLD")
    counts = {split: np.bincount(dataset.subset(split).labels, minlength=9) for split in ("train", "val", "test")}
    assert counts["train"].tolist() == [14] * 8 + [0]
    assert counts["val"].tolist() == [4] * 8 + [0]
    assert counts["test"].tolist() == [2, 2, 2, 14, 2, 2, 2, 2, 12]
    names = dataset.events.observers["file"]
    independent = np.char.find(names, "mt_mouse_liver/") >= 0
    independent &= np.char.startswith(names, "normal") | np.char.startswith(names, "NAFLD")
    assert independent.sum() == 24
    assert (dataset.split[independent] == 2).all()


def test_alteration_is_there_to_be_found(prepared):
    """Diseased tiles have white droplets, which healthy ones seldom have."""
    test = loaded(prepared).subset("test")
    white = (test.features[:] > 225).all(axis=1).mean(axis=(1, 2))
    liver = TISSUES.index("mouse_liver")
    assert white[test.labels == 8].min() > white[test.labels == liver].max()


def test_archives_give_the_same_tiles(tmp_path, source, prepared):
    for folder in sorted((source / "data").glob("*/*")):
        with zipfile.ZipFile(tmp_path / f"{folder.name}.zip", "w") as file:
            for path in folder.iterdir():
                file.write(path, path.name)
    prepare(path=str(tmp_path / "out"), mirror=str(tmp_path), size=32)
    found, expected = loaded(tmp_path / "out"), loaded(prepared)
    assert np.array_equal(found.events.ids, expected.events.ids)
    assert np.array_equal(found.split, expected.split)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["shards"]


def test_a_tissue_as_the_signal(prepared):
    dataset = loaded(prepared, signal="mouse_lung", classes=["mouse_liver", "mouse_lung"])
    assert dataset.events.classes == ("mouse_liver", "mouse_lung")
    assert len(dataset.subset("train", "signal")) == 14


def test_archive_that_climbs_out(tmp_path, source):
    shutil.copytree(source, tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "data" / "train" / "mt_rat_liver")
    with zipfile.ZipFile(tmp_path / "s" / "mt_rat_liver.zip", "w") as file:
        file.writestr("../../escaped.png", b"x")
    with pytest.raises(UserError, match=r"mt_rat_liver\.zip.*nothing was written"):
        prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "s"), size=32)
    assert not list(tmp_path.rglob("escaped.png"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"stain": "he"}, r"no folder or archive he_mouse_brain.*osf\.io/gqutd"),
        ({"stain": "pas"}, r"dataset\.stain=pas: choose mt or he"),
        ({"classes": ["mouse_brain", "cat"]}, r"dataset\.classes: no tissue cat"),
    ],
)
def test_preparing_says_what_is_wrong(tmp_path, source, settings, says):
    with pytest.raises(UserError, match=says):
        prepare(path=str(tmp_path), mirror=str(source), size=32, **settings)


def test_some_tissues(tmp_path, source):
    prepare(path=str(tmp_path), mirror=str(source), size=32, classes=["mouse_brain", "mouse_liver"])
    assert len(loaded(tmp_path, classes=["mouse_brain", "mouse_liver"]).events) == 2 * 20 + 2 * 12
    with pytest.raises(UserError, match=r"no tiles of mouse_heart.*are prepared"):
        loaded(tmp_path)

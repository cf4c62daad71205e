"""Observed images in each of their forms, and what recognises those that the dataset holds."""

import zipfile

import numpy as np
import pytest
from image_folders import picture, write_class_folders
from PIL import Image

from autoscidact.data.images import load, observed, prepare
from autoscidact.data.observed import check_new_ids, check_observed
from autoscidact.errors import UserError


@pytest.fixture
def images():
    random = np.random.default_rng(3)
    return np.stack([picture(random, 1, 16) for _ in range(6)])


def save(folder, images):
    folder.mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k}.png")
    return folder


def test_every_form_gives_the_same_images(tmp_path, images):
    folder = save(tmp_path / "new", images)
    (folder / "notes.txt").write_text("x")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as file:
        for path in folder.iterdir():
            file.write(path, f"deep/{path.name}")
    np.save(tmp_path / "last.npy", images)
    np.save(tmp_path / "first.npy", images.transpose(0, 3, 1, 2))
    np.savez(tmp_path / "new.npz", X=images, Y=np.zeros(6, dtype=int))
    expected = images.transpose(0, 3, 1, 2).astype(np.float32)
    ids = set()
    for name in ("new", "new.zip", "last.npy", "first.npy", "new.npz"):
        events = observed(tmp_path / name, size=16, signal="c")
        assert events.features.dtype == np.float32
        assert np.array_equal(events.features, expected)
        assert events.classes == ("observed",)
        ids.add(tuple(events.ids))
    assert len(ids) == 1
    assert observed(tmp_path / "new", size=16).observers["file"].tolist() == [f"{k}.png" for k in range(6)]
    assert observed(tmp_path / "new", size=8).features.shape == (6, 3, 8, 8)


def test_images_of_the_dataset_are_recognised(tmp_path, images):
    source = write_class_folders(tmp_path / "source", "abc", 10)
    prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)
    split = {"train": 0.5, "val": 0.1, "test": 0.4}
    dataset = load(name="mine", signal="c", split=split, path=str(tmp_path / "out"), size=16)
    new = observed(save(tmp_path / "new", images), size=16)
    check_new_ids(new, dataset, "new")
    assert check_observed(new, dataset, "new") is new
    Image.open(source / "a" / "000.png").save(tmp_path / "new" / "again.bmp")
    with pytest.raises(UserError, match="1 of 7 observed events have the id of an event of dataset mine"):
        check_new_ids(observed(tmp_path / "new", size=16), dataset, "new")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: np.save(path, np.zeros((3, 8, 8))), r"float64 of shape \(3, 8, 8\); images are uint8"),
        (lambda path: np.save(path, np.zeros((3, 8, 8, 4), np.uint8)), "images are uint8 of shape"),
        (lambda path: np.save(path, np.array([{}, {}]), allow_pickle=True), "cannot be read"),
        (lambda path: path.write_bytes(b"nothing"), "cannot be read"),
    ],
)
def test_array_that_holds_no_images(tmp_path, write, says):
    write(tmp_path / "a.npy")
    with pytest.raises(UserError, match=rf"a\.npy: .*{says}"):
        observed(tmp_path / "a.npy", size=8)


def test_npz_without_a_known_name(tmp_path, images):
    np.savez(tmp_path / "a.npz", one=images, two=images)
    with pytest.raises(UserError, match="which of one, two holds the images"):
        observed(tmp_path / "a.npz", size=16)


def test_bad_or_no_images(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        observed(tmp_path / "a", size=8)
    (tmp_path / "a" / "x.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.png: the file is empty"):
        observed(tmp_path / "a", size=8)

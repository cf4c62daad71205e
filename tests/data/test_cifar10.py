"""CIFAR-10 in its usual forms; a pickle that asks for anything but arrays is refused, not run."""

import importlib
import os
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from image_folders import CIFAR_CLASSES, picture, write_batches, write_class_folders
from PIL import Image

from autoscidact.data.cifar10 import load, observed, prepare
from autoscidact.data.cifar10.batches import read_batch
from autoscidact.errors import UserError

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SHARES = {"train": 0.5, "val": 0.1, "test": 0.4}


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    return write_batches(tmp_path_factory.mktemp("batches") / "cifar-10-batches-py", 20)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("cifar10")
    prepare(path=str(folder), mirror=str(batches))
    return folder


def loaded(folder, **settings):
    return load(**{"name": "cifar10", "signal": "automobile", "split": "official", "path": str(folder)} | settings)


def test_official_split(prepared, batches):
    dataset = loaded(prepared)
    assert dataset.events.features.shape == (1200, 3, 32, 32)
    assert dataset.events.classes == tuple(CIFAR_CLASSES)
    assert dataset.signal_label == 1
    counts = [np.bincount(dataset.events.labels[dataset.split == k]).tolist() for k in range(3)]
    assert counts == [[90] * 10, [10] * 10, [20] * 10]
    test = dataset.subset("test")
    assert all(name.startswith("test_batch/") for name in test.observers["file"])
    raw = pickle.loads((batches / "test_batch").read_bytes(), encoding="bytes")
    row = raw[b"filenames"].index(test.observers["file"][25].removeprefix("test_batch/").encode())
    assert np.array_equal(test.features[25].reshape(-1), raw[b"data"][row].astype(np.float32))
    assert test.labels[25] == raw[b"labels"][row]


def test_shares_of_all(prepared):
    dataset = loaded(prepared, split=SHARES)
    assert [int((dataset.split == k).sum()) for k in range(3)] == [600, 120, 480]


def test_archives_and_files_give_the_same_images(tmp_path, batches, prepared):
    expected = loaded(prepared)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as file:
        file.add(batches, "cifar-10-batches-py")
    prepare(path=str(tmp_path / "archive"), mirror=str(tmp_path / "cifar-10-python.tar.gz"))
    assert loaded(tmp_path / "archive").fingerprint == expected.fingerprint
    for row, name in enumerate(expected.events.observers["file"]):
        pool = "test" if name.startswith("test") else "train"
        place = tmp_path / "images" / pool / expected.events.classes[expected.events.labels[row]]
        place.mkdir(parents=True, exist_ok=True)
        image = expected.events.features[row].astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(image).save(place / f"{row:04d}.png")
    (tmp_path / "mirror").mkdir()
    with tarfile.open(tmp_path / "mirror" / "images.tar", "w") as file:
        file.add(tmp_path / "images", ".")
    # The folder of the archive, as a user may name it as well.
    prepare(path=str(tmp_path / "files"), mirror=str(tmp_path / "mirror"))
    files = loaded(tmp_path / "files")
    assert sorted(files.subset("test").ids) == sorted(expected.subset("test").ids)
    assert sorted(files.events.ids) == sorted(expected.events.ids)


class Attack:
    """What a hostile file would ask for."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("place", ["whole", "data", "key"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_attack_is_refused_and_not_run(tmp_path, place, protocol):
    marker = tmp_path / "run"
    attack = Attack(os.mkdir, str(marker))
    content = {"whole": attack, "data": {b"data": attack, b"labels": []}, "key": {b"data": [1], b"x": [attack]}}[place]
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(UserError, match=r"data_batch_1: asks for posix\.mkdir.*nothing was run"):
        read_batch(tmp_path / "data_batch_1")
    assert not marker.exists()


@pytest.mark.parametrize(
    "function", [(eval, "1"), (getattr, "x", "upper"), (np.load, "x"), (pickle.loads, b"N."), (__import__, "os")]
)
def test_nothing_but_arrays_is_found(tmp_path, function):
    (tmp_path / "b").write_bytes(pickle.dumps(Attack(*function)))
    with pytest.raises(UserError, match="asks for"):
        read_batch(tmp_path / "b")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged or no batch"),
        (b"\x80\x02}q\x00(U", "damaged or no batch"),
        (pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        (pickle.dumps({b"labels": [1]}), "no batch of CIFAR-10"),
        (pickle.dumps({b"data": np.zeros((2, 3), np.uint8), b"labels": [1, 2]}, protocol=2), r"shape \(n, 3072\)"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, protocol=2), "labels 0 to 9"),
        (pickle.dumps({b"data": np.zeros((0, 3072), np.uint8), b"labels": []}, protocol=2), "no batch of CIFAR-10"),
    ],
)
def test_bad_batches(tmp_path, content, says):
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match=rf"data_batch_1: .*{says}") as error:
        read_batch(tmp_path / "data_batch_1")
    assert "\n" not in str(error.value)


def test_batch_that_is_missing(tmp_path, batches):
    shutil.copytree(batches, tmp_path / "some")
    (tmp_path / "some" / "data_batch_3").unlink()
    with pytest.raises(UserError, match="data_batch_3 missing"):
        prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "some"))


def test_download_that_fails(tmp_path, monkeypatch):
    module = importlib.import_module("autoscidact.data.cifar10.prepare")
    monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(UserError, match="mirror=FOLDER"):
        prepare(path=str(tmp_path))


def test_other_classes(tmp_path):
    for name in ("train", "test"):
        write_class_folders(tmp_path / "s" / name, ["airplane", "zeppelin"], 3, 32)
    with pytest.raises(UserError, match=r"no class zeppelin.*dataset=images"):
        prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "s"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"split": "theirs"}, r"dataset\.split=theirs: choose official"),
        ({"signal": "car"}, "'car' is not there"),
        ({"label": "x"}, "dataset=images"),
        ({"cifar5m": 10}, r"dataset\.cifar5m=10: 0 are prepared"),
    ],
)
def test_bad_settings(prepared, settings, says):
    with pytest.raises(UserError, match=says):
        loaded(prepared, **settings)


@pytest.fixture
def generated(tmp_path):
    """Two parts of 60 images in the layout of CIFAR-5m."""
    random = np.random.default_rng(7)
    for part in range(2):
        kinds = random.integers(0, 10, 60)
        np.savez(tmp_path / f"part{part}.npz", X=np.stack([picture(random, k, 32) for k in kinds]), Y=kinds)
    return tmp_path


def test_cifar5m_joins_the_test_split(generated, batches):
    shutil.copytree(batches, generated / "cifar-10-batches-py")
    prepare(path=str(generated / "out"), mirror=str(generated), cifar5m=100)
    assert len(loaded(generated / "out").events) == 1200
    dataset = loaded(generated / "out", cifar5m=80)
    assert [int((dataset.split == k).sum()) for k in range(3)] == [900, 100, 280]
    added = np.char.startswith(dataset.events.observers["file"], "part")
    assert (dataset.split[added] == 2).all()
    with np.load(generated / "part0.npz") as part:
        row = int(np.flatnonzero(added)[3])
        place = int(dataset.events.observers["file"][row].removeprefix("part0.npz/"))
        assert np.array_equal(dataset.events.features[row], part["X"][place].transpose(2, 0, 1))
        assert dataset.events.labels[row] == part["Y"][place]
    with pytest.raises(UserError, match=r"cifar5m=121.*holds 120 images"):
        prepare(path=str(generated / "out"), mirror=str(generated), cifar5m=121)


@pytest.mark.filterwarnings("ignore:.*images are tested")
def test_observed_parts_and_cifar10_1(generated):
    with pytest.warns(UserWarning, match="20 of 60 images are tested"):
        events = observed(generated / "part1.npz", n_observed=20, seed=1, split="official")
    assert len(events) == len(np.unique(events.observers["row"])) == 20
    with np.load(generated / "part1.npz") as part:
        rows = events.observers["row"]
        assert np.array_equal(events.features, part["X"][rows].transpose(0, 3, 1, 2))
        assert events.observers["kind"].tolist() == [CIFAR_CLASSES[k] for k in part["Y"][rows]]
        np.save(generated / "cifar10.1_v4_data.npy", part["X"])
        np.save(generated / "cifar10.1_v4_labels.npy", part["Y"])
    assert events.ids.tolist() == observed(generated / "part1.npz", n_observed=20, seed=1).ids.tolist()
    assert events.ids.tolist() != observed(generated / "part1.npz", n_observed=20, seed=2).ids.tolist()
    whole = observed(generated / "cifar10.1_v4_data.npy")
    assert len(whole) == 60
    assert set(events.ids) <= set(whole.ids)
    assert whole.observers["kind"][rows].tolist() == events.observers["kind"].tolist()


def test_the_images_at_hand(tmp_path):
    """A tenth of each class of the real images, as JPEG files."""
    path = DATA / "cifar10" / "CIFAR-10-images.tar.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set AUTOSCIDACT_TEST_DATA")
    with tarfile.open(path) as file:
        members = [m for m in file if m.isfile() and m.name.endswith("00.jpg")]
        file.extractall(tmp_path / "images", members, filter="data")
    prepare(path=str(tmp_path / "out"), mirror=str(tmp_path / "images"))
    dataset = loaded(tmp_path / "out")
    assert np.bincount(dataset.events.labels).tolist() == [60] * 10
    assert [int((dataset.split == k).sum()) for k in range(3)] == [450, 50, 100]
    assert 100 < dataset.events.features[:].mean() < 140

"""The butterfly challenge: images find their rows, hybrids are all in the test, hidden images join where asked for."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_folders import write_challenge

from autoscidact.data.butterflies import load, prepare
from autoscidact.data.butterflies.challenge_tables import read_challenge
from autoscidact.errors import UserError

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}


@pytest.fixture
def source(tmp_path):
    return write_challenge(tmp_path / "source")


@pytest.fixture
def prepared(tmp_path, source):
    prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)
    return tmp_path / "out"


def loaded(folder, **changes):
    settings = {"name": "butterflies", "signal": "hybrid", "split": SPLIT, "path": str(folder), "size": 16}
    return load(**(settings | changes))


def counts(dataset):
    return [np.bincount(dataset.events.labels[dataset.split == k], minlength=5).tolist() for k in range(3)]


def test_hybrids_are_all_in_the_test(prepared, capsys):
    dataset = loaded(prepared)
    assert dataset.events.classes == ("0", "1", "2", "hybrid")
    assert counts(dataset) == [[10, 10, 10, 0, 0], [2, 2, 2, 0, 0], [8, 8, 8, 6, 0]]
    # The number of the subspecies stands in the name of each file.
    names = [Path(name).name.split("_")[1] for name in dataset.events.observers["file"]]
    expected = [f"CAM{dataset.events.classes[label]}" for label in dataset.events.labels]
    assert all(name.startswith(start) for name, start in zip(names, expected, strict=True))


def test_hidden_images_join_the_test(prepared):
    dataset = loaded(prepared, hidden=True)
    assert dataset.events.classes == ("0", "1", "2", "hybrid", "unnumbered")
    assert counts(dataset) == [[10, 10, 10, 3, 0], [2, 2, 2, 1, 0], [8, 8, 8, 7, 5]]
    mimics = loaded(prepared, hidden=True, signal="mimic")
    assert mimics.events.classes == ("0", "1", "2", "mimic", "unnumbered")
    assert len(mimics.subset("test", "signal")) == 5
    assert loaded(prepared, signal=2).events.classes == ("0", "1", "2")


def test_rows_and_images_without_each_other_are_counted(tmp_path, source, capsys):
    prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)
    printed = capsys.readouterr().out
    assert "ignored: 1 file" in printed
    assert "1 of 87 rows of the tables have no image: cam9.jpg" in printed


def test_images_in_an_archive(tmp_path, source, prepared):
    with tarfile.open(source / "images.tar", "w") as file:
        file.add(source / "final_dataset", "resized/final_dataset")
    (source / "final_dataset").rename(tmp_path / "elsewhere")
    prepare(path=str(tmp_path / "again"), mirror=str(source), size=16)
    assert np.array_equal(loaded(tmp_path / "again").events.ids, loaded(prepared).events.ids)


def changed(source, change):
    path = source / "butterfly_anomaly_train.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="subspecies"), "subspecies"),
        (lambda t: pd.concat([t, t[:1]]), r"'cam0000\.jpg' is listed twice"),
        (lambda t: t.assign(hybrid_stat="unknown"), r"row 1 is neither a hybrid.*hybrid_stat=unknown"),
        (lambda t: t.assign(filename="x" + t["filename"]), "none of .* images has a name|listed"),
    ],
)
def test_bad_tables(tmp_path, source, change, says):
    (source / "ref_test.csv").unlink()
    (source / "ref_val.csv").unlink()
    changed(source, change)
    with pytest.raises(UserError, match=says):
        prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)


def test_two_images_of_one_row(tmp_path, source):
    images = source / "final_dataset" / "train"
    (images / "test_CAM0000.jpg").write_bytes((images / "train_CAM0000.JPG").read_bytes())
    with pytest.raises(UserError, match=r"are both cam0000\.jpg"):
        prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)


def test_no_tables_and_no_hidden_images(tmp_path, source):
    (source / "ref_test.csv").unlink()
    (source / "ref_val.csv").unlink()
    prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)
    with pytest.raises(UserError, match=r"dataset\.hidden=true.*ref_test\.csv"):
        loaded(tmp_path / "out", hidden=True)
    (source / "butterfly_anomaly_train.csv").unlink()
    with pytest.raises(UserError, match=r"no butterfly_anomaly_train\.csv"):
        prepare(path=str(tmp_path / "out"), mirror=str(source), size=16)


def test_the_real_tables():
    """The counts that the challenge states: 1991 of 14 subspecies, 91 hybrids; half of the hidden ones mimic."""
    folder = DATA / "butterflies"
    if not folder.exists():
        pytest.skip(f"{folder} is not there; set AUTOSCIDACT_TEST_DATA")
    found = pd.Series(list(read_challenge(folder).values())).value_counts()
    training = {label: int(n) for (pool, label), n in found.items() if pool == ""}
    hidden = {label: int(n) for (pool, label), n in found.items() if pool == "hidden"}
    assert training.pop("hybrid") == 91
    assert (len(training), sum(training.values()), training["8"]) == (14, 1991, 856)
    assert hidden == {"unnumbered": 862, "hybrid": 393, "mimic": 847, "mimic_hybrid": 248}

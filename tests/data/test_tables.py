import gzip
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest

from autoscidact.data.tables import read_table
from autoscidact.errors import UserError

X = np.array([[1.5, 2.0], [0.1, -4.0], [1e-7, 3.0]])
KIND = ["a", "b", "a"]
FRAME = pd.DataFrame({"pt": X[:, 0], "eta": X[:, 1], "kind": KIND})


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["pt"], file["eta"] = X[:, 0], X[:, 1].astype(">f8")
        file["kind"] = KIND
        file["scalar"] = 3.0
        file.create_group("details")["more"] = np.ones(99)


def write_npz(path):
    np.savez_compressed(path, pt=X[:, 0], eta=X[:, 1].astype(">f4"), kind=np.array(KIND), scalar=3.0)


def write_structured_npy(path):
    rows = [(*x, kind) for x, kind in zip(X.tolist(), KIND, strict=True)]
    np.save(path, np.array(rows, dtype=[("pt", ">f8"), ("eta", "f4"), ("kind", "S3")]))


WRITERS = {
    "t.csv": lambda path: FRAME.to_csv(path, index=False),
    "t.CSV": lambda path: FRAME.to_csv(path, index=False),
    "t.csv.gz": lambda path: FRAME.to_csv(path, index=False),
    "t.v2.csv.bz2": lambda path: FRAME.to_csv(path, index=False),
    "t.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "t.tsv.gz": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "t.parquet": lambda path: FRAME.to_parquet(path),
    "t.pq": lambda path: FRAME.set_index("pt").to_parquet(path),
    "t.h5": write_hdf5,
    "t.hdf5": write_hdf5,
    "t.npz": write_npz,
    "t.npy": write_structured_npy,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, name):
    WRITERS[name](tmp_path / name)
    table = read_table(tmp_path / name)[["pt", "eta", "kind"]]
    assert table["pt"].tolist() == X[:, 0].tolist()
    assert table["eta"].tolist() == X[:, 1].tolist()
    assert table["kind"].tolist() == KIND


@pytest.mark.parametrize("name", ["m.npz", "m.h5"])
def test_a_matrix_becomes_numbered_columns(tmp_path, name):
    if name.endswith("npz"):
        np.savez(tmp_path / name, features=X, labels=[0, 1, 0])
    else:
        with h5py.File(tmp_path / name, "w") as file:
            file["features"], file["labels"] = X, [0, 1, 0]
    table = read_table(tmp_path / name)
    assert list(table.columns) == ["features_0", "features_1", "labels"]
    assert table[["features_0", "features_1"]].to_numpy().tolist() == X.tolist()


def test_a_plain_npy_matrix_has_column_numbers(tmp_path):
    np.save(tmp_path / "m.npy", X)
    table = read_table(str(tmp_path / "m.npy"))
    assert list(table.columns) == ["0", "1"]
    assert table.to_numpy().tolist() == X.tolist()


class Trap:
    """Unpickled, it makes a folder: proof that somebody executed the file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["evil.npy", "evil.npz", "raw.npy", "raw.npz"])
def test_nothing_is_unpickled(tmp_path, name):
    array = np.array([Trap(tmp_path / "executed")], dtype=object)
    if name == "evil.npy":
        np.save(tmp_path / name, array)
    elif name == "evil.npz":
        np.savez(tmp_path / name, x=array)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    with pytest.raises(UserError, match=name):
        read_table(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_objects_are_explained(tmp_path):
    np.savez(tmp_path / "o.npz", labels=np.array(["a", None], dtype=object))
    with pytest.raises(UserError, match=r"o\.npz: holds Python objects, which are never unpickled"):
        read_table(tmp_path / "o.npz")


@pytest.mark.parametrize("name", [name for name in WRITERS if not name.lower().endswith((".csv", ".tsv"))])
def test_cut_short(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=name) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x80garbage" * 20], ids=["empty", "garbage"])
def test_not_a_table(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("t.xlsx", lambda path: path.write_bytes(b"x"), r"unknown suffix '\.xlsx'; known are \.csv.*\.npy"),
        ("table", lambda path: path.write_bytes(b"x"), "unknown suffix ''"),
        ("t.pkl", lambda path: path.write_bytes(b"x"), r"unknown suffix '\.pkl'"),
        ("t.csv", lambda path: path.mkdir(), "is a folder"),
        ("t.csv", lambda path: None, "no such file"),
        ("t.csv", lambda path: path.write_text("a,b\n"), "no rows"),
        ("t.csv", lambda path: path.write_text("a;b\n1;2\n"), "separated by ';'"),
        ("t.tsv", lambda path: path.write_text("a,b\n1,2\n"), "separated by ','"),
        ("t.npz", lambda path: np.savez(path, a=[1, 2], b=[1, 2, 3]), r"differ in length: a \(2\), b \(3\)"),
        ("t.npz", lambda path: np.savez(path, a=np.ones((2, 2, 2))), r"'a' has shape \(2, 2, 2\)"),
        ("t.npy", lambda path: np.save(path, np.ones(3)), r"has shape \(3,\)"),
        ("t.npy", lambda path: np.save(path, np.float64(3)), "not an array"),
    ],
)
def test_says_what_is_wrong(tmp_path, name, write, says):
    write(tmp_path / name)
    with pytest.raises(UserError, match=says):
        read_table(tmp_path / name)


def test_hdf5_without_columns_in_the_root(tmp_path):
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file.create_group("events")["pt"] = X[:, 0]
    with pytest.raises(UserError, match=r"no datasets in the root group \(it holds events\)"):
        read_table(tmp_path / "g.h5")


def test_hdf5_ragged(tmp_path):
    with h5py.File(tmp_path / "r.h5", "w") as file:
        ragged = file.create_dataset("r", (2,), dtype=h5py.vlen_dtype(np.float64))
        ragged[0], ragged[1] = [1.0], [1.0, 2.0]
    with pytest.raises(UserError, match="varying length"):
        read_table(tmp_path / "r.h5")


def test_csv_numbers_are_read_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=1000)
    pd.DataFrame({"x": values}).to_csv(tmp_path / "x.csv", index=False)
    assert read_table(tmp_path / "x.csv")["x"].to_numpy().tobytes() == values.tobytes()


def test_gzip_by_another_name_is_not_guessed(tmp_path):
    (tmp_path / "x.csv").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(UserError, match=r"x\.csv"):
        read_table(tmp_path / "x.csv")

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from autoscidact.embedding.table import EmbeddedEvents, read_embedding, write_embedding
from autoscidact.errors import UserError


def events(n=12, d=3):
    rng = np.random.default_rng(0)
    return EmbeddedEvents(
        points=rng.normal(size=(n, d)).astype(np.float32),
        labels=np.array(["cat", "dog", "new one"])[np.arange(n) % 3],
        ids=rng.permutation(n).astype(np.int64) + 100,
        weights=rng.uniform(0.5, 2, n),
        splits=np.array(["train", "val", "test"])[np.arange(n) % 3],
        signal="dog",
        axes=tuple(f"h{i}" for i in range(d)),
        provenance={"dataset": {"name": "toy"}, "seed": 3},
    )


def same(a, b):
    for name in ("points", "labels", "ids", "weights", "splits"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype.kind == getattr(b, name).dtype.kind
    assert (a.signal, a.axes, dict(a.provenance)) == (b.signal, b.axes, dict(b.provenance))


def test_round_trip(tmp_path):
    path = write_embedding(tmp_path / "e.parquet", events())
    same(read_embedding(path), events())
    assert pq.read_schema(path).names == ["id", "label", "split", "weight", "h0", "h1", "h2"]
    assert pd.read_parquet(path)["h0"].dtype == np.float32
    first = path.read_bytes()
    assert write_embedding(path, events()).read_bytes() == first


def test_take():
    taken = events().take(events().labels == "cat")
    assert len(taken) == 4
    assert set(taken.labels) == {"cat"}
    np.testing.assert_array_equal(taken.points, events().points[::3])


def test_lengths_must_agree():
    fields = {name: getattr(events(), name) for name in ("points", "labels", "ids", "weights", "splits")}
    with pytest.raises(ValueError, match="length"):
        EmbeddedEvents(**{**fields, "ids": fields["ids"][1:]}, signal=None, axes=("a", "b", "c"))
    with pytest.raises(ValueError, match="axes"):
        EmbeddedEvents(**fields, signal=None, axes=("a", "b"))


TABLE = pd.DataFrame({"x": [1.5, 2.5, 3.5], "kind": ["a", "b", "b"], "y": [4, 5, 6], "note": ["p", "q", "r"]})


def write(table, path):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: table[name].to_numpy().astype("U" if table[name].dtype.kind in "OT" else None)
                          if not pd.api.types.is_numeric_dtype(table[name]) else table[name].to_numpy()
                          for name in table})  # fmt: skip
    else:
        with h5py.File(path, "w") as file:
            for name in table:
                numeric = pd.api.types.is_numeric_dtype(table[name])
                file[name] = table[name].to_numpy() if numeric else table[name].tolist()
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz", ".h5"])
def test_a_user_s_own_file(tmp_path, suffix):
    found = read_embedding(write(TABLE, tmp_path / f"own{suffix}"), label="kind", signal="b")
    by_axis = dict(zip(found.axes, found.points.T.tolist(), strict=True))
    assert by_axis == {"x": [1.5, 2.5, 3.5], "y": [4, 5, 6]}
    assert found.labels.tolist() == ["a", "b", "b"]
    assert found.ids.tolist() == [0, 1, 2]
    assert found.weights.tolist() == [1, 1, 1]
    assert set(found.splits) == {"test"}
    assert found.signal == "b"


def test_optional_columns(tmp_path):
    table = TABLE.assign(label=[7, 8, 8], id=[9, 8, 7], split=["train", "test", "val"], weight=[1, 2, 0.5])
    found = read_embedding(write(table, tmp_path / "own.csv"))
    assert found.axes == ("x", "y")
    assert found.labels.tolist() == ["7", "8", "8"]
    assert found.ids.tolist() == [9, 8, 7]
    assert found.splits.tolist() == ["train", "test", "val"]
    assert found.weights.tolist() == [1, 2, 0.5]
    assert found.signal is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.drop(columns="kind"), "no column 'kind' of labels; choose dataset.label from x, y, note"),
        (TABLE.assign(kind=["a", None, "b"]), "1 rows have no label"),
        (TABLE.drop(columns=["x", "y"]), "no numeric column"),
        (TABLE.assign(x=[1, np.nan, np.inf]), "2 rows have NaN or infinite values in x"),
        (TABLE.assign(x=[1, 2, 1e300]), "1 rows have NaN or infinite values in x"),
        (TABLE.assign(id=[1, 1, 2]), "'id' repeats 1"),
        (TABLE.assign(id=[1, 1.5, 2]), "'id' must hold whole numbers"),
        (TABLE.assign(weight=[1, 0, 2]), "'weight' must hold positive"),
        (TABLE.assign(weight=["1", "x", "2"]), "'weight' must hold numbers"),
        (TABLE.assign(split=["train", "test", "dev"]), "'split' holds dev"),
        (TABLE.assign(kind="a"), "signal class 'b' is not there; choose from a"),
    ],
)
def test_bad_files_are_named_with_what_is_wrong(tmp_path, table, message):
    path = write(table, tmp_path / "own.csv")
    with pytest.raises(UserError, match=message) as error:
        read_embedding(path, label="kind", signal="b")
    assert "own.csv" in str(error.value)


def test_the_held_out_class_cannot_be_exchanged_afterwards(tmp_path):
    path = write_embedding(tmp_path / "e.parquet", events())
    assert read_embedding(path, signal="dog").signal == "dog"
    with pytest.raises(UserError, match=r"dataset\.signal=dog"):
        read_embedding(path, signal="cat")


@pytest.mark.parametrize("keep", [0, 10, 600])
def test_truncated(tmp_path, keep):
    path = write_embedding(tmp_path / "e.parquet", events())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"e\.parquet"):
        read_embedding(path)

"""Embeddings written part by part are those made at once, whatever was interrupted."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from stored_features import stored

from autoscidact.data.contract import Dataset, Events
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding import embed_files
from autoscidact.embedding.checkpoint import Checkpoint
from autoscidact.embedding.embed import embed_dataset, rows_to_embed, unembedded
from autoscidact.embedding.embed_files import embed_to_file
from autoscidact.embedding.probe import linear_probe
from autoscidact.embedding.standardise import Standardisation
from autoscidact.embedding.table import read_embedding
from autoscidact.encoders.mlp import MLP
from autoscidact.errors import UserError

N = 530
RECORDS = np.dtype([("pt", "<f4"), ("n", "<i8")])


def values():
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    return (rng.normal(size=(N, 4)) + 4 * np.eye(4)[labels]).astype(np.float32), labels


@pytest.fixture
def dataset(tmp_path):
    features, labels = values()
    records = np.zeros(N, RECORDS)
    records["pt"], records["n"] = features.sum(axis=1), np.arange(N) // 7
    events = Events(
        stored(tmp_path / "features", features),
        labels.astype(np.int64),
        ("a", "b", "c"),
        np.arange(N) * 11,
        np.ones(N),
        stored_observers=stored(tmp_path / "records", records),
    )
    return Dataset("toy", events, "c", (np.arange(N) // 3 % 3).astype(np.int8))


@pytest.fixture
def trained():
    encoder = MLP((4,), 2, [8]).eval().requires_grad_(False)
    plain = Standardisation(np.arange(4.0), np.full(4, 2.0))
    return Checkpoint("checkpoint", encoder, plain, (4,), 2, ("a", "b"), "c", {"key": "k", "encoder": "mlp"})


def test_the_table_is_that_of_all_events_at_once(dataset, trained, tmp_path):
    path = embed_to_file(trained, dataset, tmp_path / "out" / "embedding.parquet", part=100)
    found, features = read_embedding(path), values()[0]
    rows = np.arange(N)
    whole = embed_dataset(trained, dataset)
    np.testing.assert_allclose(found.points, whole.points, rtol=1e-6, atol=1e-6)
    for name in ("ids", "labels", "splits", "weights"):
        assert np.array_equal(getattr(found, name), getattr(whole, name)), name
    assert found.observers.keys() == {"pt", "n"}
    np.testing.assert_array_equal(found.observers["pt"], features.sum(axis=1))
    assert np.array_equal(found.observers["n"], rows // 7)
    assert found.signal == "c"
    assert found.provenance["key"] == "k"
    assert not list((tmp_path / "out").glob("*.parts"))


def test_an_interrupted_run_goes_on_to_the_same_bytes(dataset, trained, tmp_path, monkeypatch):
    whole = embed_to_file(trained, dataset, tmp_path / "1" / "e.parquet", part=100)
    write, made = embed_files.write_embedding, []

    def stops(path, events):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(path.name)
        return write(path, events)

    monkeypatch.setattr(embed_files, "write_embedding", stops)
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(trained, dataset, tmp_path / "2" / "e.parquet", part=100)
    assert not (tmp_path / "2" / "e.parquet").exists()
    first = list(made)
    monkeypatch.setattr(
        embed_files, "write_embedding", lambda path, events: (made.append(path.name), write(path, events))
    )
    again = embed_to_file(trained, dataset, tmp_path / "2" / "e.parquet", part=100)
    assert len(made) == len(set(made)) == 6
    assert made[:3] == first
    assert again.read_bytes() == whole.read_bytes()


def test_parts_of_other_events_are_not_taken(dataset, trained, tmp_path):
    path = tmp_path / "e.parquet"
    embed_to_file(trained, dataset, path, np.arange(0, N, 2), part=50)
    assert np.array_equal(read_embedding(path).ids, np.arange(0, N, 2) * 11)
    embed_to_file(trained, dataset, path, np.arange(1, N, 2), part=50)
    assert np.array_equal(read_embedding(path).ids, np.arange(1, N, 2) * 11)


def test_which_rows(dataset):
    every = rows_to_embed(dataset, ("train", "val", "test"), None, 0)
    assert np.array_equal(every, np.arange(N))
    test = rows_to_embed(dataset, ("test",), 5, 0)
    assert np.array_equal(test, np.flatnonzero(dataset.split == 2))
    few = rows_to_embed(dataset, ("train", "test"), 20, 0)
    assert np.array_equal(few[dataset.split[few] == 2], test)
    assert (dataset.split[few] == 0).sum() == 20
    assert (np.diff(few) > 0).all()
    assert np.array_equal(few, rows_to_embed(dataset, ("train", "test"), 20, 0))
    assert not np.array_equal(few, rows_to_embed(dataset, ("train", "test"), 20, 1))


def test_events_on_disk_are_not_tested_raw(dataset):
    with pytest.raises(UserError, match="dataset=toy lie on disk"):
        unembedded(dataset)


def test_stored_events_fingerprint_and_subset(dataset):
    assert isinstance(dataset.events.features, ShardedArray)
    part = dataset.subset("val", "background")
    features, labels = values()
    rows = np.flatnonzero((dataset.split == 1) & (labels != 2))
    assert np.array_equal(part.features[:], features[rows])
    assert np.array_equal(part.stored_observers[:]["n"], rows // 7)
    again = part.take(np.arange(len(rows)) % 2 == 1)
    assert np.array_equal(again.features[:], features[rows[1::2]])
    assert again.features.fingerprint != part.features.fingerprint
    with pytest.raises(ValueError, match="must rise"):
        part.take(np.array([3, 1]))


def test_probe_of_apart_and_of_mixed_classes(dataset, trained, tmp_path):
    embedded = embed_dataset(trained, dataset)
    points = np.stack([embedded.labels == "a", embedded.labels == "b"], 1)
    apart = embedded.__class__(**{**vars(embedded), "points": points.astype(np.float32)})
    assert linear_probe(apart) == (1.0, pytest.approx(0.5, abs=0.02))
    mixed = embedded.__class__(**{**vars(embedded), "points": np.zeros_like(points, dtype=np.float32)})
    accuracy, chance = linear_probe(mixed)
    assert accuracy <= chance
    only = embedded.take(embedded.labels == "a")
    assert linear_probe(only) is None


def test_it_can_be_read_in_pieces(dataset, trained, tmp_path):
    path = embed_to_file(trained, dataset, tmp_path / "e.parquet", part=100)
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 6
    assert [file.read_row_group(k).num_rows for k in range(6)] == [100] * 5 + [30]

"""Events on disk reach a training once an epoch, mixed, and the same ones however many processes share them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_features import stored

from autoscidact.embedding.epoch_order import BLOCK, LANES, EpochOrder
from autoscidact.embedding.streamed_batches import StreamedBatches


def make(folder, n=5000, batch_size=256, buffer=1024, reshuffle=True, seed=0, labels=None):
    values = np.arange(n, dtype=np.float32)[:, None]
    labels = np.arange(n) * 4 // n if labels is None else labels
    features = stored(folder, values)
    options = {"reshuffle": reshuffle, "buffer": buffer, "transform": lambda x: x}
    return StreamedBatches(features, labels.astype(np.int8), batch_size, seed, **options)


def rows(batches):
    return [x[:, 0].long().tolist() for x, _ in batches]


@settings(deadline=None, max_examples=200)
@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=6),
    batch_size=st.integers(2, 300),
    buffer=st.integers(1, 1000),
    world=st.sampled_from([1, 2, 3, 4, 8]),
)
def test_every_event_at_most_once_and_few_left_over(lengths, batch_size, buffer, world):
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    n = int(bounds[-1])
    if n < world:
        with pytest.raises(ValueError, match="cannot be shared"):
            EpochOrder(bounds, np.zeros(n), batch_size, buffer, world)
        return
    order = EpochOrder(bounds, np.arange(n) % 3, batch_size, buffer, world)
    ranks = [list(order.windows([0], rank)) for rank in range(world)]
    seen = np.concatenate([window.rows for windows in ranks for window in windows])
    assert len(np.unique(seen)) == len(seen)
    assert seen.min() >= 0
    assert seen.max() < n
    assert n - len(seen) < order.lanes <= max(LANES, world)
    assert order.lanes % world == 0
    sizes = [np.concatenate([window.sizes for window in windows]) for windows in ranks]
    assert all(np.array_equal(one, sizes[0]) for one in sizes)
    assert len(sizes[0]) == len(order)
    assert sizes[0].min() > 0
    assert (sizes[0] * world).max() <= max(batch_size, world)
    for windows in ranks:
        assert all(
            len(window.rows) * world <= max(buffer, batch_size, world * -(-buffer // batch_size)) for window in windows
        )


def test_features_come_with_their_labels(tmp_path):
    batches = make(tmp_path)
    for x, labels in batches:
        assert labels.dtype == torch.int64
        assert torch.equal(labels, x[:, 0].long() * 4 // 5000)


def test_each_event_once_an_epoch(tmp_path):
    assert sorted(np.concatenate(rows(make(tmp_path)))) == list(range(5000))


def test_fewer_than_eight_sit_out_and_others_each_time(tmp_path):
    batches = make(tmp_path, n=5007)
    out = []
    for batches.epoch in range(3):
        out.append(set(range(5007)) - set(np.concatenate(rows(batches)).tolist()))
    assert [len(some) for some in out] == [7, 7, 7]
    assert len(set.union(*out)) > 7


def test_order_is_a_function_of_seed_and_epoch(tmp_path):
    batches = make(tmp_path)
    first = rows(batches)
    assert first == rows(make(tmp_path))
    assert first != rows(make(tmp_path, seed=1))
    batches.epoch = 1
    assert rows(batches) != first
    batches.epoch = 0
    assert rows(batches) == first


def test_validation_keeps_its_order(tmp_path):
    batches = make(tmp_path, reshuffle=False)
    first = rows(batches)
    batches.epoch = 5
    assert rows(batches) == first


@pytest.mark.parametrize("world", [2, 4, 8])
def test_processes_share_the_batches_of_one(tmp_path, world):
    whole = rows(make(tmp_path))
    shares = [rows(make(tmp_path).place(torch.device("cpu"), rank, world)) for rank in range(world)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert {len(part) for part in parts} == {len(batch) // world}
        assert sorted(itertools.chain(*parts)) == sorted(batch)


def test_processes_read_different_blocks(tmp_path):
    """But for those at the edge between two lanes, a block is read by one process."""
    bounds, labels = np.array([0, 40_000]), np.zeros(40_000)
    order = EpochOrder(bounds, labels, 512, 16384, 2)
    blocks = [{int(row) // BLOCK for w in order.windows([0], rank) for row in w.rows} for rank in range(2)]
    shared = len(blocks[0] & blocks[1])
    assert shared <= 2 * sum(1 for _ in order.windows([0]))
    assert min(len(one) for one in blocks) > 10 * shared


@pytest.mark.statistical
def test_batches_are_mixed(tmp_path):
    """Files of one class each: every batch holds all four, and who is together changes from epoch to epoch.

    At random, two of 100000 events would share a batch of 512 in one of 200 pairs; here a batch takes 512 of the
    128 blocks of a window, so that 1 pair in 86 of a batch are of one block. A reader without shuffling has 1 in 4.
    """
    n = 100_000
    labels = np.arange(n) * 4 // n
    order = EpochOrder(np.array([0, 10_000, 50_000, n]), labels, 512, 16384)
    of_class, same_block, pairs = [], 0, 0
    for window in order.windows([3]):
        for batch in np.split(window.rows, np.cumsum(window.sizes)[:-1]):
            of_class.append(np.bincount(labels[batch], minlength=4) / len(batch))
            counts = np.bincount(batch // BLOCK)
            same_block += int((counts * (counts - 1)).sum())
            pairs += len(batch) * (len(batch) - 1)
    assert np.abs(np.array(of_class) - 0.25).max() < 0.1  # 5 sigma of a random batch
    assert same_block / pairs < 0.015


def test_waiting_is_counted(tmp_path, monkeypatch):
    import time

    batches = make(tmp_path)
    read = batches._read
    monkeypatch.setattr(batches, "_read", lambda windows: (time.sleep(0.05), read(windows))[1])
    rows(batches)
    assert 0.25 < batches.waited <= batches.taken


def test_what_goes_wrong_while_reading_reaches_the_training(tmp_path):
    from autoscidact.errors import UserError

    batches = make(tmp_path)
    (tmp_path / "1.npy").unlink()
    with pytest.raises(UserError, match=r"1\.npy: missing or damaged"):
        rows(batches)

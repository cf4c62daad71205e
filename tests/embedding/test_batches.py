import itertools

import pytest
import torch

from autoscidact.embedding.batches import Batches


def make(n=103, batch_size=20, reshuffle=True, seed=0):
    x = torch.arange(n)
    return Batches(x[:, None].float(), x, batch_size, seed, reshuffle=reshuffle)


def order(batches):
    return [int(label) for _, labels in batches for label in labels]


def test_every_event_once_in_batches_of_nearly_equal_size():
    batches = make()
    assert sorted(order(batches)) == list(range(103))
    sizes = [len(labels) for _, labels in batches]
    assert len(sizes) == len(batches) == 6
    assert max(sizes) <= 20
    assert max(sizes) - min(sizes) <= 1
    assert all((x[:, 0] == labels).all() for x, labels in batches)


def test_order_is_a_function_of_seed_and_epoch():
    batches = make()
    first = order(batches)
    assert first == order(make())
    assert first != order(make(seed=1))
    batches.epoch = 1
    assert order(batches) != first
    batches.epoch = 0
    assert order(batches) == first


def test_validation_keeps_its_order_but_mixes_the_classes():
    batches = make(reshuffle=False)
    first = order(batches)
    batches.epoch = 5
    assert order(batches) == first != sorted(first)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_a_batch_equally(world):
    whole = [set(labels.tolist()) for _, labels in make()]
    shares = [[labels.tolist() for _, labels in make().place(torch.device("cpu"), r, world)] for r in range(world)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert len({len(part) for part in parts}) == 1
        together = list(itertools.chain(*parts))
        assert len(set(together)) == len(together) > len(batch) - world
        assert set(together) <= batch

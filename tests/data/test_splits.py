import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscidact.data.contract import SPLITS
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError

PAPER = {"train": 0.5, "val": 0.1, "test": 0.4}
shares = st.tuples(*[st.floats(0, 1)] * 3).filter(lambda s: sum(s) > 0.01)


def counts(split):
    return np.bincount(split, minlength=3).tolist()


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5), shares=shares, seed=st.integers(0, 2**40))
def test_each_class_is_divided_in_the_same_proportions(sizes, shares, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    split = stratified_split(labels, dict(zip(SPLITS, shares, strict=True)), seed)
    for label, size in enumerate(sizes):
        got = np.array(counts(split[labels == label]))
        quota = size * np.array(shares) / sum(shares)
        assert got.sum() == size
        assert (got[np.array(shares) == 0] == 0).all()
        # One event for the rounding; a split saved from emptiness takes at most one more from a larger one.
        assert (np.abs(got - quota) < 3).all()
        if size >= 3:
            assert (got[np.array(shares) > 0] > 0).all()


@pytest.mark.parametrize(
    ("n", "expected"), [(10, [5, 1, 4]), (1000, [500, 100, 400]), (2, [1, 0, 1]), (3, [1, 1, 1]), (1, [1, 0, 0])]
)
def test_rounding(n, expected):
    assert counts(stratified_split(np.zeros(n, dtype=int), PAPER, 0)) == expected


def test_shares_need_not_add_up_and_may_be_left_out():
    assert counts(stratified_split(np.zeros(8, dtype=int), {"train": 1, "test": 3}, 0)) == [2, 0, 6]


def test_seed_decides_which_events():
    labels = np.repeat([0, 1], 500)
    first, again, other = (stratified_split(labels, PAPER, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # A split that followed the file's order would put the first events of a class in train.
    assert 0.3 < (first[:250] == 0).mean() < 0.7


@pytest.mark.parametrize(
    ("fractions", "says"),
    [
        ({"train": 1, "valid": 0.1}, r"dataset\.split\.valid.*train, val, test"),
        ({"train": -0.1}, r"dataset\.split\.train=-0\.1"),
        ({"train": float("nan")}, r"dataset\.split\.train=nan"),
        ({"train": "half"}, r"dataset\.split\.train=half"),
        ({"train": 0, "test": 0}, "every share is 0"),
        ({}, "every share is 0"),
    ],
)
def test_bad_fractions(fractions, says):
    with pytest.raises(UserError, match=says):
        stratified_split(np.zeros(10, dtype=int), fractions, 0)


@pytest.mark.parametrize("seed", [-1, 0.5, "a", True, None])
def test_bad_seed(seed):
    with pytest.raises(UserError, match=r"dataset\.seed"):
        stratified_split(np.zeros(10, dtype=int), PAPER, seed)


def test_braces_that_a_shell_has_taken():
    with pytest.raises(UserError, match=r"dataset.split=train:0.5: give shares, in quotes"):
        stratified_split(np.zeros(9, dtype=int), "train:0.5", 0)

"""Mislabelled events: how many, to what, and which."""

import numpy as np
import pytest
from scipy.stats import chisquare

from autoscidact.data.contract import Events
from autoscidact.data.label_noise import mislabel
from autoscidact.errors import UserError

CLASSES = ("a", "signal", "b", "c")


def events(n: int = 3000) -> Events:
    labels = np.array([0, 2, 3])[np.arange(n) % 3]
    return Events(np.zeros((n, 2), np.float32), labels, CLASSES, np.arange(n), np.ones(n))


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.3, 1.0])
def test_exactly_this_many_are_wrong_and_none_becomes_a_class_that_is_not_there(fraction: float) -> None:
    before = events()
    after = mislabel(before, fraction, 0)
    assert np.sum(after.labels != before.labels) == round(fraction * len(before))
    assert set(after.labels.tolist()) == {0, 2, 3}
    np.testing.assert_array_equal(after.ids, before.ids)


def test_other_classes_are_equally_likely() -> None:
    before = events(30000)
    after = mislabel(before, 1.0, 1)
    for label in (0, 2, 3):
        _, counts = np.unique(after.labels[before.labels == label], return_counts=True)
        assert len(counts) == 2
        assert chisquare(counts).pvalue > 1e-4


def test_more_noise_mislabels_the_same_events_and_more() -> None:
    few, many = (mislabel(events(), fraction, 0).labels != events().labels for fraction in (0.02, 0.1))
    assert (many[few]).all()
    assert (mislabel(events(), 0.02, 1).labels != events().labels).tolist() != few.tolist()


@pytest.mark.parametrize("fraction", [-0.1, 1.5, True, "much"])
def test_fractions_that_are_none(fraction: float) -> None:
    with pytest.raises(UserError, match=r"dataset\.label_noise"):
        mislabel(events(), fraction, 0)


def test_one_class_has_no_other() -> None:
    one = events().take(np.arange(3000) % 3 == 0)
    with pytest.raises(UserError, match="two background classes"):
        mislabel(one, 0.1, 0)

import warnings

import numpy as np
import pytest

from autoscidact.data import digits
from autoscidact.errors import UserError

SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}


@pytest.mark.parametrize("signal", [8, "8", 8.0])
def test_digits(signal):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = digits.load(name="digits", signal=signal, split=SPLIT, seed=0)
    assert dataset.events.features.shape == (1797, 1, 8, 8)
    assert dataset.events.features.min() == 0
    assert dataset.events.features.max() == 1
    assert np.bincount(dataset.events.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len(dataset.subset("test", "background")) == 649
    assert len(dataset.subset("test", "signal")) == 70


def test_no_such_digit():
    with pytest.raises(UserError, match=r"'10' is not there.*0, 1, 2"):
        digits.load(name="digits", signal=10, split=SPLIT, seed=0)


def test_no_file():
    with pytest.raises(UserError, match="dataset=custom"):
        digits.load(name="digits", signal=8, split=SPLIT, seed=0, path="mine.csv")

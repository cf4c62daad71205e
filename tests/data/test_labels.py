import numpy as np
import pandas as pd
import pytest

from autoscidact.data.labels import class_name, encode_labels


@pytest.mark.parametrize(
    ("value", "name"),
    [(3, "3"), (3.0, "3"), (np.float32(3), "3"), (0.5, "0.5"), (" muon ", "muon"), (b"muon", "muon"), (True, "True")],
)
def test_class_name(value, name):
    assert class_name(value) == name


@pytest.mark.parametrize(
    ("values", "classes", "labels"),
    [
        ([10, 9, 10], ("9", "10"), [1, 0, 1]),
        ([1.0, np.nan, 2.0], ("1", "2"), [0, -1, 1]),
        (["b", "a", "", " ", None, "b "], ("a", "b"), [1, 0, -1, -1, -1, 1]),
        ([3, "3", "x"], ("3", "x"), [0, 0, 1]),
        ([-1, 1, 0], ("-1", "0", "1"), [0, 2, 1]),
        (pd.array([1, None, 2], dtype="Int64"), ("1", "2"), [0, -1, 1]),
        (pd.Categorical(["s", "b", "s"]), ("b", "s"), [1, 0, 1]),
        ([None, np.nan], (), [-1, -1]),
    ],
)
def test_encode_labels(values, classes, labels):
    got_labels, got_classes = encode_labels(values)
    assert got_classes == classes
    assert got_labels.tolist() == labels
    assert got_labels.dtype == np.int64

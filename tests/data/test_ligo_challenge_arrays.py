"""Segments that others have cut are taken as they are, or refused by the file's name."""

import numpy as np
import pytest

from autoscidact.data.ligo.challenge_arrays import find_arrays, read_segments
from autoscidact.errors import UserError


@pytest.fixture
def segments():
    return np.random.default_rng(0).normal(size=(30, 2, 200))


def test_the_challenges_own_names(tmp_path, segments):
    np.savez(tmp_path / "background.npz", data=segments)
    np.save(tmp_path / "bbh_for_challenge.npy", 2 * segments)
    np.save(tmp_path / "kink.npy", 3 * segments)
    found = find_arrays(tmp_path)
    assert list(found) == ["background", "bbh", "kink"]
    for path, factor in zip(found.values(), (1, 2, 3), strict=True):
        values = read_segments(path)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, (factor * segments).astype(np.float32))


def test_named_files_come_in_the_order_of_the_classes(tmp_path, segments):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", segments)
    named = {"bbh": "a.npy", "background": str(tmp_path / "b.npy")}
    assert find_arrays(tmp_path, named) == {"background": tmp_path / "b.npy", "bbh": tmp_path / "a.npy"}


@pytest.mark.parametrize(
    ("named", "match"),
    [
        ({"bbh": "missing.npy"}, "missing.npy: no such file"),
        ({"supernova": "a.npy"}, "dataset.arrays.supernova: no such class"),
        (None, "none of background.npz"),
    ],
)
def test_files_that_cannot_be_found(tmp_path, named, match):
    with pytest.raises(UserError, match=match):
        find_arrays(tmp_path, named)


def test_what_is_no_array_of_segments(tmp_path, segments):
    objects = np.array([{"a": 1}], dtype=object)
    broken = segments.copy()
    broken[7, 1, 3] = np.nan
    bad = {
        "other.npz": (lambda path: np.savez(path, values=segments), "no array 'data' in it, but values"),
        "shape.npy": (lambda path: np.save(path, segments[:, 0]), r"it must be floats of shape \(n, 2, 200\)"),
        "whole.npy": (lambda path: np.save(path, segments.astype(int)), "holds int64"),
        "pickle.npy": (lambda path: np.save(path, objects, allow_pickle=True), "cannot be read"),
        "text.npy": (lambda path: path.write_text("no array"), "cannot be read"),
        "nan.npy": (lambda path: np.save(path, broken), "NaN or infinite values in 1 segments, the first is number 7"),
    }
    for name, (write, match) in bad.items():
        write(tmp_path / name)
        with pytest.raises(UserError, match=match) as error:
            read_segments(tmp_path / name)
        assert name in str(error.value)

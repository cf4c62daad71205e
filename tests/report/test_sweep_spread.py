"""Median and spread over seeds against values worked out by hand, with bounds among them."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscidact.report.spread import FEWEST, spread

INF = float("inf")


@pytest.mark.parametrize(
    ("values", "median", "low", "high"),
    [
        ([2.0], 2.0, 2.0, 2.0),
        ([3.0, 1.0], 2.0, 1.0, 3.0),
        ([3.0, 1.0, 2.5], 2.5, 1.0, 3.0),
        ([4.0, 1.0, 2.0, 3.0], 2.5, 1.0, 4.0),
        # Five and more: 16 % of the way from the first of five to the last is 0.64 of the way to the second.
        ([5.0, 1.0, 2.0, 4.0, 3.0], 3.0, 1.64, 4.36),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 100.0], 0.0, 0.0, 20.0),
        # A p of 1 is a Z of minus infinity.
        ([-INF, 1.0, 2.0], 1.0, -INF, 2.0),
        ([-INF, 1.0], -INF, -INF, 1.0),
        ([-INF, -INF, 1.0], -INF, -INF, 1.0),
        ([1.0, 2.0, INF], 2.0, 1.0, INF),
    ],
)
def test_by_hand(values: list[float], median: float, low: float, high: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = spread(values, [False] * len(values))
    assert (found.n, found.median, found.low, found.high) == (len(values), *map(pytest.approx, (median, low, high)))
    assert (found.median_is_bound, found.low_is_bound, found.high_is_bound) == (False, False, False)


@pytest.mark.parametrize(
    ("values", "bounds", "median", "is_bound", "low_is_bound", "high_is_bound"),
    [
        # One bound of three is above the median, which stays a number.
        ([1.0, 2.0, 2.88], "001", 2.0, False, False, True),
        ([1.0, 2.88, 2.88], "011", 2.88, True, False, True),
        ([2.88, 2.88, 2.88], "111", 2.88, True, True, True),
        # The mean of a number and a bound is a bound.
        ([2.0, 2.88], "01", 2.44, True, False, True),
        ([1.0, 2.0, 2.88, 2.88], "0011", 2.44, True, False, True),
        ([1.0, 2.0, 2.5, 2.88], "0001", 2.25, False, False, True),
        # Bounds of different numbers of null toys: a low bound may in truth be the largest value.
        ([1.5, 2.0, 2.5], "100", 2.0, True, True, True),
        ([1.0, 1.5, 2.0, 2.5, 2.88], "00001", 2.0, False, False, True),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.88], "000000001", 1.0, False, False, False),
        ([2.88], "1", 2.88, True, True, True),
    ],
)
def test_bounds_by_hand(
    values: list[float], bounds: str, median: float, is_bound: bool, low_is_bound: bool, high_is_bound: bool
) -> None:
    found = spread(values, [bound == "1" for bound in bounds])
    assert found.median == pytest.approx(median)
    assert (found.median_is_bound, found.low_is_bound, found.high_is_bound) == (is_bound, low_is_bound, high_is_bound)


@given(st.lists(st.tuples(st.floats(-5, 9), st.booleans(), st.floats(0, 30)), min_size=1, max_size=12))
def test_what_is_no_bound_is_the_number_whatever_the_bounds_hide(seeds: list[tuple[float, bool, float]]) -> None:
    values, bounds, hidden = map(np.array, zip(*seeds, strict=True))
    found, true = spread(values, bounds), spread(values + bounds * hidden, [False] * len(values))
    for name in ("median", "low", "high"):
        given_, truth = getattr(found, name), getattr(true, name)
        assert given_ <= truth + 1e-9
        if not getattr(found, f"{name}_is_bound"):
            assert given_ == pytest.approx(truth)
    assert found.low <= found.median <= found.high


@given(st.lists(st.floats(-5, 9), min_size=1, max_size=12))
def test_against_numpy(values: list[float]) -> None:
    found = spread(values, np.zeros(len(values), dtype=bool))
    assert found.median == pytest.approx(np.median(values))
    ends = (0.16, 0.84) if len(values) >= FEWEST else (0, 1)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, ends)))

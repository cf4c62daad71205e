"""The combination of variants: against literal ranking, and exactly uniform where rows are exchangeable."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import kstest, norm

from autoscidact.inference.combine import RULES, average_p, combined_p, uncalibrated_p
from autoscidact.inference.pvalues import empirical_p

Array = NDArray[np.float64]


def literal(row: Array, null: Array, rule: Callable[[Array], Array]) -> float:
    """All n + 1 rows written down, ranked variant by variant by counting, combined, and ranked again."""
    rows = np.vstack([row, null])
    n = len(rows)
    local = np.array(
        [[(sum(rows[k, j] >= rows[i, j] for k in range(n)) - 0.5) / n for j in range(rows.shape[1])] for i in range(n)]
    )
    score = [float(rule(p)) for p in local]
    return sum(s <= score[0] + 1e-12 * abs(score[0]) for s in score) / n


tables = st.tuples(st.integers(2, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(-4, 4).map(float) | st.floats(-5, 5))
)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@settings(max_examples=150, deadline=None)
@given(table=tables)
def test_against_literal_ranking(rule: Callable[[Array], Array], table: Array) -> None:
    expected = [literal(row, table[1:], rule) for row in table]
    np.testing.assert_allclose(combined_p(table, table[1:], rule), expected, rtol=1e-14)


def leave_one_out(rows: Array, rule: Callable[[Array], Array] = average_p) -> Array:
    """p of each row in turn as the observed one, all others as null."""
    return np.array([combined_p(rows[i : i + 1], np.delete(rows, i, axis=0), rule)[0] for i in range(len(rows))])


def correlated(n: int, variants: int, correlation: float, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    # Widths differ in scale, in shape and in sign of their dependence; ranks see none of the first two.
    rows = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(n, variants))
    rows[:, 0] = np.exp(3 * rows[:, 0])
    return rows


@pytest.mark.parametrize("correlation", [0.0, 0.7, 0.999])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_exchangeable_rows_give_exactly_uniform_p(rule: Callable[[Array], Array], correlation: float) -> None:
    """Whichever of n + 1 exchangeable rows is the observed one, all others being null.

    All choices rank the same n + 1 rows, so p is the rank of the row's score: every
    multiple of 1/(n+1) once, up to ties of the score. Ties round p up, never down: at
    most k of the n + 1 choices have p <= k/(n+1), for every k.
    """
    n = 41
    rows = correlated(n, 3, correlation)
    p = leave_one_out(rows, rule)
    ranks = np.array([[np.sum(rows[:, j] >= rows[i, j]) for j in range(3)] for i in range(n)]) / n
    score = rule(ranks - 0.5 / n)
    expected = np.array([np.sum(score <= s + 1e-12 * abs(s)) for s in score]) / n
    np.testing.assert_allclose(p, expected, rtol=1e-14)
    at_or_below = np.array([np.sum(p <= k / n * (1 + 1e-12)) for k in range(1, n + 1)])
    assert (at_or_below <= np.arange(1, n + 1)).all()
    if len(np.unique(np.round(score, 12))) == n:
        np.testing.assert_allclose(np.sort(p), np.arange(1, n + 1) / n, rtol=1e-14)


def test_without_ties_every_p_occurs_once() -> None:
    def untied(p: Array) -> Array:
        return np.asarray(p @ np.array([1.0, np.sqrt(2), np.sqrt(3)]))

    p = leave_one_out(correlated(60, 3, 0.5), untied)
    np.testing.assert_allclose(np.sort(p), np.arange(1, 61) / 60, rtol=1e-14)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_one_variant_is_the_plain_empirical_p(rule: Callable[[Array], Array]) -> None:
    rng = np.random.default_rng(0)
    t, null = rng.normal(size=(30, 1)), rng.normal(size=(80, 1))
    np.testing.assert_allclose(combined_p(t, null, rule), empirical_p(t[:, 0], null[:, 0]))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_variant_twice_changes_nothing(rule: Callable[[Array], Array]) -> None:
    rng = np.random.default_rng(0)
    t, null = rng.normal(size=(30, 1)), rng.normal(size=(80, 1))
    np.testing.assert_allclose(combined_p(np.tile(t, 5), np.tile(null, 5), rule), combined_p(t, null, rule))


def test_rules_by_hand() -> None:
    p = np.array([0.02, 0.3, 0.5])
    z = norm.isf(p)
    assert RULES["average_p"](p) == pytest.approx(0.82 / 3)
    assert RULES["average_z"](p) == pytest.approx(-z.mean())
    assert RULES["min_p"](p) == pytest.approx(0.02, rel=1e-5)
    # Ranks that differ are never reordered by the tie-break, equal ones are by the product.
    n = 100_000
    first, second = (np.array([r - 0.5, *rest]) / n for r, rest in ((5000, [n - 0.5] * 5), (5001, [5000.5] * 5)))
    assert RULES["min_p"](first) < RULES["min_p"](second)
    assert RULES["min_p"](np.array([0.02, 0.3, 0.3])) < RULES["min_p"](p)
    assert RULES["product_p"](p) == pytest.approx(np.log(0.02 * 0.3 * 0.5))
    assert RULES["smooth_max"](p) == pytest.approx(-np.log(np.exp(z).sum()))


def test_an_observation_past_all_toys_in_all_widths_but_one_has_the_smallest_p() -> None:
    """Each width has a null row of rank one, which ties with it in the smallest p."""
    null = np.random.default_rng(0).normal(size=(199, 6))
    t = np.full((1, 6), 9.0)
    t[0, 0] = 0.0
    assert combined_p(t, null, RULES["min_p"]) == 1 / 200


@pytest.mark.parametrize("rule", ["min_p", "product_p", "smooth_max"])
def test_one_blind_width_does_not_hide_what_another_sees(rule: str) -> None:
    """The reason for rules beside the average: six widths, one of them far above all null toys, the rest at random."""
    rng = np.random.default_rng(0)
    null, t = rng.normal(size=(2000, 6)), rng.normal(size=(200, 6))
    t[:, 2] = 50.0
    assert np.median(combined_p(t, null, RULES[rule])) < 0.01
    assert np.median(combined_p(t, null)) > 0.03


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_only_ranks_matter(seed: int) -> None:
    rows = correlated(25, 3, 0.3, seed)
    changed = np.stack([np.arcsinh(1e3 * rows[:, 0]), rows[:, 1] ** 3, 7 * rows[:, 2] - 1], axis=1)
    np.testing.assert_array_equal(combined_p(rows[:5], rows[5:]), combined_p(changed[:5], changed[5:]))


def test_a_row_above_everything_gets_the_smallest_p_and_one_below_the_largest() -> None:
    null = correlated(99, 4, 0.5)
    t = np.array([[np.inf] * 4, [-np.inf] * 4])
    assert combined_p(t, null).tolist() == [0.01, 1.0]


def test_failed_null_toys_are_above_everything() -> None:
    null = correlated(99, 4, 0.5)
    null[:3] = np.inf
    assert combined_p(np.full((1, 4), 1e300), null).tolist() == [0.04]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_larger_t_never_gives_a_larger_p(rule: Callable[[Array], Array]) -> None:
    rng = np.random.default_rng(5)
    null = correlated(50, 3, 0.4)
    t = correlated(40, 3, 0.4, seed=6)
    assert (combined_p(t + rng.exponential(size=t.shape), null, rule) <= combined_p(t, null, rule)).all()


@pytest.mark.statistical
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.999])
def test_uniform_over_fresh_nulls_and_uncalibrated_is_not(correlation: float) -> None:
    """1000 observed rows, each with its own 199 null rows: p are independent, so one-sample KS is exact but for
    the step of 1/200, which can only hide 0.005 of its 0.06 (p = 0.001). Seeds are fixed."""
    calibrated, plain = [], []
    for seed in range(1000):
        rows = correlated(200, 6, correlation, seed)
        calibrated.append(combined_p(rows[:1], rows[1:])[0])
        plain.append(uncalibrated_p(rows[:1], rows[1:])[0])
    assert kstest(np.array(calibrated) - 0.5 / 200, "uniform").pvalue > 1e-3
    if correlation < 0.9:
        assert kstest(plain, "uniform").pvalue < 1e-6

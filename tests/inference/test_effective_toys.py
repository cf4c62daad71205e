"""Toys of one pool: closed forms and a simulation of many pools."""

import numpy as np
import pytest
from scipy.stats import chi2

from autoscidact.inference.effective_toys import effective_toys, size_warnings


def test_by_hand() -> None:
    toys = effective_toys(500, 200, np.ones(1000))
    assert (toys.n_toys, toys.n_pool, toys.n_pool_effective) == (500, 1000, 1000)
    assert (toys.shared, toys.disjoint) == (0.2, 5.0)
    assert toys.effective == pytest.approx(500 / (1 + 499 * 0.2))
    assert toys.spread_ratio == pytest.approx(np.sqrt(0.8))


def test_limits() -> None:
    assert effective_toys(500, 1, np.ones(10**7)).effective == pytest.approx(500, rel=1e-3)
    whole = effective_toys(500, 1000, np.ones(1000))
    assert (whole.shared, whole.effective, whole.spread_ratio) == (1.0, 1.0, 0.0)
    for weights, n, k in ((np.empty(0), 1, 1), (np.ones(3), 0, 1), (np.ones(3), 1, 0)):
        with pytest.raises(ValueError, match="pool"):
            effective_toys(k, n, weights)


def test_weights_count_by_kish() -> None:
    equal = effective_toys(100, 10, np.full(300, 7.0))
    assert equal.n_pool_effective == pytest.approx(300)
    # 100 events that carry everything, 900 that carry nearly nothing.
    uneven = effective_toys(100, 10, np.repeat([1.0, 1e-9], [100, 900]))
    assert uneven.n_pool_effective == pytest.approx(100, rel=1e-5)
    assert uneven.shared == pytest.approx(0.1, rel=1e-5)


def test_shared_part_is_what_two_toys_share() -> None:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.2, 1.8, 2000)
    draws = [set(rng.choice(2000, 100, replace=False, p=weights / weights.sum())) for _ in range(400)]
    common = np.mean([len(a & b) / 100 for a, b in zip(draws[::2], draws[1::2], strict=True)])
    assert effective_toys(2, 100, weights).shared == pytest.approx(common, rel=0.1)


@pytest.mark.statistical
@pytest.mark.parametrize("n_data", [30, 100, 200])
def test_the_nulls_centre_and_spread_over_many_pools(n_data: int) -> None:
    """t = mean of the toy's events, 60 toys a pool, 400 pools of 400 events: both variances are chi-squares.

    The variance of the pools' averages over its stated value fails once in 1000 (two-sided) for each size.
    """
    rng = np.random.default_rng(n_data)
    n_pools, n_pool, n_toys = 400, 400, 60
    pools = rng.normal(size=(n_pools, n_pool))
    order = np.argsort(rng.uniform(size=(n_pools, n_toys, n_pool)), axis=2)[..., :n_data]
    t = pools[np.arange(n_pools)[:, None, None], order].mean(axis=2)
    expected = effective_toys(n_toys, n_data, np.ones(n_pool))
    ratio = t.mean(axis=1).var(ddof=1) * n_data * expected.effective
    low, high = chi2.ppf([0.0005, 0.9995], n_pools - 1) / (n_pools - 1)
    assert low <= ratio <= high
    # Independent toys would have made the average known far better.
    assert t.mean(axis=1).var(ddof=1) * n_data * n_toys > 2
    spread = np.sqrt(t.var(axis=1, ddof=1).mean() * n_data)
    assert spread == pytest.approx(expected.spread_ratio, rel=0.04)


def test_warnings_name_the_key_and_only_when_due() -> None:
    large = effective_toys(500, 100, np.ones(1000))
    assert size_warnings(500, 100, large) == []
    (reference,) = size_warnings(499, 100, large)
    assert "R is not much larger than D: |R|=499 is 5.0 times |D|=100" in reference
    assert "toys.n_ref to 500" in reference
    small = effective_toys(500, 101, np.ones(1000))
    (overlap,) = size_warnings(505, 101, small)
    assert "1000 events makes 9.9 toys" in overlap
    assert "toys.n_data" in overlap
    assert "by weight" not in overlap
    weighted = size_warnings(100, 100, effective_toys(500, 100, np.repeat([1.0, 0.01], 500)))
    assert len(weighted) == 2
    assert "worth 5" in weighted[1]

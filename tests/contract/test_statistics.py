"""What every statistic promises. A new one is one row in STATISTICS."""

from collections.abc import Callable

import numpy as np
import pytest

from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths, QuantileWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

N_REF, N_DATA = 600, 120
QUANTILES = QuantileWidths([0.25, 0.75], 2.0)

STATISTICS: dict[str, Callable[[], Statistic]] = {
    "nplm": lambda: NPLM(QUANTILES),
    "nplm, fixed widths": lambda: NPLM(FixedWidths([0.5, 2.0])),
    "nplm, one step": lambda: NPLM(QUANTILES, newton_steps=1),
    "nplm, own centres": lambda: NPLM(QUANTILES, centers="toy"),
    "nplm, newton": lambda: NPLM(QUANTILES, solver="newton"),
}


def pools(resampled: bool = False) -> Pools:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(2000, 2)), rng.normal(3.0, 0.2, size=(200, 2))])
    ids = np.arange(2200)
    return build_pools(points, ids, np.ones(2200), ids >= 2000, N_REF, N_DATA, resampled, seed=0)


def prepared(name: str, pool: Pools) -> Statistic:
    statistic = STATISTICS[name]()
    statistic.prepare(pool, N_REF, N_DATA, 0, Resources())
    return statistic


def draw(pool: Pools, f_s: float, n: int, poisson: bool = False):
    return draw_toys(pool, ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, poisson, 0), f_s, range(n))


@pytest.mark.parametrize("name", STATISTICS)
class TestStatistic:
    def test_shape_names_and_definition(self, name: str) -> None:
        pool = pools()
        statistic = prepared(name, pool)
        assert isinstance(statistic, Statistic)
        t = statistic.evaluate(draw(pool, 0.0, 3))
        assert t.shape == (3, len(statistic.variants))
        assert t.dtype == np.float64
        assert np.isfinite(t).all()
        assert len(set(statistic.variants)) == len(statistic.variants)
        assert statistic.batch_size >= 1
        assert statistic.definition

    @pytest.mark.parametrize("resampled", [False, True])
    def test_larger_with_signal(self, name: str, resampled: bool) -> None:
        pool = pools(resampled)
        statistic = prepared(name, pool)
        null, signal = (np.median(statistic.evaluate(draw(pool, f_s, 8)), axis=0) for f_s in (0.0, 0.15))
        # Not every variant need see it: a narrow kernel whose centres lie elsewhere does not.
        assert np.any(signal > 2 * null)

    def test_same_seed_same_values(self, name: str) -> None:
        pool = pools()
        first, second = (prepared(name, pool).evaluate(draw(pool, 0.05, 4)) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_toys_of_any_size(self, name: str) -> None:
        pool = pools()
        assert np.isfinite(prepared(name, pool).evaluate(draw(pool, 0.1, 4, poisson=True))).all()

    def test_definition_names_what_changes_t(self, name: str) -> None:
        pool = pools()
        one, other = STATISTICS[name](), STATISTICS[name]()
        one.prepare(pool, N_REF, N_DATA, 0, Resources())
        other.prepare(pool, N_REF, N_DATA, 1, Resources())
        assert one.definition != other.definition
        third = prepared(name, pool)
        third.prepare(pool, N_REF, N_DATA, 0, Resources(workers=3, memory=2**31))
        assert third.definition == one.definition

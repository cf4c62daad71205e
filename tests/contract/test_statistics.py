"""What every statistic promises. A new one is one row in STATISTICS."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autoscidact.statistics.c2st import C2ST
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.frechet import Frechet
from autoscidact.statistics.mahalanobis import Mahalanobis
from autoscidact.statistics.mmd import MMD
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths, QuantileWidths
from autoscidact.statistics.observer_fit import ObserverFit
from autoscidact.statistics.one_class_svm import OneClassSVM
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.supervised import Supervised
from autoscidact.toys.labelled import LabelledPoints
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
    "mahalanobis": Mahalanobis,
    "frechet": Frechet,
    "mmd": lambda: MMD(QUANTILES),
    "mmd, fixed widths": lambda: MMD(FixedWidths([0.5, 2.0])),
    "supervised": Supervised,
    "one-class svm": OneClassSVM,
    "c2st": C2ST,
    "observer fit": lambda: ObserverFit("sum"),
}
# Half of the events that c2st looks at only train, so that it sees less than the others.
VISIBLE_FRACTION = {"c2st": 0.6}


CLASSES = np.array(["north", "east", "west", "signal"])
CENTERS = np.array([[0.0, 1.0], [1.0, -0.5], [-1.0, -0.5], [3.0, 3.0]])
SPREADS = np.array([0.9, 0.7, 0.8, 0.2])


def events(rng: np.random.Generator, n_background: int, n_signal: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and class numbers: three overlapping background classes and, last, a signal (3) beside them."""
    classes = np.concatenate([rng.integers(3, size=n_background), np.full(n_signal, 3)])
    points = CENTERS[classes] + SPREADS[classes][:, None] * rng.normal(size=(len(classes), 2))
    return points, classes


def pools(resampled: bool = False) -> Pools:
    points, classes = events(np.random.default_rng(0), 2000, 200)
    known, known_classes = events(np.random.default_rng(1), 900, 300)
    training = LabelledPoints(known, known_classes == 3, np.ones(len(known)))
    pool = build_pools(
        points,
        np.arange(len(points)),
        np.ones(len(points)),
        classes == 3,
        N_REF,
        N_DATA,
        resampled,
        seed=0,
        labels=CLASSES[classes],
        training=training,
    )
    return replace(pool, observers={"sum": points.sum(axis=1)})


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
        assert json.loads(json.dumps(statistic.definition))["statistic"] == statistic.name
        assert all(count >= 0 for count in statistic.solver_report().values())

    @pytest.mark.parametrize("resampled", [False, True])
    def test_larger_with_signal(self, name: str, resampled: bool) -> None:
        pool = pools(resampled)
        statistic = prepared(name, pool)
        f_s = VISIBLE_FRACTION.get(name, 0.15)
        null, signal = statistic.evaluate(draw(pool, 0.0, 20)), statistic.evaluate(draw(pool, f_s, 8))
        # Not every variant need see it: a narrow kernel whose centres lie elsewhere does not.
        assert np.any(np.median(signal, axis=0) > null.max(axis=0))

    def test_same_seed_same_values(self, name: str) -> None:
        pool = pools()
        first, second = (prepared(name, pool).evaluate(draw(pool, 0.05, 4)) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_toys_of_any_size(self, name: str) -> None:
        pool = pools()
        assert np.isfinite(prepared(name, pool).evaluate(draw(pool, 0.1, 4, poisson=True))).all()

    def test_definition_names_what_changes_t(self, name: str) -> None:
        pool = pools()
        assert pool.labels is not None
        assert pool.training is not None
        training = LabelledPoints(pool.training.points + 0.1, pool.training.is_signal, pool.training.weights)
        one, toys = prepared(name, pool), draw(pool, 0.05, 2)
        for changed, seed in (
            (pool, 1),
            (replace(pool, labels=np.where(pool.labels == "west", "north", pool.labels)), 0),
            (replace(pool, training=training), 0),
        ):
            other = STATISTICS[name]()
            other.prepare(changed, N_REF, N_DATA, seed, Resources())
            same = np.array_equal(one.evaluate(toys), other.evaluate(toys))
            assert same or one.definition != other.definition
        third = prepared(name, pool)
        third.prepare(pool, N_REF, N_DATA, 0, Resources(workers=3, memory=2**31))
        assert third.definition == one.definition

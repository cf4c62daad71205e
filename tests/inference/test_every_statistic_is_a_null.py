"""Every statistic and every combination keeps its level, and mistakes in the calibration are noticed.

Every statistic in configs/statistic, as it is shipped: 300 pseudo-observations without signal against
the null toys that calibrate them (they share these toys; see test_null_is_null.py for what that
does to the law of the distance). A new statistic is checked as soon as it has its YAML.
"""

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray
from scipy.stats import kstest, kstwobign

from autoscidact.inference.combine import RULES, combined_p, min_p, uncalibrated_p
from autoscidact.inference.engine import one_thread_each
from autoscidact.inference.pvalues import empirical_p
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
CONFIGS = Path(__file__).parents[2] / "configs"
N_OBSERVED = 300
N_NULL = 3000 if FULL else 600
N_REF, N_DATA, N_POOL = 1000, 200, 12000

LEVEL = 0.01
"""Kolmogorov-Smirnov p at or below which a check fails. A correct null falls below it in one check of
a hundred (11 of 1188 in 12 choices of seeds, some check in 5 of the 12), so one that does is made
again, once, with other events, R and toys, and has to pass there: of the 99 checks in this file
one fails twice with probability below 1 %, were the seeds not fixed."""

STATISTICS = sorted(path.stem for path in (CONFIGS / "statistic").glob("*.yaml"))
# The first is several at once, the second is `supervised` in another embedding.
for no_test_of_its_own in ("all", "ideal_supervised"):
    STATISTICS.remove(no_test_of_its_own)
SETTINGS = {
    "fixed reference": {"resample_reference": False, "poisson": False},
    "resampled reference": {"resample_reference": True, "poisson": False},
    "poisson": {"resample_reference": False, "poisson": True},
}


@dataclass(frozen=True)
class Toys:
    """t of the toys that calibrate and of those that are observed: (toys, variants)."""

    null: NDArray[np.float64]
    observed: NDArray[np.float64]


def configured(name: str) -> Statistic:
    """The statistic as it is shipped."""
    with initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = compose("discover", overrides=[f"statistic=[{name}]"])
    return instantiate(cfg.statistic[name], _convert_="all")


def events(rng: np.random.Generator, n_background: int, n_signal: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points and class numbers: three overlapping background classes and, last, a signal (3) beside them."""
    centres = np.array([[0.0, 1.0], [1.0, -0.5], [-1.0, -0.5], [2.0, 2.0]])
    classes = np.concatenate([rng.integers(3, size=n_background), np.full(n_signal, 3)])
    spread = np.array([[0.9, 0.4], [0.7, 0.7], [0.3, 0.8], [0.3, 0.3]])[classes]
    return centres[classes] + spread * rng.normal(size=(len(classes), 2)), classes


@cache
def prepared(name: str, resampled: bool, seed: int) -> tuple[Statistic, Pools]:
    """The statistic and the pools: three classes, R fixed or not, and labelled events beside them."""
    points, classes = events(np.random.default_rng([1, seed]), N_POOL, 200)
    known, known_classes = events(np.random.default_rng([2, seed]), 3000, 500)
    n = len(points)
    pool = build_pools(
        points,
        np.arange(n),
        np.ones(n),
        classes == 3,
        N_REF,
        N_DATA,
        resampled,
        seed=seed,
        labels=np.array(["north", "east", "west", "signal"])[classes],
        training=LabelledPoints(known, known_classes == 3, np.ones(len(known))),
    )
    pool = replace(pool, observers={"m4l": points.sum(axis=1)})
    statistic = configured(name)
    with one_thread_each():
        statistic.prepare(pool, N_REF, N_DATA, seed, Resources())
    return statistic, pool


@cache
def null_toys(name: str, setting: str, seed: int, n_data: int = N_DATA) -> Toys:
    """Null toys 0 .. n-1 and, as observations, the toys with the next indices."""
    options = SETTINGS[setting]
    statistic, pool = prepared(name, options["resample_reference"], seed)
    definition = ToyDefinition(pool.fingerprint, N_REF, n_data, **options, seed=seed)
    batches = range(0, N_NULL + N_OBSERVED, 20)
    with one_thread_each():
        t = np.concatenate([statistic.evaluate(draw_toys(pool, definition, 0.0, range(i, i + 20))) for i in batches])
    assert np.isfinite(t).all()
    return Toys(t[:N_NULL], t[N_NULL:])


def with_ties_broken(toys: Toys) -> Toys:
    """Ranks of t, ties in random order. The template fit of `supervised` counts events in a few bins: its t tie.

    Ties make p larger than uniform, never smaller, which `uniformity` would take for a fault.
    """
    t, rng = np.concatenate([toys.null, toys.observed]), np.random.default_rng(0)
    ranks = np.empty_like(t)
    for column, rank in zip(t.T, ranks.T, strict=True):
        rank[np.lexsort((rng.random(len(t)), column))] = np.arange(len(t))
    return Toys(ranks[: len(toys.null)], ranks[len(toys.null) :])


def uniformity(p: NDArray[np.float64]) -> float:
    """Kolmogorov-Smirnov p of uniform `p`, for observations that share N_NULL null toys."""
    effective = len(p) * N_NULL / (len(p) + N_NULL)
    # The step of empirical p, 1/(n+1), centred.
    distance = kstest(p - 0.5 / (N_NULL + 1), "uniform").statistic
    return float(kstwobign.sf(np.sqrt(effective) * distance))


def checks(toys: Toys) -> dict[str, float]:
    """`uniformity` of every variant's p and, where there are several, of every combination's."""
    toys = with_ties_broken(toys)
    columns = zip(toys.observed.T, toys.null.T, strict=True)
    found = {f"variant {i}": uniformity(empirical_p(*pair)) for i, pair in enumerate(columns)}
    if len(found) > 1:
        found |= {name: uniformity(combined_p(toys.observed, toys.null, rule)) for name, rule in RULES.items()}
    return found


@pytest.mark.statistical
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", STATISTICS)
def test_every_variant_and_combination_keeps_its_level(name: str, setting: str) -> None:
    failed = [key for key, p in checks(null_toys(name, setting, 0)).items() if p <= LEVEL]
    if failed:
        again = checks(null_toys(name, setting, 1))
        assert not {key: again[key] for key in failed if again[key] <= LEVEL}


@pytest.mark.parametrize("name", STATISTICS)
def test_ties_count_against_a_discovery(name: str) -> None:
    toys = null_toys(name, "fixed reference", 0)
    broken = with_ties_broken(toys)
    for i in range(toys.null.shape[1]):
        p, p_broken = (empirical_p(t.observed[:, i], t.null[:, i]) for t in (toys, broken))
        assert (p >= p_broken).all()


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["mmd", "one_class_svm"])
def test_an_uncalibrated_smallest_p_is_noticed(name: str, seed: int) -> None:
    """The best variant's local p, reported as if it had been the only one."""
    toys = null_toys(name, "fixed reference", seed)
    assert uniformity(uncalibrated_p(toys.observed, toys.null, min_p)) <= LEVEL


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 1])
def test_null_toys_of_another_reference_are_noticed(seed: int) -> None:
    """Observations compared with one R, and null toys that each had an R of its own.

    With the R at hand some statistics come out larger than on average over R, or smaller; which ones differs
    from R to R, so that every check is made and the smallest p paid for.
    """
    found = [
        p
        for name in ("frechet", "mahalanobis", "mmd", "one_class_svm", "supervised")
        for p in checks(
            Toys(null_toys(name, "resampled reference", seed).null, null_toys(name, "fixed reference", seed).observed)
        ).values()
    ]
    assert min(found) <= LEVEL / len(found)


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 1])
def test_null_toys_of_another_size_are_noticed(seed: int) -> None:
    """A tenth more data than the null toys have, in a statistic that is a sum over the data; its excess counts none."""
    null, observed = (null_toys("mahalanobis", "fixed reference", seed, n) for n in (N_DATA, 11 * N_DATA // 10))
    found = checks(Toys(null.null, observed.observed))
    assert found["variant 0"] <= LEVEL
    assert found["variant 1"] > LEVEL

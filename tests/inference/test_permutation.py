"""Permutation p: uniform without novelty, small with it, and the p of a brute-force loop."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES, combined_p
from autoscidact.inference.engine import run_toys
from autoscidact.inference.permutation import Permuted, Permutes
from autoscidact.inference.relabelled import Relabelled
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.frechet import Frechet
from autoscidact.statistics.mmd import MMD
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys
from autoscidact.toys.selection import permuted_labels

N_REF, N_DATA, B = 60, 30, 99
FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"


def make_pools(resampled: bool, seed: int = 0) -> Pools:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(6000, 2)), rng.normal(2.0, 0.3, size=(200, 2))])
    ids = np.arange(6200)
    return build_pools(points, ids, np.ones(6200), ids >= 6000, N_REF, N_DATA, resampled, seed)


def prepared(pools: Pools, permutations: int = B, seed: int = 0, width: float = 0.5) -> Permuted:
    statistic = Permuted(MMD(FixedWidths([width, 3.0]), 20), permutations)
    statistic.prepare(pools, N_REF, N_DATA, seed, Resources())
    return statistic


def definition(pools: Pools) -> ToyDefinition:
    return ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, 0)


def draw(pools: Pools, f_s: float, n: int, first: int = 0) -> ToyBatch:
    return draw_toys(pools, definition(pools), f_s, range(first, first + n))


def ks_p(p: NDArray[np.float64]) -> float:
    """Kolmogorov-Smirnov p against the uniform; p of B permutations, made continuous, are exactly that."""
    return float(kstest(p - np.random.default_rng(0).random(len(p)) / (1 + B), "uniform").pvalue)


def test_uniform_with_the_reference_drawn_anew() -> None:
    """300 null toys, two widths; false alarms 2e-4."""
    pools = make_pools(True)
    p = prepared(pools).evaluate(draw(pools, 0.0, 300))
    assert all(ks_p(values) > 1e-4 for values in p.T)


def test_uniform_over_the_draw_of_a_fixed_reference() -> None:
    """One null toy for each of 200 references, two widths; false alarms 2e-4.

    Without holding the centres in R, p at width 0.1 had a mean of 0.98.
    """
    every = [make_pools(False, seed) for seed in range(200)]
    p = np.concatenate([prepared(pools, width=0.1).evaluate(draw(pools, 0.0, 1)) for pools in every])
    assert all(ks_p(values) > 1e-4 for values in p.T)


@pytest.mark.parametrize("resampled", [False, True])
def test_small_with_signal(resampled: bool) -> None:
    pools = make_pools(resampled)
    # The wider kernel: at the narrow one hardly a centre lies where the signal is.
    assert np.median(prepared(pools).evaluate(draw(pools, 0.5, 20))[:, 1]) == 1 / (1 + B)


def test_is_the_p_of_a_loop_over_permuted_toys() -> None:
    pools = make_pools(True)
    toys, mmd = draw(pools, 0.2, 3), MMD(FixedWidths([0.5, 3.0]), 20)
    mmd.prepare(pools, N_REF, N_DATA, 5)
    expected = np.empty((3, 2 + len(RULES)))
    for place in range(3):
        rows = np.concatenate([toys.reference[place], toys.data[place]])
        labels = permuted_labels(toys, place, B, 5)[1:]
        every = replace(
            toys,
            reference=np.stack([rows[~label] for label in labels]),
            data=tuple(rows[label] for label in labels),
            index=np.arange(B),
        )
        permuted, own = mmd.evaluate(every), mmd.evaluate(toys.take([place]))
        expected[place, :2] = (1 + (permuted >= own).sum(axis=0)) / (1 + B)
        expected[place, 2:] = [combined_p(own, permuted, rule)[0] for rule in RULES.values()]
    np.testing.assert_array_equal(prepared(pools, seed=5).evaluate(toys), expected)


def relabelled(pools: Pools, permutations: int = B) -> Permuted:
    statistic = Permuted(Relabelled(lambda: NPLM(FixedWidths([0.5, 3.0]), 9)), permutations)
    statistic.prepare(pools, N_REF, N_DATA, 0, Resources())
    return statistic


@pytest.mark.statistical
def test_any_statistic_under_permutations_is_uniform_with_a_fixed_reference() -> None:
    """One NPLM null toy for each of 40 references (300 in full); widths and combinations; false alarms below 1e-3."""
    n = 300 if FULL else 40
    every = [make_pools(False, seed) for seed in range(n)]
    p = np.concatenate([relabelled(pools).evaluate(draw(pools, 0.0, 1)) for pools in every])
    assert p.shape == (n, 2 + len(RULES))
    assert all(ks_p(values) > 1e-4 for values in p.T)


def test_any_statistic_under_permutations_sees_signal() -> None:
    pools = make_pools(True)
    assert np.median(relabelled(pools).evaluate(draw(pools, 0.5, 5))[:, 1]) == 1 / (1 + B)


def test_permutations_of_repeated_events_are_refused() -> None:
    pools = make_pools(True)
    weighted = replace(pools, weights=np.where(np.arange(6200) % 2, 1.0, 2.0))
    with pytest.raises(UserError, match="need events of equal weight"):
        relabelled(weighted)


def test_a_toy_does_not_depend_on_its_company() -> None:
    pools = make_pools(False)
    statistic = prepared(pools)
    np.testing.assert_array_equal(
        statistic.evaluate(draw(pools, 0.1, 5))[3:], statistic.evaluate(draw(pools, 0.1, 3, first=3))[:2]
    )


class Scripted:
    """A statistic whose t of permutations are written down."""

    name, batch_size, asymptotic, variants, plan = "scripted", 8, "normal", ("t",), ""
    definition = {"statistic": "scripted"}  # noqa: RUF012

    def __init__(self, t: list[list[float]]) -> None:
        self.t = np.array(t)[:, :, None]

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources) -> None: ...

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        return self.t[:, 0]

    def permuted(self, toys: ToyBatch, n_permutations: int) -> NDArray[np.float64]:
        return self.t

    def solver_report(self) -> dict[str, int]:
        return {}


def test_ties_and_failed_permutations_count_against_a_discovery() -> None:
    t = [[5.0, 1.0, 2.0, 3.0], [5.0, 5.0, 2.0, 7.0], [5.0, np.nan, 1.0, 1.0], [np.nan, 1.0, 1.0, 1.0]]
    pools = make_pools(False)
    p = Permuted(Scripted(t), 3).evaluate(draw(pools, 0.0, 4))
    np.testing.assert_array_equal(p[:, 0], [0.25, 0.75, 0.5, np.nan])


def test_serves_the_engine_under_a_key_of_its_own(tmp_path: Path) -> None:
    pools = make_pools(True)
    statistic = prepared(pools)
    assert isinstance(statistic, Statistic)
    key = {"toys": definition(pools).key, **statistic.definition}
    with ToyStore(tmp_path, key, statistic.variants) as store:
        p = run_toys(statistic, pools, definition(pools), 0.1, 10, store, batch_size=4, workers=2)
    np.testing.assert_array_equal(p, statistic.evaluate(draw(pools, 0.1, 10)))
    definitions = [statistic.definition, prepared(pools, 9).definition, prepared(pools, seed=1).definition]
    mmd = MMD(FixedWidths([0.5, 3.0]), 20)
    mmd.prepare(pools, N_REF, N_DATA, 0)
    definitions.append(mmd.definition)
    assert all(a != b for i, a in enumerate(definitions) for b in definitions[i + 1 :])
    assert statistic.solver_report() == {"toys": 22}


def test_what_permutes() -> None:
    assert isinstance(MMD(FixedWidths([1.0])), Permutes)
    assert not isinstance(Frechet(), Permutes)
    with pytest.raises(UserError, match=r"toys.n_permutations=0: a permutation p needs at least 1"):
        Permuted(MMD(FixedWidths([1.0])), 0)

"""Per-event log density ratios: those of the public fit, those that t is made of, and those of the densities."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.nplm import fit
from autoscidact.statistics.contract import Scores
from autoscidact.statistics.mahalanobis import Mahalanobis
from autoscidact.statistics.nplm import log_ratio as module
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA, N_SIGNAL, N_OBSERVED = 1000, 200, 300, 210
WIDTHS = [0.3, 1.0, 4.0]


def pools(resampled: bool = False) -> Pools:
    """Background, signal, and 210 observed events, 10 of them like signal, that no toy draws."""
    rng = np.random.default_rng(0)
    background, observed = rng.normal(size=(4000, 2)), rng.normal(size=(N_OBSERVED, 2))
    observed[:10] = rng.normal([2.5, 0.0], 0.2, size=(10, 2))
    signal = rng.normal([2.5, 0.0], 0.2, size=(N_SIGNAL, 2))
    points = np.concatenate([background, signal])
    n = len(points)
    pool = build_pools(points, np.arange(n), np.ones(n), np.arange(n) >= 4000, N_REF, N_DATA, resampled, seed=0)
    return replace(
        pool,
        points=np.concatenate([pool.points, (observed - pool.mean) / pool.scale]),
        ids=np.arange(n + N_OBSERVED),
        weights=np.ones(n + N_OBSERVED),
        observed=np.arange(n, n + N_OBSERVED),
    )


def draw(pool: Pools, f_s: float, indices: range) -> ToyBatch:
    return draw_toys(pool, ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, True, 0), f_s, indices)


def observation(pool: Pools, index: int) -> ToyBatch:
    """The observed events as a batch of one toy: none of them is of the background pool."""
    return ToyBatch(
        reference=pool.reference[None, :N_REF],
        data=(pool.observed,),
        n_signal=np.array([len(pool.observed)]),
        index=np.array([index]),
        expected=float(N_DATA),
        f_s=0.0,
    )


def prepared(pool: Pools, **options: object) -> NPLM:
    statistic = NPLM(FixedWidths(WIDTHS), n_centers=30, **options)
    statistic.prepare(pool, N_REF, N_DATA, seed=0)
    return statistic


def center_points(statistic: NPLM, pool: Pools, toys: ToyBatch) -> np.ndarray:
    return pool.points[statistic._problem.center_rows(toys, 0)]


POOL = pools()
STATISTIC, TOY = prepared(POOL), observation(POOL, 0)
EVERYWHERE = STATISTIC.log_ratio(TOY, np.arange(len(POOL.points)))


@pytest.mark.parametrize("resampled", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"centers": "toy"}, {"solver": "newton"}, {"newton_steps": 1}, {"basis_tolerance": 1e-7}, {"jitter": 1e-9}],
)
def test_is_the_public_fit(resampled: bool, options: dict[str, object]) -> None:
    pool = pools(resampled)
    statistic, toys = prepared(pool, **options), draw(pool, 0.05, range(3, 4))
    assert isinstance(statistic, Scores)
    rows = np.concatenate([pool.observed, toys.data[0], toys.reference_of(0)[:50]])
    values = statistic.log_ratio(toys, rows)
    assert values.shape == (len(WIDTHS), len(rows))
    shared = {name: value for name, value in options.items() if name not in ("centers", "solver")}
    for width, found in zip(WIDTHS, values, strict=True):
        expected = fit(
            pool.points[toys.reference_of(0)],
            pool.points[toys.data[0]],
            width=width,
            centers=center_points(statistic, pool, toys),
            expected=N_DATA,
            **shared,
        )
        np.testing.assert_allclose(found, expected.log_ratio(pool.points[rows]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("resampled", [False, True])
@pytest.mark.parametrize("options", [{}, {"centers": "toy"}, {"solver": "newton"}, {"newton_steps": 1}])
@pytest.mark.parametrize("observed", [False, True])
def test_t_is_made_of_it(resampled: bool, options: dict[str, object], observed: bool) -> None:
    """t = -2 [w_R sum_R (e^f - 1) - sum_D f] is that of `evaluate`, for a toy and for the observed events."""
    pool = pools(resampled)
    statistic = prepared(pool, **options)
    toys = observation(pool, 2**62) if observed else draw(pool, 0.05, range(1))
    in_reference, in_data = (statistic.log_ratio(toys, rows) for rows in (toys.reference_of(0), toys.data[0]))
    t = -2 * (N_DATA / N_REF * np.expm1(in_reference).sum(axis=1) - in_data.sum(axis=1))
    assert np.all(np.abs(statistic.evaluate(toys)[0] - t) <= 0.02 + 1e-4 * np.abs(t))


def test_index_of_the_observation_matters_to_its_own_centres_only() -> None:
    pool = pools()
    shared, own = prepared(pool), prepared(pool, centers="toy")
    values = [shared.log_ratio(observation(pool, index), pool.observed) for index in (-1, 2**62)]
    np.testing.assert_array_equal(*values)
    assert np.isfinite(own.log_ratio(observation(pool, 2**62), pool.observed)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([7, 64, 4096]))
def test_order_repetition_and_chunks_of_the_rows_change_nothing(seed: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(POOL.points), int(rng.integers(1, 400)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        found = STATISTIC.log_ratio(TOY, rows)
    np.testing.assert_allclose(found, EVERYWHERE[:, rows], rtol=1e-8, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_order_of_the_toys_events_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = replace(TOY, reference=rng.permutation(TOY.reference, axis=1), data=(rng.permutation(TOY.data[0]),))
    found = STATISTIC.log_ratio(shuffled, POOL.observed)
    np.testing.assert_allclose(found, EVERYWHERE[:, POOL.observed], rtol=1e-6, atol=1e-6)


def test_features_that_are_not_stored_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STORED_NUMBERS", 0)
    np.testing.assert_allclose(
        STATISTIC.log_ratio(TOY, POOL.observed), EVERYWHERE[:, POOL.observed], rtol=1e-6, atol=1e-6
    )


def test_signal_among_the_observed_ranks_first() -> None:
    """10 of 210 observed events are signal, at a place that R gives 2 % of its events."""
    ranked = np.argsort(-EVERYWHERE[1, POOL.observed])
    assert len(set(ranked[:12]) & set(range(10))) >= 9


@pytest.mark.statistical
def test_is_the_log_of_the_ratio_of_densities() -> None:
    """Gaussian data shifted by 0.5: f = 0.5 x - 0.125. Off by 0.02 to 0.04 with eight other seeds."""
    rng = np.random.default_rng(100)
    x = np.concatenate([rng.normal(size=(60_000, 1)), rng.normal(0.5, 1.0, size=(10_000, 1))])
    n = len(x)
    pool = build_pools(x, np.arange(n), np.ones(n), np.arange(n) >= 60_000, 10_000, 10_000, False, seed=0)
    statistic = NPLM(FixedWidths([2.0]), n_centers=20, penalty=1e-5)
    statistic.prepare(pool, 10_000, 10_000, seed=0)
    toys = replace(
        observation(pool, 0), reference=pool.reference[None], data=(pool.signal,), n_signal=np.array([10_000])
    )
    rows = pool.background[np.abs(x[pool.background, 0]) < 2]
    off = statistic.log_ratio(toys, rows)[0] - (0.5 * x[rows, 0] - 0.125)
    assert np.sqrt(np.mean(off**2)) < 0.07


def test_a_failed_width_is_nan_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = module.newton, []

    def fails_first(*args: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            raise FloatingPointError("not positive definite")
        result = whole(*args)
        return replace(result, converged=len(calls) != 2)

    monkeypatch.setattr(module, "newton", fails_first)
    found = STATISTIC.log_ratio(TOY, POOL.observed)
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2], EVERYWHERE[2, POOL.observed])


def test_refuses_what_it_cannot_mean() -> None:
    with pytest.raises(ValueError, match="one toy, not of 2"):
        STATISTIC.log_ratio(draw(POOL, 0.0, range(2)), POOL.observed)
    with pytest.raises(ValueError, match=r"R holds 999 events, not \|R\|=1000"):
        STATISTIC.log_ratio(replace(TOY, reference=TOY.reference[:, 1:]), POOL.observed)
    with pytest.raises(RuntimeError, match=r"log_ratio was called before NPLM\.prepare"):
        NPLM(FixedWidths(WIDTHS)).log_ratio(TOY, POOL.observed)
    assert STATISTIC.log_ratio(TOY, np.empty(0, dtype=np.int64)).shape == (len(WIDTHS), 0)
    assert not isinstance(Mahalanobis(), Scores)

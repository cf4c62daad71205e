"""Drawing by weight, from a varied background, and for the observed data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.toys.drawing import draw_distinct
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys, observed_toy
from autoscidact.toys.variations import Variation, variations_key, varied_weights

N, N_REF, N_DATA = 4000, 300, 50
NO_ROWS = np.empty(0, dtype=np.int64)


def pools(resampled: bool = False, heavy: float = 1.0, variations: tuple[Variation, ...] = ()) -> Pools:
    """Half of the events have weight `heavy`; the last 400 are signal."""
    rng = np.random.default_rng(0)
    weights = np.where(np.arange(N) % 2, heavy, 1.0)
    pool = build_pools(
        rng.normal(size=(N, 2)), np.arange(N), weights, np.arange(N) >= N - 400, N_REF, N_DATA, resampled, seed=0
    )
    return Pools(**{**vars(pool), "variations": variations})


def definition(pool: Pools, **changes: object) -> ToyDefinition:
    key = variations_key(pool.variations, pool.points)
    settings = {"poisson": False, "seed": 1, "variations": key, **changes}
    return ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, **settings)  # type: ignore[arg-type]


def test_a_fixed_reference_leaves_the_heavy_events_to_the_data() -> None:
    """R and D both hold 9 in 10 heavy events. Drawn without halves, R would have used most of them up."""
    pool = pools(heavy=9.0)
    assert not np.isin(pool.reference, pool.background).any()
    data = np.concatenate(draw_toys(pool, definition(pool), 0.0, range(200)).data)
    for rows in (pool.reference, data):
        error = np.sqrt(0.9 * 0.1 / len(rows))
        assert np.mean(pool.weights[rows] == 9.0) == pytest.approx(0.9, abs=5 * error)


@pytest.mark.parametrize("resampled", [False, True])
def test_varied_size_and_composition(resampled: bool) -> None:
    """The heavy half is uncertain by 50 %: its part of the data spreads by that, its mean stays.

    2000 toys; each mean is compared at 5 standard errors (false alarms below 1e-5).
    """
    n = np.arange(N)
    shift = np.where(n % 2, 0.5, 0.0)
    variation = Variation("rate", 1.0 + shift, 1.0 - shift, NO_ROWS)
    pool = pools(resampled, variations=(variation,))
    toys = draw_toys(pool, definition(pool, poisson=True), 0.0, range(2000))
    light, heavy = (np.array([np.sum(rows % 2 == odd) for rows in toys.data]) for odd in (0, 1))
    for counts, spread in ((light, 0.0), (heavy, 0.5)):
        expected = N_DATA / 2
        variance = expected + (spread * expected) ** 2
        assert counts.mean() == pytest.approx(expected, abs=5 * np.sqrt(variance / 2000) + 0.3)
        assert counts.var() == pytest.approx(variance, rel=0.25)


@pytest.mark.parametrize("resampled", [False, True])
@pytest.mark.parametrize("heavy", [1.0, 3.0])
def test_an_alternative_sample_takes_the_place_of_the_nominal_one(resampled: bool, heavy: float) -> None:
    """At a pull of u the alternative makes up min(|u|, 1) of the data: E min(|u|, 1) = 0.6318..."""
    pool = pools(resampled, heavy).append(np.zeros((500, 2)), {})
    alternative = np.arange(N, N + 500)
    weights = np.zeros(len(pool.points))
    weights[alternative] = pool.weights[pool.background].sum() / 500
    variation = Variation("sample", weights, weights, alternative)
    pool = Pools(**{**vars(pool), "variations": (variation,)})
    toys = draw_toys(pool, definition(pool), 0.0, range(3000))
    part = np.array([np.mean(rows >= N) for rows in toys.data])
    u = np.abs(np.random.default_rng(0).standard_normal(10**6))
    # Past one standard deviation nothing nominal is left.
    assert part.mean() == pytest.approx(np.minimum(u, 1).mean(), abs=0.04)
    assert np.mean(part == 1.0) == pytest.approx(0.317, abs=0.05)


@pytest.mark.parametrize("resampled", [False, True])
def test_a_variation_of_nothing_changes_nothing_but_the_draw(resampled: bool) -> None:
    """Weights that hardly differ must not turn drawing into drawing with replacement, which widens the null."""
    shift = np.where(np.arange(N) % 2, 1e-6, 0.0)
    pool = pools(resampled, variations=(Variation("nothing", 1.0 + shift, 1.0 - shift, NO_ROWS),))
    for rows in draw_toys(pool, definition(pool), 0.0, range(20)).data:
        assert len(np.unique(rows)) == len(rows) == N_DATA


def test_distinct_draws_keep_the_proportions_of_a_pool_that_is_mostly_used() -> None:
    """300 of 600 events, half of them twice as likely: 2 in 3 of a toy; at 5 standard errors of 400 toys."""
    weights = np.where(np.arange(600) % 2, 2.0, 1.0)
    drawn = [draw_distinct(np.random.default_rng(i), np.arange(600), weights, 300) for i in range(400)]
    assert all(len(np.unique(rows)) == 300 for rows in drawn)
    assert np.mean([np.mean(rows % 2) for rows in drawn]) == pytest.approx(2 / 3, abs=5 * 0.03 / np.sqrt(400))


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_varied_weights_are_linear_and_never_negative(first: float, second: float) -> None:
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.5, 1.5, 20)
    a = Variation("a", weights * 1.1, weights * 0.8, NO_ROWS)
    b = Variation("b", weights * 1.5, weights * 0.5, NO_ROWS)
    naive = weights * (1 + (0.1 * first if first >= 0 else 0.2 * first) + 0.5 * second)
    expected = np.maximum(naive, 0.0)
    np.testing.assert_allclose(varied_weights(weights, (a, b), np.array([first, second])), expected, atol=1e-12)


def test_appended_events_change_no_toy() -> None:
    pool = pools()
    grown = pool.append(np.ones((30, 2)), {})
    assert grown.fingerprint == pool.fingerprint
    assert grown.n_appended == 30
    np.testing.assert_allclose(grown.points[-30:], (1.0 - pool.mean) / pool.scale * np.ones((30, 1)))
    assert len(np.unique(grown.ids)) == len(grown.ids)
    before, after = (draw_toys(p, definition(p), 0.1, range(5)) for p in (pool, grown))
    for one, other in zip(before.data, after.data, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("resampled", [False, True])
def test_the_observed_data_are_a_batch_of_one(resampled: bool) -> None:
    pool = pools(resampled).append(np.ones((30, 2)), {})
    observed = np.arange(N, N + 30)
    pool = Pools(**{**vars(pool), "observed": observed})
    batch = observed_toy(pool, definition(pool))
    np.testing.assert_array_equal(batch.data[0], observed)
    assert len(batch) == 1
    assert len(batch.reference_of(0)) == N_REF
    assert np.isin(batch.reference_of(0), pool.reference).all()
    if not resampled:
        np.testing.assert_array_equal(batch.reference_of(0), pool.reference)


def test_variations_name_other_toys() -> None:
    pool = pools(variations=(Variation("rate", np.full(N, 1.1), np.full(N, 0.9), NO_ROWS),))
    with_them, without = definition(pool), definition(pool, variations=None)
    assert with_them.key != without.key
    # Without variations the key is the one it was before there were any.
    assert without.key == ToyDefinition(pool.fingerprint, N_REF, N_DATA, False, False, 1).key


def test_expected_size_that_is_no_whole_number() -> None:
    pool = pools()
    toys = draw_toys(pool, definition(pool, poisson=True, expected=7.4, variations=None), 0.0, range(4000))
    sizes = np.array([len(rows) for rows in toys.data])
    assert sizes.mean() == pytest.approx(7.4, abs=5 * np.sqrt(7.4 / 4000))

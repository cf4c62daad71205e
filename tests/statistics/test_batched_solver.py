"""The batched engine against full Newton in float64, toy by toy."""

import numpy as np
import pytest
import torch

from autoscidact.statistics.nplm.batch import Block, fit_batch
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.rows import OwnRows, SharedRows
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA = 1500, 300


def pools(resampled: bool, n: int = 6000) -> Pools:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 3)) * 2
    background = means[rng.integers(0, 3, n)] + rng.normal(size=(n, 3)) * [0.3, 0.5, 1.0]
    signal = rng.normal(size=(400, 3)) * 0.2 + [3.0, 0.0, -1.0]
    points = np.concatenate([background, signal])
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(points)), ids >= n, N_REF, N_DATA, resampled, seed=1)


def toys(pool: Pools, f_s: float, indices: range, poisson: bool = False) -> ToyBatch:
    return draw_toys(pool, ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, poisson, 3), f_s, indices)


def nplm(solver: str, pool: Pools, **options: object) -> NPLM:
    statistic = NPLM(FixedWidths([0.15, 0.6, 2.0, 6.0]), n_centers=40, solver=solver, **options)
    statistic.prepare(pool, N_REF, N_DATA, seed=5)
    return statistic


@pytest.mark.parametrize("tolerance", [None, 1e-7])
@pytest.mark.parametrize("resampled", [False, True])
@pytest.mark.parametrize(("f_s", "poisson"), [(0.0, False), (0.05, True), (0.4, False)])
def test_every_toy_agrees_with_newton(resampled: bool, f_s: float, poisson: bool, tolerance: float | None) -> None:
    pool = pools(resampled)
    batch = toys(pool, f_s, range(12), poisson)
    fast = nplm("batched", pool, basis_tolerance=tolerance).evaluate(batch)
    exact = nplm("newton", pool, basis_tolerance=tolerance).evaluate(batch)
    assert np.all(np.abs(fast - exact) <= 0.02 + 1e-4 * np.abs(exact))


def test_company_of_a_toy_does_not_matter() -> None:
    pool = pools(False)
    statistic = nplm("batched", pool)
    together = statistic.evaluate(toys(pool, 0.1, range(9)))
    alone = np.concatenate([statistic.evaluate(toys(pool, 0.1, range(i, i + 1))) for i in range(9)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-3)


def test_solution_does_not_depend_on_start_or_preconditioner() -> None:
    rng = np.random.default_rng(2)
    phi_r, phi_d = torch.from_numpy(rng.normal(size=(400, 6))), torch.from_numpy(rng.normal(0.3, 1, (5, 80, 6)))
    blocks = [Block(SharedRows(phi_r), 0.2, 0.0), Block(OwnRows(phi_d), 1.0, 1.0)]
    ridge = torch.full((5,), 0.3, dtype=torch.float64)
    exact = []
    for toy in phi_d:
        reference = torch.cat([torch.full((400,), 0.2), torch.zeros(80)]).double()
        exact.append(newton(torch.cat([phi_r, toy]), reference, (reference == 0).double(), 0.3).t)
    for scale, shift in ((1.0, 0.0), (30.0, 0.5), (0.05, -1.0)):
        factor = np.sqrt(40 * scale) * torch.eye(6, dtype=torch.float64)
        start = torch.full((6,), shift, dtype=torch.float64)
        result = fit_batch(blocks, ridge, factor, start, 1e-9, 200)
        assert result.converged.all()
        np.testing.assert_allclose(result.t, exact, atol=1e-3)


def test_unconverged_fits_are_finished_by_newton(monkeypatch: pytest.MonkeyPatch) -> None:
    from autoscidact.statistics.nplm import batched_solver

    pool = pools(False)
    batch = toys(pool, 0.1, range(4))
    exact = nplm("newton", pool).evaluate(batch)
    monkeypatch.setattr(batched_solver, "MAX_ITERATIONS", 1)
    statistic = nplm("batched", pool)
    assert np.all(np.abs(statistic.evaluate(batch) - exact) <= 0.02 + 1e-4 * np.abs(exact))
    assert statistic.solver_report()["finished by full Newton"] > 0

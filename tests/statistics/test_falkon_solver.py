"""The Falkon backend gives what our own solver gives, one step and converged; runs where Falkon is installed."""

import importlib.util

import numpy as np
import pytest

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

HAS_FALKON = importlib.util.find_spec("falkon") is not None
needs_falkon = pytest.mark.skipif(not HAS_FALKON, reason="falkon is not installed (optional backend, on no index)")


def pool() -> Pools:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(3000, 3)), rng.normal(2, 0.3, size=(300, 3))])
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(ids)), ids >= 3000, 1000, 200, False, seed=0)


def evaluate(solver: str, f_s: float, **options: object) -> np.ndarray:
    pools = pool()
    statistic = NPLM(FixedWidths([0.5, 2.0]), n_centers=30, solver=solver, **options)
    statistic.prepare(pools, 1000, 200, seed=1)
    return statistic.evaluate(
        draw_toys(pools, ToyDefinition(pools.fingerprint, 1000, 200, False, False, 0), f_s, range(3))
    )


@needs_falkon
@pytest.mark.parametrize("centers", ["shared", "toy"])
@pytest.mark.parametrize("newton_steps", [None, 1])
@pytest.mark.parametrize("f_s", [0.0, 0.1])
def test_agrees_with_our_solver(f_s: float, newton_steps: int | None, centers: str) -> None:
    theirs = evaluate("falkon", f_s, newton_steps=newton_steps, centers=centers)
    ours = evaluate("batched", f_s, newton_steps=newton_steps, centers=centers)
    assert np.all(np.abs(theirs - ours) <= np.maximum(0.05, 1e-3 * np.abs(ours)))


@needs_falkon
def test_a_dropped_basis_is_refused() -> None:
    with pytest.raises(UserError, match=r"set nplm\.basis_tolerance=null"):
        evaluate("falkon", 0.0, basis_tolerance=1e-7)


@pytest.mark.skipif(HAS_FALKON, reason="falkon is installed: there is no absence to report")
def test_absence_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"needs Falkon, .* install it as https://github.com/FalkonML/falkon says"):
        evaluate("falkon", 0.0)

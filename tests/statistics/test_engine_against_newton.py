"""The engine at the paper's sizes against full Newton steps in float64: toy by toy, and as a distribution.

1000 null and 1000 signal toys (5 %) in full, where the distributions of t are compared as well; fewer otherwise.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from autoscidact.inference.engine import one_thread_each
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.toys.pools import build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

N_TOYS = 2000 if os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1" else 16
N_REF, N_DATA, N_BACKGROUND = 10000, 2000, 30000
WIDTHS = [0.1, 1.5, 2.6, 3.6, 4.9, 9.8]


@pytest.mark.statistical
@pytest.mark.parametrize("f_s", [0.0, 0.05])
def test_every_toy_and_the_distribution(f_s: float) -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(5, 4)) * 1.5
    background = means[rng.integers(0, 5, N_BACKGROUND)] + rng.normal(size=(N_BACKGROUND, 4)) * [0.3, 0.6, 0.2, 0.5]
    points = np.concatenate([background, [2.0, -1.0, 1.0, 0.0] + 0.25 * rng.normal(size=(1000, 4))])
    ids = np.arange(len(points))
    pools = build_pools(points, ids, np.ones(len(ids)), ids >= N_BACKGROUND, N_REF, N_DATA, False, seed=0)
    definition = ToyDefinition(pools.fingerprint, N_REF, N_DATA, False, False, 0)
    engine, newton = (NPLM(FixedWidths(WIDTHS), solver=solver) for solver in ("batched", "newton"))
    n_toys = N_TOYS if f_s == 0.0 else N_TOYS // 2

    def both(first: int) -> tuple[np.ndarray, np.ndarray]:
        torch.set_num_threads(1)
        batch = draw_toys(pools, definition, f_s, range(first, min(first + 16, n_toys)))
        return engine.evaluate(batch), newton.evaluate(batch)

    with one_thread_each(), ThreadPoolExecutor(2) as workers:
        for statistic in (engine, newton):
            statistic.prepare(pools, N_REF, N_DATA, 0)
        pairs = list(workers.map(both, range(0, n_toys, 16)))
    fast, exact = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    assert np.isfinite(fast).all()
    assert np.all(np.abs(fast - exact) <= 0.02 + 1e-4 * np.abs(exact))
    for width in range(len(WIDTHS)):
        # Not the exact p: it cannot be computed where the samples differ as little as these.
        assert ks_2samp(fast[:, width], exact[:, width], method="asymp").pvalue > 0.01

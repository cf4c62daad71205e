"""Small fits with known answers, one for every backend and device that is here."""

import importlib.util
import math
import time

import numpy as np
import torch

from autoscidact import nplm
from autoscidact.errors import UserError
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys


def closed_form(seed: int) -> str:
    """Fits a kernel so wide that f is constant: then f = log(N/E) and t = 2 [N log(N/E) - (N - E)] exactly.

    N events are observed where E are expected; the limit of Eq. 8 is Poisson's likelihood ratio.

    Raises:
        UserError: the fit does not converge, or to something else.
    """
    rng = np.random.default_rng(seed)
    observed, expected = 200, 150.0
    start = time.monotonic()
    result = nplm.fit(
        rng.normal(size=(1000, 4)),
        rng.normal(size=(observed, 4)),
        width=1e7,
        centers=np.zeros((1, 4)),
        expected=expected,
        seed=seed,
    )
    exact = 2 * (observed * math.log(observed / expected) - (observed - expected))
    log_ratio = float(result.log_ratio(np.zeros((1, 4)))[0])
    if not result.converged:
        raise UserError(f"a small NPLM fit did not converge in {result.n_steps} steps")
    if abs(result.t / exact - 1) > 1e-3 or abs(log_ratio - math.log(observed / expected)) > 1e-3:
        raise UserError(f"a small NPLM fit gives t = {result.t:.4f} instead of {exact:.4f}: arithmetic is broken here")
    milliseconds = 1000 * (time.monotonic() - start)
    return f"t = {result.t:.3f} (exact {exact:.3f}) after {result.n_steps} Newton steps, {milliseconds:.0f} ms"


def devices() -> list[str]:
    """The kinds of torch device that are here."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, here in there.items() if here]


def backends() -> str:
    """Fits the same toy with every solver on every device, and compares with full Newton steps.

    Raises:
        UserError: one of them fails or disagrees.
    """
    rng = np.random.default_rng(0)
    points, ids = rng.normal(size=(1000, 2)), np.arange(1000)
    pools = build_pools(points, ids, np.ones(1000), ids < 0, 400, 80, False, seed=0)
    toys = draw_toys(pools, ToyDefinition(pools.fingerprint, 400, 80, False, False, 0), 0.0, [0])
    solvers = [("newton", "cpu"), *(("batched", device) for device in devices())]
    if importlib.util.find_spec("falkon") is not None:
        solvers.append(("falkon", "cpu"))
    told, exact = [], None
    for solver, device in solvers:
        statistic = NPLM(FixedWidths([1.0]), n_centers=20, solver=solver)
        start = time.monotonic()
        try:
            statistic.prepare(pools, 400, 80, 0, Resources(device))
            t = float(statistic.evaluate(toys)[0, 0])
        except Exception as error:
            raise UserError(f"solver {solver} on {device}: {error}") from error
        exact = t if exact is None else exact
        if not abs(t - exact) <= max(0.05, 1e-3 * exact):
            raise UserError(f"solver {solver} on {device} gives t = {t:.4f} instead of {exact:.4f}")
        told.append(f"{solver} on {device} {1000 * (time.monotonic() - start):.0f} ms")
    return "; ".join(told)

"""How far may weak directions of the Nystrom basis be dropped? Prints the table of docs/basis_tolerance.md.

    .venv/bin/python scripts/studies/basis_tolerance.py

For three shapes of anomaly in 2, 4 and 8 dimensions: the signal fraction at which the median toy
reaches 3 sigma (chi-square fitted to the null toys), for the best of six widths, with the full
basis at Falkon's jitter and with directions below a tolerance dropped. Every tolerance sees the
same toys, so that the ratio to the full basis is known better than the fraction itself.
"""

import argparse
import tempfile
import time

import numpy as np
from numpy.typing import NDArray

from autoscidact.inference.engine import one_thread_each, run_toys
from autoscidact.inference.null import ChiSquareNull
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import QuantileWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition

N_REF, N_DATA, N_POOL, N_SIGNAL_POOL = 10000, 2000, 40000, 8000
TOLERANCES = (None, 1e-9, 1e-7, 1e-5)
FRACTIONS = {
    "narrow": (0.005, 0.01, 0.02, 0.04, 0.08),
    "broad": (0.01, 0.02, 0.04, 0.08, 0.16),
    "tail": (0.00125, 0.0025, 0.005, 0.01, 0.02),
}


def pools(shape: str, dimension: int) -> Pools:
    """Five Gaussian clusters, and a signal inside one, across several, or outside all."""
    rng = np.random.default_rng(dimension)
    means = rng.normal(size=(5, dimension)) * 1.5
    background = means[rng.integers(0, 5, N_POOL)] + rng.normal(size=(N_POOL, dimension)) * rng.uniform(
        0.3, 0.8, dimension
    )
    centre, scale = {
        "narrow": (means[0], 0.15),
        "broad": (means[:2].mean(0), 0.8),
        "tail": (background.mean(0) + 4.0 * background.std(0) / np.sqrt(dimension) * np.sign(means[1]), 0.3),
    }[shape]
    points = np.concatenate([background, centre + scale * rng.normal(size=(N_SIGNAL_POOL, dimension))])
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(ids)), ids >= N_POOL, N_REF, N_DATA, False, seed=0)


def toys_of(pool: Pools, tolerance: float | None, fractions: tuple[float, ...], counts: tuple[int, int], workers: int):
    """t of null toys and of the toys at each fraction, and the seconds they took."""
    statistic = NPLM(QuantileWidths([0.01, 0.25, 0.5, 0.75, 0.99], 2.0), basis_tolerance=tolerance)
    with one_thread_each():
        statistic.prepare(pool, N_REF, N_DATA, 0, Resources(workers=workers))
    definition = ToyDefinition(pool.fingerprint, N_REF, N_DATA, False, False, 0)
    start, values = time.perf_counter(), {}
    with tempfile.TemporaryDirectory() as folder, ToyStore(folder, {"study": 1}, statistic.variants) as store:
        for f_s in (0.0, *fractions):
            n = counts[0] if f_s == 0 else counts[1]
            options = {"batch_size": statistic.batch_size, "workers": workers}
            values[f_s] = run_toys(statistic, pool, definition, f_s, n, store, **options)
    return values, time.perf_counter() - start


def fraction_for_three_sigma(
    values: dict[float, NDArray[np.float64]], rng: np.random.Generator | None
) -> NDArray[np.float64]:
    """f_s at Z = 3 for each width, by interpolation in log f_s; resampled toys where rng is given."""
    picks = {f: np.arange(len(t)) if rng is None else rng.integers(0, len(t), len(t)) for f, t in values.items()}
    fractions = [f for f in values if f > 0]
    result = []
    for width in range(values[0.0].shape[1]):
        null = ChiSquareNull.fit(values[0.0][picks[0.0], width])
        z = [float(null.z(np.median(values[f][picks[f], width]))) for f in fractions]
        z = np.maximum.accumulate(z) + 1e-9 * np.arange(len(z))
        result.append(np.exp(np.interp(3.0, z, np.log(fractions), right=np.inf)))
    return np.array(result)


def main() -> None:
    """Prints one row per shape, dimension and tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, default=400, help="null toys")
    parser.add_argument("--signal", type=int, default=100, help="toys at each signal fraction")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print("| anomaly | d | tolerance | f_S for 3 sigma (%) | ratio to full basis | worst width's ratio | s |")
    print("|---|---|---|---|---|---|---|")
    for shape, fractions in FRACTIONS.items():
        for dimension in (2, 4, 8):
            pool = pools(shape, dimension)
            full = None
            for tolerance in TOLERANCES:
                values, seconds = toys_of(
                    pool, tolerance, fractions, (arguments.null, arguments.signal), arguments.workers
                )
                full = full or values
                needed = fraction_for_three_sigma(values, None)
                best = int(np.argmin(fraction_for_three_sigma(full, None)))
                # The same resampling for both bases: they saw the same toys.
                ratios = np.array(
                    [
                        fraction_for_three_sigma(values, np.random.default_rng(i))
                        / fraction_for_three_sigma(full, np.random.default_rng(i))
                        for i in range(100)
                    ]
                )
                ratio = needed / fraction_for_three_sigma(full, None)
                spread = np.nanstd(np.where(np.isfinite(ratios), ratios, np.nan), axis=0)
                finite = np.isfinite(ratio) & np.isfinite(needed)
                pulls = np.where(finite, np.abs(ratio - 1) / np.maximum(spread, 1e-9), 0)
                worst = int(np.argmax(np.where(finite & (spread > 0), pulls, -1)))
                if tolerance is None:
                    comparison = "1 | 1"
                else:
                    comparison = f"{ratio[best]:.3f} +- {spread[best]:.3f} | {ratio[worst]:.3f} +- {spread[worst]:.3f}"
                name = "full" if tolerance is None else f"{tolerance:g}"
                print(
                    f"| {shape} | {dimension} | {name} | {100 * needed[best]:.3f} | {comparison} | {seconds:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

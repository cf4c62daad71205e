"""Centres shared by all toys against centres drawn anew for each: null and power, as docs/shared_centers.md shows.

    .venv/bin/python scripts/studies/shared_centers.py

The same toys (R fixed, |R|=10000, |D|=2000, M=109, 4 dimensions) with three draws of shared
centres, and with each toy's own: mean and spread of t under the null, and how far the median
signal toy lies from the null, in null standard deviations, for three shapes of anomaly.
"""

import argparse
import tempfile

import numpy as np
from basis_tolerance import N_DATA, N_REF, pools
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from autoscidact.inference.engine import one_thread_each, run_toys
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition

WIDTHS = [0.1, 1.5, 2.6, 3.6, 4.9, 9.8]
FRACTION = {"narrow": 0.02, "broad": 0.04, "tail": 0.0025}


def toys_of(pool: Pools, centers: str, seed: int, f_s: float, n: int, workers: int) -> NDArray[np.float64]:
    """t of n toys, (n, widths)."""
    statistic = NPLM(FixedWidths(WIDTHS), centers=centers)
    with one_thread_each():
        statistic.prepare(pool, N_REF, N_DATA, seed, Resources(workers=workers))
    definition = ToyDefinition(pool.fingerprint, N_REF, N_DATA, False, False, 0)
    with tempfile.TemporaryDirectory() as folder, ToyStore(folder, {"study": 1}, statistic.variants) as store:
        options = {"batch_size": statistic.batch_size, "workers": workers}
        return run_toys(statistic, pool, definition, f_s, n, store, **options)


def main() -> None:
    """Prints a table for the null and one for each anomaly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, default=2000)
    parser.add_argument("--signal", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    kinds = [("shared", 0), ("shared", 1), ("shared", 2), ("toy", 0)]
    names = [f"shared, draw {seed}" if kind == "shared" else "own" for kind, seed in kinds]
    title = "| centres | " + " | ".join(f"sigma={w}" for w in WIDTHS) + " |\n" + "|---" * (len(WIDTHS) + 1) + "|"
    null = {}
    for shape, f_s in FRACTION.items():
        pool = pools(shape, 4)
        if not null:
            for name, (kind, seed) in zip(names, kinds, strict=True):
                null[name] = toys_of(pool, kind, seed, 0.0, arguments.null, arguments.workers)
            print(f"Null, mean t +- standard deviation over {arguments.null} toys\n\n{title}")
            for name, t in null.items():
                cells = [f"{m:.2f} +- {s:.2f}" for m, s in zip(t.mean(0), t.std(0), strict=True)]
                print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
            print(f"\nKolmogorov-Smirnov p of the standardised null against own centres\n\n{title}")
            standard = {name: (t - t.mean(0)) / t.std(0) for name, t in null.items()}
            for name in names[:-1]:
                p = [ks_2samp(standard[name][:, i], standard["own"][:, i]).pvalue for i in range(len(WIDTHS))]
                print(f"| {name} | " + " | ".join(f"{x:.2g}" for x in p) + " |", flush=True)
        print(f"\n{shape}, f_S = {100 * f_s:g} %: median toy above the null's mean, in standard deviations\n\n{title}")
        for name, (kind, seed) in zip(names, kinds, strict=True):
            t = toys_of(pool, kind, seed, f_s, arguments.signal, arguments.workers)
            shift = (np.median(t, axis=0) - null[name].mean(0)) / null[name].std(0)
            error = 1.25 * t.std(0) / null[name].std(0) / np.sqrt(len(t))
            cells = [f"{x:.2f} +- {e:.2f}" for x, e in zip(shift, error, strict=True)]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Every test on the same toys, side by side in one process: what a toy costs, as a multiple of NPLM's.

    ./scripts/benchmark tests [--toys 256] [--rounds 5] [--json FILE]

|R| = 10000, |D| = 2000, 4 dimensions, the paper's six widths; R fixed and R drawn anew. Rounds take
the tests in turns; the median round counts. One worker, one thread.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from problem import WIDTHS, benchmark_pools

from autoscidact.inference.engine import one_thread_each
from autoscidact.statistics.c2st import C2ST
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.frechet import Frechet
from autoscidact.statistics.mahalanobis import Mahalanobis
from autoscidact.statistics.mmd import MMD
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.one_class_svm import OneClassSVM
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.supervised import Supervised
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

N_REF, N_DATA, N_POOL = 10000, 2000, 40000


def labelled(resampled: bool) -> Pools:
    """The benchmark's pools with made-up classes, and labelled events to train on."""
    pools = benchmark_pools(N_REF, N_DATA, N_POOL, resampled)
    training = benchmark_pools(N_REF, N_DATA, 30000, False, n_signal=4000)
    is_signal = np.arange(len(training.points)) >= 30000
    events = LabelledPoints(training.points, is_signal, np.ones(len(is_signal)))
    classes = np.array([f"class{k}" for k in range(5)])[np.arange(len(pools.points)) % 5]
    return replace(pools, labels=classes, training=events)


def measure(resampled: bool, n_toys: int, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds to prepare and milliseconds a toy of each test."""
    pools = labelled(resampled)
    definition = ToyDefinition(pools.fingerprint, N_REF, N_DATA, resampled, False, 0)
    tests: list[Statistic] = [
        NPLM(FixedWidths(WIDTHS)),
        MMD(FixedWidths(WIDTHS)),
        Frechet(),
        Mahalanobis(),
        OneClassSVM(),
        C2ST(),
        Supervised(),
    ]
    found: dict[str, dict[str, float]] = {}
    for test in tests:
        start = time.perf_counter()
        test.prepare(pools, N_REF, N_DATA, 0, Resources())
        found[test.name] = {"prepared": time.perf_counter() - start}
    seconds: dict[str, list[float]] = {test.name: [] for test in tests}
    for turn in range(rounds):
        for test in tests:
            size = test.batch_size
            batches = [draw_toys(pools, definition, 0.0, range(i, i + size)) for i in range(0, n_toys, size)]
            if turn == 0:
                test.evaluate(batches[0])
            start = time.perf_counter()
            for batch in batches:
                test.evaluate(batch)
            seconds[test.name].append((time.perf_counter() - start) / (len(batches) * size))
    for name, values in seconds.items():
        found[name] |= {"ms": 1e3 * float(np.median(values)), "min": 1e3 * min(values), "max": 1e3 * max(values)}
    return found


def main() -> None:
    """Prints one table for each way of drawing R."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    results = {}
    with one_thread_each():
        for title, resampled in (("R fixed", False), ("R drawn anew", True)):
            results[title] = found = measure(resampled, options.toys, options.rounds)
            print(f"\n{title}\n\n| test | ms a toy | (min .. max) | times NPLM | prepared in |\n|---|---|---|---|---|")
            for name, row in found.items():
                share = row["ms"] / found["nplm"]["ms"]
                band = f"{row['min']:.3g} .. {row['max']:.3g}"
                print(f"| {name} | {row['ms']:.3g} | {band} | {share:.2g} | {row['prepared']:.1f} s |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

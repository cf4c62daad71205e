"""Time and memory of one batch of toys against |R| and M, with measured exponents.

    ./scripts/benchmark scaling [--memory 4GB] [--reference 1e4,3e4,...] [--centers 50,100,...] [--json FILE]

Each point runs in a process of its own, so that its peak memory is its own. |D| = |R| / 5, R
fixed, six widths. Time: seconds a toy for the toys themselves, and for what is prepared once.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from problem import WIDTHS, benchmark_pools

from autoscidact.commands.compute import memory_budget
from autoscidact.inference.engine import one_thread_each, run_toys
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.sampler import ToyDefinition

WORKERS = 2


def measure(n_ref: int, n_centers: int, memory: int, n_toys: int) -> dict[str, float | str]:
    """Prepares and runs toys at one size, in this process."""
    torch.set_flush_denormal(True)
    n_data = n_ref // 5
    pools = benchmark_pools(n_ref, n_data, n_ref + 3 * n_data, resampled=False)
    statistic = NPLM(FixedWidths(WIDTHS), n_centers=n_centers)
    start = time.perf_counter()
    with one_thread_each():
        statistic.prepare(pools, n_ref, n_data, 0, Resources(workers=WORKERS, memory=memory))
    prepared = time.perf_counter() - start
    definition = ToyDefinition(pools.fingerprint, n_ref, n_data, False, False, 0)
    with tempfile.TemporaryDirectory() as folder, ToyStore(folder, {"b": 1}, statistic.variants) as store:
        options = {"batch_size": statistic.batch_size, "workers": WORKERS}
        start = time.perf_counter()
        run_toys(statistic, pools, definition, 0.0, 1, store, **options)
        first = time.perf_counter() - start
        done = statistic.batch_size
        start = time.perf_counter()
        if n_toys > 1:
            run_toys(statistic, pools, definition, 0.0, done + n_toys, store, **options)
            done = -(-n_toys // statistic.batch_size) * statistic.batch_size
        else:
            done = 1
        seconds = (time.perf_counter() - start) / done if n_toys > 1 else first
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "n_ref": n_ref,
        "n_centers": n_centers,
        "prepare_seconds": prepared,
        "seconds_per_toy": seconds,
        "peak_bytes": peak,
        "plan": statistic.plan,
    }


def in_own_process(n_ref: int, n_centers: int, memory: int, n_toys: int) -> dict[str, float | str]:
    """`measure` in a fresh process."""
    command = [sys.executable, __file__, "--point", json.dumps([n_ref, n_centers, memory, n_toys])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def exponent(points: list[dict[str, float | str]], x: str, y: str) -> float:
    """Slope of log y against log x."""
    return float(np.polyfit(np.log([float(p[x]) for p in points]), np.log([float(p[y]) for p in points]), 1)[0])


def show(points: list[dict[str, float | str]], x: str) -> None:
    """One row a point, and the exponents."""
    for p in points:
        print(
            f"| {p['n_ref']} | {p['n_centers']} | {float(p['prepare_seconds']):.1f} "
            f"| {float(p['seconds_per_toy']):.4g} "
            f"| {float(p['peak_bytes']) / 1024**3:.2f} | {p['plan']} |",
            flush=True,
        )
    if len(points) > 1:
        time_power, memory_power = (exponent(points, x, y) for y in ("seconds_per_toy", "peak_bytes"))
        print(f"exponent in {x}: time {time_power:.2f}, peak memory {memory_power:.2f}\n")


def main() -> None:
    """Sweeps |R|, then M."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", default="1e4,3e4,1e5,3e5,1e6", help="values of |R|, at M=100")
    parser.add_argument("--centers", default="50,100,200,500,1000,2000", help="values of M, at |R|=1e4")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--toys", type=int, default=64, help="toys at |R|=1e4; fewer at larger sizes")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--point", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(measure(*json.loads(arguments.point))))
        return
    memory = memory_budget(arguments.memory)
    sizes = [int(float(n)) for n in arguments.reference.split(",") if n]
    centers = [int(m) for m in arguments.centers.split(",") if m]
    print("| |R| | M | prepared in, s | s a toy | peak GB | plan |\n|---|---|---|---|---|---|")
    toys = {n: max(2, round(arguments.toys * 1e4 / n)) for n in sizes}
    by_size = [in_own_process(n, 100, memory, toys[n]) for n in sizes]
    show(by_size, "n_ref")
    by_centers = [in_own_process(10000, m, memory, max(4, round(arguments.toys * min(1, 100 / m)))) for m in centers]
    show(by_centers, "n_centers")
    if arguments.json:
        arguments.json.write_text(json.dumps({"by_size": by_size, "by_centers": by_centers}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Fits per second of our engine, of Falkon and of scikit-learn on the same toys, in one process, interleaved.

    ./scripts/benchmark [--rounds 5] [--f_s 0.0] [--json FILE]

A toy is six fits, one for each width. Ours run on two workers of one thread each, the others
on two threads. What is computed once for all toys (features of the pools, the Asimov solution)
is not in the time of a toy and is given apart. |t - t_ref| compares with full Newton steps in
float64 on the same basis, for toys of the last round.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from problem import WIDTHS, benchmark_pools
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression

from autoscidact.errors import UserError
from autoscidact.inference.engine import one_thread_each, run_toys
from autoscidact.inference.store import ToyStore
from autoscidact.provenance import versions
from autoscidact.statistics.nplm.falkon_solver import falkon_fit, import_falkon
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA, N_BACKGROUND, WORKERS = 10000, 2000, 40000, 2
PUBLIC_CG_TOLERANCE = float(np.sqrt(1e-7))
"""What public NPLM codes give Falkon; its own default, 1e-7, takes about twice as long."""


@dataclass
class Contestant:
    """One way to fit toys: `run(first, n)` gives t of toys first .. first + n - 1."""

    name: str
    n_toys: int
    run: Callable[[int, int], NDArray[np.float64]]
    prepare_seconds: float = 0.0
    reference: Callable[[int, int], NDArray[np.float64]] | None = None
    seconds: list[float] = field(default_factory=list)
    error: float = float("nan")


def definition(pools: Pools) -> ToyDefinition:
    return ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, 0)


def ours(name: str, pools: Pools, f_s: float, n_toys: int, **options: object) -> Contestant:
    """Our engine as `discover` runs it, store and all."""

    def make(**changes: object) -> NPLM:
        statistic = NPLM(FixedWidths(WIDTHS), **{**options, **changes})
        statistic.prepare(pools, N_REF, N_DATA, 0, Resources(workers=WORKERS))
        return statistic

    start = time.perf_counter()
    with one_thread_each():
        statistic = make()
        statistic.evaluate(draw_toys(pools, definition(pools), f_s, [10**6]))
    contestant = Contestant(name, n_toys, lambda first, n: np.empty(0), time.perf_counter() - start)

    def run(first: int, n: int) -> NDArray[np.float64]:
        # Indices from `first` on are a stretch of their own: a definition with another seed.
        shifted = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, first)
        with tempfile.TemporaryDirectory() as folder, ToyStore(folder, {"b": first}, statistic.variants) as store:
            size = statistic.batch_size
            return run_toys(statistic, pools, shifted, f_s, n, store, batch_size=size, workers=WORKERS)

    def reference(first: int, n: int) -> NDArray[np.float64]:
        shifted = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, first)
        return make(solver="newton").evaluate(draw_toys(pools, shifted, f_s, range(n)))

    contestant.run, contestant.reference = run, reference
    return contestant


def toy_arrays(pools: Pools, toys: ToyBatch) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    rows = np.concatenate([toys.reference_of(0), toys.data[0]])
    return torch.from_numpy(pools.points[rows]), np.arange(len(rows)) >= N_REF


def statistic_t(f: NDArray[np.float64], is_data: NDArray[np.bool_]) -> float:
    return float(-2 * (N_DATA / N_REF * np.expm1(f[~is_data]).sum() - f[is_data].sum()))


def falkon(pools: Pools, f_s: float, steps: int) -> Contestant:
    """LogisticFalkon as public NPLM codes call it, with `steps` repetitions of the penalty."""
    centers = NPLM(FixedWidths(WIDTHS))
    centers.prepare(pools, N_REF, N_DATA, 0)
    rows = centers.center_rows()

    def run(first: int, n: int) -> NDArray[np.float64]:
        shifted = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, first)
        values = []
        for index in range(n):
            x, is_data = toy_arrays(pools, draw_toys(pools, shifted, f_s, [index]))
            c, zero = torch.from_numpy(pools.points[rows]), torch.zeros(len(rows))
            fits = [
                falkon_fit(x, torch.from_numpy(is_data), c, zero, w, 1e-6, N_DATA / N_REF, steps, PUBLIC_CG_TOLERANCE)
                for w in WIDTHS
            ]
            values.append([statistic_t(f, is_data) for f in fits])
        return np.array(values)

    return Contestant(f"Falkon, {steps} Newton step{'s' if steps > 1 else ''}", 1, run)


def scikit_learn(pools: Pools, f_s: float) -> Contestant:
    """Nystroem features and LogisticRegression: the same objective, in a library everyone has."""

    def run(first: int, n: int) -> NDArray[np.float64]:
        shifted = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, False, first)
        values = []
        for index in range(n):
            points, is_data = toy_arrays(pools, draw_toys(pools, shifted, f_s, [index]))
            x, t = points.numpy(), []
            for width in WIDTHS:
                features = Nystroem(gamma=0.5 / width**2, n_components=109, random_state=0).fit(x).transform(x)
                model = LogisticRegression(C=1 / (1e-6 * len(x)), fit_intercept=False, max_iter=1000)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model.fit(features, is_data, sample_weight=np.where(is_data, 1.0, N_DATA / N_REF))
                t.append(statistic_t(features @ model.coef_[0], is_data))
            values.append(t)
        return np.array(values)

    return Contestant("scikit-learn Nystroem + LogisticRegression", 1, run)


def contestants(f_s: float) -> list[Contestant]:
    fixed, resampled = (benchmark_pools(N_REF, N_DATA, N_BACKGROUND, r) for r in (False, True))
    found = [
        ours("R fixed", fixed, f_s, 512),
        ours("R drawn anew", resampled, f_s, 256),
        ours("R and centres drawn anew", resampled, f_s, 16, centers="toy"),
        ours("R fixed, full basis, float64", fixed, f_s, 256, precision="float64"),
        ours("R fixed, basis tolerance 1e-9", fixed, f_s, 512, basis_tolerance=1e-9),
        scikit_learn(fixed, f_s),
    ]
    try:
        import_falkon()
        found += [falkon(fixed, f_s, 1), falkon(fixed, f_s, 6)]
    except UserError as error:
        print(f"Falkon is left out: {error}")
    return found


def main() -> None:
    """Runs the rounds, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--f_s", type=float, default=0.0, help="signal fraction of the toys")
    parser.add_argument("--check", type=int, default=16, help="toys compared with full Newton")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    entries = contestants(arguments.f_s)
    last: dict[str, NDArray[np.float64]] = {}
    for turn in range(arguments.rounds + 1):
        for entry in entries:
            start = time.perf_counter()
            last[entry.name] = entry.run(turn, entry.n_toys)
            if turn:  # the first round warms up
                entry.seconds.append((time.perf_counter() - start) / entry.n_toys)
    for entry in entries:
        if entry.reference is not None:
            n = min(arguments.check, entry.n_toys)
            exact = entry.reference(arguments.rounds, n)
            entry.error = float(np.abs(last[entry.name][:n] - exact).max())
    median = {entry.name: statistics.median(entry.seconds) for entry in entries}
    rivals = [name for name in median if name.startswith("Falkon")]
    titles = [
        "",
        "ms a toy",
        "(min .. max)",
        "fits/s",
        "prepared in",
        "max |t - t_ref|",
        *(f"times {r}" for r in rivals),
    ]
    print(f"|R|={N_REF}, |D|={N_DATA}, M=109, widths {WIDTHS}, f_s={arguments.f_s:g}, {arguments.rounds} rounds")
    print(f"{platform.processor() or platform.machine()}, 2 threads; {versions()}")
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for entry in entries:
        ms = [1e3 * s for s in entry.seconds]
        ratios = [f"{median[rival] / median[entry.name]:.0f}" for rival in rivals]
        cells = [entry.name, f"{1e3 * median[entry.name]:.1f}", f"{min(ms):.1f} .. {max(ms):.1f}"]
        cells += [f"{len(WIDTHS) / median[entry.name]:.0f}", f"{entry.prepare_seconds:.1f} s", f"{entry.error:.2g}"]
        print("| " + " | ".join([*cells, *ratios]) + " |")
    if arguments.json:
        record = {e.name: {"seconds_per_toy": e.seconds, "max_error": e.error} for e in entries}
        arguments.json.write_text(json.dumps({"versions": versions(), "f_s": arguments.f_s, **record}, indent=1) + "\n")


if __name__ == "__main__":
    main()

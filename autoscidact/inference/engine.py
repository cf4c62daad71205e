"""The engine: toys through a statistic, in batches, into the store."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from autoscidact.errors import UserError
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.contract import Statistic
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

MAX_FAILED_FRACTION = 0.01
"""More failed fits than this stop a run: what is left would no longer be a random sample of toys."""


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Gives torch, BLAS and OpenMP one thread per worker.

    Workers share the cores, and results do not depend on how many there are. Small matrix products, as of a classifier
    that a statistic trains, take up to five times less of the processor.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def run_toys(
    statistic: Statistic,
    pools: Pools,
    definition: ToyDefinition,
    f_s: float,
    n_toys: int,
    store: ToyStore,
    *,
    batch_size: int,
    workers: int,
    advance: Callable[[int], None] = lambda n: None,
) -> NDArray[np.float64]:
    """Evaluates toys 0 .. n_toys - 1 at one signal fraction, and returns their t, (n_toys, variants).

    Raises:
        UserError: more than one in a hundred fits failed.
    """
    evaluate_missing(
        statistic, pools, definition, f_s, n_toys, store, batch_size=batch_size, workers=workers, advance=advance
    )
    values = store.values(f_s, n_toys)
    _check_failures(statistic.name, f_s, values)
    return values


def evaluate_missing(
    statistic: Statistic,
    pools: Pools,
    definition: ToyDefinition,
    f_s: float,
    n_toys: int,
    store: ToyStore,
    *,
    batch_size: int,
    workers: int,
    part: tuple[int, int] = (0, 1),
    advance: Callable[[int], None] = lambda n: None,
) -> None:
    """Evaluates those of toys 0 .. n_toys - 1 that the store does not hold.

    Batches are aligned (toys 0 .. b-1, b .. 2b-1, ...) and always whole, so that a toy is
    computed in the same company, and with the same rounding, however a run was cut short,
    resumed, extended or divided. The last batch may hold a few toys more than asked for.

    Args:
        store: open (`with store:`); each batch is on disk before it counts as done.
        batch_size: toys at once. workers: batches at once, one thread each.
        part: (i, n) takes every n-th batch, beginning with the i-th: n processes, each with a
            store of its own, share the work, and their shards together are the whole.
        advance: called with the number of toys done, of those asked for.
    """
    missing = set(_of_part(store.missing(f_s, range(n_toys)), batch_size, part))
    starts = sorted({i - i % batch_size for i in missing})

    def work(start: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        toys = draw_toys(pools, definition, f_s, range(start, start + batch_size))
        return toys.index, statistic.evaluate(toys)

    with one_thread_each(), ThreadPoolExecutor(workers, thread_name_prefix="toys") as pool:
        pending: set[Future[tuple[NDArray[np.int64], NDArray[np.float64]]]] = set()
        queue = iter(starts)
        try:
            while True:
                while len(pending) < 2 * workers and (start := next(queue, None)) is not None:
                    pending.add(pool.submit(work, start))
                if not pending:
                    break
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    index, t = future.result()
                    store.add(f_s, index, t)
                    advance(len(missing.intersection(index.tolist())))
        finally:
            for future in pending:
                future.cancel()


def missing_of_part(store: ToyStore, f_s: float, n_toys: int, batch_size: int, part: tuple[int, int]) -> int:
    """How many toys `evaluate_missing` would evaluate, of those asked for."""
    return len(_of_part(store.missing(f_s, range(n_toys)), batch_size, part))


def _of_part(indices: list[int], batch_size: int, part: tuple[int, int]) -> list[int]:
    return [i for i in indices if (i // batch_size) % part[1] == part[0]]


def _check_failures(name: str, f_s: float, values: NDArray[np.float64]) -> None:
    failed = int(np.isnan(values).any(axis=1).sum())
    if failed > MAX_FAILED_FRACTION * len(values):
        raise UserError(
            f"{name}: the fits of {failed} of {len(values)} toys at f_s={f_s:g} failed, too many to calibrate with; "
            "for nplm raise nplm.penalty or drop the narrowest kernel width"
        )

"""The engine: the same numbers however a run is divided, interrupted, resumed or extended."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.inference.engine import MAX_FAILED_FRACTION, run_toys
from autoscidact.inference.store import ToyStore
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

BATCH = 16


class Sum:
    """A cheap statistic: the first variant is of a toy's events alone, the second also tells its company.

    The second stands for rounding, which may differ with what a toy is computed together with.
    """

    name = "sum"
    batch_size = BATCH
    variants = ("events", "company")

    def __init__(self, pools: Pools, fail: Callable[[int], bool] = lambda toy: False) -> None:
        self.pools, self.fail = pools, fail
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self.torch_threads: set[int] = set()

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        self.batches.append(toys.index.tolist())
        self.threads.add(threading.current_thread().name)
        self.torch_threads.add(torch.get_num_threads())
        t = np.array([[self.pools.points[rows].sum(), toys.index.sum() + 1e-3 * len(toys)] for rows in toys.data])
        t[[self.fail(int(toy)) for toy in toys.index]] = np.nan
        return t


@pytest.fixture(scope="module")
def pools() -> Pools:
    rng = np.random.default_rng(0)
    ids = np.arange(600)
    return build_pools(rng.normal(size=(600, 2)), ids, np.ones(600), ids >= 500, 100, 30, False, seed=0)


def definition(pools: Pools) -> ToyDefinition:
    return ToyDefinition(pools.fingerprint, 100, 30, False, False, 0)


def run(
    folder: Path, pools: Pools, statistic: Sum, n_toys: int, *, f_s: float = 0.0, workers: int = 1, **options: object
) -> NDArray[np.float64]:
    with ToyStore(folder, {"toys": definition(pools).key}, Sum.variants) as store:
        return run_toys(
            statistic, pools, definition(pools), f_s, n_toys, store, batch_size=BATCH, workers=workers, **options
        )


def shards(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.parquet")}


def test_values_are_those_of_each_toy(tmp_path: Path, pools: Pools) -> None:
    for f_s in (0.0, 0.2):
        values = run(tmp_path, pools, Sum(pools), 40, f_s=f_s)
        toys = draw_toys(pools, definition(pools), f_s, range(40))
        np.testing.assert_array_equal(values[:, 0], [pools.points[rows].sum() for rows in toys.data])


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_nothing(tmp_path: Path, pools: Pools, workers: int) -> None:
    alone = run(tmp_path / "1", pools, Sum(pools), 150)
    several = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path / "n", pools, several, 150, workers=workers), alone)
    assert shards(tmp_path / "1").keys() == shards(tmp_path / "n").keys()
    assert len(several.threads) <= workers


def test_one_torch_thread_a_worker_and_the_callers_own_again_afterwards(tmp_path: Path, pools: Pools) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        statistic = Sum(pools)
        run(tmp_path, pools, statistic, 40, workers=2)
        assert statistic.torch_threads == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_batches_are_whole_and_aligned(tmp_path: Path, pools: Pools) -> None:
    statistic = Sum(pools)
    assert run(tmp_path, pools, statistic, 40).shape == (40, 2)
    assert sorted(statistic.batches) == [list(range(start, start + BATCH)) for start in (0, 16, 32)]


def test_a_second_run_computes_and_writes_nothing(tmp_path: Path, pools: Pools) -> None:
    first = run(tmp_path, pools, Sum(pools), 40)
    before = shards(tmp_path)
    again = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path, pools, again, 40), first)
    # What the last whole batch held beyond 40 is there as well.
    run(tmp_path, pools, again, 48)
    run(tmp_path, pools, again, 7)
    assert again.batches == []
    assert shards(tmp_path) == before


def test_extension_equals_the_direct_run(tmp_path: Path, pools: Pools) -> None:
    direct = run(tmp_path / "direct", pools, Sum(pools), 100)
    run(tmp_path / "steps", pools, Sum(pools), 40)
    extending = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path / "steps", pools, extending, 100), direct)
    assert sorted(extending.batches) == [list(range(start, start + BATCH)) for start in (48, 64, 80, 96)]
    assert shards(tmp_path / "direct").keys() == shards(tmp_path / "steps").keys()


class Broken(Exception):
    pass


@pytest.mark.parametrize("workers", [1, 3])
def test_resumes_after_an_exception_to_the_same_values(tmp_path: Path, pools: Pools, workers: int) -> None:
    direct = run(tmp_path / "direct", pools, Sum(pools), 200)

    def fail(toy: int) -> bool:
        if toy == 100:
            raise Broken
        return False

    with pytest.raises(Broken):
        run(tmp_path / "cut", pools, Sum(pools, fail), 200, workers=workers)
    done = shards(tmp_path / "cut")
    assert 0 < len(done) < len(shards(tmp_path / "direct"))
    resumed = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path / "cut", pools, resumed, 200, workers=workers), direct)
    assert len(resumed.batches) == len(shards(tmp_path / "direct")) - len(done)
    # What was there is left as it was.
    assert done.items() <= shards(tmp_path / "cut").items()


def test_interruption_by_the_user_ends_the_run_and_keeps_what_is_done(tmp_path: Path, pools: Pools) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, pools, Sum(pools), 1000, advance=interrupt)
    assert 1 <= len(shards(tmp_path)) < 10
    assert run(tmp_path, pools, Sum(pools), 64).shape == (64, 2)


def test_another_fraction_does_not_disturb_the_first(tmp_path: Path, pools: Pools) -> None:
    null = run(tmp_path, pools, Sum(pools), 40)
    signal = run(tmp_path, pools, Sum(pools), 40, f_s=0.1)
    assert not np.array_equal(null[:, 0], signal[:, 0])
    again = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path, pools, again, 40), null)
    assert again.batches == []


def test_failed_fits_stay_as_nan(tmp_path: Path, pools: Pools) -> None:
    """One in a hundred is allowed; it keeps its place, here and when it is read again, and is not tried again."""
    assert MAX_FAILED_FRACTION == 0.01
    values = run(tmp_path, pools, Sum(pools, lambda toy: toy == 17), 100)
    assert np.flatnonzero(np.isnan(values).any(axis=1)).tolist() == [17]
    again = Sum(pools)
    np.testing.assert_array_equal(run(tmp_path, pools, again, 100), values)
    assert again.batches == []


def test_too_many_failed_fits_stop_the_run(tmp_path: Path, pools: Pools) -> None:
    with pytest.raises(UserError, match=r"sum: the fits of 2 of 100 toys at f_s=0\.1 failed") as caught:
        run(tmp_path, pools, Sum(pools, lambda toy: toy in (5, 99)), 100, f_s=0.1)
    assert "\n" not in str(caught.value)


def test_failures_beyond_those_asked_for_do_not_count(tmp_path: Path, pools: Pools) -> None:
    assert np.isfinite(run(tmp_path, pools, Sum(pools, lambda toy: toy >= 100), 100)).all()


@pytest.mark.parametrize("n_toys", [1, 16, 40, 100])
def test_progress_counts_those_asked_for(tmp_path: Path, pools: Pools, n_toys: int) -> None:
    counted: list[int] = []
    run(tmp_path, pools, Sum(pools), n_toys, advance=counted.append)
    assert sum(counted) == n_toys
    counted.clear()
    run(tmp_path, pools, Sum(pools), n_toys, advance=counted.append)
    assert sum(counted) == 0


def test_progress_after_an_extension_counts_only_what_was_missing(tmp_path: Path, pools: Pools) -> None:
    """A run for 40 toys leaves 48: the caller counts those as done, so they must not be counted again."""
    run(tmp_path, pools, Sum(pools), 40)
    counted: list[int] = []
    run(tmp_path, pools, Sum(pools), 100, advance=counted.append)
    assert sum(counted) == 52

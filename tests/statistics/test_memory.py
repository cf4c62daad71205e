"""The memory plan: what fits, what does not, and that no layout changes t."""

import numpy as np
import pytest
from test_batched_solver import N_DATA, N_REF, pools, toys

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.memory import MemoryPlan, plan_memory
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources

MB, GB = 1024**2, 1024**3


def plan(memory: int, n_ref: int = 10000, n_data: int = 2000, n_centers: int = 109, pool: int = 48000) -> MemoryPlan:
    return plan_memory(pool, n_ref, n_data, n_centers, [n_centers] * 6, 4, Resources("cpu", 2, memory))


def test_plenty_stores_everything() -> None:
    assert plan(4 * GB).layouts == ("stored",) * 6
    assert plan(4 * GB).batch_size == 64


def test_less_memory_means_slower_layouts_and_never_more_than_the_budget() -> None:
    order = {"stored": 0, "computed": 1, "streamed": 2}
    slowest, seen = -1, set()
    for memory in (4096, 300, 200, 150, 100, 80, 60, 50, 40, 30, 25, 20, 15):
        made = plan(memory * MB)
        assert made.bytes <= memory * MB
        speed = sum(order[layout] for layout in made.layouts)
        assert speed >= slowest
        slowest = speed
        seen |= set(made.layouts)
    assert seen == set(order)


def test_the_largest_problem_fits_in_four_gigabytes() -> None:
    made = plan(4 * GB, n_ref=1_000_000, n_data=200_000, n_centers=1000, pool=1_600_000)
    assert made.bytes <= 4 * GB


def test_too_little_for_one_toy_says_how_much_is_needed() -> None:
    with pytest.raises(UserError, match=r"toys.memory=1 MB is too small for one toy on 2 workers: at least [\d.]+ MB"):
        plan(1 * MB)


@pytest.mark.parametrize("resampled", [False, True])
def test_budgets_from_one_toy_to_all_agree(resampled: bool) -> None:
    """Stored, computed and streamed features, batches of 1 to 16: t within the bound of the engine."""
    pool = pools(resampled)
    results, layouts = [], set()
    for memory in (4096, 16, 12, 8, 6, 5, 4, 3, 2, 1.5, 1, 0.7):
        statistic = NPLM(FixedWidths([0.15, 0.6, 2.0, 6.0]), n_centers=40)
        try:
            statistic.prepare(pool, N_REF, N_DATA, 5, Resources(memory=int(memory * MB)))
        except UserError:
            continue
        layouts.add((statistic._solver.plan.layouts, statistic.batch_size))
        size = statistic.batch_size
        parts = [statistic.evaluate(toys(pool, 0.05, range(i, min(i + size, 16)))) for i in range(0, 16, size)]
        results.append(np.concatenate(parts))
    assert len(layouts) >= 3
    assert {"stored", "computed"} <= {layout for kinds, _ in layouts for layout in kinds}
    for other in results[1:]:
        assert np.all(np.abs(other - results[0]) <= 0.02 + 1e-4 * np.abs(results[0]))


@pytest.mark.parametrize("resampled", [False, True])
def test_streamed_features_give_the_same_t(resampled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout that only very large problems need, forced on a small one."""
    pool = pools(resampled)
    stored = NPLM(FixedWidths([0.15, 0.6, 2.0, 6.0]), n_centers=40)
    stored.prepare(pool, N_REF, N_DATA, 5)
    monkeypatch.setattr(
        "autoscidact.statistics.nplm.batched_solver.plan_memory",
        lambda *a, **k: MemoryPlan(("streamed",) * 4, 2, 500, 0, 0),
    )
    streamed = NPLM(FixedWidths([0.15, 0.6, 2.0, 6.0]), n_centers=40)
    streamed.prepare(pool, N_REF, N_DATA, 5)
    for f_s in (0.0, 0.1):
        exact, other = (s.evaluate(toys(pool, f_s, range(4))) for s in (stored, streamed))
        assert np.all(np.abs(other - exact) <= 0.02 + 1e-4 * np.abs(exact))

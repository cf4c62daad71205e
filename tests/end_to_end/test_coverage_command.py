"""`autoscidact discover calibration=coverage`: false alarms, uniformity and power of a whole search."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom, binom

from autoscidact.commands.calibration import p_by_toys
from autoscidact.inference.combine import RULES
from autoscidact.inference.engine import one_thread_each
from autoscidact.report.coverage import coverage_table, readable_coverage
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
Run = Callable[..., Any]


def folder_of(outcome: Any) -> Path:
    return Path(next(line.strip() for line in outcome.out.splitlines() if "z_scores.csv" in line)).parent


@pytest.fixture(scope="module")
def words(search: Any) -> tuple[str, ...]:
    more = (
        "toys.n_data=100",
        "toys.resample_reference=true",
        "toys.n_null=200",
        "toys.n_pseudo=60",
        "toys.n_signal=10",
        "f_s=0.3",
    )
    return ("discover", *search.words[1:], *more)


@pytest.fixture(scope="module")
def covered(words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, succeed: Run) -> Any:
    options = ("calibration=[coverage,permutation]", "toys.n_permutations=99", "toys.n_ref=300")
    return succeed(*words, *options, f"outputs={tmp_path_factory.mktemp('coverage')}")


@pytest.mark.statistical
def test_false_alarms_and_power_of_toys_and_permutations(covered: Any) -> None:
    """A row for each calibration, variant, level and f_s; rates in the central 99.9 % of what calibrated tests give.

    28 rates, of which some five are independent: a calibrated search fails in one choice of seeds of 200.
    """
    folder = folder_of(covered)
    table = pd.read_csv(folder / "coverage.csv")
    variants = {"sigma=0.7", "sigma=2", *RULES}
    assert set(table.variant) == variants
    assert len(table) == len(variants) * 2 * 2 * 3
    assert not table.duplicated(["statistic", "calibration", "variant", "f_s", "level"]).any()
    assert set(table.statistic) == {"nplm"}
    null = table[table.f_s == 0]
    assert (null.n == 60).all()
    assert (table[table.f_s > 0].n == 10).all()
    for row in null[null.attainable > 0].itertuples():
        j = round(row.attainable * 201)
        law = betabinom(60, j, 201 - j) if row.calibration == "toys" else binom(60, row.attainable)
        low, high = law.ppf([0.0005, 0.9995])
        assert low <= row.k <= high, row
        assert row.expected_low * 60 >= low
        assert row.expected_high * 60 <= high
    assert (null.uniformity_p > 0.001).all()
    assert table[table.f_s > 0].inside.isna().all()
    found = table[(table.variant == "sigma=2") & (table.level == 2)].set_index(["calibration", "f_s"]).rate
    for calibration in ("toys", "permutation"):
        assert found[calibration, 0.3] == 1
    # 99 permutations do not reach 3 sigma, 200 toys do not either: neither false alarms nor power.
    assert (table[table.level == 3].attainable == 0).all()
    assert covered.out.count("not reached") == len(variants) * 2 * 2
    assert "type-I error and power" in covered.out
    for name in ("coverage.md", "uniformity_nplm_toys.png", "uniformity_nplm_permutation.png", "z_scores.csv"):
        assert (folder / name).is_file()


def test_p_of_coverage_are_those_of_further_toys(covered: Any) -> None:
    """Counted naively from the toys on disk: the first 200 calibrate, the next 60 are observed."""
    folder = folder_of(covered)
    table = pd.read_csv(folder / "coverage.csv")
    stores = [path for path in (folder.parents[2] / "toys").iterdir() if "permutations" not in _definition(path)]
    (store,) = stores
    shards = pd.concat(pd.read_parquet(path) for path in store.glob("*.parquet"))
    t = shards[shards.f_s == 0].set_index("toy")["t:sigma=2"].sort_index()
    calibrating, observed = t.tolist()[:200], t.tolist()[200:260]
    assert (len(calibrating), len(observed)) == (200, 60)
    p = [(1 + sum(null >= one for null in calibrating)) / 201 for one in observed]
    row = table[(table.calibration == "toys") & (table.variant == "sigma=2") & (table.f_s == 0) & (table.level == 1)]
    assert row.k.item() == sum(value <= row.nominal.item() for value in p)


def _definition(store: Path) -> str:
    return (store / "definition.json").read_text()


def test_coverage_reuses_the_toys_and_leaves_the_rest_as_it_is(
    words: tuple[str, ...], tmp_path: Path, succeed: Run
) -> None:
    words = (*words, f"outputs={tmp_path}")
    alone = succeed(*words)
    both = succeed(*words, "calibration=coverage")
    assert re.search(r"nplm: 2\d\d of 270 toys are done already", both.out)
    assert folder_of(alone) != folder_of(both)
    assert (folder_of(alone) / "z_scores.csv").read_bytes() == (folder_of(both) / "z_scores.csv").read_bytes()
    assert not (folder_of(alone) / "coverage.csv").exists()
    assert set(pd.read_csv(folder_of(both) / "coverage.csv").calibration) == {"toys"}


def test_small_pools_and_references_are_warned_of(words: tuple[str, ...], tmp_path: Path, succeed: Run) -> None:
    """2560 simulated events, R three times as large as D."""
    few = ("toys.n_ref=1000", "toys.n_data=350", "toys.n_null=40", "toys.n_pseudo=10", "toys.n_signal=2", "f_s=0.3")
    outcome = succeed(*words, *few, "calibration=coverage", f"outputs={tmp_path}")
    assert "warning: R is not much larger than D" in outcome.out
    assert "warning: toys overlap" in outcome.out


def test_no_such_calibration(words: tuple[str, ...], tmp_path: Path, run: Run) -> None:
    for value in ("bogus", "[coverage,bogus]", "[]"):
        outcome = run(*words, f"calibration={value}", f"outputs={tmp_path}")
        assert outcome.status == 1
        assert outcome.err.startswith("error: calibration=")
    assert not (tmp_path / "discover").exists()
    assert not (tmp_path / "toys").exists()


@pytest.mark.statistical
def test_a_wrong_null_is_flagged() -> None:
    """Null toys of 150 events calibrate observations of 200: both are known in number, and t tells them apart.

    The right null stays inside its intervals with this seed, the wrong one is outside at 1 and 2 sigma.
    """
    n_null, n_observed = (4000, 2000) if FULL else (500, 300)
    rng = np.random.default_rng(5)
    n = 12_000
    pools = build_pools(rng.normal(size=(n, 2)), np.arange(n), np.ones(n), np.zeros(n, bool), 1000, 200, False, 0)
    right = ToyDefinition(pools.fingerprint, 1000, 200, False, False, 0)
    statistic = NPLM(FixedWidths([1.0, 3.0]))
    with one_thread_each():
        statistic.prepare(pools, 1000, 200, 0, Resources())
        t = {
            name: statistic.evaluate(draw_toys(pools, definition, 0.0, range(n_null + n_observed)))
            for name, definition in (("right", right), ("wrong", replace(right, n_data=150)))
        }
    observed = t["right"][n_null:]
    for name, null in t.items():
        p = p_by_toys(statistic.widths, null[:n_null], observed)
        table = coverage_table("nplm", "toys", {0.0: p}, n_null, shared=True)
        judged = table[table.level < 3].groupby("variant").inside.all()
        _, cells = readable_coverage(table)
        if name == "right":
            assert judged.all()
            assert not any("!" in cell for row in cells for cell in row)
        else:
            assert not judged.any()
            assert all(" !" in row[4] for row in cells)
            assert (table.uniformity_p < 0.001).all()

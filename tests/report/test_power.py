"""Ratios to the supervised limit, and f_S for 3 sigma, against what is known by construction."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_run import finished_run

from autoscidact.inference.significance import BEST_WIDTH
from autoscidact.inference.threshold import Threshold
from autoscidact.report.gather import gather
from autoscidact.report.headline import asymptotic_variant, best_single, empirical_variant, single_variant
from autoscidact.report.power import PowerRatio, power_ratios
from autoscidact.report.runs import read_run
from autoscidact.report.thresholds import interpolated, needed_fractions, threshold_text


def rows(
    statistic: str, variant: str, asymptotic: list[float], empirical: list[float], bound: list[bool]
) -> pd.DataFrame:
    f_s = [0.01, 0.02, 0.05][: len(asymptotic)]
    return pd.DataFrame(
        {
            "statistic": statistic,
            "variant": variant,
            "f_s": f_s,
            "z_asymptotic": asymptotic,
            "z_empirical": empirical,
            "z_empirical_is_bound": bound,
        }
    )


def test_ratios_by_hand() -> None:
    nan = float("nan")
    table = pd.concat(
        [
            rows("nplm", "q50", [9.0, 9.0, 9.0], [9.0, 9.0, 9.0], [False] * 3),
            rows("nplm", BEST_WIDTH, [0.5, 2.0, 6.0], [0.4, 1.8, 2.9], [False, False, True]),
            rows("nplm", "min_p", [nan] * 3, [0.3, 1.5, 2.5], [False] * 3),
            rows("supervised", "t", [0.8, 4.0, 8.0], [1.2, 2.9, 2.9], [False, True, True]),
        ]
    )
    found = power_ratios(table)
    kept = [entry for entry in found if not np.isnan(entry.ratio)]
    assert kept == [
        PowerRatio("supervised", 0.02, "asymptotic", 2.0, 4.0, 0.5),
        PowerRatio("supervised", 0.05, "asymptotic", 6.0, 8.0, 0.75),
        PowerRatio("supervised", 0.01, "empirical", 0.3, 1.2, 0.25),
    ]
    # The limit's 0.8 sigma are no measure of anything.
    assert [(entry.f_s, entry.kind) for entry in found if np.isnan(entry.ratio)] == [(0.01, "asymptotic")]


def test_no_limit_no_ratio() -> None:
    table = rows("nplm", "t", [1.0], [1.0], [False])
    assert power_ratios(table) == []
    assert power_ratios(table.assign(statistic="supervised")) == []


def test_ratio_to_itself_is_one(tmp_path: Path) -> None:
    table = read_run(finished_run(tmp_path / "run", ("supervised", "mahalanobis"))).table
    both = pd.concat([table, table[table.statistic == "supervised"].assign(statistic="ideal_supervised")])
    found = power_ratios(both, test="supervised", limits=["ideal_supervised"])
    assert found
    assert all(entry.ratio == 1 for entry in found if entry.z_limit >= 1)


def test_a_test_twice_as_sensitive(tmp_path: Path) -> None:
    """Z is 100 f_S for one test and 200 f_S for the other, by construction."""
    table = read_run(finished_run(tmp_path / "run", ("supervised", "mahalanobis"), n_null=900)).table
    found = [entry for entry in power_ratios(table, test="mahalanobis") if entry.kind == "asymptotic"]
    assert [entry.f_s for entry in found] == [0.01, 0.02, 0.05, 0.1]
    assert [entry.ratio for entry in found[2:]] == pytest.approx([0.5, 0.5], abs=0.06)


def test_headline_variants(tmp_path: Path) -> None:
    table = read_run(finished_run(tmp_path / "run", ("nplm", "supervised"))).table
    nplm, supervised = (table[table.statistic == name] for name in ("nplm", "supervised"))
    assert (asymptotic_variant(nplm), empirical_variant(nplm)) == (BEST_WIDTH, "min_p")
    assert single_variant(nplm) == best_single(nplm) == "q50"
    assert {asymptotic_variant(supervised), empirical_variant(supervised), single_variant(supervised)} == {"t"}
    svm = pd.concat([rows("one_class_svm", f"fpr={rate}%", [1.0], [1.0], [False]) for rate in (1, 10)])
    assert asymptotic_variant(svm) == empirical_variant(svm) == single_variant(svm) == "fpr=10%"
    unknown = svm.assign(statistic="home_made")
    assert asymptotic_variant(unknown) == empirical_variant(unknown) == "fpr=1%"


def test_needed_fractions_of_known_tests(tmp_path: Path) -> None:
    """Z = 3 at 3 % where Z is 100 f_S, and at 1.5 % where it is 200 f_S."""
    (gathered,) = gather([read_run(finished_run(tmp_path / "run", ("mahalanobis", "supervised", "nplm"), n_null=900))])
    found = {entry.statistic: entry for entry in needed_fractions(gathered, n_bootstrap=40)}
    for name, truth in (("mahalanobis", 0.03), ("supervised", 0.015)):
        # The empirical critical value is the second largest of 900 null toys: 3.1 sigma, give or take 0.3.
        for threshold, error in ((found[name].asymptotic, 0.15), (found[name].empirical, 0.25)):
            assert isinstance(threshold, Threshold)
            assert threshold.low < threshold.fraction < threshold.high
            assert threshold.fraction == pytest.approx(truth, rel=error)
    assert found["nplm"].asymptotic_variant == "q50"
    # The smallest p over the widths has no t: its f_S comes from the table, without error.
    assert found["nplm"].empirical_variant == "min_p"
    assert isinstance(found["nplm"].empirical, Threshold)
    assert np.isnan(found["nplm"].empirical.low)


def test_too_few_null_toys_are_said(tmp_path: Path) -> None:
    (gathered,) = gather([read_run(finished_run(tmp_path / "run"))])
    needed = needed_fractions(gathered, n_bootstrap=40)
    assert {entry.empirical for entry in needed} == {"past what 120 null toys resolve"}


@pytest.mark.parametrize(
    ("z", "expected", "bound"), [([1.0, 2.0, 4.0], 0.035, ""), ([3.5, 4, 5], 0.01, "<"), ([0, 1, 2], 0.05, ">")]
)
def test_straight_lines(z: list[float], expected: float, bound: str) -> None:
    found = interpolated(rows("nplm", "min_p", z, z, [False] * 3), 3.0)
    assert (found.fraction, found.bound) == (pytest.approx(expected), bound)


def test_thresholds_in_words() -> None:
    nan, inf = float("nan"), float("inf")
    assert threshold_text(Threshold(0.0123, 0.011, 0.014, "")) == "1.23 % (1.10 to 1.40)"
    assert threshold_text(Threshold(0.0123, 0.0, inf, "")) == "1.23 % (below the scan to past the scan)"
    assert threshold_text(Threshold(0.02, nan, nan, "")) == "2.00 %"
    assert threshold_text(Threshold(0.005, 0.0, 0.005, "<")) == "< 0.5 %"
    assert threshold_text(Threshold(0.1, 0.1, inf, ">")) == "> 10 %"
    assert threshold_text("no toys") == "no toys"

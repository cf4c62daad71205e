"""Tables and sentences of an observation: naive loops, nothing missing, bounds marked, verdicts that fit their Z."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_observation import BOUND, EXPECTED, LAW, TAIL, full_table, made_events, row

from autoscidact.errors import UserError
from autoscidact.inference.observation import observed_significances
from autoscidact.report.observation_tables import calibration_table, ranked_table, readable_excess, significance_table
from autoscidact.report.observation_words import (
    comparisons,
    expected_text,
    first_choice,
    headline,
    headline_row,
    measured_text,
)
from autoscidact.report.ranked_events import FRACTIONS, excess_table, ranked_events

scores = st.floats(-5, 5).map(lambda value: round(value, 1))


@given(
    arrays(float, st.integers(1, 60), elements=scores),
    arrays(float, st.integers(0, 30), elements=scores),
    st.floats(0.001, 2.0),
)
def test_excess_is_a_naive_count(reference: np.ndarray, data: np.ndarray, weight: float) -> None:
    found = excess_table(reference, weight, data)
    assert found.fraction.tolist() == list(FRACTIONS)
    for line in found.itertuples():
        above = sum(1 for value in reference if value >= line.threshold)
        assert line.threshold in reference
        assert line.expected == pytest.approx(weight * above)
        assert line.observed == sum(1 for value in data if value >= line.threshold)
        assert line.excess == pytest.approx(line.observed - line.expected)
        assert line.ratio == pytest.approx(line.observed / line.expected)


def test_excess_thresholds_leave_the_promised_share_above() -> None:
    reference = np.random.default_rng(0).permutation(1000) / 1000
    found = excess_table(reference, 0.04, reference[:40])
    assert found.expected.tolist() == pytest.approx([40 * f for f in FRACTIONS], abs=0.04 + 1e-9)
    assert (np.diff(found.threshold) > 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_ranking_is_sorted_complete_and_blind_to_order(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    ids, f = rng.permutation(100)[:n], rng.normal(size=n).round(1)
    mass, kind = rng.normal(size=n), rng.choice(["a", "b"], n)
    found = ranked_events(ids, {"m": mass, "kind": kind}, {"q50": f, "q25": -f}, "q50")
    assert found.columns.tolist() == ["rank", "id", "m", "kind", "density_ratio", "log_ratio_q50", "log_ratio_q25"]
    assert found["rank"].tolist() == list(range(1, n + 1))
    assert (np.diff(found.log_ratio_q50) <= 0).all()
    expected = {(i, m, k, e, v, -v) for i, m, k, e, v in zip(ids, mass, kind, np.exp(f), f, strict=True)}
    assert set(found.iloc[:, 1:].itertuples(index=False, name=None)) == expected
    turn = rng.permutation(n)
    again = ranked_events(ids[turn], {"m": mass[turn], "kind": kind[turn]}, {"q50": f[turn], "q25": -f[turn]}, "q50")
    pd.testing.assert_frame_equal(found, again)


def test_ranking_puts_events_without_a_score_last_and_bears_huge_ones() -> None:
    found = ranked_events(np.array(["a", "b", "c"]), {}, {"w": np.array([np.nan, 800.0, -1.0])}, "w")
    assert found["id"].tolist() == ["b", "c", "a"]
    assert found["density_ratio"][0] == np.inf


@pytest.mark.parametrize("name", ["rank", "id", "density_ratio", "log_ratio_w"])
def test_observer_named_as_a_column_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"observer {name}: .* rename"):
        ranked_events(np.arange(2), {name: np.ones(2)}, {"w": np.ones(2)}, "w")


def test_ranked_table_shows_the_first_with_their_observers() -> None:
    made = made_events()
    observers = {"m4l": made.data["m4l"], "channel": made.data["channel"], "Run": np.full(40, 193998.0)}
    ranked = ranked_events(np.arange(40), observers, {"q50": made.score_data}, "q50")
    shown = ranked_table(ranked, "q50", 20, {"m4l": "m4l (GeV)"})
    assert shown.columns == ["rank", "event", "m4l (GeV)", "channel", "Run", "f", "density ratio"]
    assert len(shown.rows) == 20
    best = int(np.argmax(made.score_data))
    assert shown.rows[0][:5] == ["1", str(best), f"{made.data['m4l'][best]:#.5g}", made.data["channel"][best], "193998"]
    assert float(shown.rows[0][6]) == pytest.approx(math.exp(made.score_data[best]), rel=0.01)
    assert "20 first of 40" in shown.caption


def test_excess_says_that_it_is_no_test() -> None:
    shown = readable_excess(excess_table(np.arange(100.0), 0.4, np.array([99.0, 5.0])))
    assert "test nothing" in shown.caption
    assert shown.rows[-1] == ["1 %", "99.000", "0.40", "1", "+0.60", "2.50"]


def test_significance_shows_every_row_and_marks_bounds() -> None:
    table = full_table()
    shown = significance_table(table)
    assert len(shown.rows) == len(table)
    assert all(len(cells) == len(shown.columns) for cells in shown.rows)
    at = {title: i for i, title in enumerate(shown.columns)}
    for cells, source in zip(shown.rows, table.to_dict("records"), strict=True):
        assert cells[at["Z"]].startswith(">") == source["z_empirical_is_bound"]
        assert cells[at["p [95 %]"]].startswith("<=") == source["z_empirical_is_bound"]
        assert (cells[at["t"]] == "") == math.isnan(source["t_observed"])
    assert shown.rows[-1][at["p tail [95 %]"]] == "2e-05 [1e-06,0.0001]"
    assert shown.rows[0][at["Z expected [68 %]"]] == "0.70 [-0.20,1.60]"
    assert shown.rows[0][at["Z asymptotic"]] == "0.58 (0.4)"
    assert "nan" not in str(shown).lower()


def test_columns_that_nothing_fills_are_left_out() -> None:
    shown = significance_table(pd.DataFrame([row("t", t_observed=1.0)]))
    assert shown.columns == ["test", "variant", "t", "p [95 %]", "Z"]
    assert "Tail" not in shown.caption
    assert "asymptotic" not in shown.caption
    assert "expected" not in shown.caption
    assert "look-elsewhere" not in shown.caption


def test_calibrations_side_by_side_and_the_first_choice_of_each_test() -> None:
    table = full_table()
    shown = calibration_table(table)
    assert shown is not None
    assert shown.columns == ["test", "variant", "toys", "toys+variations", "permutation"]
    cells = {tuple(cells[:2]): cells[2:] for cells in shown.rows}
    assert cells["NPLM", "min p"] == ["0.02 (Z 2.05)", "0.31 (Z 0.50)", "0.03 (Z 1.88)"]
    assert cells["m4l fit", "t"] == ["0.31 (Z 0.50)", "", ""]
    assert calibration_table(table[table.calibration == "toys"]) is None
    chosen = first_choice(table)
    assert not chosen.duplicated(["statistic", "variant"]).any()
    assert len(chosen) == len(table.drop_duplicates(["statistic", "variant"]))
    assert set(chosen.calibration[chosen.variant == "min_p"]) == {"toys+variations"}


def test_headline_is_nplm_over_all_widths_with_the_variations() -> None:
    found = headline_row(full_table().sample(frac=1, random_state=0))
    assert (found["statistic"], found["variant"], found["calibration"]) == ("nplm", "max_z", "toys+variations")
    assert headline(full_table(), "a standard-model Higgs boson") == (
        "No significant deviation: combined p = 0.31 (Z = 0.50; 95 % interval of p: 0.25 to 0.37) from 1000 null toys "
        "that hold the declared variations; a standard-model Higgs boson would be expected to give Z = 0.70 (68 % of "
        "toys: -0.20 to 1.60)."
    )
    assert list(comparisons(full_table())) == [
        "Without the declared variations, statistical fluctuations alone: p = 0.02 (Z = 2.05; 95 % interval of p: "
        "0.016 to 0.024) from 1000 null toys.",
        "Calibrated by permuting the events of R and D, without toys: p = 0.03 (Z = 1.88; 95 % interval of p: 0.024 to "
        "0.036) from 1000 permutations.",
    ]


@pytest.mark.parametrize(
    ("z", "verdict"),
    [
        (-math.inf, "No significant"),
        (1.99, "No significant"),
        (2.0, "A mild"),
        (2.99, "A mild"),
        (3.0, "Evidence"),
        (5.0, "A deviation past five"),
    ],
)
def test_verdict_follows_z(z: float, verdict: str) -> None:
    assert headline(pd.DataFrame([row(z_empirical=z)])).startswith(verdict)
    assert "inf" not in headline(pd.DataFrame([row(z_empirical=z)]))


def test_a_bound_is_called_one_and_the_tail_an_extrapolation() -> None:
    bound = row("min_p", **BOUND, z_empirical_is_bound=True)
    alone = headline(pd.DataFrame([bound]))
    assert alone.startswith(
        "Evidence of a deviation: combined p <= 0.001 (Z > 3.09), which is as far as 1000 null toys"
    )
    largest = row("max_z", t_observed=4.4, **BOUND, z_empirical_is_bound=True, **TAIL)
    both = headline(pd.DataFrame([bound, largest]))
    assert "largest Z, an extrapolation, gives p = 2e-05 and Z = 4.11 (95 % interval of Z: 3.72 to 4.75)" in both
    endless = headline(pd.DataFrame([bound, {**largest, "z_tail_low": 5.1, "z_tail_high": math.inf}]))
    assert "from 5.10, without upper end" in endless
    assert endless.startswith("A deviation past five sigma")
    # A tail far below the toys' bound takes nothing from what the toys show.
    assert headline(pd.DataFrame([bound, {**largest, "z_tail_low": 1.0}])).startswith("Evidence")


@pytest.mark.parametrize(
    ("values", "measured", "expected"),
    [
        ({**EXPECTED}, "observed p = 0.31, Z = 0.5", "expected p = 0.24, Z = 0.7"),
        ({**BOUND, "z_empirical_is_bound": True}, "observed p ≤ 0.001, Z > 3.1", ""),
        ({"p_empirical": 1.0, "z_empirical": -math.inf}, "observed p = 1", ""),
        ({**EXPECTED, "z_expected_is_bound": True}, "observed p = 0.31, Z = 0.5", "expected p ≤ 0.24, Z > 0.7"),
        ({**EXPECTED, "z_expected": -math.inf}, "observed p = 0.31, Z = 0.5", "expected p = 1"),
    ],
)
def test_words_of_a_panel(values: dict[str, Any], measured: str, expected: str) -> None:
    found = row(**values)
    assert (measured_text(found), expected_text(found)) == (measured, expected)


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_rows_of_the_inference_are_understood(shift: float) -> None:
    rng = np.random.default_rng(0)
    variants = {"q25": 0.5, "q50": 1.5, "q75": 4.0}
    null, signal = rng.chisquare(10, (300, 3)), rng.chisquare(10, (100, 3)) + 5
    rows = observed_significances("nplm", variants, null, null.mean(axis=0) + shift, "chi2", f_s=0.1, signal=signal)
    table = pd.DataFrame([vars(found) for found in rows])
    assert len(significance_table(table).rows) == len(rows)
    found = headline(table)
    assert ("an extrapolation" in found) == (shift > 0)
    assert "nan" not in found
    assert found.startswith("No significant" if shift == 0 else ("Evidence", "A mild", "A deviation"))


def test_a_law_without_a_fit_test_stands_alone() -> None:
    shown = significance_table(pd.DataFrame([row("t", **{**LAW, "asymptotic_ks_p": float("nan")})]))
    assert shown.rows[0][shown.columns.index("Z asymptotic")] == "0.58"

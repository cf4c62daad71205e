"""An observation made by hand, for tests of its report: 40 events, a bump in the observer, three tests."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.report.marginals import draw_marginals
from autoscidact.report.observation_content import ControlRegion, Observation
from autoscidact.report.observation_panels import TestPanel
from autoscidact.report.observer_score import ObserverScore
from autoscidact.report.ranked_events import excess_table, ranked_events

NAN = float("nan")
N_REF, N_DATA = 5000, 40


def row(variant: str = "min_p", **values: Any) -> dict[str, Any]:
    """A row of observation.csv, without tail and expectation unless given."""
    empty = {
        "statistic": "nplm", "variant": variant, "width": NAN, "calibration": "toys", "n_null": 1000,
        "t_observed": NAN, "p_empirical": 0.31, "p_empirical_low": 0.28, "p_empirical_high": 0.34,
        "z_empirical": 0.5, "z_empirical_is_bound": False, "p_asymptotic": NAN, "z_asymptotic": NAN,
        "asymptotic_law": "none", "asymptotic_ks_p": NAN, "p_tail": NAN, "p_tail_low": NAN, "p_tail_high": NAN,
        "z_tail": NAN, "z_tail_low": NAN, "z_tail_high": NAN, "n_tail": 0, "tail_fit_p": NAN, "f_s": NAN,
        "z_expected": NAN, "z_expected_q16": NAN, "z_expected_q84": NAN, "z_expected_is_bound": False,
    }  # fmt: skip
    return {**empty, **values}


EXPECTED = {"f_s": 0.05, "z_expected": 0.7, "z_expected_q16": -0.2, "z_expected_q84": 1.6}
LAW = {"p_asymptotic": 0.28, "z_asymptotic": 0.58, "asymptotic_law": "chi2", "asymptotic_ks_p": 0.4}
TAIL = {
    "p_tail": 2e-5, "p_tail_low": 1e-6, "p_tail_high": 1e-4,
    "z_tail": 4.11, "z_tail_low": 3.72, "z_tail_high": 4.75, "n_tail": 200, "tail_fit_p": 0.6,
}  # fmt: skip
BOUND = {"p_empirical": 1 / 1001, "p_empirical_low": 0.0, "p_empirical_high": 0.0037, "z_empirical": 3.09}


def full_table() -> pd.DataFrame:
    """Three widths, two combinations, a fit, each with toys, variations and permutations where they apply."""
    rows = []
    for calibration, p, z in (("toys", 0.02, 2.05), ("toys+variations", 0.31, 0.5), ("permutation", 0.03, 1.88)):
        common = {"calibration": calibration, "p_empirical": p, "z_empirical": z, **EXPECTED}
        interval = {"p_empirical_low": 0.8 * p, "p_empirical_high": 1.2 * p}
        for name, width in (("q25", 0.5), ("q50", 1.5), ("q75", 4.0)):
            rows.append(row(name, width=width, t_observed=12.3, **common, **interval, **LAW))
        rows += [row("min_p", **common, **interval), row("max_z", t_observed=1.4, **common, **interval)]
    rows.append(row("t", statistic="m4l_fit", t_observed=3.1, **EXPECTED, **LAW))
    rows.append(row("q99", width=9.0, t_observed=99.0, **BOUND, z_empirical_is_bound=True, **TAIL))
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Made:
    """Events: observers and scores of R, D and signal, by name."""

    reference: dict[str, NDArray[Any]]
    data: dict[str, NDArray[Any]]
    score_reference: NDArray[np.float64]
    score_data: NDArray[np.float64]
    signal: tuple[NDArray[np.float64], NDArray[np.float64]]


def made_events(seed: int = 0) -> Made:
    """A falling background from 110 to 180, and a bump at 125 in the data and, weakly, in the score."""
    rng = np.random.default_rng(seed)

    def events(mass: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        n = len(mass)
        return {
            "h0": rng.normal(size=n),
            "m4l": mass,
            "channel": rng.choice(["2e2mu", "4e", "4mu"], n, p=[0.5, 0.2, 0.3]),
            "jets": rng.poisson(1.0, n).astype(float),
        }

    def score(mass: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rng.normal(-0.1, 0.3, len(mass)) + 0.5 * np.exp(-(((mass - 125) / 8) ** 2)))

    reference = 110 + 70 * rng.beta(1, 1.6, N_REF)
    data = np.concatenate([110 + 70 * rng.beta(1, 1.6, N_DATA - 7), rng.normal(125, 2.5, 7)])
    signal = rng.normal(125, 2.5, 2000)
    return Made(events(reference), events(data), score(reference), score(data), (signal, score(signal)))


def panels() -> list[TestPanel]:
    """A fit without variations, a test with everything, a test whose observed t lies far beyond the panel."""
    rng = np.random.default_rng(1)
    null, signal = rng.chisquare(10, 1000), rng.chisquare(10, 300) + 6
    words = ("expected p = 0.24, Z = 0.7", "observed p = 0.31, Z = 0.5")
    return [
        TestPanel("m4l fit", null, signal, 3.0, *words),
        TestPanel("NPLM, Higgs in training", null, signal, 12.0, *words, "max_z", 1.2 * null),
        TestPanel("NPLM", null, None, 600.0, "", "observed p ≤ 0.001, Z > 3.1", "max_z"),
    ]


def observer_score(made: Made) -> ObserverScore:
    """m4l against the score."""
    thresholds = np.quantile(made.score_reference, [0.95, 0.99]).tolist()
    reference, data = (made.reference["m4l"], made.score_reference), (made.data["m4l"], made.score_data)
    return ObserverScore("m4l (GeV)", reference, data, thresholds, made.signal)


def full_observation(made: Made) -> Observation:
    """With everything that a report can hold."""
    observers = {name: values for name, values in made.data.items() if name != "h0"}
    ids = 10_000 + np.arange(N_DATA)
    scores = {"q25": 0.5 * made.score_data, "q50": made.score_data}
    weight = 37.2 / N_REF
    return Observation(
        dataset="fourlepton",
        observed="preselected_data_2012.csv",
        selection="two lepton pairs, 110 < m4l < 180 GeV",
        n_observed=N_DATA,
        n_expected=37.2,
        n_ref=N_REF,
        seed=0,
        table=full_table(),
        signal="a standard-model Higgs boson",
        ranked=ranked_events(ids, observers, scores, "q50"),
        best="q50",
        excess=excess_table(made.score_reference, weight, made.score_data),
        titles={"m4l": "m4l (GeV)"},
        control=ControlRegion("150 < m4l < 180 GeV", 12, 11.3, pd.DataFrame([row("min_p")])),
        warnings=["R is not much larger than D: raise toys.n_ref.", "The pool makes 7 disjoint toys only."],
        limits=["The generated background has no Z -> 4l peak, so nothing below 110 GeV is tested."],
        provenance={"command": "autoscidact observe dataset=fourlepton", "seed": "0", "data": "sha256 0123"},
    )


def bare_observation() -> Observation:
    """With nothing that may be missing."""
    return Observation("made", "data.csv", "", N_DATA, 37.2, N_REF, 3, pd.DataFrame([row("t", t_observed=1.0)]))


def marginal_figure(made: Made, names: tuple[str, ...]) -> Any:
    """As the report's marginals."""
    return draw_marginals(names, made.reference, made.data, 37.2 / N_REF, made.score_reference, {"m4l": "m4l (GeV)"})

"""What one observation amounts to, in words: the row that stands for it, its p and Z, and a verdict."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from scipy.stats import norm

from autoscidact.inference.combine import RULES
from autoscidact.inference.observation import MAX_Z

Row = Mapping[str, Any]
"""A row of observation.csv by column."""

CALIBRATIONS = ("toys+variations", "toys", "permutation")
"""What a claim rests on, first choice first: declared variations of the reference belong to it."""

WHOLE = (MAX_Z, "min_p", "average_p")
"""Variants that stand for all kernel widths together, with the look-elsewhere effect paid; first choice first.
The largest Z goes on where ranks end: it has a tail, and no ties with null toys that one width puts first."""

VERDICTS = (
    (5.0, "A deviation past five sigma"),
    (3.0, "Evidence of a deviation"),
    (2.0, "A mild deviation, not significant"),
    (-math.inf, "No significant deviation"),
)
"""Three sigma for evidence and five for a discovery: particle physics' custom."""


def headline_row(table: pd.DataFrame) -> Row:
    """The row that a one-sentence answer quotes: NPLM if it ran, all widths together, with variations if declared.

    Args:
        table: observation.csv, one row or more.
    """

    def turn(row: Row) -> tuple[bool, int, int]:
        return row["statistic"] != "nplm", _turn(WHOLE, row["variant"]), _turn(CALIBRATIONS, row["calibration"])

    return min(records(table), key=turn)


def headline(table: pd.DataFrame, signal: str = "") -> str:
    """The answer in one plain sentence.

    The verdict follows the empirical Z; where that is only a bound, the lower end of the tail's 95 % interval if it
    is larger than the bound.

    Args:
        table: observation.csv, one row or more.
        signal: what the injected toys hold, such as "a standard-model Higgs boson"; "" for the signal sample.
    """
    row = headline_row(table)
    tail = _tail_row(table, row) if row["z_empirical_is_bound"] else None
    z = max(row["z_empirical"], tail["z_tail_low"]) if tail else row["z_empirical"]
    verdict = next(words for least, words in VERDICTS if z >= least)
    combined = "combined " if row["variant"] in (*RULES, MAX_Z) else ""
    parts = [f"{verdict}: {combined}{empirical_words(row)}"]
    if tail:
        parts.append(
            f"the tail fitted to the null toys' {spoken(tail['variant'])}, an extrapolation, gives "
            f"p = {tail['p_tail']:.2g} and Z = {tail['z_tail']:.2f} (95 % interval of Z: {_tail_interval(tail)})"
        )
    if has_expected(row):
        more = "more than " if row["z_expected_is_bound"] else ""
        parts.append(
            f"{signal or 'the signal sample'} would be expected to give Z = {more}{row['z_expected']:.2f} (68 % of "
            f"toys: {interval(row['z_expected_q16'], row['z_expected_q84'], '.2f')})"
        )
    return "; ".join(parts) + "."


def comparisons(table: pd.DataFrame) -> Iterator[str]:
    """The headline's p under every other calibration that was run, in a sentence each."""
    row = headline_row(table)
    said = {
        "toys": "Without the declared variations, statistical fluctuations alone",
        "toys+variations": "With the declared variations of the reference",
        "permutation": "Calibrated by permuting the events of R and D, without toys",
    }
    for other in records(table):
        same = (other["statistic"], other["variant"]) == (row["statistic"], row["variant"])
        if same and other["calibration"] != row["calibration"]:
            lead = said.get(other["calibration"], f"With calibration {other['calibration']}")
            yield f"{lead}: {empirical_words(other)}."


def measured_text(row: Row) -> str:
    """Observed p and Z, short enough for a figure's panel."""
    sign, more = ("≤", ">") if row["z_empirical_is_bound"] else ("=", "=")
    return f"observed p {sign} {row['p_empirical']:.2g}" + _short_z(row["z_empirical"], more)


def expected_text(row: Row) -> str:
    """p and Z of the median toy with signal, short enough for a figure's panel; "" without a signal sample."""
    if not has_expected(row):
        return ""
    sign, more = ("≤", ">") if row["z_expected_is_bound"] else ("=", "=")
    return f"expected p {sign} {norm.sf(row['z_expected']):.2g}" + _short_z(row["z_expected"], more)


def has_expected(row: Row) -> bool:
    """Whether there was a signal sample."""
    return not math.isnan(row["z_expected"])


def interval(low: float, high: float, style: str = ".2g") -> str:
    """Both ends of an interval."""
    return f"{low:{style}} to {high:{style}}"


def spoken(name: str) -> str:
    """A variant's or statistic's name as people say it."""
    return {MAX_Z: "largest Z", "nplm": "NPLM"}.get(name, name.replace("_", " "))


def first_choice(table: pd.DataFrame) -> pd.DataFrame:
    """One row a test and variant: that of the calibration which a claim rests on."""
    turn = [_turn(CALIBRATIONS, name) for name in table["calibration"]]
    tests = table.assign(turn=turn).groupby(["statistic", "variant"], sort=False)["turn"]
    return table[tests.transform("min") == turn]


def records(table: pd.DataFrame) -> list[Row]:
    """Rows of a table as mappings."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def empirical_words(row: Row) -> str:
    """Empirical p and Z with what they come from."""
    toys = {
        "toys+variations": "null toys that hold the declared variations",
        "permutation": "permutations",
    }.get(row["calibration"], "null toys")
    p, z, n_null = row["p_empirical"], row["z_empirical"], int(row["n_null"])
    if row["z_empirical_is_bound"]:
        return f"p <= {p:.2g} (Z > {z:.2f}), which is as far as {n_null} {toys} reach"
    number = f"Z = {z:.2f}" if math.isfinite(z) else "below every one"
    low, high = row["p_empirical_low"], row["p_empirical_high"]
    return f"p = {p:.2g} ({number}; 95 % interval of p: {interval(low, high)}) from {n_null} {toys}"


def _tail_interval(row: Row) -> str:
    if math.isinf(row["z_tail_high"]):
        return f"from {row['z_tail_low']:.2f}, without upper end"
    return interval(row["z_tail_low"], row["z_tail_high"], ".2f")


def _short_z(z: float, sign: str) -> str:
    return f", Z {sign} {z:.1f}" if math.isfinite(z) else ""


def _tail_row(table: pd.DataFrame, row: Row) -> Row | None:
    """The row itself if it has a tail, or that of the largest Z with the same calibration."""
    same = [
        other
        for other in records(table)
        if (other["statistic"], other["calibration"]) == (row["statistic"], row["calibration"])
        and other["variant"] in (row["variant"], MAX_Z)
        and math.isfinite(other["z_tail"])
    ]
    return min(same, key=lambda other: other["variant"] != row["variant"], default=None)


def _turn(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)

"""The tables of an observation as people read them: in the terminal, in Markdown, on the page."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from autoscidact.report.document import Table
from autoscidact.report.observation_words import Row, has_expected, records, spoken
from autoscidact.report.ranked_events import ID, NO_TEST, RANK, RATIO, SCORE

P = (
    "p: (1 + k) / (1 + n), k of n null toys (or permutations) at or above the observed t, with the 95 % interval of "
    "the true p behind k; <= and >: past all of them, a bound."
)
LAW = (
    "Z asymptotic: from the law fitted to the null toys, with the p-value of that fit in brackets: where it is small, "
    "do not quote this Z."
)
TAIL = (
    "Tail: a generalised Pareto law fitted to the largest null toys, an extrapolation beyond them, with the 95 % "
    "interval."
)
EXPECTED = "Z expected: of the median toy with signal, with the range of 68 % of them."
WIDTHS = "A variant with a kernel width σ pays no look-elsewhere effect; a combination of widths pays it in full."
RANKING = (
    "Observed events by the fitted log density ratio f of kernel width {best}, the {shown} first of {all}. Density "
    "ratio: e^f, the fitted number of events over the expected one at the event's place in the embedding."
)
MOST_RANKED = 20


def significance_table(table: pd.DataFrame, name: str = "significance", folded: bool = False) -> Table:
    """Every row of observation.csv: p, Z, tail, expectation; columns that no row fills are left out.

    Args:
        table: observation.csv. name: of the table, unique in its document. folded: as of `Table`.
    """
    cells: dict[str, Callable[[Row], str]] = {
        "test": lambda row: spoken(row["statistic"]),
        "variant": _variant,
        "calibration": lambda row: str(row["calibration"]),
        "t": lambda row: number(row["t_observed"], ".4g"),
        "p [95 %]": lambda row: _p(row) + between(row["p_empirical_low"], row["p_empirical_high"]),
        "Z": _z,
        "Z asymptotic": lambda row: number(row["z_asymptotic"], ".2f") + _fit(row),
        "p tail [95 %]": lambda row: number(row["p_tail"], ".2g") + between(row["p_tail_low"], row["p_tail_high"]),
        "Z tail": lambda row: number(row["z_tail"], ".2f"),
        "Z expected [68 %]": _expected,
    }
    found = records(table)
    columns = {title: [cell(row) for row in found] for title, cell in cells.items()}
    heads = [title for title in ("test", "variant", "calibration") if title != "calibration" or _several(table, title)]
    shown = heads + [title for title in list(cells)[3:] if any(columns[title])]
    caption = [f"Every test of the observed data against {_toys(table)}. {P}"]
    caption += [LAW] if "Z asymptotic" in shown else []
    caption += [TAIL] if "p tail [95 %]" in shown else []
    caption += [EXPECTED] if "Z expected [68 %]" in shown else []
    caption += [WIDTHS] if table["width"].notna().any() else []
    rows = [list(row) for row in zip(*(columns[title] for title in shown), strict=True)]
    return Table(name, " ".join(caption), shown, rows, heads=len(heads), folded=folded)


def calibration_table(table: pd.DataFrame) -> Table | None:
    """p and Z of one observed t under every calibration side by side; None where there is one calibration only.

    Args:
        table: observation.csv.
    """
    kinds = list(table["calibration"].unique())
    if len(kinds) < 2:
        return None
    tests: dict[tuple[str, str], dict[str, str]] = {}
    for row in records(table):
        cells = tests.setdefault((spoken(row["statistic"]), _variant(row)), {})
        cells[row["calibration"]] = f"{_p(row)} (Z {_z(row)})"
    rows = [[*test, *(cells.get(kind, "") for kind in kinds)] for test, cells in tests.items()]
    caption = (
        "The same observed data under every calibration: p and Z. Between toys and toys+variations lies the price of "
        "the declared variations of the reference. Permutations take another R of the same events and other centres, "
        "and know nothing of how many events are expected: they should agree with toys of the observed size "
        "(expected=observed) where R is large."
    )
    return Table("calibrations", caption, ["test", "variant", *kinds], rows, heads=2)


def ranked_table(
    ranked: pd.DataFrame, best: str, most: int = MOST_RANKED, titles: Mapping[str, str] | None = None
) -> Table:
    """The first events of the ranked list.

    Args:
        ranked: as `ranked_events` gives it. best: the kernel width it is ranked by.
        most: how many rows. titles: observer to its title with unit, where that is not its name.
    """
    score = SCORE + best
    others = (RANK, ID, RATIO)
    observers = [name for name in ranked.columns if name not in others and not name.startswith(SCORE)]
    shown = [RANK, "event", *((titles or {}).get(column, column) for column in observers), "f", "density ratio"]
    numbers = ranked[observers].select_dtypes("number").columns
    styles = {name: ".0f" if (ranked[name].dropna() % 1 == 0).all() else "#.5g" for name in numbers}
    rows = []
    for row in records(ranked.head(most)):
        kept = [_plain(row[column], styles.get(column, "")) for column in (RANK, ID, *observers)]
        rows.append([*kept, number(row[score], ".3f"), number(row[RATIO], "#.3g")])
    caption = RANKING.format(best=best, shown=len(rows), all=len(ranked))
    return Table("ranked", caption, shown, rows, heads=2)


def readable_excess(excess: pd.DataFrame) -> Table:
    """Observed and expected events above thresholds of the score, with the warning that they are no test.

    Args:
        excess: as `excess_table` gives it.
    """
    titles = ["share of R", "threshold on f", "expected", "observed", "excess", "observed / expected"]
    rows = [
        [
            f"{100 * row['fraction']:g} %",
            number(row["threshold"], ".3f"),
            number(row["expected"], ".2f"),
            f"{int(row['observed'])}",
            number(row["excess"], "+.2f"),
            number(row["ratio"], ".2f"),
        ]
        for row in records(excess)
    ]
    return Table("excess", f"Events above thresholds of f, at upper quantiles of R. {NO_TEST}", titles, rows)


def number(value: float, style: str) -> str:
    """A number; nothing for NaN."""
    return "" if math.isnan(value) else format(value, style)


def between(low: float, high: float) -> str:
    """An interval behind its value; nothing for NaN."""
    return "" if math.isnan(low) or math.isnan(high) else f" [{low:.2g},{high:.2g}]"


def _plain(value: Any, style: str) -> str:
    return number(value, style) if style else str(value)


def _p(row: Row) -> str:
    return ("<= " if row["z_empirical_is_bound"] else "") + number(row["p_empirical"], ".2g")


def _z(row: Row) -> str:
    return ("> " if row["z_empirical_is_bound"] else "") + number(row["z_empirical"], ".2f")


def _fit(row: Row) -> str:
    fit = row["asymptotic_ks_p"]
    return "" if math.isnan(row["z_asymptotic"]) or math.isnan(fit) else f" ({fit:.2g})"


def _expected(row: Row) -> str:
    if not has_expected(row):
        return ""
    bound = "> " if row["z_expected_is_bound"] else ""
    return f"{bound}{row['z_expected']:.2f} [{row['z_expected_q16']:.2f},{row['z_expected_q84']:.2f}]"


def _variant(row: Row) -> str:
    words = spoken(row["variant"])
    return words if math.isnan(row["width"]) else f"{words} (σ={row['width']:.3g})"


def _several(table: pd.DataFrame, column: str) -> bool:
    return bool(table[column].nunique() > 1)


def _toys(table: pd.DataFrame) -> str:
    kinds = table.groupby("calibration", sort=False)["n_null"].max()
    words = {"toys": "null toys", "toys+variations": "null toys with variations", "permutation": "permutations"}
    return " and ".join(f"{int(n)} {words.get(str(kind), f'of calibration {kind}')}" for kind, n in kinds.items())

"""The tables of one dataset's results, and of the runs they come from."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.document import Table
from autoscidact.report.gather import Gathered
from autoscidact.report.headline import asymptotic_variant, empirical_variant
from autoscidact.report.illustrate import Training
from autoscidact.report.power import PowerRatio
from autoscidact.report.runs import Run
from autoscidact.report.style import statistic_style
from autoscidact.report.thresholds import Needed, threshold_text

MOST_COLUMNS = 5
"""Signal fractions beside each other in one table; more are continued below."""


def headline_tables(gathered: Gathered, prefix: str) -> Iterator[Table]:
    """Empirical and asymptotic Z of every test's headline variant, f_S across."""
    source = f"From z_scores.csv of {_runs(gathered)}."
    for kind, choose in (("empirical", empirical_variant), ("asymptotic", asymptotic_variant)):
        fit = ["fit p"] if kind == "asymptotic" else []
        caption = f"{kind.capitalize()} Z of the median toy at each f_S. {source}"
        if fit:
            caption = (
                f"Asymptotic Z of the median toy at each f_S. Fit p: of a Kolmogorov-Smirnov test of the null toys "
                f"against the law; where it is small, do not quote this Z. {source}"
            )
        for turn, fractions in enumerate(_chunks(gathered)):
            rows = []
            for name in gathered.statistics:
                mine = gathered.of(name)
                mine = mine[mine.variant == choose(mine)]
                cells = {row.f_s: _z(row, kind) for row in mine.itertuples()}
                quality = [_number(mine.asymptotic_ks_p.iloc[0], ".2g")] if fit else []
                if any(cells.values()):
                    z = [cells.get(f_s, "") for f_s in fractions]
                    rows.append([label(gathered, name), _variant(mine), *quality, *z])
            if rows:
                columns = ["test", "variant", *fit, *map(percent, fractions)]
                yield Table(f"{prefix}-z-{kind}{turn or ''}", caption, columns, rows, heads=2)


def needed_table(gathered: Gathered, needed: Sequence[Needed], prefix: str) -> Table:
    """f_S that every test needs for 3 sigma; the empirical one only where the toys resolve 3 sigma."""
    n_null = int(gathered.table.n_null.max())
    limit = float(z_from_p(resolution(n_null)))
    caption = (
        "f_S at which the median toy reaches 3 sigma, interpolated by a monotone cubic through the medians of the "
        "toys, with the 68 % interval of a bootstrap over null and signal toys; < and >: the smallest or largest f_S "
        f"scanned. From toys.parquet of {_runs(gathered)}. "
    )
    columns, rows = ["test", "asymptotic", "of variant"], []
    for entry in needed:
        single = "" if entry.asymptotic_variant == "t" else entry.asymptotic_variant
        rows.append([label(gathered, entry.statistic), threshold_text(entry.asymptotic), single])
    if limit < 3:
        caption += f"There is no empirical f_S: {n_null} null toys resolve Z up to {limit:.2f} only."
    else:
        caption += (
            "Variants that combine widths have no t of their own: straight lines through their empirical Z, "
            "without error."
        )
        columns += ["empirical", "of variant"]
        for row, entry in zip(rows, needed, strict=True):
            row += [threshold_text(entry.empirical), "" if entry.empirical_variant == "t" else entry.empirical_variant]
    return Table(f"{prefix}-needed-table", caption, columns, rows, kind="words")


def power_tables(gathered: Gathered, ratios: Sequence[PowerRatio], prefix: str) -> Iterator[Table]:
    """NPLM's Z over that of each test that knows the signal, f_S across."""
    caption = (
        "NPLM's Z over that of a test that knows the signal, at the same f_S: asymptotic at NPLM's best width, "
        "empirical where neither is a bound; no ratio where the limit itself stays below 1 sigma. "
        f"From z_scores.csv of {_runs(gathered)}."
    )
    for turn, fractions in enumerate(_chunks(gathered)):
        rows = []
        for limit, kind in dict.fromkeys((entry.limit, entry.kind) for entry in ratios):
            cells = {
                entry.f_s: _number(entry.ratio, ".2f") for entry in ratios if (entry.limit, entry.kind) == (limit, kind)
            }
            rows.append([label(gathered, limit), kind, *(cells.get(f_s, "") for f_s in fractions)])
        columns = ["limit", "Z", *map(percent, fractions)]
        yield Table(f"{prefix}-power{turn or '-table'}", caption, columns, rows, heads=2)


def variant_tables(gathered: Gathered, prefix: str) -> Iterator[Table]:
    """Every variant with its law and how well that fits, empirical and asymptotic Z, f_S across."""
    for turn, fractions in enumerate(_chunks(gathered)):
        rows = []
        for name in gathered.statistics:
            mine = gathered.of(name)
            for variant in mine.variant.unique():
                part = mine[mine.variant == variant]
                first = part.iloc[0]
                cells = {row.f_s: _both(row) for row in part.itertuples()}
                rows.append(
                    [
                        label(gathered, name),
                        str(variant),
                        _number(first.width, ".3g"),
                        "" if first.asymptotic_law == "-" else str(first.asymptotic_law).replace("_", " "),
                        _number(first.chi2_df, ".3g"),
                        _number(first.asymptotic_ks_p, ".2g"),
                        *(cells.get(f_s, "") for f_s in fractions),
                    ]
                )
        yield Table(
            f"{prefix}-all{turn or '-table'}",
            "Every variant: empirical / asymptotic Z of the median toy at each f_S. Law: what asymptotic Z are "
            "computed from, fitted to the null toys (df: degrees of freedom of a chi-square); fit p: of a "
            "Kolmogorov-Smirnov test of the null toys against it, small where it should not be trusted. "
            f"From z_scores.csv of {_runs(gathered)}.",
            ["test", "variant", "width", "law", "df", "fit p", *map(percent, fractions)],
            rows,
            heads=2,
            folded=True,
        )


def provenance_table(run: Run, gathered: Gathered, prefix: str, training: Training) -> Table:
    """What made a run, which numbers are its own, and what they stand on."""
    record = run.record
    versions = record.get("versions") or {}
    embedding = record.get("embedding") or {}
    epoch = f"; best epoch {embedding['best_epoch']}" if embedding.get("best_epoch") is not None else ""
    rows = [
        ("folder", str(run.folder)),
        ("command", str(record.get("command", ""))),
        ("seed", str(record.get("seed", ""))),
        ("numbers", _numbers_of(run, gathered)),
        ("pools", f"{record.get('pools', '')} (hash of the events that toys are drawn from)"),
        *((name, f"SHA-256 {checksum}...") for name, checksum in run.checksums.items()),
        ("embedding", training.source),
        ("made by", f"{embedding.get('command', '')}{epoch}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))),
    ]
    return Table(
        f"{prefix}-run-{run.name}",
        f"Run {run.name} of {gathered.dataset}, as its run.json tells: how the numbers above are made again.",
        ["what", "value"],
        [row for row in rows if row[1]],
        kind="code",
    )


def _numbers_of(run: Run, gathered: Gathered) -> str:
    """Which rows of the tables come from this run: what several runs hold is taken from the first."""
    mine = gathered.table[gathered.table.run == run.name]
    parts: dict[str, list[str]] = {}
    for statistic in gathered.statistics:
        fractions = sorted(mine.f_s[mine.statistic == statistic].unique())
        if fractions:
            parts.setdefault(", ".join(map(percent, fractions)), []).append(statistic)
    return "; ".join(f"{', '.join(names)} at f_S = {fractions}" for fractions, names in parts.items())


def _chunks(gathered: Gathered) -> list[list[float]]:
    fractions = sorted(float(f_s) for f_s in gathered.table.f_s.unique())
    return [fractions[i : i + MOST_COLUMNS] for i in range(0, len(fractions), MOST_COLUMNS)]


def _runs(gathered: Gathered) -> str:
    names = [run.name for run in gathered.runs]
    return f"run{'s' if len(names) > 1 else ''} {', '.join(names)}"


def label(gathered: Gathered, statistic: str) -> str:
    """A statistic's name for people."""
    return statistic_style(statistic, gathered.statistics).label


def percent(f_s: float) -> str:
    """A signal fraction in percent."""
    return f"{100 * f_s:.4g} %"


def _variant(rows: pd.DataFrame) -> str:
    name, width = str(rows.variant.iloc[0]), _number(rows.width.iloc[0], ".3g")
    return "" if name == "t" else f"{name} ({width})" if width else name


def _z(row: object, kind: str) -> str:
    text = _number(getattr(row, f"z_{kind}"), ".2f")
    return f">{text}" if kind == "empirical" and bool(row.z_empirical_is_bound) else text  # type: ignore[attr-defined]


def _both(row: object) -> str:
    empirical, asymptotic = _z(row, "empirical"), _z(row, "asymptotic")
    return f"{empirical} / {asymptotic}" if asymptotic else empirical


def _number(value: object, style: str) -> str:
    number = float(value)  # type: ignore[arg-type]
    return "" if math.isnan(number) else format(number, style)

"""What a report says of one dataset: its tables, its figures, and where every number comes from."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.document import Block, Figures, Section, Table, Text
from autoscidact.report.gather import Gathered
from autoscidact.report.headline import asymptotic_variant, empirical_variant
from autoscidact.report.illustrate import Illustrations, Training
from autoscidact.report.power import PowerRatio, power_ratios
from autoscidact.report.runs import Run
from autoscidact.report.style import statistic_style
from autoscidact.report.thresholds import Needed, threshold_text

MOST_COLUMNS = 5
"""Signal fractions beside each other in one table; more are continued below."""


def dataset_sections(
    gathered: Gathered, needed: Sequence[Needed], drawn: Illustrations, training: Training, prefix: str
) -> list[Section]:
    """The sections of one dataset.

    Args:
        needed: f_S for 3 sigma of every statistic. drawn: the figures.
        prefix: of anchors and tables' names, unique to the dataset.
    """
    ratios = power_ratios(gathered.table)
    dataset = gathered.dataset
    source = f"From z_scores.csv of {_runs(gathered)}."
    sections: list[tuple[str, str, Sequence[Block]]] = [
        (f"Dataset {dataset}", "", [Text(_setting(gathered)), *map(Text, _findings(gathered, needed, ratios))]),
        ("Significance of every test", "z", [Figures(drawn.scan), *_headlines(gathered, prefix, source)]),
        ("f_S needed for 3 sigma", "needed", [_needed(gathered, needed, prefix)]),
        ("Power", "power", _power(gathered, ratios, prefix)),
        ("Toys without and with signal", "t", [Figures(drawn.distributions)] if drawn.distributions else []),
        ("Embedding", "embedding", _embedding(drawn, training)),
        ("All variants", "all", list(_all_variants(gathered, prefix, source))),
        ("Provenance", "provenance", [_provenance(run, gathered, prefix, training) for run in gathered.runs]),
    ]
    return [
        Section(title, f"{prefix}-{anchor}" if anchor else prefix, 3 if anchor else 2, blocks)
        for title, anchor, blocks in sections
        if blocks
    ]


def _setting(gathered: Gathered) -> str:
    row = gathered.table.iloc[0]
    null = int(row.n_null)
    return (
        f"Signal: {gathered.signal}. |R| = {int(row.n_ref)}, |D| = {int(row.n_data)}, {null} toys without signal, "
        f"{int(gathered.table.n_toys.min())} at each of {gathered.table.f_s.nunique()} signal fractions, seed "
        f"{gathered.runs[0].record.get('seed')}. {null} null toys resolve Z up to "
        f"{float(z_from_p(resolution(null))):.2f}; larger empirical Z are bounds, marked >."
    )


def _findings(gathered: Gathered, needed: Sequence[Needed], ratios: Sequence[PowerRatio]) -> Iterator[str]:
    """The results in a sentence each."""
    for entry in needed[:1]:
        if not isinstance(entry.asymptotic, str):
            label = _label(gathered, entry.statistic)
            reached = threshold_text(entry.asymptotic)
            yield f"The median toy of {label} reaches 3 sigma (asymptotic, best variant) at f_S = {reached}.".replace(
                "= <", "<"
            ).replace("= >", ">")
    shown = [entry for entry in ratios if entry.kind == "asymptotic" and not math.isnan(entry.ratio)]
    for limit in dict.fromkeys(entry.limit for entry in shown):
        # One signal fraction stands for all: the one where the limit is about a discovery.
        at = min((entry for entry in shown if entry.limit == limit), key=lambda entry: abs(entry.z_limit - 5))
        yield (
            f"At f_S = {_percent(at.f_s)} the {_label(gathered, limit)} limit, which knows the signal, has "
            f"{at.z_limit:.1f} sigma, NPLM {at.z:.1f}: a ratio of {at.ratio:.2f} (asymptotic)."
        )


def _headlines(gathered: Gathered, prefix: str, source: str) -> Iterator[Table]:
    for kind, choose in (("empirical", empirical_variant), ("asymptotic", asymptotic_variant)):
        for turn, fractions in enumerate(_chunks(gathered)):
            rows = []
            for name in gathered.statistics:
                mine = gathered.of(name)
                mine = mine[mine.variant == choose(mine)]
                cells = {row.f_s: _z(row, kind) for row in mine.itertuples()}
                if any(cells.values()):
                    rows.append([_label(gathered, name), _variant(mine), *(cells.get(f_s, "") for f_s in fractions)])
            if rows:
                yield Table(
                    f"{prefix}-z-{kind}{turn or ''}",
                    f"{kind.capitalize()} Z of the median toy at each f_S. {source}",
                    ["test", "variant", *map(_percent, fractions)],
                    rows,
                    heads=2,
                )


def _needed(gathered: Gathered, needed: Sequence[Needed], prefix: str) -> Table:
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
        rows.append([_label(gathered, entry.statistic), threshold_text(entry.asymptotic), single])
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


def _power(gathered: Gathered, ratios: Sequence[PowerRatio], prefix: str) -> list[Block]:
    if "nplm" not in gathered.statistics:
        return [Text("There is no NPLM in these runs.")]
    if not ratios:
        return [Text("There is no supervised test in these runs, so nothing to compare NPLM's power with.")]
    tables: list[Block] = []
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
            rows.append([_label(gathered, limit), kind, *(cells.get(f_s, "") for f_s in fractions)])
        columns = ["limit", "Z", *map(_percent, fractions)]
        tables.append(Table(f"{prefix}-power{turn or '-table'}", caption, columns, rows, heads=2))
    return tables


def _embedding(drawn: Illustrations, training: Training) -> list[Block]:
    blocks: list[Block] = [Figures(drawn.training)] if drawn.training else []
    if training.events is None:
        blocks.append(Text(f"The embedding is not shown: {training.source}."))
    elif training.metrics is None:
        blocks.append(Text(f"There are no training curves: no losses by epoch lie beside {training.source}."))
    return blocks


def _all_variants(gathered: Gathered, prefix: str, source: str) -> Iterator[Table]:
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
                        _label(gathered, name),
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
            f"Kolmogorov-Smirnov test of the null toys against it, small where it should not be trusted. {source}",
            ["test", "variant", "width", "law", "df", "fit p", *map(_percent, fractions)],
            rows,
            heads=2,
            folded=True,
        )


def _provenance(run: Run, gathered: Gathered, prefix: str, training: Training) -> Table:
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
            parts.setdefault(", ".join(map(_percent, fractions)), []).append(statistic)
    return "; ".join(f"{', '.join(names)} at f_S = {fractions}" for fractions, names in parts.items())


def _chunks(gathered: Gathered) -> list[list[float]]:
    fractions = sorted(float(f_s) for f_s in gathered.table.f_s.unique())
    return [fractions[i : i + MOST_COLUMNS] for i in range(0, len(fractions), MOST_COLUMNS)]


def _runs(gathered: Gathered) -> str:
    names = [run.name for run in gathered.runs]
    return f"run{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _label(gathered: Gathered, statistic: str) -> str:
    return statistic_style(statistic, gathered.statistics).label


def _percent(f_s: float) -> str:
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

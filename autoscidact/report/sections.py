"""What a report says of one dataset: sentences, tables, figures, and where every number comes from."""

import math
from collections.abc import Iterator, Sequence

from autoscidact.embedding.probe import linear_probe, probe_sentence
from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.document import Block, Figures, Section, Text
from autoscidact.report.gather import Gathered
from autoscidact.report.illustrate import Illustrations, Training
from autoscidact.report.power import PowerRatio, power_ratios
from autoscidact.report.result_tables import (
    headline_tables,
    label,
    needed_table,
    percent,
    power_tables,
    provenance_table,
    variant_tables,
)
from autoscidact.report.thresholds import Needed, threshold_text


def dataset_sections(
    gathered: Gathered, needed: Sequence[Needed], drawn: Illustrations, training: Training, prefix: str
) -> list[Section]:
    """The sections of one dataset.

    Args:
        needed: f_S for 3 sigma of every statistic. drawn: the figures.
        prefix: of anchors and tables' names, unique to the dataset.
    """
    ratios = power_ratios(gathered.table)
    sections: list[tuple[str, str, Sequence[Block]]] = [
        (
            f"Dataset {gathered.dataset}",
            "",
            [Text(_setting(gathered)), *map(Text, _findings(gathered, needed, ratios))],
        ),
        ("Significance of every test", "z", [Figures(drawn.scan), *headline_tables(gathered, prefix)]),
        ("f_S needed for 3 sigma", "needed", [needed_table(gathered, needed, prefix)]),
        ("Power", "power", _power(gathered, ratios, prefix)),
        ("Toys without and with signal", "t", [Figures(drawn.distributions)] if drawn.distributions else []),
        ("Embedding", "embedding", _embedding(drawn, training)),
        ("All variants", "all", list(variant_tables(gathered, prefix))),
        ("Provenance", "provenance", [provenance_table(run, gathered, prefix, training) for run in gathered.runs]),
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
            reached = threshold_text(entry.asymptotic)
            sign = "" if reached[0] in "<>" else "= "
            yield (
                f"The median toy of {label(gathered, entry.statistic)} reaches 3 sigma (asymptotic, best variant) at "
                f"f_S {sign}{reached}."
            )
    shown = [entry for entry in ratios if entry.kind == "asymptotic" and not math.isnan(entry.ratio)]
    for limit in dict.fromkeys(entry.limit for entry in shown):
        # One signal fraction stands for all: the one where the limit is about a discovery.
        at = min((entry for entry in shown if entry.limit == limit), key=lambda entry: abs(entry.z_limit - 5))
        yield (
            f"At f_S = {percent(at.f_s)} the {label(gathered, limit)} limit, which knows the signal, has "
            f"{at.z_limit:.1f} sigma, NPLM {at.z:.1f}: a ratio of {at.ratio:.2f} (asymptotic)."
        )


def _power(gathered: Gathered, ratios: Sequence[PowerRatio], prefix: str) -> list[Block]:
    if "nplm" not in gathered.statistics:
        return [Text("There is no NPLM in these runs.")]
    if not ratios:
        return [Text("There is no supervised test in these runs, so nothing to compare NPLM's power with.")]
    return list(power_tables(gathered, ratios, prefix))


def _embedding(drawn: Illustrations, training: Training) -> list[Block]:
    blocks: list[Block] = [Figures(drawn.training)] if drawn.training else []
    if training.events is None:
        blocks.append(Text(f"The embedding is not shown: {training.source}."))
    elif training.metrics is None:
        blocks.append(Text(f"There are no training curves: no losses by epoch lie beside {training.source}."))
    probe = None if training.events is None else linear_probe(training.events)
    if probe is not None:
        blocks.append(Text(probe_sentence(probe)))
    return blocks

"""What the report of an observation says, section by section."""

from collections.abc import Mapping, Sequence

from autoscidact.report.document import Block, Figure, Figures, Section, Table, Text
from autoscidact.report.observation_content import ControlRegion, Observation
from autoscidact.report.observation_tables import calibration_table, ranked_table, readable_excess, significance_table
from autoscidact.report.observation_words import comparisons, empirical_words, first_choice, headline_row

DESCRIBED = 0.05
"""A control region with a smaller p is not described by R."""

SHIFTED = (
    "The reference does not describe it. Where no signal is expected that is the reference's fault, and the same fault "
    "may lie behind the result above"
)


def observation_sections(
    observation: Observation, scores: Sequence[str] = (), marginals: Sequence[str] = ()
) -> list[Section]:
    """The sections of the report; what the observation lacks has none.

    Args:
        scores: observers that figures/score_1, score_2, ... show. marginals: what figures/marginals_1, ... show.
    """
    table = observation.table
    beside = calibration_table(table)
    tests = [significance_table(first_choice(table))]
    if beside is not None:
        tests += [beside, significance_table(table, "significance-all", folded=True)]
    sections: list[tuple[str, str, Sequence[Block]]] = [
        ("Result", "result", [Text(_setting(observation)), *map(Text, comparisons(table)), _overview(observation)]),
        ("Warnings", "warnings", _listed(observation.warnings)),
        ("Significance", "tests", tests),
        ("Which events", "events", _events(observation, scores)),
        ("Data and reference", "data", _marginals(marginals)),
        ("Control region", "control", _control(observation.control)),
        ("Limits", "limits", _listed(observation.limits)),
        ("Provenance", "provenance", _provenance(observation.provenance)),
    ]
    return [
        Section(title, anchor, 2 if anchor == "result" else 3, blocks) for title, anchor, blocks in sections if blocks
    ]


def _setting(observation: Observation) -> str:
    observed, expected = observation.n_observed, observation.n_expected
    selection = f" Selection: {observation.selection.rstrip('.')}." if observation.selection else ""
    return (
        f"Compared: |D| = {observed} observed events of {observation.observed}, where {expected:.4g} are expected, "
        f"with a reference of |R| = {observation.n_ref} events, each for {expected / observation.n_ref:.3g} "
        f"expected ones.{selection} Seed {observation.seed}."
    )


def _overview(observation: Observation) -> Figures:
    caption = (
        "Each test's t in null toys (blue), in toys with signal where there is a sample of it (orange), and in the "
        "observed data (red line); dashed: null toys that hold the declared variations. With an observer, last: the "
        "reference (blue), observed events (points, the highest-ranked by number) and signal (orange lines) against "
        "the fitted log density ratio, with example thresholds (red). Of a test with several kernel widths one is "
        "shown, with its own p; the answer above is of all of them, the look-elsewhere effect paid. The score "
        "comes from the embedding alone: the observer was shown neither to the encoder nor to the fit of the ratio."
    )
    row = headline_row(observation.table)
    alt = (
        f"Histograms of the test statistic without and with signal and the observed value, one panel a test; the "
        f"observed {row['statistic']} ({row['variant']}) has p = {row['p_empirical']:.2g}."
    )
    return Figures([Figure("overview", caption, alt)])


def _events(observation: Observation, scores: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    if scores:
        blocks.append(Figures([_score_figure(name, place) for place, name in enumerate(scores, start=1)]))
    blocks += map(Text, observation.notes)
    if observation.ranked is not None:
        blocks.append(ranked_table(observation.ranked, observation.best, titles=observation.titles))
    if observation.excess is not None:
        blocks.append(readable_excess(observation.excess))
    return blocks


def _score_figure(name: str, place: int) -> Figure:
    caption = (
        f"{name} against the fitted log density ratio: reference (blue), observed events (points), the highest-ranked "
        "by number; red lines: example thresholds."
    )
    return Figure(f"score_{place}", caption, f"Scatter plot of {name} and the score of observed events.")


def _marginals(shown: Sequence[str]) -> list[Block]:
    figures = [
        Figure(
            f"marginals_{place}",
            f"{name[:1].upper()}{name[1:]}: observed events with Poisson errors (68 %), the reference scaled to the "
            "expected number (filled) and multiplied by the fitted density ratio (red line). Below: ratio to the "
            "reference. The first and the last bin hold everything beyond them.",
            f"Histograms of {name} of the observed events and of the reference, with their ratio.",
        )
        for place, name in enumerate(shown, start=1)
    ]
    return [Figures(figures)] if figures else []


def _control(control: ControlRegion | None) -> list[Block]:
    if control is None:
        return []
    row = headline_row(control.table)
    verdict = SHIFTED if row["p_empirical"] < DESCRIBED else "The reference describes it"
    return [
        Text(
            f"The same test where no signal is expected: {control.selection.rstrip('.')}; {control.n_observed} "
            f"observed events, {control.n_expected:.4g} expected. {verdict}: {empirical_words(row)}."
        )
    ]


def _listed(sentences: Sequence[str]) -> list[Block]:
    return [Text(f"{place}. {sentence}") for place, sentence in enumerate(sentences, start=1)]


def _provenance(provenance: Mapping[str, str]) -> list[Block]:
    if not provenance:
        return []
    rows = [[key, value] for key, value in provenance.items()]
    return [Table("provenance-table", "What this result was made from.", ["what", "value"], rows, kind="code")]

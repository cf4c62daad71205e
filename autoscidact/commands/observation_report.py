"""From what the tests gave to the tables, figures and page of an observation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from autoscidact.commands.candidates import Candidates, found_among_ranked
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.observed_region import Scored, Task, Tested
from autoscidact.files import atomic_path
from autoscidact.inference.effective_toys import effective_toys, size_warnings
from autoscidact.report.marginals import draw_marginals
from autoscidact.report.observation_content import ControlRegion, Observation
from autoscidact.report.observation_figures import draw_observation
from autoscidact.report.observation_page import write_observation_page
from autoscidact.report.observation_panels import TestPanel
from autoscidact.report.observation_words import first_choice, headline
from autoscidact.report.observer_score import ObserverScore, draw_score_against_observer
from autoscidact.report.ranked_events import excess_table, ranked_events

AGNOSTIC = "nplm"
BOOKKEEPING = ("run", "event", "id")
"""Observers that number events: no axis of a figure."""

EXAMPLE_FRACTIONS = (0.1, 0.02)
"""Of R above the two example thresholds, as Fig. 15 (d) has two."""

MOST_OBSERVERS = 4

TITLES = {
    "observer_fit": "fit of the observer",
    "ideal_nplm": "NPLM, signal in the training",
    "nplm": "NPLM",
    "ideal_supervised": "supervised, signal in the training",
}
"""Panels in the order of Fig. 15: what knows the signal first."""


def write_report(
    folder: Path,
    config: Mapping[str, Any],
    candidates: Candidates | None,
    task: Task,
    found: Tested,
    control: tuple[Task, Tested] | None,
    selection: str,
    control_selection: str,
) -> None:
    """Writes events.csv, excess.csv, report.html with its figures, and prints the headline."""
    titles = {str(name): str(title) for name, title in config["titles"].items()}
    agnostic = AGNOSTIC if AGNOSTIC in found.scores else next(iter(found.scores), None)
    scored = found.scores.get(agnostic or "")
    ranked = excess = overview_score = None
    drawn: dict[str, Any] = {}
    marginals: dict[str, Any] = {}
    best, notes = "", []
    if scored is not None and agnostic is not None:
        best = _best_variant(found, agnostic)
        f = {name: scored.on_data[i] for i, name in enumerate(scored.variants)}
        ranked = ranked_events(task.sample.events.ids, dict(task.sample.events.observers), f, best)
        place = scored.variants.index(best)
        weight = task.toys["n_data"] / len(scored.reference)
        excess = excess_table(scored.on_reference[place], weight, scored.on_data[place])
        notes += [] if candidates is None else found_among_ranked(candidates, ranked)
        for table, name in ((ranked, "events.csv"), (excess, "excess.csv")):
            with atomic_path(folder / name) as temporary:
                table.to_csv(temporary, index=False)
        shown = {name: _observer_score(name, titles, task, scored, place) for name in _observers(task, scored)}
        overview_score = next(iter(shown.values()), None)
        drawn = {titles.get(name, name): draw_score_against_observer(score) for name, score in shown.items()}
        marginals = _marginals(task, scored, place, weight, titles)
    overview = draw_observation([_panel(name, found) for name in _order(found)], overview_score)
    pools = found.pools
    toys = effective_toys(task.toys["n_null"], found.definition.n_data, pools.weights[pools.background])
    observation = Observation(
        dataset=dataset_name(config),
        observed=str(task.sample.source),
        selection=selection,
        n_observed=len(task.sample.events),
        n_expected=float(task.toys["n_data"]),
        n_ref=found.definition.n_ref,
        seed=config["seed"],
        table=found.table,
        signal="" if task.f_s is None else f"{task.events.signal} at f_s = {task.f_s:.3g}",
        ranked=ranked,
        best=best,
        excess=excess,
        titles=titles,
        control=None if control is None else _control(control, control_selection),
        warnings=[*size_warnings(found.definition.n_ref, found.definition.n_data, toys), *_shift_warning(control)],
        limits=[*notes, *(str(sentence) for sentence in config["limits"])],
        provenance={
            "configuration": "config.yaml",
            "versions, command": "run.json",
            "toys": found.definition.key,
            "embedding": str(task.events.provenance.get("checkpoint", task.events.provenance.get("file", "raw"))),
        },
    )
    page = write_observation_page(folder, observation, overview, drawn, marginals)
    _show(
        found.table, observation, [*(f"warning: {sentence}" for sentence in observation.warnings), *notes], folder, page
    )


def _best_variant(found: Tested, name: str) -> str:
    """The kernel width that sees most in the observed data: the ranking is for people, no claim rests on it."""
    rows = found.table[(found.table.statistic == name) & found.table.t_observed.notna() & found.table.width.notna()]
    rows = rows[rows.calibration == rows.calibration.iloc[0]]
    z = rows.z_asymptotic.where(rows.z_asymptotic.notna(), rows.z_empirical)
    return str(rows.variant.loc[z.idxmax()])


def _order(found: Tested) -> list[str]:
    """Fig. 15: the fit of an observer, the test that knows the signal, the one that does not."""
    order = [*TITLES, *(name for name in found.values if name not in TITLES)]
    return sorted(found.values, key=order.index)


def _panel(name: str, found: Tested) -> TestPanel:
    variants, values = found.values[name]
    rows = found.table[(found.table.statistic == name) & found.table.variant.isin(variants)]
    rows = rows[rows.calibration == rows.calibration.iloc[0]]
    z = rows.z_asymptotic.where(rows.z_asymptotic.notna(), rows.z_empirical)
    row = rows.loc[rows.z_expected.idxmax() if rows.z_expected.notna().any() else z.idxmax()]
    i = variants.index(row.variant)

    def column(kind: str) -> NDArray[np.float64] | None:
        return values[kind][:, i] if kind in values else None

    null = column("null")
    assert null is not None
    more = "> " if row.z_empirical_is_bound else ""
    expected = ""
    if not np.isnan(row.z_expected):
        expected = f"Z = {'> ' if row.z_expected_is_bound else ''}{row.z_expected:.2f}"
    return TestPanel(
        title=TITLES.get(name, name),
        null=null,
        signal=column("signal"),
        observed=float(values["observed"][0, i]),
        expected=expected,
        measured=f"p = {row.p_empirical:.2g}, Z = {more}{row.z_empirical:.2f}",
        variant=str(row.variant),
        varied_null=column("varied"),
    )


def _observers(task: Task, scored: Scored) -> list[str]:
    there = [name for name in task.sample.events.observers if name in scored.pools.observers]
    known = [name for name in there if name not in BOOKKEEPING]
    return [name for name in known if np.isfinite(scored.pools.observers[name][scored.reference]).any()][
        :MOST_OBSERVERS
    ]


def _observer_score(name: str, titles: Mapping[str, str], task: Task, scored: Scored, place: int) -> ObserverScore:
    values = scored.pools.observers[name]
    reference = scored.on_reference[place]
    signal = scored.pools.signal
    return ObserverScore(
        label=titles.get(name, name),
        reference=(values[scored.reference], reference),
        observed=(values[scored.pools.observed], scored.on_data[place]),
        thresholds=[float(np.quantile(reference, 1 - fraction)) for fraction in EXAMPLE_FRACTIONS],
        signal=(values[signal], scored.on_signal[place]) if task.f_s is not None and len(signal) else None,
    )


def _marginals(task: Task, scored: Scored, place: int, weight: float, titles: Mapping[str, str]) -> dict[str, Any]:
    pools = scored.pools
    axes = {axis: pools.points[:, i] for i, axis in enumerate(task.events.axes[: pools.points.shape[1]])}
    groups = {
        "embedding axes": axes,
        "observers": {name: pools.observers[name] for name in _observers(task, scored)},
    }
    return {
        name: draw_marginals(
            list(columns),
            {key: values[scored.reference] for key, values in columns.items()},
            {key: values[pools.observed] for key, values in columns.items()},
            weight,
            scored.on_reference[place],
            titles,
        )
        for name, columns in groups.items()
        if columns
    }


def _control(control: tuple[Task, Tested], selection: str) -> ControlRegion:
    task, found = control
    return ControlRegion(selection, len(task.sample.events), float(task.toys["n_data"]), found.table)


def _shift_warning(control: tuple[Task, Tested] | None) -> list[str]:
    if control is None:
        return []
    table = first_choice(control[1].table)
    p = float(table[table.variant.isin(["min_p", *control[1].values[table.statistic.iloc[0]][0]])].p_empirical.min())
    combined = table[table.variant == "min_p"]
    p = float(combined.p_empirical.iloc[0]) if len(combined) else p
    if p >= 0.05:
        return []
    return [
        f"R does not describe the control region (p = {p:.2g}): the same mismodelling may lie behind the result; "
        "correct the simulation, or declare the difference under systematics"
    ]


def _show(table: pd.DataFrame, observation: Observation, notes: list[str], folder: Path, page: Path) -> None:
    console = Console(width=200, highlight=False)
    console.print(headline(table, observation.signal))
    for note in notes:
        console.print(f"  {note}")
    for name in ("observation.csv", "events.csv", "excess.csv"):
        if (folder / name).is_file():
            print(f"  {folder / name}")
    print(f"  {page}")

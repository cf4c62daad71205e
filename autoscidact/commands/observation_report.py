"""From what the tests gave to the tables, figures and page of an observation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from autoscidact.commands.candidates import Candidates, found_among_ranked
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.observation_drawings import (
    best_variant,
    in_order,
    marginals_of,
    observer_score,
    shown_observers,
    test_panel,
)
from autoscidact.commands.observed_region import Task, Tested
from autoscidact.files import atomic_path
from autoscidact.inference.effective_toys import effective_reference, effective_toys, size_warnings
from autoscidact.report.observation_content import ControlRegion, Observation
from autoscidact.report.observation_figures import draw_observation
from autoscidact.report.observation_page import write_observation_page
from autoscidact.report.observation_sections import DESCRIBED
from autoscidact.report.observation_words import first_choice, headline, headline_row
from autoscidact.report.observer_score import draw_score_against_observer
from autoscidact.report.ranked_events import excess_table, ranked_events

AGNOSTIC = "nplm"
"""The test whose scores rank events, where it ran."""


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
    titles = {str(name): str(title) for name, title in (config["titles"] or {}).items()}
    agnostic = AGNOSTIC if AGNOSTIC in found.scores else next(iter(found.scores), None)
    scored = found.scores.get(agnostic or "")
    ranked = excess = overview_score = None
    drawn: dict[str, Any] = {}
    marginals: dict[str, Any] = {}
    best, notes = "", []
    if scored is not None and agnostic is not None:
        best = best_variant(found, agnostic)
        f = {name: scored.on_data[i] for i, name in enumerate(scored.variants)}
        ranked = ranked_events(task.sample.events.ids, dict(task.sample.events.observers), f, best)
        place = scored.variants.index(best)
        weight = task.toys["n_data"] / len(scored.reference)
        excess = excess_table(scored.on_reference[place], weight, scored.on_data[place])
        notes += [] if candidates is None else found_among_ranked(candidates, ranked)
        for table, name in ((ranked, "events.csv"), (excess, "excess.csv")):
            with atomic_path(folder / name) as temporary:
                table.to_csv(temporary, index=False)
        shown = {name: observer_score(name, titles, task, scored, place) for name in shown_observers(task, scored)}
        overview_score = next(iter(shown.values()), None)
        drawn = {titles.get(name, name): draw_score_against_observer(score) for name, score in shown.items()}
        marginals = marginals_of(task, scored, place, weight, titles)
    overview = draw_observation([test_panel(name, found) for name in in_order(found)], overview_score)
    pools = found.pools
    sizes = []
    if "toys" in task.calibrations:
        toys = effective_toys(task.toys["n_null"], found.definition.n_data, pools.weights[pools.background])
        n_ref = found.definition.n_ref if pools.resampled else effective_reference(pools.reference)
        sizes = size_warnings(n_ref, found.definition.n_data, toys)
    observation = Observation(
        dataset=dataset_name(config),
        observed=str(task.sample.source),
        selection=selection,
        n_observed=len(task.sample.events),
        n_expected=float(task.toys["n_data"]),
        n_ref=found.definition.n_ref,
        seed=config["seed"],
        table=found.table,
        signal="" if task.f_s is None else f"signal {task.events.signal!r} at f_s = {task.f_s:.3g}",
        ranked=ranked,
        best=best,
        excess=excess,
        titles=titles,
        control=None if control is None else _control(control, control_selection),
        warnings=[*sizes, *_shift_warning(control)],
        notes=notes,
        limits=[str(sentence) for sentence in config["limits"] or []],
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


def _control(control: tuple[Task, Tested], selection: str) -> ControlRegion:
    task, found = control
    return ControlRegion(selection, len(task.sample.events), float(task.toys["n_data"]), found.table)


def _shift_warning(control: tuple[Task, Tested] | None) -> list[str]:
    if control is None:
        return []
    table = first_choice(control[1].table)
    p = float(headline_row(table)["p_empirical"])
    if p >= DESCRIBED:
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

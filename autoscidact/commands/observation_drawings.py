"""What the tests gave as panels, clouds and histograms that can be drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.commands.observed_region import Scored, Task, Tested
from autoscidact.report.marginals import draw_marginals
from autoscidact.report.observation_panels import TestPanel
from autoscidact.report.observation_words import expected_text, first_choice, measured_text
from autoscidact.report.observer_score import ObserverScore

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


def best_variant(found: Tested, name: str) -> str:
    """The kernel width that expects most of the signal: chosen without the data, it ranks their events fairly.

    Without a signal sample it is the one that sees most in the data; the ranking is for people, no claim rests on it.
    """
    rows = first_choice(found.table[(found.table.statistic == name) & found.table.width.notna()])
    by = "z_expected" if rows.z_expected.notna().any() else "z_empirical"
    return str(rows.sort_values(by, ascending=False, kind="stable").variant.iloc[0])


def in_order(found: Tested) -> list[str]:
    """Fig. 15: the fit of an observer, the test that knows the signal, the one that does not."""
    order = [*TITLES, *(name for name in found.values if name not in TITLES)]
    return sorted(found.values, key=order.index)


def test_panel(name: str, found: Tested) -> TestPanel:
    """One test at the width that expects most of the signal, or without a signal sample sees most in the data."""
    variants, values = found.values[name]
    rows = first_choice(found.table[(found.table.statistic == name) & found.table.variant.isin(variants)])
    by = "z_expected" if rows.z_expected.notna().any() else "z_empirical"
    row = rows.sort_values(by, ascending=False, kind="stable").iloc[0]
    said = {str(key): value for key, value in row.items()}
    i = variants.index(row.variant)

    def column(kind: str) -> NDArray[np.float64] | None:
        return values[kind][:, i] if kind in values else None

    null = column("null")
    assert null is not None
    return TestPanel(
        title=TITLES.get(name, name),
        null=null,
        signal=column("signal"),
        observed=float(values["observed"][0, i]),
        expected=expected_text(said),
        measured=measured_text(said),
        variant=str(row.variant) if len(variants) == 1 else f"{row.variant} alone",
        varied_null=column("varied"),
    )


def shown_observers(task: Task, scored: Scored) -> list[str]:
    """Observers that are quantities, the first few."""
    there = [name for name in task.sample.events.observers if name in scored.pools.observers]
    known = [name for name in there if name not in BOOKKEEPING]
    return [name for name in known if np.isfinite(scored.pools.observers[name][scored.reference]).any()][
        :MOST_OBSERVERS
    ]


def observer_score(name: str, titles: Mapping[str, str], task: Task, scored: Scored, place: int) -> ObserverScore:
    """An observer against the score of the variant at this place."""
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


def marginals_of(task: Task, scored: Scored, place: int, weight: float, titles: Mapping[str, str]) -> dict[str, Any]:
    """Figures of the embedding's axes and of the observers, by what they show."""
    pools = scored.pools
    axes = {axis: pools.points[:, i] for i, axis in enumerate(task.events.axes[: pools.points.shape[1]])}
    groups = {
        "embedding axes": axes,
        "observers": {name: pools.observers[name] for name in shown_observers(task, scored)},
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

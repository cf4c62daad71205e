"""Runs of one dataset in one table, and the refusal of runs whose numbers do not belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pandas as pd

from autoscidact.errors import UserError
from autoscidact.inference.significance import BEST_WIDTH
from autoscidact.report.headline import best_single
from autoscidact.report.runs import Run
from autoscidact.report.style import in_order

INCIDENTAL = {
    *("f_s", "outputs", "device", "threads", "logger", "experiment", "debug"),
    *("toys.memory", "toys.shards", "toys.shard"),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
}
"""Keys that do not change what t a toy has, besides f_s, over which runs are gathered."""

EMBEDDING = ("dataset", "encoder", "loss", "trainer", "embedding", "checkpoint")
"""Sections that say which embedded events there are; alike in effect where the pools are the same."""


@dataclass(frozen=True)
class Gathered:
    """Runs of one dataset that differ in nothing but f_S and statistics.

    Attributes:
        dataset: its name. signal: the class held out. runs: where the rows come from.
        table: rows of all z_scores.csv, each (statistic, variant, f_s) once, with the column `run`.
        toys: rows of all toys.parquet, each toy once.
    """

    dataset: str
    signal: str
    runs: tuple[Run, ...]
    table: pd.DataFrame
    toys: pd.DataFrame

    @property
    def statistics(self) -> list[str]:
        """In the order in which they are listed."""
        return in_order([str(name) for name in self.table.statistic.unique()])

    def of(self, statistic: str) -> pd.DataFrame:
        """The table's rows of one statistic, by f_s."""
        return self.table[self.table.statistic == statistic].sort_values("f_s", kind="stable")


def gather(runs: Sequence[Run]) -> list[Gathered]:
    """Groups runs by dataset.

    Raises:
        UserError: two runs of one dataset differ in more than f_S, statistics, and what has no effect; names up to
            three keys.
    """
    by_dataset: dict[str, list[Run]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset, []).append(run)
    return [_together(dataset, group) for dataset, group in sorted(by_dataset.items())]


def compatible(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs in groups that may stand together, in as few as their order allows."""
    groups: list[list[Run]] = []
    for run in runs:
        fitting = (g for g in groups if all(one.dataset == run.dataset and not differences(one, run) for one in g))
        group = next(fitting, None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return groups


def _together(dataset: str, runs: list[Run]) -> Gathered:
    for one, other in combinations(runs, 2):
        if unlike := differences(one, other):
            raise UserError(
                f"runs {one.folder} and {other.folder} of dataset {dataset} differ in {in_words(unlike)}; "
                "report them separately, with runs=[FOLDER,...], or against one key, with x=KEY"
            )
    names = [run.name for run in runs]
    runs = [
        run if names.count(run.name) == 1 else replace(run, label=f"{run.name}-{turn}")
        for turn, run in enumerate(runs, start=1)
    ]
    rows = pd.concat([run.table.assign(run=run.name) for run in runs], ignore_index=True)
    rows = rows.drop_duplicates(["statistic", "variant", "f_s"], ignore_index=True)
    toys = pd.concat([run.toys for run in runs], ignore_index=True)
    toys = toys.drop_duplicates(["statistic", "variant", "f_s", "role", "toy"], ignore_index=True)
    if len(runs) > 1:
        rows = _best_of_all(rows)
    return Gathered(dataset, _signal(runs[0]), tuple(runs), rows, toys)


def _best_of_all(rows: pd.DataFrame) -> pd.DataFrame:
    # Each run chose its best width over its own fractions; one line through all of them is of one width.
    parts = [rows[rows.variant != BEST_WIDTH]]
    for statistic in rows[rows.variant == BEST_WIDTH].statistic.unique():
        mine = rows[rows.statistic == statistic]
        parts.append(mine[mine.variant == best_single(mine)].assign(variant=BEST_WIDTH))
    return pd.concat(parts, ignore_index=True)


def _signal(run: Run) -> str:
    embedding = run.record.get("embedding")
    known = embedding.get("signal") if isinstance(embedding, dict) else None
    dataset = run.record["config"].get("dataset") or {}
    return str(known or dataset.get("signal") or "unknown")


def in_words(unlike: Sequence[str]) -> str:
    """Up to three differences, and how many more there are."""
    return "; ".join(unlike[:3]) + (f" and in {len(unlike) - 3} more" if len(unlike) > 3 else "")


def differences(one: Run, other: Run, but_for: Sequence[str] = ()) -> list[str]:
    """What keeps two runs out of one table, as "toys.n_ref: 10000 and 5000"; empty where nothing does.

    Settings of a statistic count where both runs hold that statistic. Settings of the training count unless
    both drew from the very same embedded events.

    Args:
        but_for: keys, and sections of keys, in which the runs may differ. Where they do, they may also differ in
            what follows from that: the embedded events, and widths or other settings that a test takes from them.
    """
    first, second = one.settings, other.settings
    same_pools = one.record.get("pools") is not None and one.record.get("pools") == other.record.get("pools")
    apart = any(first.get(key) != second.get(key) for key in {**first, **second} if is_under(key, but_for))
    shared = set(one.statistics) & set(other.statistics)
    found = {}
    for key in [*first, *(key for key in second if key not in first)]:
        section, _, rest = key.partition(".")
        mine, theirs = first.get(key, "not set"), second.get(key, "not set")
        if mine == theirs or section in INCIDENTAL or key in INCIDENTAL or (same_pools and section in EMBEDDING):
            continue
        if section == "statistic":
            if rest.partition(".")[0] in shared:
                found[_public(rest, first, second)] = (mine, theirs)
        elif section in EMBEDDING or section in ("toys", "seed"):
            found[key] = (mine, theirs)
        # Any other section reaches a result through the statistic that refers to it, so it is compared there.
    found = {key: values for key, values in found.items() if not is_under(key, but_for)}
    if not found and not apart:
        # What settings do not show: classes and training events of a user's own file.
        first_of, second_of = (run.record.get("definitions") or {} for run in (one, other))
        for name in sorted(shared):
            mine, theirs = first_of.get(name) or {}, second_of.get(name) or {}
            keys = [key for key in mine if mine[key] != theirs.get(key)] if theirs else []
            found |= {f"{name}'s {key}": (mine[key], theirs.get(key)) for key in keys}
    if not found and not apart and not same_pools:
        found["the embedded events (pools)"] = (one.record.get("pools"), other.record.get("pools"))
    return [f"{key}: {shown(mine)} and {shown(theirs)}" for key, (mine, theirs) in found.items()]


def _public(rest: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """statistic.nplm.n_centers refers to nplm.n_centers, and statistic.nplm.kernel.widths to kernel.widths."""
    full = f"statistic.{rest}"
    for alias in (rest, rest.partition(".")[2]):
        if all(
            settings.get(alias, "not set") == settings.get(full, "not set") for settings in (first, second)
        ) and alias in {**first, **second}:
            return alias
    return full


def is_under(key: str, sections: Sequence[str]) -> bool:
    """Whether `key` is one of `sections` or lies in one: kernel.widths lies in kernel."""
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def shown(value: Any) -> str:
    """A setting's value in a sentence."""
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""One region of the observed data through every chosen test: t, null toys, p, and which events say so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.commands.evaluation import IDEAL, prepared, run_fractions
from autoscidact.commands.events import ideal_events
from autoscidact.commands.observed_sample import Sample, embed_sample
from autoscidact.commands.permutations import permuted_significances
from autoscidact.commands.pseudo_experiments import check_fractions, numeric, pools_of, same_pools
from autoscidact.commands.systematics import variations_of
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.inference.engine import one_thread_each
from autoscidact.inference.observation import ObservedSignificance, observed_significances
from autoscidact.statistics.contract import Scores
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition, observed_toy
from autoscidact.toys.variations import variations_key

NAN = float("nan")


@dataclass(frozen=True)
class Task:
    """What to compare with what, and how.

    Attributes:
        events: the dataset's, embedded. sample: the observed ones. alternatives: samples of `sample_files`.
        toys: settings of the toys, `n_data` being the expected |D|. f_s: signal fraction to expect, or None.
        calibrations: of "toys" and "permutation". systematics: as configured.
        statistics: names of the tests.
    """

    events: EmbeddedEvents
    sample: Sample
    alternatives: Mapping[str, Sample]
    toys: Mapping[str, Any]
    f_s: float | None
    calibrations: tuple[str, ...]
    systematics: Mapping[str, Any]
    statistics: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """Per-event scores of one test.

    Attributes:
        variants: names. reference: rows of R. on_reference: (variants, |R|) f. on_data: (variants, |D|) f.
        on_signal: (variants, signal events) f.
        pools: with the observed events, in the embedding that the test sees.
    """

    variants: tuple[str, ...]
    reference: NDArray[np.int64]
    on_reference: NDArray[np.float64]
    on_data: NDArray[np.float64]
    on_signal: NDArray[np.float64]
    pools: Pools


@dataclass(frozen=True)
class Tested:
    """What the tests gave.

    Attributes:
        table: a row an `ObservedSignificance`.
        values: statistic to (variants, {"null", "signal", "varied", "observed"} to t).
        scores: statistic to `Scored`, of those that score events.
        pools, definition: what null toys were drawn from, and how.
        definitions: statistic to what fixes its t. drawn_from: statistic and calibration to the keys of their toys.
    """

    table: pd.DataFrame
    values: Mapping[str, tuple[tuple[str, ...], Mapping[str, NDArray[np.float64]]]]
    scores: Mapping[str, Scored]
    pools: Pools
    definition: ToyDefinition
    definitions: Mapping[str, Mapping[str, object]]
    drawn_from: Mapping[str, list[str]]


def test_region(
    cfg: DictConfig, config: Mapping[str, Any], task: Task, resources: Resources, device: str, workers: int
) -> Tested:
    """Runs every test of the task; null and signal toys resume where an earlier run stopped.

    Raises:
        UserError: too few events, a test that the events do not allow, or toys that cannot calibrate.
    """
    toys, seed, outputs = task.toys, config["seed"], config["outputs"]
    pools, definition = pools_of(task.events, toys, seed, draws_toys="toys" in task.calibrations)
    check_fractions(pools, [] if task.f_s is None else [task.f_s], definition.n_data, definition.poisson)

    def seen_by(name: str) -> Pools:
        if name not in IDEAL:
            return _with_samples(pools, task, config, device)
        ideal = {**config, "checkpoint": None, "dataset": {**config["dataset"], "ideal_supervised": True}}
        return _with_samples(same_pools(pools, ideal_events(cfg, config, device)), task, ideal, device)

    rows: list[ObservedSignificance] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, NDArray[np.float64]]]] = {}
    scores: dict[str, Scored] = {}
    definitions: dict[str, Mapping[str, object]] = {}
    drawn_from: dict[str, list[str]] = {}
    fractions = [] if task.f_s is None else [task.f_s]
    f_s = NAN if task.f_s is None else task.f_s
    chosen = {**config, "statistic": {name: config["statistic"][name] for name in task.statistics}}
    for name, statistic, seen in prepared(cfg, chosen, seen_by, definition, resources):
        toy = observed_toy(seen, definition)
        with one_thread_each():
            t = statistic.evaluate(toy)[0]
        widths: Any = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, NAN)
        found: dict[str, NDArray[np.float64]] = {"observed": t[None, :]}
        permuted: list[ObservedSignificance] = []
        if "permutation" in task.calibrations:
            # First, because a test that they do not suit says so before any toy is run.
            permuted, null, t_permuted = permuted_significances(
                cfg, name, seen, definition, toys["n_permutations"], seed, resources, outputs, workers
            )
            if task.calibrations == ("permutation",):
                found |= {"null": null, "observed": t_permuted[None, :]}
        calibrated = {"toys": definition} if "toys" in task.calibrations else {}
        if calibrated and seen.variations:
            calibrated["toys+variations"] = replace(definition, variations=_key(seen))
        for calibration, drawn in calibrated.items():
            null, signal = run_fractions(
                statistic, seen, drawn, fractions, toys["n_null"], toys["n_signal"], outputs, workers
            )
            with_signal = signal.get(f_s)
            rows += observed_significances(name, widths, null, t, statistic.asymptotic, calibration, f_s, with_signal)
            found["null" if calibration == "toys" else "varied"] = null
            if calibration == "toys" and with_signal is not None:
                found["signal"] = with_signal
        rows += permuted
        if isinstance(statistic, Scores):
            with one_thread_each():
                scores[name] = _scored(statistic, seen, definition)
        values[name] = (statistic.variants, found)
        definitions[name] = statistic.definition
        drawn_from |= {f"{name} {calibration}": [seen.fingerprint, d.key] for calibration, d in calibrated.items()}
    if not rows:
        raise UserError(
            f"none of the tests {', '.join(task.statistics)} can be run (see above); choose another statistic"
        )
    return Tested(pd.DataFrame([vars(row) for row in rows]), values, scores, pools, definition, definitions, drawn_from)


def _with_samples(pools: Pools, task: Task, config: Mapping[str, Any], device: str) -> Pools:
    """The pools with the events of alternative samples and the observed ones behind, in the same embedding."""
    rows = {}
    for key, sample in task.alternatives.items():
        n = len(pools.points)
        pools = pools.append(embed_sample(config, sample, device), numeric(sample.events.observers))
        rows[key] = np.arange(n, len(pools.points))
    n = len(pools.points)
    pools = pools.append(embed_sample(config, task.sample, device), numeric(task.sample.events.observers))
    pools = replace(pools, observed=np.arange(n, len(pools.points)))
    return replace(pools, variations=variations_of(task.systematics, pools, rows))


def _key(pools: Pools) -> str | None:
    """What names the varied toys, which do not depend on the observed events that stand last."""
    others = np.arange(len(pools.points) - len(pools.observed))
    return variations_key([variation.at(others) for variation in pools.variations], pools.points)


def _scored(statistic: Scores, pools: Pools, definition: ToyDefinition) -> Scored:
    toy = observed_toy(pools, definition)
    # A reference drawn by weight holds events more than once.
    rows, place = np.unique(toy.reference_of(0), return_inverse=True)
    ratio = statistic.log_ratio(toy, np.concatenate([rows, pools.observed, pools.signal]))
    reference, data, signal = np.split(ratio, [len(rows), len(rows) + len(pools.observed)], axis=1)
    return Scored(statistic.variants, toy.reference_of(0), reference[:, place], data, signal, pools)

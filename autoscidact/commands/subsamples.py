"""A whole observed data set against the background, by many sub-samples: has the distribution shifted?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.commands.configuration import record_yaml, run_folder, whole_number
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.evaluation import IDEAL, prepared, run_fractions
from autoscidact.commands.observed_sample import Sample, embed_sample
from autoscidact.commands.pseudo_experiments import numeric, pools_of
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.files import array_hash, atomic_path, write_text
from autoscidact.inference.shift import Shift, shifts
from autoscidact.provenance import record
from autoscidact.report.shift import draw_shift, shift_markdown, shift_table
from autoscidact.report.toys import write_toys
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools

NAN = float("nan")
_UNSUITED = ("select", "systematics", "control", "candidates")


def run_subsamples(
    cfg: DictConfig,
    config: Mapping[str, Any],
    toys: Mapping[str, Any],
    events: EmbeddedEvents,
    sample: Sample,
    resources: Resources,
) -> Path:
    """Tests `subsamples` random parts of the observed events, of `toys.n_data` each, as null toys are tested.

    Writes shift.csv, shift.md, toys.parquet and a figure for each statistic, and returns the run's folder.

    Raises:
        UserError: settings that do not go with sub-samples, or too few events.

    References:
        AutoSciDACT, App. D.
    """
    n = whole_number("subsamples", config["subsamples"], 2)
    _check(config, toys, len(sample.events))
    pools, definition = pools_of(events, {**toys, "poisson": False}, config["seed"])
    print(
        f"{n} sub-samples of {definition.n_data} of the {len(sample.events)} events of {sample.source}; "
        f"|R|={definition.n_ref}; device {resources.device}"
    )

    def seen_by(name: str) -> Pools:
        seen = pools.append(embed_sample(config, sample, resources.device), numeric(sample.events.observers))
        return replace(seen, observed=np.arange(len(pools.points), len(seen.points)))

    rows: list[Shift] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, NDArray[np.float64]]]] = {}
    definitions = {}
    for name, statistic, seen in prepared(cfg, dict(config), seen_by, definition, resources):
        workers, outputs = resources.workers, config["outputs"]
        null, _ = run_fractions(statistic, seen, definition, [], toys["n_null"], 1, outputs, workers)
        # Toys whose data come from the observed events, drawn and compared with R as null toys are.
        other = replace(seen, background=seen.observed, n_appended=0)
        drawn = replace(definition, pools=other.fingerprint)
        parts, _ = run_fractions(statistic, other, drawn, [], n, 1, outputs, workers)
        widths: Any = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, NAN)
        rows += shifts(name, widths, null, parts, statistic.asymptotic)
        values[name] = (statistic.variants, {"null": null, "1.0": parts})
        definitions[name] = statistic.definition
    key = {
        "subsamples": n,
        "statistic": definitions,
        "seed": config["seed"],
        "toys": vars(definition),
        "n_null": toys["n_null"],
        "observed": array_hash(sample.events.features[:], sample.events.ids),
    }
    folder = run_folder(config["outputs"], "observe", dataset_name(config), key)
    table = shift_table(rows)
    with atomic_path(folder / "shift.csv") as temporary:
        table.to_csv(temporary, index=False)
    write_text(folder / "shift.md", shift_markdown(rows, sample.source.name))
    write_toys(folder / "toys.parquet", values)
    for name, (variants, of) in values.items():
        path = folder / f"shift_{name}.png"
        draw_shift(path, name, variants, of["null"], of["1.0"], sample.source.stem)
    write_text(folder / "config.yaml", record_yaml(cfg))
    results = {"observed": {"file": str(sample.source), "events": len(sample.events)}, "definitions": definitions}
    write_text(folder / "run.json", record(dict(config), results))
    print(shift_markdown(rows, sample.source.name))
    print("\n".join(f"  {path}" for path in sorted(folder.glob("shift*"))))
    return folder


def _check(config: Mapping[str, Any], toys: Mapping[str, Any], n_observed: int) -> None:
    unsuited = [name for name in _UNSUITED if config[name]]
    if unsuited:
        raise UserError(f"subsamples tests whole data sets, without {', '.join(unsuited)}; leave one of them out")
    ideal = [name for name in config["statistic"] if name in IDEAL]
    if ideal:
        raise UserError(f"subsamples: {', '.join(ideal)} knows the signal, and here there is none; leave it out")
    if config["calibration"] not in ("toys", ["toys"]):
        raise UserError("subsamples are compared with toys: leave out calibration")
    if toys["resample_reference"]:
        raise UserError("subsamples are compared with one R: leave out toys.resample_reference")
    size = toys["n_data"]
    if not isinstance(size, int) or not 1 <= size <= n_observed:
        raise UserError(f"subsamples: give their size, toys.n_data, from 1 to the {n_observed} observed events")

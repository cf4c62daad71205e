"""Look for the held-out signal in pseudo-experiments: null toys, then each f_s, then a table of Z.

Examples:
    autoscidact discover f_s=0.01
    autoscidact discover f_s=[0.005,0.01,0.02]
    autoscidact discover dataset=digits toys.n_null=1000
    autoscidact discover -m dataset=synthetic,digits f_s=0.02
    autoscidact discover kernel=paper nplm.newton_steps=1
    autoscidact discover embedding=my_events.csv dataset.label=class dataset.signal=new
"""

import math
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from autoscidact.commands.compute import choose_device, memory_budget, worker_count
from autoscidact.commands.configuration import (
    as_list,
    plain,
    random_seed,
    record_yaml,
    run_folder,
    switch,
    whole_number,
)
from autoscidact.commands.events import embedded_events
from autoscidact.errors import UserError
from autoscidact.files import write_text
from autoscidact.inference.engine import one_thread_each, run_toys
from autoscidact.inference.significance import Significance, significances
from autoscidact.inference.store import ToyStore
from autoscidact.progress import progress
from autoscidact.provenance import record
from autoscidact.report.figures import draw_z_against_fraction
from autoscidact.report.tables import overview, write_csv, write_markdown, z_score_table
from autoscidact.report.toys import write_toys
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools, build_pools, check_disjoint, fitting_sizes
from autoscidact.toys.sampler import ToyDefinition, check_signal_fraction


def run(cfg: DictConfig) -> Path:
    """Runs null toys once, then each signal fraction, and writes z_scores.csv. Returns the run's folder."""
    config = plain(cfg)
    config["seed"] = random_seed(config)
    toys = checked_toys(config["toys"])
    fractions = signal_fractions(config["f_s"])
    device = choose_device(config["device"])
    workers = worker_count(config["threads"], device)

    events = embedded_events(cfg, config, device)
    known = {split: events.ids[events.splits == split] for split in ("train", "val", "test")}
    check_disjoint(training=known["train"], validation=known["val"], toys=known["test"])
    pool = events.take(events.splits == "test")
    is_signal = pool.labels == events.signal
    fit_ref, fit_data = fitting_sizes(int((~is_signal).sum()))
    n_ref = fit_ref if toys["n_ref"] == "auto" else toys["n_ref"]
    n_data = fit_data if toys["n_data"] == "auto" else toys["n_data"]
    pools = build_pools(
        pool.points, pool.ids, pool.weights, is_signal, n_ref, n_data, toys["resample_reference"], config["seed"]
    )
    for f_s in fractions:
        check_signal_fraction(pools, n_data, f_s)
        if f_s > 0 and round(f_s * n_data) == 0 and not toys["poisson"]:
            warnings.warn(
                f"f_s={f_s:g} of |D|={n_data} rounds to no signal event at all; raise f_s or toys.n_data, "
                "or use toys.poisson=true",
                UserWarning,
                stacklevel=2,
            )
    definition = ToyDefinition(
        pools.fingerprint, n_ref, n_data, toys["resample_reference"], toys["poisson"], config["seed"]
    )

    resources = Resources(device, workers, memory_budget(toys["memory"]))
    fits: dict[str, dict[str, int]] = {}
    rows: list[Significance] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
    print(f"device {device}, {workers} worker{'s' if workers > 1 else ''}; |R|={n_ref}, |D|={n_data}")
    for name in config["statistic"]:
        statistic = instantiate(cfg.statistic[name], _convert_="all")
        with one_thread_each():
            statistic.prepare(pools, n_ref, n_data, config["seed"], resources)
        print(f"{name}: {statistic.plan}")
        null, signal = run_fractions(
            statistic, pools, definition, fractions, toys["n_null"], toys["n_signal"], config["outputs"], workers
        )
        fits = {**fits, name: statistic.solver_report()}
        print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in fits[name].items()))
        widths = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, math.nan)
        rows += significances(name, widths, null, signal)
        values[name] = (statistic.variants, {"null": null} | {str(f_s): t for f_s, t in signal.items()})

    dataset = config["dataset"]["name"] if config["embedding"] is None else Path(config["embedding"]).stem
    result = {name: config[name] for name in ("statistic", "kernel", "nplm", "seed")}
    key = {**result, "toys": vars(definition), "f_s": fractions, "counts": [toys["n_null"], toys["n_signal"]]}
    folder = run_folder(config["outputs"], "discover", dataset, key)
    table = z_score_table(rows, dataset, n_ref, n_data)
    header = f"# {dataset}: signal {events.signal}, |R|={n_ref}, |D|={n_data}, {toys['n_null']} null toys"
    write_csv(folder / "z_scores.csv", table)
    write_markdown(folder / "z_scores.md", table, header)
    write_toys(folder / "toys.parquet", values)
    for name in config["statistic"]:
        figure = folder / f"z_scores_{name}.png"
        draw_z_against_fraction(figure, table[table.statistic == name], f"{name}: {header.removeprefix('# ')}")
    write_text(folder / "config.yaml", record_yaml(cfg))
    results = {"pools": pools.fingerprint, "embedding": events.provenance, "resources": vars(resources), "fits": fits}
    write_text(folder / "run.json", record(config, results))
    show(table, folder)
    return folder


def run_fractions(
    statistic: Statistic,
    pools: Pools,
    definition: ToyDefinition,
    fractions: list[float],
    n_null: int,
    n_signal: int,
    outputs: str,
    workers: int,
) -> tuple[Any, dict[float, Any]]:
    """t of the null toys and of the toys at each fraction; resumes what an earlier run has done."""
    # Toys at f_s = 0 that are asked for as a point of the scan come after those that calibrate it.
    counts = {f_s: n_signal for f_s in fractions if f_s > 0} | {0.0: n_null + n_signal * (0.0 in fractions)}
    key = {"toys": definition.key, **statistic.definition}
    with ToyStore(Path(outputs) / "toys", key, statistic.variants) as store:
        done = {f_s: n - len(store.missing(f_s, range(n))) for f_s, n in counts.items()}
        if sum(done.values()):
            print(f"{statistic.name}: {sum(done.values())} of {sum(counts.values())} toys are done already")
        values = {}
        with progress(f"{statistic.name} toys", sum(counts.values()), done=sum(done.values())) as bar:
            for f_s in sorted(counts):
                values[f_s] = run_toys(
                    statistic,
                    pools,
                    definition,
                    f_s,
                    counts[f_s],
                    store,
                    batch_size=statistic.batch_size,
                    workers=workers,
                    advance=bar.advance,
                )
    null = values[0.0][:n_null]
    return null, {f_s: values[f_s] if f_s > 0 else values[0.0][n_null:] for f_s in fractions}


def checked_toys(toys: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the toys, with numbers and switches that are some. Raises UserError naming the key."""
    checked = dict(toys)
    for name, least in (("n_ref", 1), ("n_data", 1), ("n_null", 2), ("n_signal", 1)):
        if not (toys[name] == "auto" and name in ("n_ref", "n_data")):
            checked[name] = whole_number(f"toys.{name}", toys[name], least)
    for name in ("resample_reference", "poisson"):
        checked[name] = switch(f"toys.{name}", toys[name])
    return checked


def signal_fractions(value: Any) -> list[float]:
    """f_s as a sorted list of different fractions. Raises UserError for what is none."""
    try:
        fractions = sorted({float(f_s) for f_s in as_list(value)})
    except (TypeError, ValueError) as error:
        raise UserError(f"f_s={value}: give a number or a list of numbers, as f_s=[0.005,0.01]") from error
    if not fractions:
        raise UserError("f_s is an empty list; give at least one signal fraction")
    for f_s in fractions:
        if not (0.0 <= f_s <= 1.0 and np.isfinite(f_s)):
            raise UserError(f"f_s={f_s:g} is not a fraction: choose values from 0 to 1")
    return fractions


def show(table: Any, folder: Path) -> None:
    """Prints the table and where everything lies."""
    titles, rows = overview(table)
    shown = Table(
        *titles, box=None, header_style="bold", title="median Z, empirical / asymptotic", title_justify="left"
    )
    for row in rows:
        shown.add_row(*row)
    # A pipe has no width to fit into: what is cut there is lost.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(shown)
    for name in ("z_scores.csv", "z_scores.md", "toys.parquet", *sorted(p.name for p in folder.glob("*.png"))):
        print(f"  {folder / name}")

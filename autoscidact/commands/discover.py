"""Look for the held-out signal in pseudo-experiments: null toys, then each f_s, then a table of Z.

Every statistic sees the same toys. statistic=all runs every test there is; supervised ones are left out
where the events do not allow them.

Examples:
    autoscidact discover f_s=0.01
    autoscidact discover f_s=[0.005,0.01,0.02]
    autoscidact discover dataset=digits toys.n_null=1000
    autoscidact discover statistic=[nplm,mahalanobis,mmd]
    autoscidact discover statistic=all
    autoscidact discover -m dataset=synthetic,digits f_s=0.02
    autoscidact discover kernel=paper nplm.newton_steps=1
    autoscidact discover embedding=my_events.csv dataset.label=class dataset.signal=new
    autoscidact discover embedding=raw statistic=mahalanobis
    autoscidact discover toys.n_null=100000 toys.shards=16 hydra/launcher=slurm
    autoscidact discover dataset=digits calibration=coverage toys.n_null=2000
    autoscidact discover dataset=digits calibration=[coverage,permutation] toys.n_permutations=999
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from autoscidact.commands.calibration import calibrations_of, p_by_toys, permuted
from autoscidact.commands.compute import choose_device, memory_budget, worker_count
from autoscidact.commands.configuration import plain, random_seed, record_yaml, run_folder
from autoscidact.commands.coverage_result import coverage_notes, show_coverage, write_coverage
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.evaluation import IDEAL, prepared, run_fractions, run_part, toy_counts
from autoscidact.commands.events import embedded_events, ideal_events
from autoscidact.commands.pseudo_experiments import (
    check_fractions,
    checked_toys,
    pools_of,
    same_pools,
    signal_fractions,
)
from autoscidact.files import write_text
from autoscidact.inference.engine import one_thread_each
from autoscidact.inference.significance import Significance, permutation_significances, significances
from autoscidact.provenance import record
from autoscidact.report.coverage import coverage_table
from autoscidact.report.figures import draw_z_against_fraction
from autoscidact.report.gather import gather
from autoscidact.report.runs import read_run
from autoscidact.report.scan import draw_asymptotic, draw_empirical
from autoscidact.report.style import save
from autoscidact.report.tables import overview, write_csv, write_markdown, z_score_table
from autoscidact.report.toys import write_toys
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools


def run(cfg: DictConfig) -> Path:
    """Runs null toys once, then each signal fraction, and writes z_scores.csv. Returns the run's folder."""
    config = plain(cfg)
    config["seed"] = random_seed(config)
    toys = checked_toys(config["toys"])
    fractions = signal_fractions(config["f_s"])
    device = choose_device(config["device"])
    workers = worker_count(config["threads"], device)
    events = embedded_events(cfg, config, device)
    pools, definition = pools_of(events, toys, config["seed"])
    n_ref, n_data = definition.n_ref, definition.n_data
    check_fractions(pools, fractions, n_data, toys["poisson"])

    calibrations = calibrations_of(config.get("calibration", "toys"))
    n_pseudo = toys["n_pseudo"] if "coverage" in calibrations else 0
    resources, outputs = Resources(device, workers, memory_budget(toys["memory"])), config["outputs"]
    fits: dict[str, dict[str, int]] = {}
    rows: list[Significance] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
    definitions: dict[str, dict[str, object]] = {}
    covered: list[Any] = []
    uniform: dict[str, dict[str, NDArray[np.float64]]] = {}
    print(f"device {device}, {workers} worker{'s' if workers > 1 else ''}; |R|={n_ref}, |D|={n_data}")

    def seen_by(name: str) -> Pools:
        return same_pools(pools, ideal_events(cfg, config, device)) if name in IDEAL else pools

    if toys["shard"] is not None:
        part = (toys["shard"], toys["shards"])
        counts = toy_counts(fractions, toys["n_null"] + n_pseudo, toys["n_signal"])
        for name, statistic, seen in prepared(cfg, config, seen_by, definition, resources):
            run_part(statistic, seen, definition, counts, outputs, workers, part)
            relabelled = permuted(cfg, name, statistic, calibrations, toys["n_permutations"])
            if relabelled is not None:
                with one_thread_each():
                    relabelled.prepare(seen, n_ref, n_data, config["seed"], resources)
                own = toy_counts(fractions, n_pseudo, toys["n_signal"])
                run_part(relabelled, seen, definition, own, outputs, workers, part)
        return Path(outputs) / "toys"

    for name, statistic, seen in prepared(cfg, config, seen_by, definition, resources):
        null, signal = run_fractions(
            statistic, seen, definition, fractions, toys["n_null"] + n_pseudo, toys["n_signal"], outputs, workers
        )
        null, extra = np.split(null, [toys["n_null"]])
        fits[name] = statistic.solver_report()
        if fits[name]:
            print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in fits[name].items()))
        widths: Any = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, math.nan)
        rows += significances(name, widths, null, signal, statistic.asymptotic)
        definitions[name] = statistic.definition
        values[name] = (statistic.variants, {"null": null} | {str(f_s): t for f_s, t in signal.items()})
        at_zero = {"toys": p_by_toys(widths, null, extra)} if len(extra) else {}
        if len(extra):
            by_fraction = {0.0: at_zero["toys"]} | {f: p_by_toys(widths, null, t) for f, t in signal.items() if f > 0}
            covered.append(coverage_table(name, "toys", by_fraction, toys["n_null"], shared=True))
        relabelled = permuted(cfg, name, statistic, calibrations, toys["n_permutations"])
        if relabelled is not None:
            with one_thread_each():
                relabelled.prepare(seen, n_ref, n_data, config["seed"], resources)
            at_null, p = run_fractions(
                relabelled, seen, definition, fractions, len(extra), toys["n_signal"], outputs, workers
            )
            n_permutations = relabelled.n_permutations
            names = widths | {variant: math.nan for variant in relabelled.variants if variant not in widths}
            rows += permutation_significances(relabelled.name, names, p, n_permutations)
            if len(extra):
                at_zero["permutation"] = dict(zip(relabelled.variants, at_null.T, strict=True))
                by_fraction = {0.0: at_zero["permutation"]} | {
                    f: dict(zip(relabelled.variants, values.T, strict=True)) for f, values in p.items() if f > 0
                }
                covered.append(coverage_table(name, "permutation", by_fraction, n_permutations, shared=False))
        uniform |= {f"{name} {calibration}": found for calibration, found in at_zero.items()}

    dataset = dataset_name(config)
    key = {
        "statistic": definitions,
        "seed": config["seed"],
        "toys": vars(definition),
        "f_s": fractions,
        "counts": [toys["n_null"], toys["n_signal"], toys["n_permutations"]],
    }
    if calibrations != {"toys"}:
        key["calibration"] = [*sorted(calibrations), n_pseudo]
    folder = run_folder(config["outputs"], "discover", dataset, key)
    table = z_score_table(rows, dataset, n_ref, n_data)
    header = f"# {dataset}: signal {events.signal}, |R|={n_ref}, |D|={n_data}, {toys['n_null']} null toys"
    write_csv(folder / "z_scores.csv", table)
    write_markdown(folder / "z_scores.md", table, header)
    write_toys(folder / "toys.parquet", values)
    for name in values:
        figure = folder / f"z_scores_{name}.png"
        draw_z_against_fraction(figure, table[table.statistic == name], f"{name}: {header.removeprefix('# ')}")
    if covered:
        write_coverage(folder, pd.concat(covered), uniform)
    write_text(folder / "config.yaml", record_yaml(cfg))
    results = {
        "pools": pools.fingerprint,
        "definitions": definitions,
        "embedding": events.provenance,
        "resources": vars(resources),
        "fits": fits,
    }
    write_text(folder / "run.json", record(config, results))
    if len(values) > 1:
        (gathered,) = gather([read_run(folder)])
        save(draw_empirical(gathered), folder / "all_tests_empirical.png")
        save(draw_asymptotic(gathered), folder / "all_tests_asymptotic.png")
    show(table, folder)
    if covered:
        show_coverage(pd.concat(covered), coverage_notes(pools, definition, toys["n_null"], calibrations))
    return folder


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

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
"""

import math
import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from autoscidact.commands.compute import choose_device, memory_budget, worker_count
from autoscidact.commands.configuration import plain, random_seed, record_yaml, run_folder
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.evaluation import IDEAL, prepared, run_fractions
from autoscidact.commands.events import embedded_events, ideal_events
from autoscidact.commands.pseudo_experiments import (
    check_fractions,
    checked_toys,
    pools_of,
    same_pools,
    signal_fractions,
)
from autoscidact.files import write_text
from autoscidact.inference.permutation import Permuted, Permutes
from autoscidact.inference.significance import Significance, permutation_significances, significances
from autoscidact.provenance import record
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

    resources = Resources(device, workers, memory_budget(toys["memory"]))
    fits: dict[str, dict[str, int]] = {}
    rows: list[Significance] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
    definitions: dict[str, dict[str, object]] = {}
    print(f"device {device}, {workers} worker{'s' if workers > 1 else ''}; |R|={n_ref}, |D|={n_data}")

    def seen_by(name: str) -> Pools:
        return same_pools(pools, ideal_events(cfg, config, device)) if name == IDEAL else pools

    for name, statistic, seen in prepared(cfg, config, seen_by, definition, resources):
        null, signal = run_fractions(
            statistic, seen, definition, fractions, toys["n_null"], toys["n_signal"], config["outputs"], workers
        )
        fits[name] = statistic.solver_report()
        if fits[name]:
            print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in fits[name].items()))
        widths: Any = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, math.nan)
        rows += significances(name, widths, null, signal, statistic.asymptotic)
        definitions[name] = statistic.definition
        values[name] = (statistic.variants, {"null": null} | {str(f_s): t for f_s, t in signal.items()})
        if toys["n_permutations"] and isinstance(statistic, Permutes):
            permuted = Permuted(statistic, toys["n_permutations"])
            _, p = run_fractions(permuted, seen, definition, fractions, 0, toys["n_signal"], config["outputs"], workers)
            rows += permutation_significances(permuted.name, widths, p, toys["n_permutations"])

    dataset = dataset_name(config)
    key = {
        "statistic": definitions,
        "seed": config["seed"],
        "toys": vars(definition),
        "f_s": fractions,
        "counts": [toys["n_null"], toys["n_signal"], toys["n_permutations"]],
    }
    folder = run_folder(config["outputs"], "discover", dataset, key)
    table = z_score_table(rows, dataset, n_ref, n_data)
    header = f"# {dataset}: signal {events.signal}, |R|={n_ref}, |D|={n_data}, {toys['n_null']} null toys"
    write_csv(folder / "z_scores.csv", table)
    write_markdown(folder / "z_scores.md", table, header)
    write_toys(folder / "toys.parquet", values)
    for name in values:
        figure = folder / f"z_scores_{name}.png"
        draw_z_against_fraction(figure, table[table.statistic == name], f"{name}: {header.removeprefix('# ')}")
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

"""Gather finished discoveries into one report: Markdown, LaTeX and a self-contained web page, with all figures.

Runs of one dataset stand in one table if they differ in nothing but f_s and tests; others are refused, naming the
difference. Without runs=... all finished discoveries under outputs are gathered but those of studies, in as many tables
as it takes. Runs that differ in their seed alone are aggregated: median and spread over seeds. x=KEY shows Z against
any key of a sweep, aggregated in the same way.

Examples:
    autoscidact report
    autoscidact report datasets=digits
    autoscidact report runs=outputs/discover/digits/0123456789ab to=my_report
    autoscidact report runs=[outputs/discover/digits,outputs/discover/synthetic]
    autoscidact report datasets=digits x=encoder.dim
    autoscidact report datasets=digits x=toys.n_ref over=[seed,dataset.seed] "only={encoder.dim: 4}"
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autoscidact.commands.configuration import as_list, nearest, plain, random_seed
from autoscidact.commands.trained import EMBEDDING, RAW, training_folder
from autoscidact.embedding.table import read_embedding
from autoscidact.errors import UserError
from autoscidact.files import content_hash, make_folder, write_text
from autoscidact.provenance import record
from autoscidact.report.arrange import arranged
from autoscidact.report.curves import read_metrics
from autoscidact.report.document import Document, Section
from autoscidact.report.gather import Gathered
from autoscidact.report.html import to_html
from autoscidact.report.illustrate import Training, illustrate, stem
from autoscidact.report.latex import to_latex
from autoscidact.report.markdown import to_markdown
from autoscidact.report.restriction import restricted
from autoscidact.report.result_files import needed_csv, power_csv
from autoscidact.report.runs import Run, find_runs, read_run
from autoscidact.report.sections import dataset_sections
from autoscidact.report.style import statistic_style
from autoscidact.report.sweep import F_S, Sweep
from autoscidact.report.sweep_sections import summary_tables, sweep_sections
from autoscidact.report.sweep_table import sweep_table
from autoscidact.report.sweep_values import has_key
from autoscidact.report.tables import write_csv
from autoscidact.report.thresholds import Needed, needed_fractions, threshold_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

METRICS = "metrics.csv"
LEAD = (
    "What the tests see of a held-out class, in pseudo-experiments (toys). f_S is the signal fraction: f_S |D| signal "
    "events are added to |D| background events. Every Z is that of the median toy. Empirical Z come from the null toys "
    "alone; asymptotic Z from a law fitted to them."
)


def run(cfg: "DictConfig") -> Path:
    """Reads the runs, refuses what does not belong together, writes the report, and returns its folder."""
    config = plain(cfg)
    seed = random_seed(config)
    runs = chosen_runs(config)
    key, over = axis_and_seeds(config, runs)
    runs = restricted(runs, restriction(config))
    sweeps, together = arranged(runs, key, over, named=bool(config["runs"]))
    out = Path(str(config["to"])).expanduser() if config["to"] else report_folder(config, runs, seed)
    figures = make_folder(out / "figures")

    sections: list[Section] = []
    findings: list[tuple[Gathered, list[Needed]]] = []
    tables = [sweep_table(sweep) for sweep in sweeps]
    for sweep, table in zip(sweeps, tables, strict=True):
        prefix = unique(f"{stem(sweep.dataset)}-{'seeds' if key is None else 'sweep'}", anchors(sections))
        sections += sweep_sections(sweep, table, figures, prefix)
    for gathered in together:
        prefix = unique(stem(gathered.dataset), anchors(sections))
        training = find_training(gathered.runs[0])
        drawn = illustrate(gathered, training, figures, prefix, seed)
        needed = needed_fractions(gathered, seed=seed)
        sections += dataset_sections(gathered, needed, drawn, training, prefix)
        findings.append((gathered, needed))
    names = sorted({run.dataset for run in runs}) if sweeps else [gathered.dataset for gathered in together]
    title = f"AutoSciDACT report: {', '.join(names)}{f' against {key}' if key else ''}"
    document = Document(title, LEAD, sections)

    if tables:
        write_csv(out / "sweep.csv", pd.concat(tables, ignore_index=True))
    if together:
        write_csv(out / "f_s_needed.csv", needed_csv(findings))
        write_csv(out / "power.csv", power_csv(findings))
    write_text(out / "report.md", to_markdown(document))
    write_text(out / "report.tex", to_latex(document))
    write_text(out / "report.html", to_html(document, figures))
    sources = {str(run.folder): run.checksums for run in runs}
    write_text(out / "run.json", record(json.loads(json.dumps(config)), {"runs": sources}))
    show(findings, sweeps, tables, out)
    return out


def chosen_runs(config: dict[str, Any]) -> list[Run]:
    """The discoveries to report.

    Raises:
        UserError: there is none, or none of a dataset asked for, or a file of one is missing or damaged.
    """
    wanted = [str(name) for name in as_list(config["datasets"])] if config["datasets"] not in (None, "", []) else []
    if config["runs"] not in (None, "", []):
        folders = [Path(str(folder)).expanduser() for folder in as_list(config["runs"])]
    else:
        above = Path(config["outputs"]) / "discover"
        if not above.is_dir():
            raise UserError(f"there is no finished discovery under {above}; make one with `autoscidact discover`")
        # Only these are opened: a damaged run of another dataset is in nobody's way.
        folders = [path for name in wanted if (path := above / name).is_dir()] if wanted else [above]
    found = find_runs(folders)
    if config["runs"] in (None, "", []):
        studied = {path.resolve() for path in study_points(config["outputs"])}
        found = [folder for folder in found if folder.resolve() not in studied]
        if not found:
            raise UserError("every finished discovery belongs to a study; name those to report, runs=[FOLDER,...]")
    runs = [read_run(folder) for folder in found]
    for name in wanted:
        if name not in {run.dataset for run in runs}:
            raise UserError(
                f"datasets={name}: there is no finished discovery of it; make one, or name its folder, runs=[...]"
            )
    return [run for run in runs if not wanted or run.dataset in wanted]


def study_points(outputs: str) -> list[Path]:
    """Folders of the discoveries that studies made."""
    books = Path(outputs).glob("study/*/*/points.json")
    return [Path(folder) for book in books for folder in json.loads(book.read_text(encoding="utf-8")).values()]


def axis_and_seeds(config: dict[str, Any], runs: Sequence[Run]) -> tuple[str | None, list[str]]:
    """x, None where no axis is asked for, and the keys that are aggregated over.

    Raises:
        UserError: a key that no run has; names the nearest.
    """
    key = None if config["x"] in (None, "") else str(config["x"])
    over = [str(name) for name in as_list(config["over"])] if config["over"] not in (None, "", []) else []
    asked = {"x": [] if key is None else [key], "over": over, "only": [str(name) for name in restriction(config)]}
    for option, names in asked.items():
        for name in names:
            if name != F_S and not any(has_key(run, name) for run in runs):
                known = {F_S, *(known for run in runs for known in run.settings)}
                raise UserError(f"{option}={name}: no run has this key; did you mean {nearest(name, known)}?")
    if F_S in over:
        raise UserError("over=f_s: Z at different f_S have no common median; take x=f_s")
    return key, over


def restriction(config: dict[str, Any]) -> dict[str, Any]:
    """What `only` asks for. Raises UserError unless it is a mapping."""
    only = config["only"] or {}
    if not isinstance(only, dict):
        raise UserError(f"only={only}: write it as only={{KEY: VALUE}}, for example only={{encoder.dim: 4}}")
    return only


def anchors(sections: Sequence[Section]) -> list[str]:
    """Those that are taken."""
    return [section.anchor for section in sections]


def report_folder(config: dict[str, Any], runs: Sequence[Run], seed: int) -> Path:
    """Where a report of these runs lies unless `to` says otherwise: equal runs and questions, equal folder."""
    content = sorted([run.dataset, run.name, *run.checksums.values()] for run in runs)
    asked = {name: config[name] for name in ("x", "over", "only") if config[name] not in (None, "", [], {}, "seed")}
    return Path(config["outputs"]) / "report" / content_hash({"runs": content, "seed": seed, **asked})


def unique(name: str, taken: Sequence[str]) -> str:
    """`name`, or with a number where another dataset's name looks alike in file names."""
    names = [name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))]
    return next(candidate for candidate in names if candidate not in taken)


def find_training(run: Run) -> Training:
    """The embedding and the losses behind a discovery, as far as they are still there."""
    config, provenance = run.record["config"], run.record.get("embedding") or {}
    epoch = provenance.get("best_epoch")
    if config.get("embedding") == RAW:
        return Training("the events' own features, without an embedding")
    if config.get("embedding") is not None:
        path = Path(config["embedding"]).expanduser()
        if not path.is_file():
            return Training(f"there is no {path} any more")
        dataset = config.get("dataset") or {}
        return Training(str(path), read_embedding(path, label=dataset.get("label"), signal=dataset.get("signal")))
    for folder in training_folders(run):
        if (folder / EMBEDDING).is_file():
            events = read_embedding(folder / EMBEDDING)
            if events.provenance.get("key") != provenance.get("key"):
                continue
            metrics = read_metrics(folder / METRICS) if (folder / METRICS).is_file() else None
            return Training(str(folder), events, metrics, epoch)
    return Training(f"there is no {EMBEDDING} of its training in {training_folders(run)[0]}")


def training_folders(run: Run) -> list[Path]:
    """Where the training may lie: beside the discovery, where it was at the time, or beside its checkpoint."""
    config, provenance = run.record["config"], run.record.get("embedding") or {}
    places = []
    if config.get("checkpoint") is None:
        outputs = run.folder.absolute().parents[2] if len(run.folder.absolute().parents) > 2 else run.folder
        here = run.folder.parents[2] if len(run.folder.parents) > 2 else outputs
        places += [training_folder({**config, "outputs": str(here)}), training_folder(config)]
    if isinstance(provenance.get("checkpoint"), str):
        places.append(Path(provenance["checkpoint"]).parent)
    return places or [run.folder]


def show(
    findings: Sequence[tuple[Gathered, Sequence[Needed]]],
    sweeps: Sequence[Sweep],
    tables: Sequence[pd.DataFrame],
    out: Path,
) -> None:
    """Prints Z of every sweep, f_S for 3 sigma of every test, and where the report lies."""
    # A pipe has no width to fit into: what is cut there is lost.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for sweep, table in zip(sweeps, tables, strict=True):
        for block in summary_tables(sweep, table):
            shown = Table(*block.columns, box=None, header_style="bold", title=block.caption, title_justify="left")
            for row in block.rows:
                shown.add_row(*map(escape, row))
            console.print(shown)
    if findings:
        shown = Table(
            *("dataset", "test", "asymptotic", "empirical"),
            box=None,
            header_style="bold",
            title="f_S needed for 3 sigma (68 %)",
            title_justify="left",
        )
        for gathered, needed in findings:
            for entry in needed:
                label = statistic_style(entry.statistic, gathered.statistics).label
                cells = (gathered.dataset, label, threshold_text(entry.asymptotic), threshold_text(entry.empirical))
                shown.add_row(*map(escape, cells))
        console.print(shown)
    names = ["report.html", "report.md", "report.tex", *(["sweep.csv"] if sweeps else [])]
    for name in [*names, *(["f_s_needed.csv", "power.csv"] if findings else []), "figures"]:
        print(f"  {out / name}")

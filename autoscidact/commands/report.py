"""Gather finished discoveries into one report: Markdown, LaTeX and a self-contained web page, with all figures.

Runs of one dataset stand in one table if they differ in nothing but f_s and tests; others are refused, naming the
difference. Without runs=... all finished discoveries under outputs are gathered but those of studies, in as many tables
as it takes.

Examples:
    autoscidact report
    autoscidact report datasets=digits
    autoscidact report runs=outputs/discover/digits/0123456789ab to=my_report
    autoscidact report runs=[outputs/discover/digits,outputs/discover/synthetic]
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autoscidact.commands.configuration import as_list, plain, random_seed
from autoscidact.commands.trained import EMBEDDING, RAW, training_folder
from autoscidact.embedding.table import read_embedding
from autoscidact.errors import UserError
from autoscidact.files import content_hash, make_folder, write_text
from autoscidact.provenance import record
from autoscidact.report.curves import read_metrics
from autoscidact.report.document import Document, Section
from autoscidact.report.gather import Gathered, compatible, gather
from autoscidact.report.html import to_html
from autoscidact.report.illustrate import Training, illustrate, stem
from autoscidact.report.latex import to_latex
from autoscidact.report.markdown import to_markdown
from autoscidact.report.result_files import needed_csv, power_csv
from autoscidact.report.runs import Run, find_runs, read_run
from autoscidact.report.sections import dataset_sections
from autoscidact.report.style import statistic_style
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
    together = gather(runs) if config["runs"] else in_groups(runs)
    out = Path(str(config["to"])).expanduser() if config["to"] else report_folder(config["outputs"], runs, seed)
    figures = make_folder(out / "figures")

    sections: list[Section] = []
    findings: list[tuple[Gathered, list[Needed]]] = []
    for gathered in together:
        prefix = unique(stem(gathered.dataset), [section.anchor for section in sections])
        training = find_training(gathered.runs[0])
        drawn = illustrate(gathered, training, figures, prefix, seed)
        needed = needed_fractions(gathered, seed=seed)
        sections += dataset_sections(gathered, needed, drawn, training, prefix)
        findings.append((gathered, needed))
    document = Document(f"AutoSciDACT report: {', '.join(g.dataset for g in together)}", LEAD, sections)

    write_csv(out / "f_s_needed.csv", needed_csv(findings))
    write_csv(out / "power.csv", power_csv(findings))
    write_text(out / "report.md", to_markdown(document))
    write_text(out / "report.tex", to_latex(document))
    write_text(out / "report.html", to_html(document, figures))
    sources = {str(run.folder): run.checksums for run in runs}
    write_text(out / "run.json", record(json.loads(json.dumps(config)), {"runs": sources}))
    show(findings, out)
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


def in_groups(runs: Sequence[Run]) -> list[Gathered]:
    """Runs that may stand together, together; where a dataset takes several tables each names its first run."""
    together = [gathered for group in compatible(runs) for gathered in gather(group)]
    names = [gathered.dataset for gathered in together]
    return [
        replace(gathered, dataset=f"{gathered.dataset} ({gathered.runs[0].name})")
        if names.count(gathered.dataset) > 1
        else gathered
        for gathered in together
    ]


def report_folder(outputs: str, runs: Sequence[Run], seed: int) -> Path:
    """Where a report of these runs lies unless `to` says otherwise: equal runs, equal folder."""
    content = sorted([run.dataset, run.name, *run.checksums.values()] for run in runs)
    return Path(outputs) / "report" / content_hash({"runs": content, "seed": seed})


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


def show(findings: Sequence[tuple[Gathered, Sequence[Needed]]], out: Path) -> None:
    """Prints f_S for 3 sigma of every test, and where the report lies."""
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
    # A pipe has no width to fit into: what is cut there is lost.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(shown)
    for name in ("report.html", "report.md", "report.tex", "f_s_needed.csv", "power.csv", "figures"):
        print(f"  {out / name}")

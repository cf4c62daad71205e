"""Run a study: many trainings and discoveries for one figure of the paper, or one question about the method.

Each study under configs/study says which figure it makes, what to expect and how long it takes. A study resumes:
what is finished is not done again, and trainings are shared with `train` and with other studies.

Examples:
    autoscidact study study=kernel_width
    autoscidact study study=all smoke=true
    autoscidact study study=embedding_dimension dataset=digits
    autoscidact study study=noise_dimensions study.noise_dimensions.average.models=5
    autoscidact study study=newton_shapes dataset=shapes
    autoscidact study study=penalty 'study.penalty.scan=[{key:toys.n_data,values:[500,1000,2000]}]'
"""

import json
import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from autoscidact.commands.configuration import plain, random_seed, record_yaml, run_folder, switch, whole_number
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.study_jobs import Job, run_jobs
from autoscidact.commands.study_points import Point, points_of
from autoscidact.commands.trained import CHECKPOINT, EMBEDDING, training_folder
from autoscidact.errors import UserError
from autoscidact.files import content_hash, write_text
from autoscidact.provenance import record
from autoscidact.report.runs import RECORD, TABLE, TOYS, read_run
from autoscidact.report.study import StudyRun, write_study

# What changes how a point is computed, not what it gives.
_INCIDENTAL = ("threads", "device", "outputs")


def run(cfg: DictConfig) -> Path:
    """Runs every chosen study that the dataset allows. Returns the folder of the last one."""
    config = plain(cfg)
    random_seed(config)
    smoke = switch("smoke", config["smoke"])
    studies = {name: plan for name, plan in config["study"].items() if _allowed(name, plan, config)}
    if not studies:
        raise UserError(f"dataset={config['dataset']['name']} allows none of the chosen studies")
    for name, plan in studies.items():
        folder = _run_one(cfg, config, name, plan, smoke)
    return folder


def _allowed(name: str, plan: dict[str, Any], config: dict[str, Any]) -> bool:
    for key, wanted in (plan.get("needs") or {}).items():
        found: Any = config
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found != wanted:
            message = f"study {name} needs {key}={wanted}, not {found}"
            if len(config["study"]) == 1:
                raise UserError(f"{message}; choose it with {key.removesuffix('.name')}={wanted}")
            print(f"{message}: left out")
            return False
    return True


def _run_one(cfg: DictConfig, config: dict[str, Any], name: str, plan: dict[str, Any], smoke: bool) -> Path:
    points = points_of(cfg, name, plan, smoke, given_keys())
    keys = [_key(point) for point in points]
    folder = run_folder(config["outputs"], "study", dataset_name(config), {"study": name, "points": keys})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = config["workers"]
    workers = cores if given == "auto" else whole_number("workers", given, 1)

    trainings = _missing_trainings(points, folder)
    run_jobs(trainings, min(workers, max(1, len(trainings))), 1, f"{name}: trainings", lambda place, where: None)

    book = folder / "points.json"
    found: dict[str, str] = json.loads(book.read_text(encoding="utf-8")) if book.is_file() else {}
    found = {key: where for key, where in found.items() if _finished(Path(where))}
    todo = [place for place, key in enumerate(keys) if key not in found]
    if len(todo) < len(points):
        print(f"{name}: {len(points) - len(todo)} of {len(points)} points are done already")
    jobs = [
        Job("discover", OmegaConf.to_container(points[place].cfg), _label(points[place]), _log(folder, "point", place))
        for place in todo
    ]

    def done(place: int, where: Path) -> None:
        found[keys[todo[place]]] = str(where)
        write_text(book, json.dumps(found, indent=1) + "\n")

    busy = min(workers, max(1, len(jobs)))
    run_jobs(jobs, busy, config["threads"] or max(1, cores // busy), f"{name}: points", done)

    runs = [
        StudyRun(point.arm, point.settings, point.model, read_run(Path(found[key])))
        for point, key in zip(points, keys, strict=True)
    ]
    title = f"{name.replace('_', ' ')}, {dataset_name(config)}"
    if smoke:
        title = f"SMOKE RUN, its numbers mean nothing: {title}"
    first = plan["scan"][0]["key"] if plan.get("scan") else None
    base = {first: plan["base"]} if first and "base" in plan else None
    paths = write_study(folder, title, runs, widths=plan.get("show") == "every_width", base=base)
    write_text(folder / "config.yaml", record_yaml(cfg))
    write_text(folder / "run.json", record(config, {"points": found}))
    print((folder / "study.md").read_text(encoding="utf-8"))
    for path in paths:
        print(f"  {path}")
    return folder


def given_keys() -> set[str]:
    """Keys that the command line sets: they win over what a study sets."""
    if not HydraConfig.initialized():
        return set()
    return {text.lstrip("+~").partition("=")[0] for text in HydraConfig.get().overrides.task}


def _missing_trainings(points: list[Point], folder: Path) -> list[Job]:
    """Every training that the points need and that is not finished, once."""
    jobs: dict[Path, Job] = {}
    for point in points:
        if point.cfg.embedding is not None or point.cfg.checkpoint is not None:
            continue
        for ideal in (False, True) if "ideal_supervised" in point.cfg.statistic else (False,):
            cfg = point.cfg.copy()
            cfg.dataset.ideal_supervised = ideal
            where = training_folder(plain(cfg))
            if where not in jobs and not ((where / CHECKPOINT).is_file() and (where / EMBEDDING).is_file()):
                settings = OmegaConf.to_container(cfg, resolve=False)
                jobs[where] = Job("train", settings, f"train {_label(point)}", _log(folder, "train", len(jobs)))
    return list(jobs.values())


def _key(point: Point) -> str:
    config = {key: value for key, value in plain(point.cfg).items() if key not in _INCIDENTAL}
    # A file whose content was replaced has the same path.
    paths = [Path(path).expanduser() for path in _files(config)]
    stats = [path.stat() for path in paths if path.is_file()]
    return content_hash({"config": config, "files": [[stat.st_size, stat.st_mtime_ns] for stat in stats]})


def _files(config: dict[str, Any]) -> list[str]:
    return [path for path in (config["dataset"].get("path"), config["embedding"], config["checkpoint"]) if path]


def _finished(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (TABLE, TOYS, RECORD))


def _label(point: Point) -> str:
    values = " ".join(f"{key}={value}" for key, value in point.settings.items())
    return f"{point.arm} {values}".strip() + (f" model {point.model}" if point.model else "")


def _log(folder: Path, kind: str, place: int) -> Path:
    return folder / "logs" / f"{kind}{place}.txt"

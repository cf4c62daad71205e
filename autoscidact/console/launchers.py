"""Launchers, the engines that run the jobs of a sweep: whether one can be used here, and why it took no jobs."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from autoscidact.commands.sweeps import JOB, SWEEP
from autoscidact.console.failures import Launched, failed_jobs
from autoscidact.console.jobs import JobFailed, Stopped, message
from autoscidact.console.queued import refuse_queued, what_stays
from autoscidact.errors import UserError
from autoscidact.files import make_folder

# Module of Hydra's plugin -> the package that brings it, and our extra that names the package.
_PACKAGES = {
    "hydra_submitit_launcher": ("hydra-submitit-launcher", "cluster"),
    "hydra_joblib_launcher": ("hydra-joblib-launcher", "cluster"),
    "hydra_ray_launcher": ("hydra-ray-launcher", "ray"),
}

# What sbatch complains of -> the key below hydra.launcher that says it, or a whole key.
_KEYS = {
    r"account": "account",  # stands first: "Invalid account or account/partition combination"
    r"partition": "partition",
    r"qos": "qos",
    r"time limit": "timeout_min",
    r"array": "hydra.sweeper.max_batch_size",
    r"gres|gpu": "gpus_per_node",
    r"feature|constraint": "constraint",
    r"memory": "mem_gb",
    r"cpu": "cpus_per_task",
    r"node": "nodes",
}

_started: list[Launched] = []  # the sweep of this process, for when one of its jobs fails


class LauncherCheck(Callback):  # type: ignore[misc]
    """Hydra's callback: stops a command whose launcher cannot work, before anything is queued."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        named = [text for text in config.hydra.overrides.hydra if text.lstrip("+").startswith("hydra/launcher=")]
        if named:
            _stop(UserError(f"{named[-1]} starts the jobs of a sweep and this is a single run: add -m"))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        launcher = config.hydra.launcher
        _started[:] = [Launched(str(config.hydra.sweep.dir), str(kwargs.get("config_name")), launcher)]
        try:
            check(str(launcher.get("_target_", "")), str(config.hydra.runtime.choices.get("hydra/launcher")))
            refuse_queued(Path(str(config.hydra.sweep.dir)))
            make_folder(str(config.hydra.sweep.dir))
        except UserError as error:
            _stop(error)


def _stop(error: UserError) -> None:
    # Hydra turns a callback's ordinary exceptions into warnings and goes on.
    raise Stopped(error) from error


def sweep_folder(flags: Sequence[str]) -> list[str]:
    """The override that gives a sweep its folder, spelt out.

    A process that runs jobs may have another environment than the one that started the sweep: workers of joblib are
    kept from one sweep to the next, and clusters may withhold variables from jobs.

    Args:
        flags: of the command line; without -m there is no sweep.
    """
    name = os.environ["AUTOSCIDACT_SWEEP"]
    return [f"hydra.sweep.dir=${{outputs}}/multirun/{name}"] if {"-m", "--multirun"} & set(flags) else []


def prefer_own_options() -> None:
    """Makes `joblib` and `ray` mean our files alone.

    Plugins of Hydra store settings under the same names; Hydra would check ours against those, and warn each time
    that it is going to stop doing so.
    """
    Plugins.instance()  # imports the plugins, which is when they store them
    stored: dict[str, Any] = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for name in ("joblib", "ray"):
        stored.pop(f"{name}.yaml", None)


def check(target: str, name: str) -> None:
    """Whether a launcher can work on this machine.

    Args:
        target: its class, dotted.
        name: of the option, as typed.

    Raises:
        UserError: its package is not installed, or there is no SLURM on the path.
    """
    module = target.removeprefix("hydra_plugins.").partition(".")[0]
    if module in _PACKAGES and not _installed(f"hydra_plugins.{module}"):
        package, extra = _PACKAGES[module]
        raise UserError(
            f"hydra/launcher={name} needs the package {package}: pip install 'autoscidact[{extra}]' or another launcher"
        )
    if target.endswith(".SlurmLauncher"):
        missing = [program for program in ("sbatch", "srun", "sacct") if shutil.which(program) is None]
        if missing:
            raise UserError(
                f"hydra/launcher={name}: there is no {missing[0]} on the path, so no SLURM: run this on a login node "
                "of the cluster, or choose hydra/launcher=joblib"
            )
        _warn_without_accounting()


def left_in_queue() -> str:
    """What to know of the jobs of this process's sweep that go on without it; empty where there are none."""
    return " ".join(what_stays(Path(launched.folder)) for launched in _started)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package above it
        return False


def _warn_without_accounting() -> None:
    """SLURM tells of jobs that were killed by its accounts alone."""
    try:
        done = subprocess.run(["sacct", "-n", "-j", "1"], capture_output=True, text=True, timeout=20)
        problem = "" if done.returncode == 0 else " ".join(done.stderr.split())
    except subprocess.TimeoutExpired:
        problem = "no answer from sacct"
    if problem:
        warnings.warn(
            f"this SLURM keeps no accounts ({problem}): this command will not notice that a job was killed and would "
            "wait for it; autoscidact status does, and Ctrl-C leaves the jobs running",
            UserWarning,
            stacklevel=2,
        )


def what_failed(error: BaseException) -> str:
    """Why a launcher took no jobs, or else every job that failed.

    Args:
        error: what ended the sweep of this process: a `JobFailed`, or one of `errors()`.
    """
    (launched,) = _started
    if isinstance(error.__cause__, subprocess.CalledProcessError):
        if not any(Path(launched.folder).glob(f"*/{JOB}")):
            # Nothing was queued, so there is no sweep for `status` to tell of.
            (Path(launched.folder) / SWEEP).unlink(missing_ok=True)
        return _refused(error, error.__cause__, launched.launcher)
    failed = failed_jobs(launched) or [message(error)]
    return "\n  ".join([f"{len(failed)} {'job' if len(failed) == 1 else 'jobs'} failed:", *failed])


def _refused(error: BaseException, cause: subprocess.CalledProcessError, launcher: Mapping[str, Any]) -> str:
    """sbatch's own words in one line, with the key that they are about."""
    said = " ".join(str(cause.stderr or error).split()) or f"exit status {cause.returncode}"
    for pattern, key in _KEYS.items():
        if re.search(pattern, said, re.IGNORECASE):
            name = key if "." in key else f"hydra.launcher.{key}"
            value = f"={launcher[key]}" if key in launcher else ""
            return f"{name}{value}: {said}"
    return f"hydra.launcher: {said}"


def errors() -> tuple[type[Exception], ...]:
    """What ends a sweep: a job that failed, and what launchers that are loaded raise for one that left no result."""
    names = {
        "submitit.core.utils": ("UncompletedJobError", "FailedSubmissionError"),
        "joblib.externals.loky.process_executor": ("BrokenProcessPool",),
        "ray.exceptions": ("RayError",),
    }
    loaded = [getattr(sys.modules[module], name) for module in names.keys() & sys.modules for name in names[module]]
    return (JobFailed, *loaded)

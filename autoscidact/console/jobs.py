"""The task that Hydra runs for every command: importable, so that any launcher can pickle it."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue

from autoscidact.commands.configuration import require_values
from autoscidact.console.explain import one_line
from autoscidact.console.failures import RAISED
from autoscidact.console.mappings import as_typed
from autoscidact.errors import UserError


class Stopped(BaseException):
    """Carries a single run's exception past Hydra, which would print a traceback of its own."""


class JobFailed(Exception):
    """One job of several failed. Picklable, so that it reaches the parent from another process.

    Args:
        job: the job's overrides, as typed.
        message: the cause in one line.
        folder: the job's folder, where error.txt holds the traceback.
    """

    def __init__(self, job: str, message: str, folder: str) -> None:
        super().__init__(job, message, folder)
        self.job, self.message, self.folder = job, message, folder


def run_job(cfg: DictConfig) -> Any:
    """Runs the command that Hydra composed `cfg` for."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra = HydraConfig.get()
    command = hydra.job.config_name
    task: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)  # references as typed
    overrides = as_typed(task)
    # What a result records as its command line is the one that makes this job again, alone.
    sources = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    sys.argv = ["autoscidact", command, *(["--config-dir", sources[0]] if sources else []), *overrides]
    try:
        require_values(cfg)
        return importlib.import_module(f"autoscidact.commands.{command}").run(cfg)
    except Exception as error:
        if hydra.mode != RunMode.MULTIRUN:
            raise Stopped(error) from error
        failure = JobFailed(" ".join(overrides), message(error), hydra.runtime.output_dir)
        Path(failure.folder).mkdir(parents=True, exist_ok=True)
        about = f"autoscidact {command} {failure.job}\n{RAISED}{_place(error)}"
        text = f"error: {failure.message}\n\n{about}\n\n{traceback.format_exc()}"
        (Path(failure.folder) / "error.txt").write_text(text, encoding="utf-8")
        print(f"error: {failure.message}", file=sys.stderr, flush=True)
        raise failure from None


def _place(error: BaseException) -> str:
    """The file and line that raised an exception; the user's error rather than what wraps it."""
    cause = user_error(error) or error
    frame = traceback.extract_tb(cause.__traceback__ or error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"


def message(error: BaseException) -> str:
    """An exception in one line: the user's errors as they are, others with their type."""
    known = user_error(error)
    return one_line(known) if known else f"{type(error).__name__}: {one_line(error)}"


def user_error(error: BaseException) -> BaseException | None:
    """The exception meant for the user behind `error` (Hydra wraps what a constructor raises), if there is one."""
    from hydra.errors import InstantiationException

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__
    if isinstance(error, (MissingMandatoryValue, InterpolationResolutionError)):
        return error
    return error if isinstance(error, InstantiationException) else None

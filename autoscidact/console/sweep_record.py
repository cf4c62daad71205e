"""Records of a sweep and its jobs, written as they go, for `autoscidact status`."""

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from autoscidact.commands.sweeps import DONE, FAILED, JOB, RUNNING, SWEEP
from autoscidact.files import write_text

LOG = "AUTOSCIDACT_LOG"
"""Environment variable: where the output of a sweep in the background goes."""


class SweepRecord(Callback):  # type: ignore[misc]
    """Hydra's callback: what the sweep is when it starts, and each job when it starts and ends."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser

        overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        batches = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        record = {
            "command": os.environ.get("AUTOSCIDACT_COMMAND", ""),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
            "jobs": [" ".join(job) for batch in batches for job in batch],
            "log": os.environ.get(LOG, ""),
        }
        write_text(Path(config.hydra.sweep.dir) / SWEEP, json.dumps(record, indent=1) + "\n")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._write(config, RUNNING)

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        from hydra.core.utils import JobStatus

        self._write(config, DONE if job_return.status == JobStatus.COMPLETED else FAILED)

    def _write(self, config: DictConfig, state: str) -> None:
        hydra = OmegaConf.select(config, "hydra")
        if hydra is None or str(hydra.mode).rpartition(".")[2] != "MULTIRUN":
            return
        if os.environ.get("SLURM_PROCID", "0") != "0":
            return  # of a job of several processes the first one tells
        array = "_".join(os.environ.get(f"SLURM_ARRAY_{name}", "") for name in ("JOB_ID", "TASK_ID"))
        record = {
            "state": state,
            "overrides": " ".join(hydra.overrides.task),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "slurm": array if array != "_" else os.environ.get("SLURM_JOB_ID", ""),
            "log": _log(),
            "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_text(Path(hydra.sweep.dir) / str(hydra.sweep.subdir) / JOB, json.dumps(record, indent=1) + "\n")


def _log() -> str:
    """Where submitit puts the output of this job; empty for one that writes to its parent's terminal."""
    submitit = sys.modules.get("submitit")
    if submitit is None:
        return ""
    try:
        return str(submitit.JobEnvironment().paths.stderr)
    except (RuntimeError, AttributeError):
        return ""

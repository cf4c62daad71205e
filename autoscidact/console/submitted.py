"""What submitit knows of the jobs of a sweep: the ends of those that left no result, and those still in the queue."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoscidact.commands.sweeps import queued_jobs

_SECONDS = 0.2
_SUBMITTED = "_submitted.pkl"


@dataclass(frozen=True)
class Ended:
    """The end of a job without a result of ours.

    Attributes:
        cause: in a few words. log: its stderr.
    """

    cause: str
    log: Path


def left_without_result(launcher: Mapping[str, Any]) -> dict[int, Ended]:
    """The ends of all jobs that failed outside our own code, by the number of the job; waits until all are over.

    submitit's launcher gives up at the first of them, and would leave the others unnamed.

    Args:
        launcher: settings of the launcher; any but submitit's knows of no such job.
    """
    target = str(launcher.get("_target_", ""))
    if "hydra_submitit_launcher" not in target or "submitit" not in sys.modules:
        return {}
    import submitit
    from submitit.core.utils import DelayedSubmission, JobPaths

    pattern = launcher["submitit_folder"]
    ended = {}
    for pickle in sorted(JobPaths.get_first_id_independent_folder(pattern).glob(f"*/*{_SUBMITTED}")):
        job_id = pickle.name.removesuffix(_SUBMITTED)
        paths = JobPaths(pattern, job_id, 0)
        if target.endswith(".SlurmLauncher"):
            job: Any = submitit.SlurmJob(folder=pattern, job_id=job_id)
            job.wait()
            state = f"SLURM job {job_id} {job.state}"
        else:
            _wait_for_process(int(job_id), paths.result_pickle)
            state = f"process {job_id} was killed or stopped"
        if paths.result_pickle.exists():
            # The result is the exception of a job that never reached our code, or one that its record tells of.
            state = "it failed before it began"
        # Hydra's launcher hands each job: overrides, key of the folder, number, ...
        number = int(DelayedSubmission.load(pickle).args[2])
        ended[number] = Ended(state, paths.stderr)
    return ended


def in_queue(sweep: Path) -> list[str]:
    """Numbers of a sweep's jobs that wait or run in SLURM; none where it does not answer.

    Args:
        sweep: its folder.
    """
    submitted = {path.name.removesuffix(_SUBMITTED) for path in sweep.glob(f"submitit/*/*{_SUBMITTED}")}
    return sorted(submitted & (queued_jobs() or set())) if submitted else []


def _wait_for_process(pid: int, result: Path) -> None:
    while not result.exists() and not _is_over(pid):
        time.sleep(_SECONDS)


def _is_over(pid: int) -> bool:
    # A child that has ended stays in the table of processes until somebody waits for it.
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True

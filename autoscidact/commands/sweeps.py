"""Sweeps as they lie on disk: what was asked for, and a record of each job that it started."""

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SWEEP, JOB, ERROR = "sweep.json", "job.json", "error.txt"
WAITING, RUNNING, DONE, FAILED, LOST = "waiting", "running", "done", "failed", "killed"
"""States of a job; `killed` is one that says it runs and does not."""

_LAST_LINES = 5
_SECONDS = 5


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: as typed. state: one of the states above.
        log: where its output went, or the traceback of its error; None where nothing is known.
        error: its own error in one line; empty where there is none.
    """

    overrides: str
    state: str
    log: Path | None
    error: str

    def last_lines(self) -> list[str]:
        """The last lines of its log."""
        if self.log is None or not self.log.is_file():
            return []
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-_LAST_LINES:]


@dataclass(frozen=True)
class Sweep:
    """One sweep.

    Attributes:
        folder: of its records. command: the line that starts it again, and so finishes it.
        started: local time. jobs: in the order of their numbers. log: of the parent, if it runs in the background.
    """

    folder: Path
    command: str
    started: str
    jobs: tuple[Job, ...]
    log: Path | None

    def count(self, state: str) -> int:
        """Jobs in a state."""
        return sum(job.state == state for job in self.jobs)


def find_sweeps(outputs: Path) -> list[Sweep]:
    """Every sweep under a folder of outputs, the latest last; folders without records are passed over."""
    paths = sorted((outputs / "multirun").glob(f"*/{SWEEP}"))
    records = [(path.parent, read_record(path)) for path in paths]
    jobs = {folder: _job_records(folder, len(record.get("jobs", []))) for folder, record in records}
    asks = any(job.get("slurm") and job.get("state") == RUNNING for found in jobs.values() for job in found)
    queued = queued_jobs() if asks else None
    return [
        Sweep(
            folder,
            str(record.get("command", "")),
            str(record.get("started", "")),
            tuple(
                _job(folder / str(k), str(overrides), job, queued)
                for k, (overrides, job) in enumerate(zip(record.get("jobs", []), jobs[folder], strict=True))
            ),
            Path(record["log"]) if record.get("log") else None,
        )
        for folder, record in records
        if record
    ]


def _job_records(folder: Path, n: int) -> list[dict[str, Any]]:
    return [read_record(folder / str(k) / JOB) for k in range(n)]


def read_record(path: Path) -> dict[str, Any]:
    """A record as it lies on disk; empty where there is none, or none that can be read."""
    # A record that is being written, or was cut short, says nothing.
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _job(folder: Path, overrides: str, record: dict[str, Any], queued: set[str] | None) -> Job:
    state = str(record.get("state", WAITING))
    if state == RUNNING and not _runs(record, queued):
        state = LOST
    error, log = "", Path(record["log"]) if record.get("log") else None
    if state == FAILED and (folder / ERROR).is_file():
        log = folder / ERROR
        error = log.read_text(encoding="utf-8").partition("\n")[0].removeprefix("error: ")
    return Job(overrides, state, log, error)


def _runs(record: dict[str, Any], queued: set[str] | None) -> bool:
    """Whether a job that says it runs does; yes where nobody can tell."""
    if record.get("slurm"):
        return queued is None or str(record["slurm"]) in queued
    if record.get("host") != socket.gethostname():
        return True
    try:
        os.kill(int(record["pid"]), 0)
    except ProcessLookupError:
        return False
    except (OSError, KeyError, ValueError):
        return True
    return True


def queued_jobs() -> set[str] | None:
    """Numbers of this user's SLURM jobs that wait or run; None where SLURM is missing or does not answer."""
    if shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--array", "--format=%A %F_%K", "--me"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return set(done.stdout.split())

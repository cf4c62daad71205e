"""The jobs of a sweep that failed: each with its own error, where it was raised, and its log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoscidact.commands.sweeps import DONE, ERROR, FAILED, JOB, LOST, SWEEP, Job, read_record
from autoscidact.console.submitted import left_without_result

RAISED = "raised at "
"""How the line of error.txt begins that says where."""


@dataclass(frozen=True)
class Launched:
    """A sweep that this process started.

    Attributes:
        folder: of the sweep. command: the verb. launcher: the launcher's settings.
    """

    folder: str
    command: str
    launcher: Mapping[str, Any]


def failed_jobs(launched: Launched) -> list[str]:
    """Every failed job of a sweep, one entry each, of several lines; waits for those that run still.

    A job that raised left error.txt. One that was killed, cancelled or stopped at its time limit left none: it is
    named with what is known of its end, and the last lines of its log.
    """
    folder = Path(launched.folder)
    ended = left_without_result(launched.launcher)
    jobs = read_record(folder / SWEEP).get("jobs", [])
    entries = []
    for k, overrides in enumerate(jobs):
        record = read_record(folder / str(k) / JOB)
        if (folder / str(k) / ERROR).is_file():
            entries.append("\n".join(_raised(folder / str(k) / ERROR, record)))
        elif record.get("state") != DONE:
            cause = "its process is gone" if record else "it was not started"
            log = Path(record["log"]) if record.get("log") else None
            if k in ended:
                cause, log = ended[k].cause, ended[k].log
            lost = Job(str(overrides), LOST, log, cause)
            entries.append("\n".join(_lost(f"autoscidact {launched.command} {overrides}", lost)))
    return entries


def _raised(path: Path, record: Mapping[str, Any]) -> Iterator[str]:
    first, _, job, *rest = path.read_text(encoding="utf-8").splitlines()
    yield f"{job}: {first.removeprefix('error: ')}"
    where = next((f"{line}; " for line in rest if line.startswith(RAISED)), "")
    yield f"    {where}traceback in {path}"
    if record.get("log") and record.get("state") == FAILED:
        yield f"    log {record['log']}"


def _lost(job: str, lost: Job) -> Iterator[str]:
    yield f"{job}: no result, {lost.error}"
    if lost.log is not None:
        yield f"    log {lost.log}"
        yield from (f"      {line[:160]}" for line in lost.last_lines())

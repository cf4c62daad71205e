"""What the sweeps under outputs are doing: jobs done, running, waiting, failed, and the command that finishes each.

Failed jobs are shown with their own error, the last lines of their log and where it lies. A sweep that
is finished takes one line. Looking changes nothing.

Examples:
    autoscidact status
    autoscidact status outputs=/scratch/me/outputs
    autoscidact status last=1
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autoscidact.commands.configuration import plain, whole_number
from autoscidact.commands.sweeps import DONE, FAILED, LOST, RUNNING, WAITING, Sweep, find_sweeps

if TYPE_CHECKING:
    from omegaconf import DictConfig

_MOST_FAILED = 10


def run(cfg: DictConfig) -> list[Sweep]:
    """Prints the state of every sweep, and returns them."""
    config = plain(cfg)
    outputs = Path(config["outputs"]).expanduser()
    sweeps = find_sweeps(outputs)
    last = None if config["last"] is None else whole_number("last", config["last"], 1)
    for sweep in sweeps[-last:] if last else sweeps:
        print("\n".join(describe(sweep)))
    if not sweeps:
        print(f"there are no sweeps under {outputs}; -m or toys.shards=K with a launcher makes one")
    return sweeps


def describe(sweep: Sweep) -> Iterator[str]:
    """A sweep in lines."""
    states = [f"{sweep.count(state)} {state}" for state in (DONE, RUNNING, WAITING, FAILED, LOST) if sweep.count(state)]
    yield f"{sweep.started}  {sweep.command}"
    yield f"  {len(sweep.jobs)} {'job' if len(sweep.jobs) == 1 else 'jobs'}: {', '.join(states)}"
    if sweep.count(DONE) == len(sweep.jobs):
        return
    for job in [job for job in sweep.jobs if job.state == RUNNING]:
        progress = job.last_lines()[-1:]
        yield f"  running  {job.overrides}" + (f": {progress[0].strip()[:100]}" if progress else "")
    bad = [job for job in sweep.jobs if job.state in (FAILED, LOST)]
    for job in bad[:_MOST_FAILED]:
        yield f"  {job.state:8} {job.overrides}" + (f": {job.error}" if job.error else "")
        if job.log is not None:
            yield f"           log {job.log}"
            yield from (f"             {line[:160]}" for line in job.last_lines())
    if len(bad) > _MOST_FAILED:
        yield f"  and {len(bad) - _MOST_FAILED} more, in {sweep.folder}"
    if sweep.log is not None:
        yield f"  log of the sweep {sweep.log}"
    if not sweep.count(RUNNING):
        yield f"  what finishes it: {sweep.command}"

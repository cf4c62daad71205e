"""Jobs of a sweep that wait or run in SLURM while nobody here waits for them."""

import os
from collections.abc import Sequence
from pathlib import Path

from autoscidact.commands.sweeps import SWEEP, read_record
from autoscidact.console.submitted import in_queue
from autoscidact.errors import UserError


def refuse_queued(folder: Path) -> None:
    """Refuses a sweep whose jobs still wait or run: each would be made twice at once.

    Args:
        folder: of the sweep that is about to start; its command is that of this process.

    Raises:
        UserError: names the jobs, and how to wait for them or end them.
    """
    command = os.environ.get("AUTOSCIDACT_COMMAND", "")
    same = [path.parent for path in folder.parent.glob(f"*/{SWEEP}") if read_record(path).get("command") == command]
    for other in same:
        jobs = in_queue(other) if command and other != folder else []
        if jobs:
            raise UserError(
                f"this sweep was started before, and {len(jobs)} of its jobs {'is' if len(jobs) == 1 else 'are'} in "
                f"SLURM's queue ({_shown(jobs)}): wait for them (autoscidact status), or end them with scancel "
                f"{_arrays(jobs)}"
            )


def what_stays(sweep: Path) -> str:
    """What somebody who stops waiting for a sweep should know of its jobs; empty where none is in the queue.

    Args:
        sweep: its folder.
    """
    jobs = in_queue(sweep)
    if not jobs:
        return ""
    return (
        f"{len(jobs)} {'job stays' if len(jobs) == 1 else 'jobs stay'} in SLURM's queue ({_shown(jobs)}); "
        f"autoscidact status follows them, scancel {_arrays(jobs)} ends them;"
    )


def _shown(jobs: Sequence[str]) -> str:
    return ", ".join(jobs[:3]) + (", ..." if len(jobs) > 3 else "")


def _arrays(jobs: Sequence[str]) -> str:
    return " ".join(sorted({job.partition("_")[0] for job in jobs}))

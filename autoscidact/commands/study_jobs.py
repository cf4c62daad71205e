"""Trainings and discoveries of a study, each in a process of its own that writes a log."""

import contextlib
import importlib
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from autoscidact.errors import UserError
from autoscidact.files import make_folder
from autoscidact.inference.store import StoreInUse
from autoscidact.progress import progress


@dataclass(frozen=True)
class Job:
    """One run of a verb.

    Attributes:
        command: the verb. settings: its configuration, unresolved. name: what to call it. log: where its output goes.
    """

    command: str
    settings: Any
    name: str
    log: Path


def run_jobs(jobs: Sequence[Job], workers: int, threads: int, title: str, done: Callable[[int, Path], None]) -> None:
    """Runs jobs in `workers` processes of `threads` threads each; the others go on where one fails.

    Args:
        done: called with a job's place and the folder that it made.

    Raises:
        UserError: jobs failed; each with its error and its log.
    """
    if not jobs:
        return
    make_folder(jobs[0].log.parent)
    failed: list[str] = []
    waiting: list[int] = []
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, context, end_with_parent, (os.getpid(),)) as pool,
        progress(title, len(jobs)) as bar,
    ):

        def submit(place: int) -> Future[str]:
            job = jobs[place]
            return pool.submit(run_job, job.command, job.settings, list(sys.argv), str(job.log), threads)

        pending = {submit(place): place for place in range(len(jobs))}
        try:
            while pending:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    place = pending.pop(future)
                    try:
                        done(place, Path(future.result()))
                    except Exception as error:
                        # Points that differ in no setting of a test share its toys: one waits for the other.
                        if isinstance(error, StoreInUse) and pending:
                            waiting.append(place)
                            continue
                        failed.append(f"{jobs[place].name}: {' '.join(str(error).split())} (log: {jobs[place].log})")
                    bar.advance(1)
                    pending |= {submit(again): again for again in waiting}
                    waiting.clear()
        finally:
            for future in pending:
                future.cancel()
    if failed:
        raise UserError("\n  ".join([f"{len(failed)} of {len(jobs)} jobs failed; run again to redo them:", *failed]))


def end_with_parent(parent: int) -> None:
    """Ends this process soon after its parent: a study that is killed leaves nothing running behind it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_job(command: str, settings: Any, words: list[str], log: str, threads: int) -> str:
    """Runs a verb in this process, its output in `log`. Returns the folder that it made."""
    import torch
    from threadpoolctl import threadpool_limits

    # What a result records as its command line is the study's: that makes all of it again.
    sys.argv = words
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    torch.set_num_threads(threads)
    with (
        open(log, "w", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
        threadpool_limits(threads),
    ):
        try:
            run = importlib.import_module(f"autoscidact.commands.{command}").run
            return str(run(OmegaConf.create({**settings, "threads": threads})))
        except BaseException:
            traceback.print_exc()
            raise

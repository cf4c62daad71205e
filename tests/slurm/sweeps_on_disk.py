"""What a sweep leaves on disk, read as a user finds it."""

import json
import time
from pathlib import Path


def checkpoints(folder: Path) -> dict[str, bytes]:
    """Of trainings that were finished in a folder, by name."""
    return {
        path.parent.name: path.read_bytes() for path in folder.glob("outputs/train/digits/*/checkpoint.safetensors")
    }


def record_of(folder: Path, job: int) -> dict[str, str]:
    """The record of a job, as soon as it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in folder.glob(f"outputs/multirun/*/{job}/job.json"):
            return json.loads(path.read_text())
        time.sleep(0.1)
    raise AssertionError(f"job {job} did not start")


def wait_for(folder: Path, pattern: str, n: int) -> list[Path]:
    """The files of a pattern, as soon as there are so many."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = sorted(folder.glob(pattern))
        if len(found) >= n:
            return found
        time.sleep(0.05)
    raise AssertionError(f"there are no {n} files {pattern}")

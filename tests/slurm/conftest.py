"""A real SLURM for the tests of this folder, and sweeps that go through it as a user starts them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import one_machine
import pytest

SMALL = ("dataset=digits", "trainer.max_epochs=1", "logger=none", "threads=1")
RESOURCES = ("hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1", "hydra.launcher.timeout_min=10")


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes jobs.

    Attributes:
        environment: in which its commands work.
    """

    environment: dict[str, str]

    def train(self, folder: Path, *words: str) -> "subprocess.Popen[str]":
        """Starts `autoscidact train -m hydra/launcher=slurm` in a folder, and does not wait for it."""
        return self.start(folder, "train", "-m", *SMALL, *words)

    def start(self, folder: Path, *words: str) -> "subprocess.Popen[str]":
        """Starts `autoscidact WORDS hydra/launcher=slurm` in a folder, and does not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "autoscidact", *words, "hydra/launcher=slurm", *RESOURCES],
            env=self.environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """SLURM on this machine. Each worker of pytest starts one of its own: they share nothing, not even a port."""
    reason = one_machine.why_not()
    if reason:
        pytest.skip(reason)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOSCIDACT_")}
    # pytest's own temporary folders have paths that are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, one_machine.running(Path(folder)) as environment:
        yield Cluster({name: value for name, value in environment.items() if name in kept or name == "SLURM_CONF"})


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """What names a training of a second."""
    return SMALL

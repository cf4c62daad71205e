"""A real SLURM for the tests of this folder, and sweeps that go through it as a user starts them."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import one_machine
import pytest

SMALL = ("dataset=digits", "trainer.max_epochs=1", "logger=none", "threads=1")
_ATTEMPTS = 3
RESOURCES = ("hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1", "hydra.launcher.timeout_min=10")


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes jobs.

    Attributes:
        environment: in which its commands work.
    """

    environment: dict[str, str]

    def with_environment(self, **variables: str) -> "Cluster":
        """The same cluster, used with further variables of the environment."""
        return Cluster(self.environment | variables)

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
            # A shell that runs the tests in the background has it ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """SLURM on this machine, started once: all tests of this folder run in one worker of pytest."""
    reason = one_machine.why_not()
    if reason:
        pytest.skip(reason)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOSCIDACT_")}
    with contextlib.ExitStack() as stack:
        environment = _started(stack)
        yield Cluster({name: value for name, value in environment.items() if name in kept or name == "SLURM_CONF"})


def _started(stack: contextlib.ExitStack) -> dict[str, str]:
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as one:
            # pytest's own temporary folders have paths that are too long for a socket.
            folder = Path(one.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
            try:
                environment = one.enter_context(one_machine.running(folder))
            except RuntimeError:
                # Somebody else may have taken a port between its choice and its use.
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            stack.push(one.pop_all())
            return environment
    raise AssertionError("not reached")


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """What names a training of a second."""
    return SMALL

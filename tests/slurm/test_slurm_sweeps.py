"""Sweeps through a real SLURM: the same bytes as here, every lost job named, and the same command finishes them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from autoscidact.cli import main

# One SLURM for all of them; its daemons and jobs need the cores.
pytestmark = pytest.mark.xdist_group("slurm")


def checkpoints(folder: Path) -> dict[str, bytes]:
    """Of trainings that were finished in a folder, by name."""
    return {
        path.parent.name: path.read_bytes() for path in folder.glob("outputs/train/digits/*/checkpoint.safetensors")
    }


@pytest.fixture(scope="module")
def here(small, tmp_path_factory) -> dict[str, bytes]:
    """Checkpoints of the 2 x 3 sweep, trained in this process."""
    folder = tmp_path_factory.mktemp("here")
    with contextlib.chdir(folder):
        assert main(["train", "-m", *small, "seed=0,1,2", "encoder.dim=2,3"]) == 0
    return checkpoints(folder)


def record_of(folder: Path, job: int) -> dict[str, str]:
    """The record of a job, as soon as it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in folder.glob(f"outputs/multirun/*/{job}/job.json"):
            return json.loads(path.read_text())
        time.sleep(0.1)
    raise AssertionError(f"job {job} did not start")


def test_same_bytes_as_here(cluster, here, tmp_path):
    out, err = (parent := cluster.train(tmp_path, "seed=0,1,2", "encoder.dim=2,3")).communicate(timeout=150)
    assert parent.returncode == 0, out + err
    assert len(here) == 6
    assert checkpoints(tmp_path) == here


def test_lost_jobs_are_named_and_the_same_command_finishes_them(cluster, small, tmp_path):
    # Long enough to be lost in the middle: a cancelled job has seconds left.
    words = ("trainer.max_epochs=100", "seed=0", "encoder.dim=2,3,-1")
    lost, whole = tmp_path / "lost", tmp_path / "whole"
    for folder in (lost, whole):
        folder.mkdir()
    parent = cluster.train(lost, *words)
    os.kill(int(record_of(lost, 0)["pid"]), signal.SIGKILL)
    cancelled = record_of(lost, 1)["slurm"]
    subprocess.run(["scancel", cancelled], env=cluster.environment, check=True)
    _, err = parent.communicate(timeout=120)
    assert parent.returncode == 1
    assert "error: 3 jobs failed:" in err, err
    summary = err[err.index("error: 3 jobs failed:") :]
    assert f"SLURM job {cancelled.partition('_')[0]}_0 FAILED" in summary
    assert f"SLURM job {cancelled} CANCELLED" in summary
    assert "encoder.dim must be a whole number of at least 1, not -1" in summary
    assert "contract.py:" in summary
    assert summary.count("_log.err") == 3
    assert not checkpoints(lost)

    _, err = (again := cluster.train(lost, *words)).communicate(timeout=150)
    assert again.returncode == 1
    assert "error: 1 job failed:" in err
    with contextlib.chdir(whole):
        assert main(["train", "-m", *small, *words]) == 1
    assert len(checkpoints(lost)) == 2
    assert checkpoints(lost) == checkpoints(whole)


def test_partition_that_does_not_exist(cluster, tmp_path):
    parent = cluster.train(tmp_path, "seed=0,1", "hydra.launcher.partition=nowhere")
    _, err = parent.communicate(timeout=60)
    assert parent.returncode == 1
    last = err.splitlines()[-1]
    assert last.startswith(
        "error: hydra.launcher.partition=nowhere: sbatch: error: invalid partition specified: nowhere"
    )
    queue = subprocess.run(
        ["squeue", "--noheader", "--name=autoscidact-train"], env=cluster.environment, text=True, capture_output=True
    )
    assert "nowhere" not in queue.stdout
    assert not list(tmp_path.glob("outputs/multirun/*/sweep.json"))  # nothing is waiting


def test_a_discovery_in_four_shards_gives_the_table_of_one_run(cluster, small, tmp_path):
    toys = ("toys.n_null=250", "toys.n_signal=20", "f_s=[0.1,0.5]")
    whole, divided = tmp_path / "whole", tmp_path / "divided"
    whole.mkdir()
    with contextlib.chdir(whole):
        assert main(["train", *small]) == 0
        shutil.copytree(whole / "outputs", divided / "outputs")
        assert main(["discover", *small, *toys]) == 0
    out, err = cluster.start(divided, "discover", *small, *toys, "toys.shards=4").communicate(timeout=150)
    (expected,) = whole.glob("outputs/discover/digits/*/z_scores.csv")
    found = list(divided.glob("outputs/discover/digits/*/z_scores.csv"))
    assert [path.read_bytes() for path in found] == [expected.read_bytes()], out + err
    jobs = [json.loads(path.read_text()) for path in divided.glob("outputs/multirun/*/*/job.json")]
    assert [job["state"] for job in jobs] == ["done"] * 4
    assert len({job["slurm"] for job in jobs}) == 4

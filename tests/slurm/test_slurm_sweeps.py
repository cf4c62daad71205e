"""Sweeps through a real SLURM give the same bytes as here."""

import contextlib
import json
import shutil
import subprocess

import pytest
from sweeps_on_disk import checkpoints

from autoscidact.cli import main

# One SLURM for all of them; its daemons and jobs need the cores.
pytestmark = pytest.mark.xdist_group("slurm")


@pytest.fixture(scope="module")
def here(small, tmp_path_factory) -> dict[str, bytes]:
    """Checkpoints of the 2 x 3 sweep, trained in this process."""
    folder = tmp_path_factory.mktemp("here")
    with contextlib.chdir(folder):
        assert main(["train", "-m", *small, "seed=0,1,2", "encoder.dim=2,3"]) == 0
    return checkpoints(folder)


def test_same_bytes_as_here_from_an_installed_wheel(cluster, here, installed_wheel, tmp_path):
    jobs = cluster.with_environment(PYTHONPATH=str(installed_wheel), PYTHONDONTWRITEBYTECODE="")
    out, err = (parent := jobs.train(tmp_path, "seed=0,1,2", "encoder.dim=2,3")).communicate(timeout=150)
    assert parent.returncode == 0, out + err
    assert len(here) == 6
    assert checkpoints(tmp_path) == here
    # Compiled on its first import, which is in a job.
    assert list(installed_wheel.glob("autoscidact/embedding/__pycache__/training.*.pyc"))


def test_two_processes_of_one_job_train_together(cluster, here, tmp_path):
    # Two CPU ranks stand for two GPUs; on one machine they meet on its loopback.
    environment = ("OMP_NUM_THREADS=1", "SRUN_CPUS_PER_TASK=1", "GLOO_SOCKET_IFNAME=lo", "MASTER_ADDR=127.0.0.1")
    setup = ",".join(f'"export {text}"' for text in environment)
    ranks = ("trainer=ddp", "trainer.devices=2", "device=cpu", "hydra.launcher.tasks_per_node=2")
    parent = cluster.train(tmp_path, "seed=0", "encoder.dim=3", *ranks, f"hydra.launcher.setup=[{setup}]")
    out, err = parent.communicate(timeout=150)
    assert parent.returncode == 0, out + err
    assert len(checkpoints(tmp_path)) == 1
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("outputs/multirun/*/*/job.json"))
    assert record["state"] == "done"
    logs = [path.read_text() for path in sorted(tmp_path.glob("outputs/multirun/*/submitit/*/*_log.*"))]
    assert len(logs) == 4  # out and err of each rank
    assert any("training on 2 x cpu" in text for text in logs)


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

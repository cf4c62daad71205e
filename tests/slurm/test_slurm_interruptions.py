"""Jobs of a real SLURM that are killed, cancelled, put back or left: named, and the same command finishes them."""

import contextlib
import os
import signal
import subprocess
import time

import pytest
from sweeps_on_disk import checkpoints, record_of, wait_for

from autoscidact.cli import main

# One SLURM for all of them; its daemons and jobs need the cores.
pytestmark = pytest.mark.xdist_group("slurm")

# Long enough to be interrupted in the middle: a cancelled job has seconds left.
LONG = ("trainer.max_epochs=100", "seed=0")


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory) -> dict[str, bytes]:
    """Checkpoints of the two trainings, made in this process without an interruption."""
    folder = tmp_path_factory.mktemp("whole")
    with contextlib.chdir(folder):
        assert main(["train", "-m", *small, *LONG, "encoder.dim=2,3"]) == 0
    return checkpoints(folder)


def test_lost_jobs_are_named_and_the_same_command_finishes_them(cluster, whole, tmp_path):
    lost, words = tmp_path, (*LONG, "encoder.dim=2,3,-1")
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
    assert len(whole) == 2
    assert checkpoints(lost) == whole


def test_jobs_at_their_time_limit_and_preempted_ones_go_on_where_they_stopped(cluster, whole, tmp_path):
    parent = cluster.train(tmp_path, *LONG, "encoder.dim=2,3")
    wait_for(tmp_path, "outputs/train/digits/*/last.ckpt", 2)
    timed_out, preempted = (record_of(tmp_path, k)["slurm"] for k in (0, 1))
    # What SLURM does signal_delay_s before timeout_min, and what it does where another job needs the place.
    subprocess.run(["scancel", "--signal=USR2", timed_out], env=cluster.environment, check=True)
    subprocess.run(["scontrol", "requeue", preempted], env=cluster.environment, check=True)
    out, err = parent.communicate(timeout=150)
    assert parent.returncode == 0, out + err
    for job in (timed_out, preempted):
        (log,) = tmp_path.glob(f"outputs/multirun/*/submitit/*/{job}_0_log.err")
        assert log.read_text().count("continuing") == 1, log.read_text()
    assert checkpoints(tmp_path) == whole


def test_who_stops_waiting_is_told_of_the_jobs_and_does_not_make_them_twice(cluster, whole, tmp_path):
    parent = cluster.train(tmp_path, *LONG, "encoder.dim=2,3")
    array = record_of(tmp_path, 0)["slurm"].partition("_")[0]
    record_of(tmp_path, 1)
    parent.send_signal(signal.SIGINT)
    _, err = parent.communicate(timeout=60)
    assert parent.returncode == 130
    assert err.splitlines()[-1] == (
        f"interrupted: 2 jobs stay in SLURM's queue ({array}_0, {array}_1); autoscidact status follows them, "
        f"scancel {array} ends them; the same command resumes where this one stopped"
    )
    _, err = (again := cluster.train(tmp_path, *LONG, "encoder.dim=2,3")).communicate(timeout=60)
    assert again.returncode == 1
    assert "this sweep was started before, and 2 of its jobs are in SLURM's queue" in err
    deadline = time.monotonic() + 60
    while len(checkpoints(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert checkpoints(tmp_path) == whole

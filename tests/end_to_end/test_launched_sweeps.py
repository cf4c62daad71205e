"""A sweep through processes of this machine gives the bytes of one that runs its jobs one by one."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SWEEP = ("-m", "dataset=digits", "trainer.max_epochs=1", "logger=none", "threads=1", "encoder.dim=2", "seed=0,1")
LAUNCHERS = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(module), reason=f"{module} is missing"))
    for name, module in (("local", "submitit"), ("joblib", "joblib"), ("ray", "ray"))
]


def checkpoints(folder: Path) -> dict[str, bytes]:
    found = (folder / "outputs" / "train" / "digits").glob("*/checkpoint.safetensors")
    return {path.parent.name: path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def one_by_one(succeed, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("one by one")
    with contextlib.chdir(folder):
        succeed("train", *SWEEP)
    return checkpoints(folder)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_same_bytes_and_failures_named(launcher, one_by_one, succeed, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    succeed("train", *SWEEP, f"hydra/launcher={launcher}")
    assert len(one_by_one) == 2
    assert checkpoints(tmp_path) == one_by_one
    outcome = run("train", *SWEEP[:-2], "encoder.dim=2,-1,-2", f"hydra/launcher={launcher}")
    summary = outcome.err[outcome.err.index("error: 2 jobs failed:") :]
    assert outcome.status == 1
    for dim in (-1, -2):
        assert f"encoder.dim={dim}: encoder.dim must be a whole number of at least 1, not {dim}" in summary
    assert summary.count("contract.py:") == 2


@pytest.mark.parametrize("launcher", LAUNCHERS[:2])
def test_a_killed_job_is_named(launcher, tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-m", "autoscidact", "train", *SWEEP, f"hydra/launcher={launcher}"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (records := list(tmp_path.glob("outputs/multirun/*/1/job.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(int(json.loads(records[0].read_text())["pid"]), signal.SIGKILL)
    _, err = parent.communicate(timeout=120)
    assert parent.returncode == 1
    assert "seed=1: no result, " in err
    assert "Traceback" not in err


def test_the_same_command_twice_at_once(one_by_one, tmp_path):
    words = [sys.executable, "-m", "autoscidact", "train", *SWEEP]
    twins = [subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [twin.communicate(timeout=120)[1] for twin in twins]
    assert [twin.returncode for twin in twins] == [0, 0], errors
    assert checkpoints(tmp_path) == one_by_one
    assert len(list(tmp_path.glob("outputs/multirun/*/sweep.json"))) == 2

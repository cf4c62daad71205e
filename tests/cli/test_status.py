"""`autoscidact status`: what each job of a sweep does, from records that jobs leave."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from autoscidact.cli import main
from autoscidact.commands.sweeps import DONE, FAILED, LOST, RUNNING, WAITING, find_sweeps

SWEEP = ("dataset=digits", "trainer.max_epochs=1", "logger=none", "threads=1")


def record(folder, state, **more):
    folder.mkdir(parents=True, exist_ok=True)
    job = {"state": state, "pid": os.getpid(), "host": socket.gethostname(), "slurm": "", "log": "", **more}
    (folder / "job.json").write_text(json.dumps(job))


@pytest.fixture
def sweep(tmp_path):
    """A sweep of four jobs, of which none has started."""
    folder = tmp_path / "multirun" / "20260101-000000-abcdef"
    folder.mkdir(parents=True)
    content = {"command": "autoscidact train -m seed=0,1,2,3", "started": "2026-01-01", "log": ""}
    (folder / "sweep.json").write_text(json.dumps({**content, "jobs": [f"seed={k}" for k in range(4)]}))
    return folder


def states(tmp_path):
    (found,) = find_sweeps(tmp_path)
    return [job.state for job in found.jobs]


def test_a_real_sweep_with_a_failed_job(tmp_path, capsys):
    words = ["train", "-m", *SWEEP, "encoder.dim=2,-1", f"outputs={tmp_path}"]
    assert main(words) == 1
    capsys.readouterr()
    assert main(["status", f"outputs={tmp_path}"]) == 0
    shown = capsys.readouterr().out
    assert states(tmp_path) == [DONE, FAILED]
    assert "2 jobs: 1 done, 1 failed" in shown
    assert ": encoder.dim must be a whole number of at least 1, not -1" in shown
    assert "error.txt" in shown
    assert "contract.py" in shown  # file and line where it was raised
    assert f"what finishes it: autoscidact {' '.join(words)}" in shown


def test_single_runs_are_no_sweeps(tmp_path, capsys):
    main(["train", *SWEEP, f"outputs={tmp_path}"])
    main(["status", f"outputs={tmp_path}"])
    assert f"there are no sweeps under {tmp_path}" in capsys.readouterr().out


def test_a_job_that_was_killed_is_not_running(sweep, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record(sweep / "0", RUNNING)
    record(sweep / "1", RUNNING, pid=gone.pid)
    record(sweep / "2", RUNNING, pid=gone.pid, host="elsewhere")  # nobody here can tell
    assert states(tmp_path) == [RUNNING, LOST, RUNNING, WAITING]


@pytest.mark.parametrize(("answer", "state"), [("12_0 12_0\n", RUNNING), ("13 N/A\n", LOST), (None, RUNNING)])
def test_slurm_is_asked_for_its_jobs(sweep, tmp_path, monkeypatch, answer, state):
    script = tmp_path / "bin" / "squeue"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n" if answer is None else f"#!/bin/sh\nprintf '{answer}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    record(sweep / "0", RUNNING, slurm="12_0", host="node7")
    assert states(tmp_path)[0] == state


def test_last_lines_of_a_log(sweep, tmp_path, capsys):
    log = tmp_path / "job.log"
    log.write_text("".join(f"line {k}\n" for k in range(2000)))
    record(sweep / "0", RUNNING, log=str(log))
    main(["status", f"outputs={tmp_path}"])
    shown = capsys.readouterr().out
    assert "running  seed=0: line 1999" in shown
    assert "what finishes it" not in shown  # it is at work


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"jobs": ["seed=0"]}'])
def test_damaged_records_stop_nothing(sweep, tmp_path, text, capsys):
    (sweep / "0").mkdir()
    (sweep / "0" / "job.json").write_text(text)
    other = tmp_path / "multirun" / "20250101-000000-000000"
    other.mkdir()
    (other / "sweep.json").write_text(text)
    assert main(["status", f"outputs={tmp_path}"]) == 0
    assert "seed=0,1,2,3" in capsys.readouterr().out


def test_detached(tmp_path, capsys):
    """The command returns at once; its sweep is found by status, with the log of the parent."""
    words = ["train", "-m", *SWEEP, "seed=0,1", f"outputs={tmp_path}", "--detach"]
    assert main(words) == 0
    assert "in the background" in capsys.readouterr().out
    for _ in range(300):
        found = find_sweeps(tmp_path)
        if found and found[0].count(DONE) == 2:
            break
        time.sleep(0.2)
    (one,) = found
    assert one.log is not None
    assert "Linear probe" in one.log.read_text()
    assert "--detach" not in one.command


def test_sharded_discovery_can_be_started_again(tmp_path, capsys):
    main(["train", *SWEEP, f"outputs={tmp_path}"])
    words = ["discover", *SWEEP, f"outputs={tmp_path}", "toys.n_null=70", "toys.n_signal=5", "f_s=0.5", "toys.shards=2"]
    assert main(words) == 0
    (found,) = find_sweeps(tmp_path)
    assert [job.state for job in found.jobs] == [DONE, DONE]
    assert found.command == f"autoscidact {' '.join(words)}"

"""A launcher that cannot work is refused in one line, before anything is queued; a job that fails is named in full."""

import os
import subprocess
from pathlib import Path

import pytest

from autoscidact.console import failures, launchers
from autoscidact.errors import UserError

CONFIGS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs/hydra/launcher").glob("*.yaml"))


@pytest.mark.parametrize("name", CONFIGS)
def test_settings_are_shown_without_the_launchers_package(cli, monkeypatch, name: str) -> None:
    monkeypatch.setattr(launchers, "find_spec", lambda module: None)
    shown = cli("train", "--cfg", "hydra", "-p", "hydra.launcher", f"hydra/launcher={name}")
    assert (shown.status, shown.err) == (0, "")
    assert "_target_: hydra_plugins." in shown.out


@pytest.mark.parametrize(("name", "extra"), [("slurm", "cluster"), ("joblib", "cluster"), ("ray", "ray")])
def test_package_that_is_not_installed(cli, body, monkeypatch, tmp_path, name: str, extra: str) -> None:
    seen = body()
    monkeypatch.setattr(launchers, "find_spec", lambda module: None)
    outcome = cli("train", "-m", "seed=1,2", f"hydra/launcher={name}")
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1
    assert f"hydra/launcher={name} needs the package" in outcome.err
    assert f"pip install 'autoscidact[{extra}]'" in outcome.err
    assert not seen
    assert not list(tmp_path.iterdir())


def test_no_slurm_on_the_path(cli, monkeypatch, tmp_path) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = cli("discover", "-m", "seed=1,2", "hydra/launcher=slurm_gpu")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "hydra/launcher=slurm_gpu: there is no sbatch on the path" in outcome.err
    assert not list(tmp_path.iterdir())


def test_slurm_without_accounts_is_warned_of(monkeypatch, tmp_path) -> None:
    for name in ("sbatch", "srun", "sacct"):
        (tmp_path / name).write_text("#!/bin/sh\necho Slurm accounting storage is disabled >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(launchers, "find_spec", lambda module: True)
    with pytest.warns(UserWarning, match="keeps no accounts .Slurm accounting storage is disabled"):
        launchers.check("hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher", "slurm")


def test_a_single_run_is_not_launched(cli, body) -> None:
    seen = body()
    outcome = cli("train", "hydra/launcher=local")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "add -m" in outcome.err
    assert not seen


def test_a_launcher_of_the_users_own(cli, monkeypatch, tmp_path) -> None:
    folder = tmp_path / "mine" / "hydra" / "launcher"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text("defaults: [slurm, _self_]\npartition: long\n")
    shown = cli("train", "--config-dir", "mine", "--cfg", "hydra", "-p", "hydra.launcher", "hydra/launcher=ours")
    assert "partition: long" in shown.out
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = cli("train", "-m", "--config-dir", "mine", "hydra/launcher=ours", "seed=1")
    assert "hydra/launcher=ours: there is no sbatch on the path" in outcome.err


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("sbatch: error: invalid partition specified: x", "hydra.launcher.partition=x: sbatch"),
        ("sbatch: error: Invalid account or account/partition combination", "hydra.launcher.account=None: sbatch"),
        ("sbatch: error: Requested time limit is invalid", "hydra.launcher.timeout_min=5: "),
        ("sbatch: error: Invalid job array specification", "hydra.sweeper.max_batch_size: "),
        ("sbatch: error: the weather is bad", "hydra.launcher: sbatch: error: the weather is bad"),
    ],
)
def test_what_sbatch_says_names_its_key(monkeypatch, said: str, named: str) -> None:
    settings = {"partition": "x", "account": None, "timeout_min": 5}
    monkeypatch.setattr(launchers, "_started", [failures.Launched("nowhere", "train", settings)])
    error = RuntimeError(said)
    error.__cause__ = subprocess.CalledProcessError(1, "sbatch", stderr=f"{said}\n")
    assert launchers.what_failed(error).startswith(named)


def test_a_failed_job_shows_where_its_error_was_raised(cli, body) -> None:
    def run(cfg) -> None:
        raise UserError("no events")

    body(run)
    err = cli("train", "-m", "seed=1,2").err
    line = run.__code__.co_firstlineno + 1
    assert err.count(f"raised at {__file__}:{line}; traceback in outputs/multirun/") == 2

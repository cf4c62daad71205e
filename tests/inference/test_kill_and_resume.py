"""Runs that are killed, divided and merged end with the bytes of the run that was left alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
DRIVER = Path(__file__).with_name("kill_driver.py")


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("events") / "events.csv"
    background = rng.normal(size=(6000, 3)) + 2 * (rng.random((6000, 1)) > 0.5)
    signal = rng.normal(3.0, 0.3, size=(600, 3))
    lines = [",".join([*(f"{v:.6f}" for v in row), "known"]) for row in background]
    lines += [",".join([*(f"{v:.6f}" for v in row), "new"]) for row in signal]
    path.write_text("x,y,z,label\n" + "\n".join(lines) + "\n")
    return path


def arguments(embedding: Path, outputs: Path, *more: str) -> list[str]:
    return [
        "discover",
        f"embedding={embedding}",
        "dataset.signal=new",
        f"outputs={outputs}",
        "toys.n_ref=2000",
        "toys.n_data=400",
        "toys.n_null=160",
        "toys.n_signal=80",
        "kernel=fixed",
        "kernel.widths=[0.3,1.5]",
        *(more or ("f_s=[0.02,0.05]",)),
    ]


def run(command: list[str]) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def discover(embedding: Path, outputs: Path, *more: str) -> None:
    run([sys.executable, "-m", "autoscidact", *arguments(embedding, outputs, *more)])


def table(outputs: Path) -> bytes:
    (path,) = outputs.glob("discover/events/*/z_scores.csv")
    return path.read_bytes()


@pytest.fixture(scope="module")
def undisturbed(embedding: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    outputs = tmp_path_factory.mktemp("undisturbed")
    discover(embedding, outputs, "f_s=[0.02,0.05]", "threads=1")
    return table(outputs)


@pytest.mark.statistical
def test_killed_at_random_moments(embedding: Path, undisturbed: bytes, tmp_path: Path) -> None:
    """20 kills in full, 5 otherwise, anywhere from the first shard to the tables."""
    kills, longest = (20, 0.5) if FULL else (5, 1.0)
    command = [sys.executable, str(DRIVER), str(kills), str(longest), "1", *arguments(embedding, tmp_path)]
    output = run(command)
    (killed,) = [int(line.split()[1]) for line in output.splitlines() if line.startswith("killed")]
    assert killed == 20 if FULL else killed >= 3
    assert not list((tmp_path / "toys").rglob("*.part")), "writes that were cut short must not pile up"
    assert table(tmp_path) == undisturbed


def test_two_workers_give_the_bytes_of_one(embedding: Path, undisturbed: bytes, tmp_path: Path) -> None:
    discover(embedding, tmp_path, "f_s=[0.02,0.05]", "threads=2")
    assert table(tmp_path) == undisturbed


def test_two_half_runs_merge(embedding: Path, undisturbed: bytes, tmp_path: Path) -> None:
    """One process has done one fraction, another the other: their shards, put together, leave nothing to do."""
    first, second, merged = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    discover(embedding, first, "f_s=0.02", "toys.n_null=16")
    discover(embedding, second, "f_s=0.05")
    for half in (first, second):
        shutil.copytree(half / "toys", merged / "toys", dirs_exist_ok=True)
    before = {path.name for path in merged.rglob("*.parquet")}
    discover(embedding, merged, "f_s=[0.02,0.05]")
    assert {path.name for path in (merged / "toys").rglob("*.parquet")} == before
    assert table(merged) == undisturbed

"""A study on real images, small: what it leaves, that it resumes, and what it says of mistakes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., Any]
SMALL = ("statistic=[nplm,mahalanobis]", "workers=1", "toys.n_ref=300", "toys.n_data=60")


@pytest.fixture(scope="module")
def outputs(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of these tests' own with the finished training in them."""
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("outputs") / "trained"))


@pytest.fixture(scope="module")
def penalty(outputs: Path, digits: tuple[str, ...], succeed: Run) -> tuple[Path, str]:
    """A scan of two penalties on the finished training, its folder and what it printed."""
    scan = "study.penalty.scan=[{key:nplm.penalty,values:[1e-8,1e-2]}]"
    fewer = ("toys.n_null=60", "toys.n_signal=20", "f_s=[0.1,0.4,0.8]", "study.penalty.base=1e-2")
    words = ("study", "study=penalty", *digits, *SMALL, scan, *fewer, f"outputs={outputs}")
    out = succeed(*words).out
    (folder,) = (outputs / "study" / "digits").iterdir()
    again = succeed(*words).out
    assert "2 of 2 points are done already" in again
    return folder, out


def test_it_leaves_tables_a_summary_and_figures(penalty: tuple[Path, str]) -> None:
    folder, out = penalty
    points, z, thresholds = (pd.read_csv(folder / f"{name}.csv") for name in ("points", "z", "thresholds"))
    assert set(points["nplm.penalty"]) == {1e-8, 1e-2}
    assert len(z) == 2 * 3  # penalties x fractions, one statistic
    assert (z.error > 0).all()
    # The stronger penalty is the base, so only the other is compared with it.
    assert thresholds.ratio_to_base.notna().tolist() == [True, False]
    assert "penalty, digits" in (folder / "study.md").read_text()
    assert str(folder / "study.md") in out
    for suffix in ("png", "pdf", "svg"):
        assert (folder / f"figure.{suffix}").stat().st_size > 1000


def test_it_used_the_training_that_was_there(penalty: tuple[Path, str], outputs: Path) -> None:
    folder, out = penalty
    assert "trainings" not in out
    assert not list((folder / "logs").glob("train*"))


def test_smoke_trains_what_is_missing_and_says_so(tmp_path: Path, digits: tuple[str, ...], succeed: Run) -> None:
    words = ("study=embedding_dimension", *digits, "statistic=all", "workers=1", "+smoke=true")
    out = succeed("study", *words, f"outputs={tmp_path}").out
    assert "SMOKE RUN" in out
    assert len(list((tmp_path / "train" / "digits").iterdir())) == 2
    (folder,) = (tmp_path / "study" / "digits").iterdir()
    assert set(pd.read_csv(folder / "z.csv")["encoder.dim"]) == {2, 32}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study=penalty", "study.penalty.scan=[{key:nplm.penalti,values:[1,2]}]"], ["nplm.penalti", "nplm.penalty"]),
        (["study=penalty", "+study.penalty.scans=1"], ["scans", "scan"]),
        (["study=noise_dimensions"], ["noise_dimensions", "dataset.name=synthetic", "digits"]),
        (["study=label_noise", "statistic=[nplm]"], ["mahalanobis", "statistic"]),
        (["study=penalty", "workers=0"], ["workers"]),
        (["study=penalty", "smoke=perhaps"], ["smoke"]),
        (["study=penalty", "study.penalty.scan=[{key:f_s,values:[0.1,0.2]}]"], ["f_s already"]),
        (["study=penalty", "nplm.penalty=1e-4"], ["scans nplm.penalty", "command line"]),
        (["study=label_noise", "embedding=mine.csv"], ["dataset.label_noise", "embedding=mine.csv"]),
        (["study=penalty", "+study.penalty.average={key:seed}"], ["average", "models"]),
        (["study=penalty", "study.penalty.arms.embedding.statistics=[]"], ["statistics", "empty"]),
        (["study=penalty", "study.penalty.scan=[nplm.penalty]"], ["study.penalty.scan", "values"]),
        (
            ["study=penalty", "study.penalty.scan=[{key:seed,values:[1,2],along:{nplm.penalty:[1]}}]"],
            ["1 values of nplm.penalty", "2 of seed"],
        ),
    ],
)
def test_mistakes(words: list[str], said: list[str], tmp_path: Path, digits: tuple[str, ...], run: Run) -> None:
    outcome = run("study", *digits, "statistic=all", *words, f"outputs={tmp_path}")
    assert outcome.status == 1
    assert all(word in outcome.err for word in said), outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_point_that_fails_leaves_the_others_and_names_its_log(
    outputs: Path, digits: tuple[str, ...], run: Run
) -> None:
    words = ("study=reference_size", "statistic=all", "workers=1", *digits, f"outputs={outputs}")
    scan = "study.reference_size.scan=[{key:toys.n_ref,values:[300,5000]}]"
    plan = ("toys.n_null=20", "toys.n_signal=5", "toys.n_data=60", "f_s=[0.5]")
    arms = "study.reference_size.arms={embedding:{statistics:[frechet]}}"
    outcome = run("study", *words, scan, *plan, arms)
    assert outcome.status == 1
    assert "1 of 2 jobs failed" in outcome.err
    assert "5000" in outcome.err
    log = Path(outcome.err.split("(log: ")[1].split(")")[0])
    assert "UserError" in log.read_text()
    assert "1 of 2 points are done already" in run("study", *words, scan, *plan, arms).out


def test_points_that_share_toys_wait_for_each_other(outputs: Path, digits: tuple[str, ...], succeed: Run) -> None:
    """Both points evaluate frechet on the same toys, at once."""
    scan = "study.penalty.scan=[{key:nplm.penalty,values:[1e-7,1e-5]}]"
    arms = "study.penalty.arms={embedding:{statistics:[frechet,nplm]}}"
    words = ("toys.n_null=30", "toys.n_signal=5", "toys.n_ref=300", "toys.n_data=60", "workers=2", "statistic=all")
    succeed("study", "study=penalty", *digits, *words, scan, arms, f"outputs={outputs}")


def test_points_of_a_file_that_was_replaced_are_made_again(tmp_path: Path, succeed: Run) -> None:
    rng = np.random.default_rng(0)
    words = ("dataset.label=kind", "dataset.signal=new", "smoke=true", "workers=1", f"outputs={tmp_path}")
    file = tmp_path / "mine.csv"
    for shift in (0.0, 3.0):
        events = pd.DataFrame(rng.normal(size=(900, 2)), columns=["x", "y"]).assign(kind="old")
        events.loc[::9, ["x", "kind"]] = [shift, "new"]
        events.to_csv(file, index=False)
        out = succeed("study", "study=penalty", f"embedding={file}", *words).out
        assert "done already" not in out
    assert "mine" in out


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")
def test_a_killed_study_leaves_nothing_running_and_resumes(
    tmp_path: Path, digits: tuple[str, ...], succeed: Run
) -> None:
    words = ["study", "study=label_noise", *digits, "statistic=all", "workers=2", "smoke=true", f"outputs={tmp_path}"]
    study = subprocess.Popen([sys.executable, "-m", "autoscidact", *words], stdout=subprocess.DEVNULL)
    # Killed amid its first trainings.
    assert _soon(lambda: list(tmp_path.glob("train/digits/*")))
    workers = _descendants(study.pid)
    assert workers
    study.send_signal(signal.SIGKILL)
    study.wait()
    assert _soon(lambda: not any(_running(pid) for pid in workers)), workers
    assert "SMOKE RUN" in succeed(*words).out


def _soon(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found

"""observe calibration=permutation, and runs that must not be taken for one another."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.usefixtures("no_figures")


def folder_of(run: Any) -> Path:
    return Path(next(line for line in run.out.splitlines() if line.endswith("observation.csv")).strip()).parent


def test_without_toys_the_reference_may_have_every_background_event(
    search: Any, succeed: Any, tmp_path: Path, collisions: Any
) -> None:
    """400 simulated background events, 320 of them to test with, 200 observed ones: toys would leave R hardly any."""
    collisions(400, 1, 40).to_csv(tmp_path / "small.csv", index=False)
    words = [word for word in search.words if not word.startswith(("dataset.path", "toys.n_ref"))]
    run = succeed(
        *words,
        f"dataset.path={tmp_path / 'small.csv'}",
        "toys.n_ref=auto",
        f"observed={search.folder / 'signal.csv'}",
        "calibration=permutation",
        f"outputs={tmp_path}",
    )
    assert "|R|=320" in run.out
    table = pd.read_csv(folder_of(run) / "observation.csv")
    assert set(table.calibration) == {"permutation"}
    assert table.p_empirical.min() == pytest.approx(1 / 101)


def test_a_test_that_needs_classes_is_refused_before_any_toy(search: Any, run: Any, tmp_path: Path) -> None:
    done = run(
        *search.words,
        f"observed={search.folder / 'null.csv'}",
        "statistic=mahalanobis",
        "calibration=[toys,permutation]",
        f"outputs={tmp_path}",
    )
    assert done.status == 1
    assert "calibration=permutation cannot calibrate mahalanobis" in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.parquet"))
    assert not (tmp_path / "observe").exists()


def test_no_test_that_can_be_run_is_an_error(search: Any, run: Any, tmp_path: Path) -> None:
    done = run(
        *search.words,
        f"observed={search.folder / 'null.csv'}",
        "statistic=ideal_supervised",
        "optional_statistics=[ideal_supervised]",
        f"outputs={tmp_path}",
    )
    assert done.status == 1
    assert "none of the tests ideal_supervised can be run" in done.err


def test_other_ids_or_observers_make_another_folder(search: Any, succeed: Any, tmp_path: Path) -> None:
    null = pd.read_csv(search.folder / "null.csv")
    folders, tables = [], []
    for name, changed in (
        ("same", null),
        ("ids", null.assign(number=null.number + 10**6)),
        ("observers", null.assign(mass=null.mass[::-1].to_numpy())),
    ):
        run = succeed(*search.words, search.write(f"{name}.csv", changed), f"outputs={tmp_path}")
        folders.append(folder_of(run))
        tables.append((folders[-1] / "observation.csv").read_bytes())
    assert len(set(folders)) == 3
    assert len(set(tables)) == 1
    assert json.loads((folders[1] / "run.json").read_text())["observed"]["events"] == len(null)
    shutil.rmtree(tmp_path / "observe")

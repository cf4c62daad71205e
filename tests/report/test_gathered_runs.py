"""Which runs stand in one table, and how the others are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_run import finished_run

from autoscidact.errors import UserError
from autoscidact.inference.significance import BEST_WIDTH
from autoscidact.report.gather import Gathered, gather
from autoscidact.report.runs import read_run


def gathered(*folders: Path) -> Gathered:
    (found,) = gather([read_run(folder) for folder in folders])
    return found


def test_datasets_stand_apart(tmp_path: Path) -> None:
    folders = [finished_run(tmp_path / name, dataset=name, changes={"seed": i}) for i, name in enumerate("ba")]
    found = gather([read_run(folder) for folder in folders])
    assert [entry.dataset for entry in found] == ["a", "b"]
    assert [len(entry.runs) for entry in found] == [1, 1]


def test_fractions_and_tests_join(tmp_path: Path) -> None:
    whole = gathered(finished_run(tmp_path / "whole", ("nplm", "supervised")))
    parts = gathered(
        finished_run(tmp_path / "one", ("nplm",), (0.01, 0.02)),
        finished_run(tmp_path / "two", ("supervised",)),
        finished_run(tmp_path / "three", ("nplm",), (0.02, 0.05, 0.1)),
    )
    keys = ["statistic", "variant", "f_s"]
    columns = [*keys, "z_empirical", "z_asymptotic", "width"]
    one, other = (entry.table[columns].sort_values(keys, ignore_index=True) for entry in (whole, parts))
    assert one.equals(other)
    assert not parts.table.duplicated(keys).any()
    assert set(parts.table.run) == {"one", "two", "three"}
    # The first run that holds a number is where it comes from.
    shared = parts.table[(parts.table.f_s == 0.02) & (parts.table.statistic == "nplm")]
    assert set(shared.run) == {"one"}
    assert len(parts.toys) == len(whole.toys)


def test_one_best_width_over_fractions_of_several_runs(tmp_path: Path) -> None:
    found = gathered(
        finished_run(tmp_path / "one", ("nplm",), (0.01,)), finished_run(tmp_path / "two", ("nplm",), (0.05, 0.1))
    )
    best = found.table[found.table.variant == BEST_WIDTH]
    assert best.width.tolist() == [1.5, 1.5, 1.5]
    assert sorted(best.f_s) == [0.01, 0.05, 0.1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"toys.n_ref": 500}, "toys.n_ref: 1000 and 500"),
        ({"toys.n_data": 100}, "toys.n_data: 200 and 100"),
        ({"nplm.n_centers": 300}, "nplm.n_centers: auto and 300"),
        ({"kernel.widths": [1.0]}, r"kernel.widths: \[0.5, 1.5, 4.0\] and \[1.0\]"),
        ({"statistic.nplm.solver": "falkon"}, "statistic.nplm.solver: not set and falkon"),
        ({"toys.poisson": True}, "toys.poisson: not set and True"),
        ({"seed": 3}, "seed: 0 and 3"),
    ],
)
def test_runs_that_differ_are_refused_by_key(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", changes=changes)
    with pytest.raises(UserError, match=f"one and .*other of dataset made differ in {said}; report them separately"):
        gathered(one, other)


def test_another_training_is_refused_by_key(tmp_path: Path) -> None:
    one = finished_run(tmp_path / "one")
    other = finished_run(tmp_path / "other", changes={"loss.temperature": 0.5}, pools="others")
    with pytest.raises(UserError, match=r"loss\.temperature: 0\.1 and 0\.5;"):
        gathered(one, other)


def test_other_events_under_the_same_configuration_are_refused(tmp_path: Path) -> None:
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", pools="changed file")
    with pytest.raises(UserError, match=r"differ in the embedded events \(pools\): same events and changed file"):
        gathered(one, other)


def test_other_numbers_of_null_toys_are_refused(tmp_path: Path) -> None:
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", n_null=60, fractions=(0.2,))
    with pytest.raises(UserError, match=r"differ in toys\.n_null: 120 and 60"):
        gathered(one, other)


def test_three_keys_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    changes = {"toys.n_ref": 1, "toys.n_data": 2, "seed": 3, "nplm.penalty": 4, "nplm.n_centers": 5}
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", changes=changes)
    with pytest.raises(UserError) as caught:
        gathered(one, other)
    assert str(caught.value).count(" and ") == 1 + 3 + 1  # the two runs, three pairs of values, and the rest
    assert "and in 2 more" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": "elsewhere", "device": "cuda", "threads": 3, "logger.csv": False, "toys.memory": "1GB"},
        {"trainer.devices": 4},
        {"toys.n_ref": "auto", "toys.n_data": "auto"},
        # The pools are the very same, so whatever else the configuration says of the training was not used.
        {"checkpoint": "copy.safetensors", "encoder.dim": 9},
    ],
)
def test_what_has_no_effect_is_no_difference(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = finished_run(tmp_path / "one"), None
    if changes.get("toys.n_ref") == "auto":
        run = read_run(one)
        run.record["config"]["toys"].update(n_ref="auto", n_data="auto")
        (found,) = gather([read_run(one), run])
    else:
        other = finished_run(tmp_path / "other", changes=changes)
        found = gathered(one, other)
    assert len(found.runs) == 2


def test_settings_of_tests_that_only_one_run_holds_are_no_difference(tmp_path: Path) -> None:
    one = finished_run(tmp_path / "one", ("supervised",))
    other = finished_run(tmp_path / "other", ("nplm",), changes={"nplm.n_centers": 300, "kernel.widths": [1.0]})
    assert gathered(one, other).statistics == ["nplm", "supervised"]


def test_unknown_tests_come_last(tmp_path: Path) -> None:
    found = gathered(finished_run(tmp_path / "one", ("home_made", "supervised", "mahalanobis", "nplm")))
    assert found.statistics == ["nplm", "supervised", "mahalanobis", "home_made"]
    assert np.isfinite(found.of("home_made").z_asymptotic).all()


def test_runs_in_folders_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    found = gathered(
        finished_run(tmp_path / "a" / "final", ("nplm",)), finished_run(tmp_path / "b" / "final", ("supervised",))
    )
    assert [run.name for run in found.runs] == ["final-1", "final-2"]
    assert set(found.table.run[found.table.statistic == "supervised"]) == {"final-2"}

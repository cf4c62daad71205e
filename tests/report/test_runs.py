"""Finished runs on disk: found, read, and every damage named in one line."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from finished_run import finished_run

from autoscidact.errors import UserError
from autoscidact.report.runs import find_runs, read_run


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = read_run(finished_run(tmp_path / "made" / "abc"))
    assert (run.dataset, run.name, run.statistics) == ("made", "abc", ["nplm", "supervised"])
    assert set(run.toys.role) == {"null", "signal"}
    assert run.record["seed"] == 0
    assert {name: len(value) for name, value in run.checksums.items()} == {
        "z_scores.csv": 16,
        "toys.parquet": 16,
        "run.json": 16,
    }


def test_runs_are_found_below_a_folder_once_each(tmp_path: Path) -> None:
    one, other = finished_run(tmp_path / "made" / "one"), finished_run(tmp_path / "made" / "other")
    assert find_runs([tmp_path]) == [one, other]
    assert find_runs([other, tmp_path / "made", tmp_path / "made" / ".." / "made" / "one"]) == [other, one]


def test_an_unfinished_run_is_passed_over_when_found_and_refused_when_named(tmp_path: Path) -> None:
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other")
    (other / "run.json").unlink()
    with pytest.warns(UserWarning, match=r"other has no run\.json"):
        assert find_runs([tmp_path]) == [one]
    (found,) = find_runs([other])
    with pytest.raises(UserError, match=r"run\.json is missing"):
        read_run(found)


def test_no_folder_and_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is not a folder"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="no finished discovery"):
        find_runs([tmp_path])


@pytest.mark.parametrize("name", ["z_scores.csv", "toys.parquet", "run.json"])
@pytest.mark.parametrize("content", [None, b"", b"\x00\xff\xfe rubbish", b"a,b\n1,2\n", b"{}"])
def test_missing_or_damaged_files_are_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    folder = finished_run(tmp_path / "run")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_run(folder)
    assert str(caught.value).startswith(str(folder / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_cut_files_are_named(tmp_path: Path, share: float) -> None:
    whole = finished_run(tmp_path / "whole")
    for name in ("toys.parquet", "run.json"):
        folder = tmp_path / f"cut {name}"
        shutil.copytree(whole, folder)
        content = (whole / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])
        with pytest.raises(UserError, match=f"{name} is damaged"):
            read_run(folder)


@pytest.mark.parametrize(
    ("column", "value"),
    [("z_empirical", "high"), ("dataset", None), ("z_empirical_is_bound", 3), ("n_null", "many"), ("dataset", "other")],
)
def test_a_table_with_a_wrong_cell_is_refused(tmp_path: Path, column: str, value: object) -> None:
    path = finished_run(tmp_path / "run") / "z_scores.csv"
    table = pd.read_csv(path).astype({column: object})
    table.loc[3, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(UserError, match=r"z_scores\.csv is damaged"):
        read_run(path.parent)


def test_an_old_table_says_how_it_is_made_anew(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "run") / "z_scores.csv"
    pd.read_csv(path).rename(columns={"asymptotic_ks_p": "chi2_ks_p"}).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"lacks asymptotic_ks_p.*same discover command"):
        read_run(path.parent)


def test_toys_that_do_not_belong_to_the_table_are_refused(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "run") / "toys.parquet"
    toys = pd.read_parquet(path)
    toys[(toys.variant != "q50") | (toys.role != "null")].to_parquet(path)
    with pytest.raises(UserError, match="no null toys of nplm q50"):
        read_run(path.parent)


def test_a_record_without_configuration_is_refused(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "run") / "run.json"
    path.write_text(json.dumps({"command": "autoscidact discover"}))
    with pytest.raises(UserError, match=r"run\.json is damaged \(it holds no configuration\)"):
        read_run(path.parent)

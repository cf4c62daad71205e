"""Runs of a sweep: which are aggregated, what their table holds, and how what does not fit is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_sweep import made, sweep_runs

from autoscidact.errors import UserError
from autoscidact.report.arrange import arranged
from autoscidact.report.gather import compatible, gather
from autoscidact.report.restriction import restricted
from autoscidact.report.runs import Run
from autoscidact.report.sweep import Sweep, by_seed, differ_in, sweep_of
from autoscidact.report.sweep_table import sweep_table

Z = {2: {0: 1.0, 1: 3.0, 2: 2.5}, 16: {0: 4.0, 2: 5.0}}


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return sweep_runs(tmp_path, "encoder.dim", Z)


def headline(sweep: Sweep, kind: str = "asymptotic") -> pd.DataFrame:
    table = sweep_table(sweep)
    return table[(table.kind == kind) & table.headline].reset_index(drop=True)


def test_median_range_and_number_of_seeds_by_hand(runs: list[Run]) -> None:
    sweep = sweep_of(runs[::-1], "encoder.dim", ["seed"])
    assert sweep.places == [2, 16]
    assert [(cell.x, cell.seeds) for cell in sweep.cells] == [(2, (0,)), (2, (1,)), (2, (2,)), (16, (0,)), (16, (2,))]
    found = headline(sweep)
    assert found.variant.tolist() == ["best_width"] * 4
    columns = ["x", "f_s", "n_seeds", "z", "low", "high"]
    expected = [
        (2, 0.01, 3, 2.5, 1.0, 3.0),
        (2, 0.1, 3, 3.5, 2.0, 4.0),
        (16, 0.01, 2, 4.5, 4.0, 5.0),
        (16, 0.1, 2, 5.5, 5.0, 6.0),
    ]
    assert list(found[columns].itertuples(index=False, name=None)) == expected
    assert headline(sweep, "empirical").variant.tolist() == ["min_p"] * 4
    # Every variant is there once at every place, and combinations have no asymptotic Z.
    table = sweep_table(sweep)
    assert not table.duplicated(["x", "f_s", "statistic", "variant", "kind"]).any()
    assert set(table.variant[table.kind == "empirical"]) > set(table.variant[table.kind == "asymptotic"])


def test_a_median_of_bounds_is_a_bound(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{"seed": seed} for seed in range(3)]
    runs = [made(tmp_path / str(i), 1.0 + i, i > 0, changes[i]) for i in range(3)]
    found = headline(sweep_of(runs, "f_s", ["seed"]), "empirical")
    assert found.x.tolist() == found.f_s.tolist() == [0.01, 0.1]
    assert found.z.tolist() == [2.0, 3.0]
    assert found.is_bound.tolist() == [False, True]
    assert found.low_is_bound.tolist() == [False, False]
    # Asymptotic Z are never bounds.
    assert not headline(sweep_of(runs, "f_s", ["seed"])).is_bound.any()


def test_other_embedded_events_under_other_seeds_are_expected_and_under_the_same_refused(tmp_path: Path) -> None:
    runs = sweep_runs(tmp_path, "encoder.dim", {2: {0: 1.0, 1: 2.0}})
    assert len(sweep_of(runs, "encoder.dim", ["seed"]).cells) == 2
    again = made(tmp_path / "again", 1.0, changes={"encoder.dim": 2, "seed": 0})
    with pytest.raises(UserError, match=r"the embedded events \(pools\)"):
        sweep_of([*runs, again], "encoder.dim", ["seed"])


def test_runs_of_one_place_and_seed_are_joined(tmp_path: Path) -> None:
    parts = [made(tmp_path / str(f), 1.0, fractions=(f,), pools="same") for f in (0.01, 0.2)]
    (cell,) = sweep_of([*parts], "encoder.dim", ["seed"]).cells
    assert len(cell.gathered.runs) == 2
    assert sorted(cell.gathered.table.f_s.unique()) == [0.01, 0.2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"loss.temperature": 0.5},
            "loss.temperature: 0.1 and 0.5, not in encoder.dim and seed alone; report against ",
        ),
        ({"loss.temperature": 0.5}, "with x=loss.temperature, or choose runs, with only={loss.temperature: 0.1}"),
        ({"nplm.n_centers": 300}, "nplm.n_centers: auto and 300, not in encoder.dim and seed alone; report against it"),
        ({"loss.temperature": 0.5, "toys.n_ref": 5}, "loss.temperature: 0.1 and 0.5; toys.n_ref: 1000 and 5, not in"),
        ({"loss.temperature": 0.5, "toys.n_ref": 5}, "report against it, with x=KEY, or choose runs, with only={"),
        (
            {"dataset.seed": 1},
            "dataset.seed: not set and 1, not in encoder.dim and seed alone; aggregate over it, with ",
        ),
        ({"dataset.seed": 1}, "over=[seed,dataset.seed]"),
    ],
)
def test_what_is_neither_x_nor_over_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    one, other = made(tmp_path / "one", 1.0), made(tmp_path / "other", 1.0, changes={"encoder.dim": 8, **changes})
    with pytest.raises(UserError) as caught:
        sweep_of([one, other], "encoder.dim", ["seed"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_seeds_are_aggregated_where_both_are_asked_for(tmp_path: Path) -> None:
    changes = [{"seed": i, "dataset.seed": j} for i in range(2) for j in range(2)]
    runs = [made(tmp_path / str(i), float(i), changes=change) for i, change in enumerate(changes)]
    sweep = sweep_of(runs, "f_s", ["seed", "dataset.seed"])
    assert sweep.seeds == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert headline(sweep).z.tolist() == [1.5, 2.5]


def test_x_may_be_the_seed_itself(tmp_path: Path) -> None:
    runs = sweep_runs(tmp_path, "encoder.dim", {2: {0: 1.0, 1: 2.0}})
    sweep = sweep_of(runs, "seed", ["seed"])
    assert (sweep.places, sweep.over) == ([0, 1], ())
    assert (sweep_table(sweep).n_seeds == 1).all()


def test_runs_that_lack_the_key_are_left_out_and_named(tmp_path: Path) -> None:
    having, lacking = made(tmp_path / "one", 1.0, changes={"encoder.layers": 3}), made(tmp_path / "other", 1.0)
    sweep = sweep_of([having, lacking], "encoder.layers", ["seed"])
    assert (sweep.places, sweep.left_out) == ([3], (lacking,))
    with pytest.raises(UserError, match=r"x=encoder\.heads: no run of dataset made has it"):
        sweep_of([having, lacking], "encoder.heads", ["seed"])


@pytest.mark.parametrize(
    ("key", "values", "places"),
    [
        ("nplm.n_centers", ["auto", 1000, 50], [50, 1000, "auto"]),
        ("toys.n_ref", [500, 50], [50, 500]),
        ("kernel.widths", [[0.5, 1], [2]], ["[0.5, 1]", "[2]"]),
        ("nplm.newton_steps", [None, 1], [1, "null"]),
        ("toys.poisson", [True, False], ["false", "true"]),
        ("kernel", [{"_target_": "a.Quantiles", "q": 1}, {"_target_": "a.Fixed"}], ["Fixed", "Quantiles"]),
        ("kernel", [{"_target_": "a.Fixed", "w": 1}, {"_target_": "a.Fixed", "w": 2}], ["w=1", "w=2"]),
    ],
)
def test_any_key_may_be_x(tmp_path: Path, key: str, values: list[Any], places: list[Any]) -> None:
    runs = [made(tmp_path / str(i), float(i), changes={key: value}) for i, value in enumerate(values)]
    sweep = sweep_of(runs, key, ["seed"])
    assert sweep.places == places
    assert list(dict.fromkeys(sweep_table(sweep).x)) == places


def test_groups_that_differ_in_seed_alone_make_a_set(tmp_path: Path) -> None:
    runs = sweep_runs(tmp_path, "encoder.dim", {2: {0: 1.0, 1: 2.0}, 4: {0: 1.0, 1: 2.0}})
    # The same seed with other events is no further seed.
    other = made(tmp_path / "other", 1.0, changes={"encoder.dim": 4, "seed": 1})
    sets = by_seed(compatible([*runs, other]), ["seed"])
    assert [[group[0].name for group in found] for found in sets] == [["0-0", "0-1"], ["1-0", "1-1"], ["other"]]
    assert differ_in(runs, ["seed"])
    assert not differ_in(runs[::2], ["seed"])
    with pytest.raises(UserError, match="differ in seed: 0 and 1; report them separately"):
        gather(runs[:2])


def test_restriction_by_settings_and_fractions(runs: list[Run]) -> None:
    assert [run.name for run in restricted(runs, {"encoder.dim": 16})] == ["1-0", "1-2"]
    assert [run.name for run in restricted(runs, {"encoder.dim": [2, 16], "seed": 1})] == ["0-1"]
    assert len(restricted(runs, {"nplm.n_centers": "auto", "checkpoint": None})) == 5
    (run, *_) = restricted(runs, {"f_s": 0.1})
    assert set(run.table.f_s) == {0.1}
    assert set(run.toys.f_s[run.toys.role == "signal"]) == {0.1}
    assert (run.toys.role == "null").sum() == (runs[0].toys.role == "null").sum()
    with pytest.raises(UserError, match=r"only={encoder.dim: 3} leaves no run; there are 2, 16"):
        restricted(runs, {"encoder.dim": 3})
    with pytest.raises(UserError, match=r"only={f_s: 0.3} leaves no run; there are 0.01, 0.1"):
        restricted(runs, {"f_s": 0.3})


def test_what_was_not_asked_for_together_is_never_refused(tmp_path: Path) -> None:
    """Two groups that agree in their first runs and not in their second stay apart instead of failing later."""
    one = [made(tmp_path / name, 1.0, tests=(name,), pools="one") for name in ("nplm", "supervised")]
    changes = {"seed": 1, "statistic.supervised.depth": 3}
    other = [
        made(tmp_path / f"{name}2", 1.0, changes=changes, tests=(name,), pools="two") for name in ("nplm", "supervised")
    ]
    sweeps, together = arranged([*one, *other], None, ["seed"], named=False)
    assert not sweeps
    assert [len(gathered.runs) for gathered in together] == [2, 2]


def test_the_first_seed_stands_for_the_others(tmp_path: Path) -> None:
    runs = sweep_runs(tmp_path, "encoder.dim", {2: {3: 1.0, 0: 2.0}})
    for named in (False, True):
        (sweep,), (first,) = arranged(runs, None, ["seed"], named=named)
        assert (sweep.dataset, sweep.key, len(sweep.cells)) == ("made", "f_s", 2)
        assert (first.dataset, first.runs) == ("made (seed 0)", (runs[1],))
    assert arranged(runs[:1], None, ["seed"], named=False)[0] == []

"""Figure and tables of a sweep: what is drawn and written is what was aggregated."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_sweep import made, sweep_runs

from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.report.document import Figures, Table, Text
from autoscidact.report.sweep import Sweep, sweep_of
from autoscidact.report.sweep_figure import draw_sweep, panel_fractions
from autoscidact.report.sweep_sections import sweep_sections
from autoscidact.report.sweep_table import sweep_table

Z: dict[Any, dict[int, float]] = {2: {0: 1.0, 1: 3.0, 2: 2.5}, 32: {0: 4.0, 2: 5.0}}


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def sweep(folder: Path, key: str = "encoder.dim", z: dict[Any, dict[int, float]] = Z, **options: Any) -> Sweep:
    return sweep_of(sweep_runs(folder, key, z, **options), key, ["seed"])


def blocks(found: Sweep, folder: Path, kind: type) -> list[Any]:
    parts = sweep_sections(found, sweep_table(found), folder, "made")
    return [block for part in parts for block in part.blocks if isinstance(block, kind)]


def test_a_panel_a_fraction_with_medians_bars_and_a_logarithmic_axis(tmp_path: Path) -> None:
    found = sweep(tmp_path)
    figure = draw_sweep(found, sweep_table(found), "asymptotic")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["$f_S$ = 1 %", "$f_S$ = 10 %"]
    for axes, up in zip(figure.axes, (0, 1), strict=True):
        assert axes.get_xscale() == "log"
        (container,) = axes.containers
        line, _, (bars,) = container.lines
        np.testing.assert_allclose(line.get_xdata(), [2, 32])
        np.testing.assert_allclose(line.get_ydata(), [2.5 + up, 4.5 + up])
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [[1 + up, 3 + up], [4 + up, 5 + up]])
    assert figure.axes[-1].get_xlabel() == "encoder.dim"
    # One scale of Z for all panels: they are there to be compared.
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_bounds_are_triangles_and_the_resolution_is_marked(tmp_path: Path) -> None:
    found = sweep(tmp_path, is_bound=True)
    low, high = draw_sweep(found, sweep_table(found), "empirical").axes
    for axes, n in ((low, 0), (high, 2)):
        triangles = [line for line in axes.lines if line.get_marker() == "^"]
        assert sum(len(line.get_xdata()) for line in triangles) == n
        assert len(axes.containers[0].lines[0].get_markevery()) == 2 - n
        assert any(np.allclose(line.get_ydata(), float(z_from_p(resolution(120)))) for line in axes.lines)


def test_tests_stand_beside_each_other_in_styles_of_their_own(tmp_path: Path) -> None:
    found = sweep(tmp_path, tests=("nplm", "supervised"))
    axes = draw_sweep(found, sweep_table(found), "asymptotic").axes[0]
    one, other = (container.lines[0] for container in axes.containers)
    assert (np.asarray(one.get_xdata()) < np.asarray(other.get_xdata())).all()
    assert one.get_color() != other.get_color()
    assert one.get_marker() != other.get_marker()


@pytest.mark.parametrize(
    ("key", "z"),
    [
        ("nplm.n_centers", {"auto": {0: 1.0}, 300: {0: 2.0}}),
        ("encoder.dim", {4: {0: 1.0}}),
        ("encoder.dim", {0: {0: 80.0}, 4: {0: float("-inf"), 1: float("inf")}}),
    ],
)
def test_axes_of_all_kinds(tmp_path: Path, key: str, z: dict[Any, dict[int, float]]) -> None:
    found = sweep(tmp_path, key, z)
    for kind in ("empirical", "asymptotic"):
        figure = draw_sweep(found, sweep_table(found), kind)
        figure.draw_without_rendering()
        labels = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
        assert labels == [str(x) for x in found.places]


def test_of_many_fractions_those_that_tell_most_are_drawn(tmp_path: Path) -> None:
    fractions = tuple(i / 100 for i in range(1, 9))
    run = made(tmp_path / "run", 0.0, fractions=fractions)
    run.table["z_asymptotic"] = 100 * run.table.f_s
    table = sweep_table(sweep_of([run], "encoder.dim", ["seed"]))
    assert panel_fractions(table) == [0.01, 0.03, 0.05]


def test_cells_are_the_aggregated_numbers(tmp_path: Path) -> None:
    found = sweep(tmp_path / "runs", is_bound=True)
    empirical, asymptotic, runs = blocks(found, tmp_path / "figures", Table)
    assert empirical.columns == ["test", "variant", "encoder.dim", "seeds", "1 %", "10 %"]
    assert asymptotic.rows == [
        ["NPLM", "best_width", "2", "3", "2.50 (1.00 to 3.00)", "3.50 (2.00 to 4.00)"],
        ["NPLM", "best_width", "32", "2", "4.50 (4.00 to 5.00)", "5.50 (5.00 to 6.00)"],
    ]
    assert empirical.rows[1] == ["NPLM", "min_p", "32", "2", "4.50 (4.00 to 5.00)", ">5.50 (>5.00 to >6.00)"]
    assert [row[:2] for row in runs.rows] == [["2", "0"], ["2", "1"], ["2", "2"], ["32", "0"], ["32", "2"]]
    texts = [block.text for block in blocks(found, tmp_path / "figures", Text)]
    assert any("encoder.dim = 32 lacks seed 1" in text for text in texts)
    (figures,) = blocks(found, tmp_path / "figures", Figures)
    assert [figure.name for figure in figures.figures] == ["made_empirical", "made_asymptotic"]
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"made_{kind}.{suffix}" for kind in ("empirical", "asymptotic") for suffix in ("png", "pdf", "svg")
    }


def test_seeds_alone_against_f_s(tmp_path: Path) -> None:
    runs = [made(tmp_path / str(seed), float(seed), changes={"seed": seed}) for seed in range(5)]
    found = sweep_of(runs, "f_s", ["seed"])
    _, asymptotic, _ = blocks(found, tmp_path / "figures", Table)
    assert asymptotic.columns == ["test", "variant", "seeds", "1 %", "10 %"]
    assert asymptotic.rows == [["NPLM", "best_width", "5", "2.00 (0.64 to 3.36)", "3.00 (1.64 to 4.36)"]]
    assert sweep_sections(found, sweep_table(found), tmp_path / "figures", "made")[0].title == "Seeds: made"
    (axes,) = draw_sweep(found, sweep_table(found), "asymptotic").axes
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xdata(), [1, 10])


def test_a_sweep_of_one_value_and_runs_without_the_key_are_said(tmp_path: Path) -> None:
    runs = [made(tmp_path / "one", 1.0, changes={"encoder.layers": 3}), made(tmp_path / "other", 1.0)]
    found = sweep_of(runs, "encoder.layers", ["seed"])
    texts = " ".join(block.text for block in blocks(found, tmp_path / "figures", Text))
    assert "All runs have encoder.layers = 3" in texts
    assert "Left out, as they have no encoder.layers: other." in texts

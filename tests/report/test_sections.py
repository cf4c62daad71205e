"""A whole report of runs made by hand: every table's numbers, and where they come from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_run import finished_run

from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.report.document import Figures, Section, Table, Text
from autoscidact.report.gather import Gathered, gather
from autoscidact.report.illustrate import Illustrations, Training, illustrate, stem
from autoscidact.report.runs import read_run
from autoscidact.report.sections import dataset_sections
from autoscidact.report.thresholds import needed_fractions

NO_FIGURES = Illustrations((), (), ())


def sections(gathered: Gathered, training: Training | None = None) -> dict[str, Section]:
    parts = dataset_sections(
        gathered, needed_fractions(gathered, n_bootstrap=5), NO_FIGURES, training or Training("nothing there"), "made"
    )
    return {part.anchor.partition("-")[2]: part for part in parts}


def tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


@pytest.fixture
def two_runs(tmp_path: Path) -> Gathered:
    runs = [
        finished_run(tmp_path / "one", ("nplm", "supervised"), (0.01, 0.02)),
        finished_run(tmp_path / "two", ("nplm", "supervised"), (0.02, 0.05, 0.1)),
    ]
    (found,) = gather([read_run(run) for run in runs])
    return found


def test_anchors_and_names_are_unique(two_runs: Gathered) -> None:
    found = sections(two_runs)
    names = [table.name for section in found.values() for table in tables(section)]
    anchors = [section.anchor for section in found.values()]
    assert len(set(names + anchors)) == len(names + anchors)
    for section in found.values():
        for table in tables(section):
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_headline_cells_are_the_tables(two_runs: Gathered) -> None:
    empirical, asymptotic = tables(sections(two_runs)["z"])
    assert empirical.columns == ["test", "variant", "1 %", "2 %", "5 %", "10 %"]
    assert asymptotic.columns == ["test", "variant", "fit p", "1 %", "2 %", "5 %", "10 %"]
    rows = two_runs.of("supervised")
    assert asymptotic.rows[1][2] == f"{rows.asymptotic_ks_p.iloc[0]:.2g}"
    assert list(asymptotic.rows[1][3:]) == [f"{z:.2f}" for z in rows.z_asymptotic]
    marks = [cell.startswith(">") for cell in empirical.rows[1][2:]]
    assert marks == rows.z_empirical_is_bound.tolist()
    assert asymptotic.rows[0][1] == "best_width (1.5)"


def test_many_fractions_are_continued_below(tmp_path: Path) -> None:
    fractions = tuple(np.round(np.linspace(0.01, 0.12, 12), 3).tolist())
    (found,) = gather([read_run(finished_run(tmp_path / "run", ("nplm",), fractions))])
    every = tables(sections(found)["all"])
    assert [len(table.columns) for table in every] == [11, 11, 8]
    titles = [title for table in every for title in table.columns[6:]]
    assert titles == [f"{100 * f_s:.4g} %" for f_s in fractions]


def test_each_number_has_a_run(two_runs: Gathered) -> None:
    one, two = tables(sections(two_runs)["provenance"])
    first, second = (dict(table.rows) for table in (one, two))
    assert first["numbers"] == "nplm, supervised at f_S = 1 %, 2 %"
    assert second["numbers"] == "nplm, supervised at f_S = 5 %, 10 %"
    for told, run in ((first, two_runs.runs[0]), (second, two_runs.runs[1])):
        assert told["folder"] == str(run.folder)
        assert told["command"] == "autoscidact discover dataset=made"
        assert run.checksums["toys.parquet"] in told["toys.parquet"]
        assert told["versions"] == "autoscidact 0.1.0, python 3.11"
    assert all("runs one, two" in table.caption for table in tables(sections(two_runs)["z"]))


def test_power_table_is_zs_quotient(two_runs: Gathered) -> None:
    (table,) = tables(sections(two_runs)["power"])
    nplm, supervised = (tables(sections(two_runs)["z"])[1].rows[i][3:] for i in (0, 1))
    row = next(row for row in table.rows if row[1] == "asymptotic")
    quotients = [float(z) / float(limit) for z, limit in zip(nplm, supervised, strict=True)]
    assert [float(cell) for cell in row[2:]] == pytest.approx(quotients, abs=0.02)


@pytest.mark.parametrize(
    ("tests", "said"), [(("nplm",), "no supervised test in these runs"), (("supervised",), "no NPLM in these runs")]
)
def test_what_is_not_there_is_said(tmp_path: Path, tests: tuple[str, ...], said: str) -> None:
    (found,) = gather([read_run(finished_run(tmp_path / "run", tests))])
    texts = [block.text for section in sections(found).values() for block in section.blocks if isinstance(block, Text)]
    assert any(said in text for text in texts)
    assert any("The embedding is not shown: nothing there." in text for text in texts)


def test_empirical_fractions_only_where_toys_resolve_them(tmp_path: Path) -> None:
    for n_null, columns in ((120, 3), (800, 5)):
        (found,) = gather([read_run(finished_run(tmp_path / str(n_null), ("supervised",), n_null=n_null))])
        (table,) = tables(sections(found)["needed"])
        assert len(table.columns) == columns
        assert ("There is no empirical f_S: 120 null toys" in table.caption) == (columns == 3)


def test_figures_are_drawn_and_described(tmp_path: Path, two_runs: Gathered) -> None:
    rng = np.random.default_rng(0)
    events = EmbeddedEvents(
        points=rng.normal(size=(90, 2)).astype(np.float32),
        labels=np.array(["a", "b", "new"] * 30),
        ids=np.arange(90),
        weights=np.ones(90),
        splits=np.full(90, "test"),
        signal="new",
        axes=("u", "v"),
    )
    metrics = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "val_loss": [2.0, 1.5]})
    training = Training("somewhere", events, metrics, 2)
    drawn = illustrate(two_runs, training, tmp_path / "figures", "made")
    every = [*drawn.scan, *drawn.distributions, *drawn.training]
    names = ["z_empirical", "z_asymptotic", "t_nplm", "t_other-tests", "embedding", "training"]
    assert [figure.name for figure in every] == [f"made_{name}" for name in names]
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert files == {f"made_{name}.{suffix}" for name in names for suffix in ("png", "pdf", "svg")}
    assert all(figure.alt and figure.caption for figure in every)
    parts = dataset_sections(two_runs, needed_fractions(two_runs, n_bootstrap=5), drawn, training, "made")
    shown = [
        figure for part in parts for block in part.blocks if isinstance(block, Figures) for figure in block.figures
    ]
    assert shown == every


@pytest.mark.parametrize(
    ("name", "expected"), [("digits", "digits"), ("my events #2", "my-events-2"), ("数", "dataset"), ("A.b", "a-b")]
)
def test_names_of_files(name: str, expected: str) -> None:
    assert stem(name) == expected

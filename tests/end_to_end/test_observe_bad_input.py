"""Observed data that cannot be tested: one `error:` line that says what is wrong, and nothing written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

REAL = (
    Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "fourlepton"
)
Run = Callable[..., Any]


def refused(outcome: Any, outputs: Path, *named: str) -> None:
    """Checks that a command failed in one line that holds all of `named`, and that it wrote no results."""
    assert outcome.status == 1, outcome.out
    errors = [line for line in outcome.err.splitlines() if not line.startswith("warning: ")]
    assert len(errors) == 1, outcome.err
    assert errors[0].startswith("error: ")
    for part in named:
        assert part in errors[0]
    assert not (outputs / "observe").exists()
    # Whatever can be known before, is known before hours of toys.
    assert not (outputs / "toys").exists()


def put(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[5, column] = value
        return table

    return change


TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str], list[str]]] = {
    "a column is missing": (lambda t: t.drop(columns="y"), [], ["columns y", "x, z"]),
    "MeV": (lambda t: t.assign(x=t.x * 1000, y=t.y * 1000, z=t.z * 1000), [], ["other units", "x"]),
    "TeV": (lambda t: t.assign(x=t.x / 1000, y=t.y / 1000, z=t.z / 1000), [], ["other units"]),
    "twice": (lambda t: pd.concat([t, t[:3]]), [], ["3 events", "id", "20000"]),
    "NaN": (put("x", np.nan), [], ["NaN", "in x", "event 6"]),
    "infinite": (put("z", np.inf), [], ["infinite", "in z", "event 6"]),
    "text": (put("x", "many"), [], ["'x'", "not numeric"]),
    "only a header": (lambda t: t[:0], [], ["no rows"]),
    "no ids": (lambda t: t.drop(columns="number"), [], ["number"]),
    "ids that are none": (put("number", 0.5), [], ["dataset.id=number", "whole"]),
    "nothing selected": (lambda t: t, ["select={mass: [500,600]}"], ["no observed event", "mass in 500 to 600"]),
    "selected by what is not there": (lambda t: t, ["select={m4l: [1,2]}"], ["'m4l'", "mass, tilt"]),
    "selected by what the data lack": (
        lambda t: t.drop(columns="mass"),
        ["select={mass: [90,110]}"],
        ["bad.csv", "'mass'"],
    ),
    "no range": (lambda t: t, ["select={mass: 5}"], ["select.mass=5", "[low, high]"]),
    "an empty range": (lambda t: t, ["select={mass: [110,90]}"], ["select.mass", "low below high"]),
    "no regions at all": (lambda t: t, ["control=mass"], ["control=mass"]),
    "control region without data": (lambda t: t, ["control={mass: [500,600]}"], ["mass in 500 to 600"]),
    "no such calibration": (lambda t: t, ["calibration=bogus"], ["calibration=bogus", "permutation"]),
    "negative expectation": (lambda t: t, ["expected=-1"], ["expected=-1"]),
    "no expectation": (lambda t: t, ["expected=many"], ["expected=many", "weights"]),
    "true is no number": (lambda t: t, ["expected=true"], ["expected=True"]),
    "f_s above 1": (lambda t: t, ["f_s=2"], ["f_s=2"]),
    "f_s that is none": (lambda t: t, ["f_s=true"], ["f_s=True"]),
    "two f_s": (lambda t: t, ["f_s=[0.1,0.2]"], ["f_s=", "one signal fraction"]),
    "more signal than there is": (lambda t: t, ["expected=1000", "f_s=1"], ["f_s=1", "320"]),
    "more data than simulation": (lambda t: t, ["expected=3000"], ["3000 expected", "add background"]),
    "R that leaves nothing": (lambda t: t, ["toys.n_ref=3100"], ["toys.n_ref=3100", "toys.n_ref=2000 would fit"]),
    "permutations do not vary": (
        lambda t: t,
        ["calibration=permutation", "systematics={tilt: {up: tilt}}"],
        ["systematics", "[toys,permutation]"],
    ),
    "no such candidates": (lambda t: t, ["candidates=nowhere.csv"], ["nowhere.csv", "candidates="]),
    "candidates without ids": (lambda t: t, ["candidates=a.csv", "dataset.id=null"], ["candidates", "dataset.id"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_table(case: str, search: Any, collisions: Any, tmp_path: Path, run: Run) -> None:
    change, options, named = TABLES[case]
    change(collisions(200, 2).drop(columns="kind")).to_csv(tmp_path / "bad.csv", index=False)
    outputs = tmp_path / "outputs"
    words = [*search.words, *options, f"observed={tmp_path / 'bad.csv'}", f"outputs={outputs}"]
    if "dataset.id=null" in options:
        words.append("dataset.features=[x,y,z]")
    refused(run(*words), outputs, *named)


SYSTEMATICS = {
    "no name": ("tilt", ["systematics=tilt"]),
    "no declaration": ("{tilt: 3}", ["systematics.tilt=3", "scale"]),
    "nothing known in it": ("{tilt: {size: 3}}", ["systematics.tilt", "up_file"]),
    "two forms": ("{tilt: {up: tilt, scale: 0.1}}", ["systematics.tilt", "give one of"]),
    "only down": ("{tilt: {down: tilt}}", ["systematics.tilt", "up: OBSERVER"]),
    "a slip of the pen": ("{tilt: {up: tilt, dwon: tilt}}", ["systematics.tilt", "dwon", "down"]),
    "no such observer": ("{tilt: {up: tlit}}", ["systematics.tilt.up", "'tlit'", "mass, tilt"]),
    "an observer that is no weight": ("{tilt: {up: mass}}", ["systematics.tilt.up", "'mass'", "relative"]),
    "no such class": ("{rate: {scale: 0.1, classes: [c]}}", ["systematics.rate.classes", "c", "'a'", "'b'"]),
    "the signal is no background": ("{rate: {scale: 0.1, classes: [new]}}", ["systematics.rate.classes", "new"]),
    "a negative rate": ("{rate: {scale: -0.1}}", ["systematics.rate.scale=-0.1"]),
    "no rate": ("{rate: {scale: large}}", ["systematics.rate.scale=large"]),
    "no such file": ("{other: {up_file: nowhere.csv}}", ["nowhere.csv", "systematics.other.up_file=FILE"]),
}


@pytest.mark.parametrize("case", SYSTEMATICS)
def test_systematics(case: str, search: Any, tmp_path: Path, run: Run) -> None:
    declared, named = SYSTEMATICS[case]
    words = (f"observed={search.folder / 'null.csv'}", f"systematics={declared}", f"outputs={tmp_path}")
    refused(run(*search.words, *words), tmp_path, *named)


def test_events_that_the_simulation_holds(search: Any, collisions: Any, tmp_path: Path, run: Run) -> None:
    """Under other ids: the features tell."""
    simulated = collisions(4000, 1, 400)
    known = simulated[simulated.kind != "new"][:50].assign(number=range(50))
    pd.concat([collisions(150, 2), known]).to_csv(tmp_path / "bad.csv", index=False)
    outcome = run(*search.words, f"observed={tmp_path / 'bad.csv'}", f"outputs={tmp_path}")
    refused(outcome, tmp_path, "50 of 200 observed events", "training and validation splits")


def test_rounded_events_that_the_simulation_holds(search: Any, collisions: Any, tmp_path: Path, run: Run) -> None:
    """The ids tell, and dataset.id says that they are no mere row numbers."""
    known = collisions(4000, 1, 400)
    known = known[known.kind != "new"][:50].round({"x": 3, "y": 3, "z": 3})
    pd.concat([collisions(150, 2), known]).to_csv(tmp_path / "bad.csv", index=False)
    outcome = run(*search.words, f"observed={tmp_path / 'bad.csv'}", f"outputs={tmp_path}")
    refused(
        outcome, tmp_path, "50 of 200 observed events", "in its train split", "in its val split", "in its test split"
    )


@pytest.mark.parametrize("name", ["", "nowhere.csv", ".", "empty.csv", "pickled.npz", "pickled.npy"])
def test_files_that_cannot_be_read(name: str, search: Any, tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty.csv").touch()
    np.savez(tmp_path / "pickled.npz", x=np.array([Bomb()], dtype=object))
    np.save(tmp_path / "pickled.npy", np.array([Bomb()], dtype=object))
    outputs = tmp_path / "outputs"
    if name:
        outcome = run(*search.words, f"observed={tmp_path / name}", f"outputs={outputs}")
        refused(outcome, outputs, str(tmp_path / name) if name != "." else f"{tmp_path}: is a folder")
    else:
        refused(run(*search.words, f"outputs={outputs}"), outputs, "observed is missing", "observed=...")


class Bomb:
    """Fails the test that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a file was unpickled",)


def test_arrays(tmp_path: Path, run: Run) -> None:
    """Events without named features come as NPY of one shape."""
    outputs = tmp_path / "outputs"
    arrays = {
        "flat.npy": np.zeros((20, 64), np.float32),
        "pickled.npy": np.array([Bomb()], dtype=object),
        "text.npy": np.full((20, 1, 8, 8), "a"),
        "none.npy": np.zeros((0, 1, 8, 8), np.float32),
    }
    for name, array in arrays.items():
        np.save(tmp_path / name, array)
    np.savez(tmp_path / "archive.npz", np.zeros((20, 1, 8, 8), np.float32))
    (tmp_path / "torn.npy").write_bytes((tmp_path / "flat.npy").read_bytes()[:200])
    named = dict.fromkeys(("flat.npy", "text.npy", "archive.npz"), "(n, 1, 8, 8)")
    named |= {"pickled.npy": "cannot be read", "torn.npy": "cannot be read", "none.npy": "no events"}
    for name, part in named.items():
        words = ("dataset=digits", "embedding=raw", f"observed={tmp_path / name}", f"outputs={outputs}")
        refused(run("observe", *words), outputs, name, part)
    words = ("dataset=digits", "embedding=raw", f"observed={tmp_path}", f"outputs={outputs}")
    refused(run("observe", *words), outputs, f"{tmp_path}: is a folder", "observed=FILE")


def test_a_search_without_signal(
    search: Any, collisions: Any, tmp_path: Path, run: Run, succeed: Run, no_figures: None
) -> None:
    """dataset.signal=none: training and observation run, and there is nothing to expect."""
    simulated = collisions(1500, 1)
    simulated.to_csv(tmp_path / "simulated.csv", index=False)
    words = [word for word in search.words[1:] if not word.startswith(("dataset.signal", "dataset.path", "embedding"))]
    words += [
        "dataset.signal=none",
        f"dataset.path={tmp_path / 'simulated.csv'}",
        "trainer.max_epochs=2",
        "logger=none",
    ]
    words += ["toys.n_ref=300", f"outputs={tmp_path}"]
    observed = f"observed={search.folder / 'null.csv'}"
    untrained = run("observe", *words, observed)
    refused(untrained, tmp_path, "no finished training", "autoscidact train", "dataset.signal=none")
    refused(run("observe", *words, observed, "embedding=raw", "f_s=0.1"), tmp_path, "f_s=0.1", "no signal sample")
    succeed("train", *words)
    for embedding in ((), ("embedding=raw",)):
        found = succeed("observe", *words, observed, *embedding)
        assert "No significant deviation" in found.out
        assert "expected to give" not in found.out


def fourlepton_words(folder: Path, file: Path, outputs: Path) -> tuple[str, ...]:
    return (
        *(
            "observe",
            "dataset=fourlepton",
            f"dataset.path={folder}",
            "embedding=raw",
            "toys.n_ref=200",
            "toys.n_null=20",
        ),
        *(f"observed={file}", f"outputs={outputs}"),
    )


def momenta(table: pd.DataFrame, factor: float | np.ndarray) -> pd.DataFrame:
    names = [f"{name}{i}" for name in ("px", "py", "pz", "E") for i in range(1, 5)]
    return table.assign(**{name: table[name] * factor for name in names})


FOUR_LEPTONS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "the same Run and Event twice": (lambda t: pd.concat([t, t[3:5]]), ["2 events occur twice", "Run 195000 Event"]),
    "MeV": (lambda t: momenta(t, 1000.0), ["MeV", "GeV"]),
    "TeV": (lambda t: momenta(t, 0.001), []),
    "no charge": (lambda t: t.drop(columns="Q3"), ["Q3"]),
    "NaN": (lambda t: t.assign(px1=t.px1.where(t.index != 4)), ["px1", "row 5"]),
    "no events": (lambda t: t[:0], ["no events"]),
    "an event in MeV": (lambda t: momenta(t, np.where(t.index == 3, 1000.0, 1.0)), ["1 of 60 events", "row 4", "MeV"]),
    "half an event": (lambda t: t.assign(Event=t.Event + 0.5), ["Event=", "row 1", "whole number"]),
    "photons": (lambda t: t.assign(PID2=22), ["PID2=22"]),
}


@pytest.mark.parametrize("case", FOUR_LEPTONS)
def test_four_leptons(case: str, fourlepton_folder: Path, tmp_path: Path, run: Run) -> None:
    change, named = FOUR_LEPTONS[case]
    change(pd.read_csv(fourlepton_folder / "observed.csv")).to_csv(tmp_path / "bad.csv", index=False)
    refused(run(*fourlepton_words(fourlepton_folder, tmp_path / "bad.csv", tmp_path)), tmp_path, "bad.csv", *named)


def test_simulated_events_are_no_observation(
    fourlepton_folder: Path, tmp_path: Path, run: Run, succeed: Run, no_figures: None
) -> None:
    """A warning as observed data, none as an alternative sample."""
    data, simulated = fourlepton_folder / "observed.csv", tmp_path / "simulated.csv"
    pd.read_csv(data).assign(Run=1).to_csv(simulated, index=False)
    varied = (f"systematics={{other: {{up_file: {simulated}}}}}", "calibration=toys")
    found = succeed(*fourlepton_words(fourlepton_folder, data, tmp_path / "outputs"), *varied)
    assert "are simulated" not in found.err
    found = succeed(*fourlepton_words(fourlepton_folder, simulated, tmp_path / "outputs"))
    assert f"warning: {simulated}: 60 of 60 events are simulated (Run 1)" in found.err


def test_an_alternative_sample_may_be_of_the_same_events(
    search: Any, collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """Those that another calibration moved keep their ids."""
    moved = collisions(4000, 1, 400)
    moved = moved[moved.kind != "new"].assign(x=moved.x * 1.05, y=moved.y + 0.01)
    other = search.write("moved.csv", moved).partition("=")[2]
    observed = f"observed={search.folder / 'null.csv'}"
    succeed(*search.words, observed, f"systematics={{x: {{up_file: {other}}}}}", f"outputs={tmp_path}")


def test_ids_of_an_embedding(collisions: Any, tmp_path: Path, run: Run, succeed: Run, no_figures: None) -> None:
    """Where the user's own embedding has none, its rows are numbered, and those numbers are no ids."""
    mine, data = collisions(3000, 1)[["x", "y", "z", "kind"]], collisions(100, 2)[["x", "y", "z"]]
    data.assign(id=range(500, 600)).to_csv(tmp_path / "data.csv", index=False)
    mine.to_csv(tmp_path / "plain.csv", index=False)
    mine.assign(id=range(3500, 500, -1)).to_csv(tmp_path / "numbered.csv", index=False)
    words = ["observe", "dataset=custom", "dataset.label=kind", "dataset.signal=none", "dataset.id=id", "threads=1"]
    words += ["toys.n_ref=500", "toys.n_null=20", f"observed={tmp_path / 'data.csv'}", f"outputs={tmp_path}"]
    numbered = run(*words, f"embedding={tmp_path / 'numbered.csv'}")
    refused(numbered, tmp_path, "99 of 100 observed events", "99 in its test split", "the first is 501")
    succeed(*words, f"embedding={tmp_path / 'plain.csv'}")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real events in {REAL} (AUTOSCIDACT_TEST_DATA)")
def test_published_files_read_twice(fourlepton_folder: Path, tmp_path: Path, run: Run) -> None:
    """The careless way: every channel's file, one of them twice; or the data of another year."""
    files = [REAL / f"{name}_2012.csv" for name in ("4mu", "2e2mu", "4e", "2e2mu")]
    pd.concat(map(pd.read_csv, files)).to_csv(tmp_path / "twice.csv", index=False)
    outcome = run(*fourlepton_words(fourlepton_folder, tmp_path / "twice.csv", tmp_path))
    refused(outcome, tmp_path, "twice.csv", "occur twice", "Run ")
    outcome = run(*fourlepton_words(fourlepton_folder, REAL / "4mu_2011.csv", tmp_path))
    refused(outcome, tmp_path, "2011", "dataset.years")

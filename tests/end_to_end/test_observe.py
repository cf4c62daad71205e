"""`autoscidact observe` as a user runs it: what it writes, what it depends on, and what it must not depend on."""

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from sklearn.metrics import roc_auc_score

from autoscidact.commands.permutations import permuted_significances
from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES
from autoscidact.inference.engine import one_thread_each
from autoscidact.inference.pvalues import empirical_p
from autoscidact.inference.store import ToyStore
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys, observed_toy

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
CONFIGS = Path(__file__).parents[2] / "configs"
REAL = (
    Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "fourlepton"
)
Run = Callable[..., Any]


def folder_of(outcome: Any) -> Path:
    """The folder that a command printed."""
    return Path(next(line.strip() for line in outcome.out.splitlines() if "observation.csv" in line)).parent


def rows(outcome: Any) -> pd.DataFrame:
    return pd.read_csv(folder_of(outcome) / "observation.csv")


def p_of(outcome: Any, calibration: str = "toys") -> pd.Series:
    """p of each variant."""
    table = rows(outcome)
    return table[table.calibration == calibration].set_index("variant").p_empirical


@pytest.fixture(scope="module")
def null(search: Any, tmp_path_factory: pytest.TempPathFactory, succeed: Run) -> Any:
    outputs = tmp_path_factory.mktemp("null")
    return succeed(*search.words, f"observed={search.folder / 'null.csv'}", f"outputs={outputs}")


@pytest.fixture(scope="module")
def strong(search: Any, tmp_path_factory: pytest.TempPathFactory, succeed: Run) -> Any:
    outputs = tmp_path_factory.mktemp("signal")
    return succeed(*search.words, f"observed={search.folder / 'signal.csv'}", "f_s=0.15", f"outputs={outputs}")


def test_every_width_and_combination_has_a_row_and_every_file_is_there(null: Any) -> None:
    table, folder = rows(null), folder_of(null)
    assert len(table) == 2 + len(RULES) + 1
    assert set(table.variant) == {*table.variant[:2], *RULES, "max_z"}
    assert table.width[:2].tolist() == [0.7, 2.0]
    assert (table.calibration == "toys").all()
    assert (table.n_null == 100).all()
    assert table.p_empirical.between(1 / 101, 1).all()
    assert table.p_empirical.min() > 0.01
    assert table[["f_s", "z_expected", "z_expected_q16", "z_expected_q84"]].isna().all(axis=None)
    assert {path.name for path in folder.iterdir()} >= {
        "observation.csv",
        "events.csv",
        "excess.csv",
        "toys.parquet",
        "report.html",
        "report.md",
        "run.json",
        "config.yaml",
    }
    assert "No significant deviation" in null.out
    assert "mass" in (folder / "report.md").read_text()
    results = json.loads((folder / "run.json").read_text())
    assert results["observed"]["events"] == 200
    assert results["expected"] == 200
    for line in null.out.splitlines():
        if line.startswith("  ") and "/" in line and line.strip().endswith((".csv", ".html")):
            assert Path(line.strip()).is_file()


def test_a_strong_signal_is_found_and_its_events_stand_on_top(strong: Any, search: Any, collisions: Any) -> None:
    table, folder = rows(strong), folder_of(strong)
    assert table.p_empirical.min() == pytest.approx(1 / 101)
    of = table.set_index("variant")
    assert of.p_empirical["max_z"] == pytest.approx(1 / 101)
    assert of.z_empirical_is_bound["max_z"]
    # The smallest of several ranks ties with each null toy that is the highest at one of the widths.
    assert of.p_empirical["min_p"] <= 3 / 101
    assert (table.f_s == 0.15).all()
    assert table.z_expected.notna().all()
    assert (table.z_expected_q16 <= table.z_expected).all()
    assert (table.z_expected <= table.z_expected_q84).all()
    assert table.z_expected.max() > 2
    ranked = pd.read_csv(folder / "events.csv")
    truth = collisions(200, 3, 30).set_index("number").kind == "new"
    assert sorted(ranked.id) == sorted(truth.index)
    assert roc_auc_score(truth[ranked.id], -ranked["rank"]) > 0.9
    # Observers are carried along, each with its own event.
    masses = collisions(200, 3, 30).set_index("number").mass
    np.testing.assert_allclose(ranked.mass, masses[ranked.id])
    excess = pd.read_csv(folder / "excess.csv")
    assert (excess.excess > 0).all()
    assert excess.observed.iloc[-1] > 3 * excess.expected.iloc[-1]
    assert "expected to give" in strong.out


def test_p_is_what_the_toys_on_disk_say(null: Any, strong: Any) -> None:
    """Counted naively, from the toy store and from the run's own file."""
    for outcome in (null, strong):
        table, folder = rows(outcome), folder_of(outcome)
        (store,) = (folder.parents[2] / "toys").iterdir()
        shards = pd.concat(pd.read_parquet(path) for path in store.glob("*.parquet"))
        of_null = shards[(shards.f_s == 0) & (shards.toy < 100)]
        written = pd.read_parquet(folder / "toys.parquet")
        assert len(of_null) == 100
        for row in table[table.width.notna()].itertuples():
            values = of_null[f"t:{row.variant}"].tolist()
            k = sum(t >= row.t_observed for t in values)
            assert row.p_empirical == pytest.approx((1 + k) / (1 + len(values)), rel=1e-12)
            here = written[written.variant == row.variant]
            assert sorted(here[here.role == "null"].t) == sorted(values)
            assert here[here.role == "observed"].t.tolist() == [row.t_observed]


def test_observed_t_is_that_of_the_exact_solver(
    null: Any, search: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """float64, one Newton fit after the other; and a handful of toys is enough to run."""
    words = ("statistic.nplm.solver=newton", "toys.n_null=5", f"outputs={tmp_path}")
    exact = rows(succeed(*search.words, f"observed={search.folder / 'null.csv'}", *words))
    np.testing.assert_allclose(exact.t_observed[:2], rows(null).t_observed[:2], rtol=2e-3)
    assert exact.p_empirical.between(1 / 6, 1).all()


def results_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("observation.csv", "events.csv", "excess.csv")}


def test_same_seed_same_bytes_with_any_threads_and_after_a_cut(
    search: Any,
    strong: Any,
    tmp_path: Path,
    succeed: Run,
    run: Run,
    no_figures: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = (*search.words, f"observed={search.folder / 'signal.csv'}", "f_s=0.15")
    two = succeed(*words, "threads=2", f"outputs={tmp_path / 'two'}")
    assert results_of(folder_of(two)) == results_of(folder_of(strong))
    assert folder_of(two).name == folder_of(strong).name

    added = []
    add = ToyStore.add

    def cut(store: ToyStore, *arguments: Any) -> None:
        if added:
            raise UserError("the disk is full")
        added.append(arguments)
        add(store, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(ToyStore, "add", cut)
        assert run(*words, f"outputs={tmp_path / 'cut'}").status != 0
    assert added
    assert not (tmp_path / "cut" / "observe").exists()
    resumed = succeed(*words, f"outputs={tmp_path / 'cut'}")
    assert re.search(r"nplm: [1-9]\d* of 120 toys are done already", resumed.out)
    assert results_of(folder_of(resumed)) == results_of(folder_of(strong))
    other = succeed(*words, "seed=1", f"outputs={tmp_path / 'cut'}")
    assert results_of(folder_of(other)) != results_of(folder_of(strong))


def test_null_toys_do_not_depend_on_the_observed_file(
    search: Any, null: Any, collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """Neither nominal nor varied ones: for another file of as many events all are there already."""
    observed = search.write("other.csv", collisions(200, 4))
    other = succeed(*search.words, observed, f"outputs={folder_of(null).parents[2]}")
    assert "nplm: 100 of 100 toys are done already" in other.out
    assert folder_of(other) != folder_of(null)
    assert (p_of(other) != p_of(null)).any()
    # Of another size with the expected number given.
    words = (*search.words, "expected=150", "systematics={tilt: {up: tilt}}", f"outputs={tmp_path}")
    first = succeed(*words, f"observed={search.folder / 'null.csv'}")
    assert "already" not in first.out
    second = succeed(*words, search.write("fewer.csv", collisions(140, 5)))
    assert second.out.count("nplm: 100 of 100 toys are done already") == 2


def test_permutations_stand_beside_toys(search: Any, null: Any, tmp_path: Path, succeed: Run, no_figures: None) -> None:
    words = (*search.words, f"observed={search.folder / 'null.csv'}", f"outputs={tmp_path}")
    both = succeed(*words, "calibration=[toys,permutation]")
    table = rows(both)
    assert table.groupby("calibration").variant.apply(list).map(len).to_dict() == {"permutation": 8, "toys": 8}
    pd.testing.assert_series_equal(p_of(both), p_of(null))
    alone = succeed(*words, "calibration=permutation", "toys.n_permutations=50")
    assert set(rows(alone).calibration) == {"permutation"}
    assert (rows(alone).n_null == 50).all()
    assert (folder_of(alone) / "events.csv").is_file()


@pytest.mark.statistical
def test_toys_and_permutations_agree_on_null_observations(tmp_path: Path) -> None:
    """Both p of the same null observations: correlated above 0.9, and equal on average within 0.2.

    Toys condition on R and permutations do not, which moves all p of toys together, by as much as |D|/|R| = 1/8 lets
    R's fluctuations count. In 8 choices of seeds the correlation was 0.97 to 0.99 and the mean difference at most 0.12;
    the seeds are fixed. Few centres, which the two choose from other events, would bring the correlation down to 0.7.
    """
    n, n_null = (60, 1000) if FULL else (20, 200)
    rng = np.random.default_rng(8)
    points = rng.normal(size=(4000, 2))
    pools = build_pools(points, np.arange(4000), np.ones(4000), np.zeros(4000, bool), 800, 100, False, 0)
    definition = ToyDefinition(pools.fingerprint, 800, 100, False, False, 0)
    together = pools.append(rng.normal(size=(100 * n, 2)), {})
    observations = [replace(together, observed=4000 + 100 * i + np.arange(100)) for i in range(n)]
    with initialize_config_dir(str(CONFIGS), version_base=None):
        overrides = ["observed=none", "kernel=fixed", "kernel.widths=[1.0]", "nplm.n_centers=100"]
        cfg = compose("observe", overrides=overrides)
    statistic = instantiate(cfg.statistic.nplm, _convert_="all")
    by_toys, by_permutation = [], []
    with one_thread_each():
        statistic.prepare(together, 800, 100, 0, Resources())
        null = statistic.evaluate(draw_toys(together, definition, 0.0, range(n_null)))[:, 0]
        for seen in observations:
            by_toys.append(float(empirical_p(statistic.evaluate(observed_toy(seen, definition))[0], null)[0]))
            found, _, _ = permuted_significances(
                cfg, "nplm", seen, definition, n_null, 0, Resources(), str(tmp_path), 1
            )
            by_permutation.append(found[0].p_empirical)
    assert np.corrcoef(by_toys, by_permutation)[0, 1] > 0.9
    assert abs(np.mean(by_toys) - np.mean(by_permutation)) < 0.2


def outside(mass: pd.Series) -> pd.Series:
    return (mass < 90) | (mass > 110)


CONTROL = "control={mass: [[0,90],[110,200]]}"


def test_a_distorted_control_region_is_warned_of(
    search: Any, collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """The region holds fewer simulated events than toys.n_ref, so that its R is smaller."""
    honest = collisions(600, 6)
    distorted = honest.assign(x=honest.x + 0.8 * outside(honest.mass))
    words = (*search.words, CONTROL, f"outputs={tmp_path}")
    fine = succeed(*words, search.write("honest.csv", honest))
    assert f"control region: {outside(honest.mass).sum()} events" in fine.out
    assert "control region (p" not in fine.out
    warned = succeed(*words, search.write("distorted.csv", distorted))
    assert "warning: R does not describe the control region (p" in warned.out
    # Declared, the same distortion is expected there.
    other = collisions(3000, 9)
    other.assign(x=other.x + 0.8 * outside(other.mass)).to_csv(tmp_path / "other.csv", index=False)
    declared = f"systematics={{shift: {{up_file: {tmp_path / 'other.csv'}}}}}"
    known = succeed(*words, declared, f"observed={search.folder / 'distorted.csv'}")
    assert "control region (p" not in known.out
    # Inside nothing has changed.
    chosen = succeed(*words, "select={mass: [90,110]}", "control=null", f"observed={search.folder / 'distorted.csv'}")
    same = succeed(*words, "select={mass: [90,110]}", "control=null", f"observed={search.folder / 'honest.csv'}")
    assert results_of(folder_of(chosen)) == results_of(folder_of(same))


def test_select_cuts_reference_toys_and_data_alike(
    collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """As if all files had been cut by hand."""
    simulated, observed = (collisions(n, seed).rename(columns={"number": "id"}) for n, seed in ((3000, 7), (300, 8)))
    for name, cut in (("all", slice(None)), ("cut", slice(90, 110))):
        for kind, table in (("simulated", simulated), ("observed", observed)):
            low, high = (cut.start or -np.inf), (cut.stop or np.inf)
            table[(table.mass >= low) & (table.mass <= high)].to_csv(tmp_path / f"{kind}_{name}.csv", index=False)
    outcomes = []
    for name, select in (("all", "select={mass: [90,110]}"), ("cut", "select=null")):
        words = ("dataset=custom", f"embedding={tmp_path / f'simulated_{name}.csv'}", "dataset.label=kind")
        words = (*words, "dataset.signal=none", "dataset.observers=[mass,tilt]", "dataset.id=id", "toys.n_null=50")
        observed_file = f"observed={tmp_path / f'observed_{name}.csv'}"
        outcomes.append(succeed("observe", *words, observed_file, select, f"outputs={tmp_path / name}", "threads=1"))
    assert results_of(folder_of(outcomes[0])) == results_of(folder_of(outcomes[1]))
    assert pd.read_csv(folder_of(outcomes[0]) / "events.csv").mass.between(90, 110).all()


def altered(table: pd.DataFrame, how: str) -> pd.DataFrame:
    """The observers shuffled, left out, or under other names."""
    rng = np.random.default_rng(1)
    if how == "shuffled":
        return table.assign(**{name: rng.permutation(table[name]) for name in ("mass", "tilt")})
    return table.drop(columns=["mass", "tilt"]) if how == "removed" else table.rename(columns={"mass": "m"})


@pytest.mark.parametrize("how", ["shuffled", "removed", "renamed"])
def test_observers_have_no_say(
    how: str, search: Any, null: Any, collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    altered(collisions(4000, 1, 400), how).to_csv(tmp_path / "simulated.csv", index=False)
    altered(collisions(200, 2), how).to_csv(tmp_path / "null.csv", index=False)
    names = {"shuffled": "mass,tilt", "removed": "", "renamed": "m,tilt"}[how]
    words = (f"dataset.path={tmp_path / 'simulated.csv'}", f"dataset.observers=[{names}]", f"outputs={tmp_path}")
    outcome = succeed(*search.words, *words, f"observed={tmp_path / 'null.csv'}")
    name = "observation.csv"
    assert (folder_of(outcome) / name).read_bytes() == (folder_of(null) / name).read_bytes()


MASSES = ["M", "mZ1", "mZ2"]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real events in {REAL} (AUTOSCIDACT_TEST_DATA)")
def test_masses_in_the_published_files_have_no_say(
    fourlepton_folder: Path, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """CMS's own candidates of 2012 against a made-up background: only whether p changes matters."""
    published = pd.concat(pd.read_csv(REAL / f"{channel}_2012.csv") for channel in ("4mu", "4e", "2e2mu"))
    rng = np.random.default_rng(0)
    files = {
        "as they are": published,
        "shuffled": published.assign(**{name: rng.permutation(published[name]) for name in MASSES}),
        "removed": published.drop(columns=MASSES),
    }
    found = []
    for name, table in files.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        words = ("dataset=fourlepton", f"dataset.path={fourlepton_folder}", "embedding=raw", "toys.n_ref=500")
        words = (*words, "toys.n_null=50", "toys.n_signal=10", "threads=1", f"outputs={tmp_path / name}")
        found.append(results_of(folder_of(succeed("observe", *words, f"observed={tmp_path / f'{name}.csv'}"))))
    assert found[0] == found[1] == found[2]
    assert b"m4l" in found[0]["events.csv"]


def test_known_candidates_are_looked_for_by_id(
    search: Any, collisions: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """The 30 injected events in a file of their own, of which those above a mass count."""
    events = collisions(200, 3, 30)
    events[events.kind == "new"].to_csv(tmp_path / "known.csv", index=False)
    wanted = events[(events.kind == "new") & (events.mass >= 130)].number
    candidates = (f"candidates={tmp_path / 'known.csv'}", "candidates_in={mass: [130,1000]}")
    words = (*search.words, *candidates, f"observed={search.folder / 'signal.csv'}", f"outputs={tmp_path}")
    outcome = succeed(*words)
    ranked = pd.read_csv(folder_of(outcome) / "events.csv")
    ranks = ranked["rank"][ranked.id.isin(wanted)].tolist()
    text = " ".join(outcome.out.split())
    n = len(wanted)
    assert f"Known candidates: 30 in the files, {n} of them with mass in 130 to 1000, {n} among the 230 obs" in text
    assert f"{sum(rank <= 20 for rank in ranks)} of the first 20 ({n * 20 / 230:.1f})" in text
    assert f"Their ranks: {', '.join(map(str, ranks))}." in text
    assert "in the selection" not in text


LEPTONS = ("observe", "dataset=fourlepton", "embedding=raw", "toys.n_ref=500", "toys.n_null=20", "toys.n_signal=5")
LEPTONS = (*LEPTONS, "statistic=nplm", "control=null", "systematics=null", "threads=1")
PUBLISHED = ("4mu_{}.csv", "4e_{}.csv", "2e2mu_{}.csv")


@pytest.fixture
def two_years(fourlepton_folder: Path, tmp_path: Path) -> Callable[[int, int], pd.DataFrame]:
    """Writes 60 observed events of a year, the first of which CMS published besides four that were not observed."""
    folder = tmp_path / "data"
    shutil.copytree(fourlepton_folder, folder)

    def write(year: int, run: int) -> pd.DataFrame:
        table = pd.read_csv(folder / "observed.csv").assign(Run=run)
        table.to_csv(folder / f"observed_{year}.csv", index=False)
        for i, name in enumerate(PUBLISHED):
            others = table[-4:].assign(Event=10**6 + 10 * i + np.arange(4), Q1=[1, 1, 1, 1])
            pd.concat([table[i : i + 1], others]).to_csv(folder / name.format(year), index=False)
        return table

    return write


def test_published_candidates_are_those_of_the_years(
    two_years: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """By default, whichever years are observed; each count again from the files and from the ranked events."""
    tables = {2011: two_years(2011, 165_000), 2012: two_years(2012, 195_000)}
    pd.concat(tables.values()).to_csv(tmp_path / "data" / "observed_both.csv", index=False)
    folder = (f"dataset.path={tmp_path / 'data'}", f"outputs={tmp_path}")
    for years, file in (([2011], "2011"), ([2012], "2012"), ([2011, 2012], "both")):
        observed = f"observed={tmp_path / 'data' / f'observed_{file}.csv'}"
        outcome = succeed(*LEPTONS, *folder, observed, f"dataset.years={years}", "candidates_in={m4l: [120,170]}")
        text, ranked = " ".join(outcome.out.split()), pd.read_csv(folder_of(outcome) / "events.csv")
        published = pd.concat([tables[year].iloc[[0, 1, 2]] for year in years])
        inside = ranked.m4l.between(120, 170) & ranked.event.isin(published.Event)
        others = pd.concat([tables[year][-4:] for year in years]).set_index(["Run", "Event"])
        others["inside"] = ranked.set_index(["run", "event"]).m4l.between(120, 170)
        # Each of these is published three times, with a positive first lepton, whatever its charge was.
        given = inside.sum() + 3 * others.inside.sum()
        kept = inside.sum() + 3 * (others.inside & (others.Q1 == 1)).sum()
        assert inside.any()
        assert kept < given
        assert (
            f"Known candidates: {15 * len(years)} in the files, {given} of them with m4l in 120 to 170, "
            f"{kept} of these in the selection, {inside.sum()} among the {60 * len(years)} observed events: " in text
        )
        assert f"Their ranks: {', '.join(map(str, ranked['rank'][inside]))}." in text
        assert "left out" not in outcome.out


def test_missing_published_candidates_are_left_out_with_a_notice(
    two_years: Any, tmp_path: Path, succeed: Run, run: Run, no_figures: None
) -> None:
    """Of the dataset's own files only: one that the user names must be there."""
    two_years(2012, 195_000)
    data = tmp_path / "data"
    words = (*LEPTONS, f"dataset.path={data}", f"outputs={tmp_path}", f"observed={data / 'observed_2012.csv'}")
    (data / "4e_2012.csv").unlink()
    fewer = " ".join(succeed(*words).out.split())
    assert f"candidates: 4e_2012.csv left out, not in {data}" in fewer
    assert "Known candidates: 10 in the files" in fewer
    assert "Not at hand: 4e_2012.csv." in fewer
    named = run(*words, f"candidates=[{data / '4mu_2012.csv'},{data / '4e_2012.csv'}]")
    assert named.status == 1
    assert f"{data / '4e_2012.csv'}: no such file" in named.err
    for name in ("4mu_2012.csv", "2e2mu_2012.csv"):
        (data / name).unlink()
    none = " ".join(succeed(*words).out.split())
    assert "4mu_2012.csv, 4e_2012.csv, 2e2mu_2012.csv left out" in none
    assert "Known candidates" not in none


def test_published_needs_a_dataset_that_has_some(search: Any, run: Run) -> None:
    outcome = run(*search.words, f"observed={search.folder / 'signal.csv'}", "candidates=published")
    assert outcome.status == 1
    assert "candidates=published: dataset=custom has none" in outcome.err


def test_the_examples_of_help_run_to_their_events(
    two_years: Any, tmp_path: Path, succeed: Run, no_figures: None
) -> None:
    """A mapping from the command line replaces the dataset's, in the test and in what the run records."""
    two_years(2012, 195_000)
    data = tmp_path / "data"
    words = (*LEPTONS[:-3], "threads=1", f"dataset.path={data}", f"observed={data / 'observed_2012.csv'}")
    given = ("systematics={rate: {scale: 0.2}}", "control={mZ1: [60,90]}", f"outputs={tmp_path}")
    outcome = succeed(*words, *given)
    config = yaml.safe_load((folder_of(outcome) / "config.yaml").read_text())
    assert config["systematics"] == {"rate": {"scale": 0.2}}
    assert config["control"] == {"mZ1": [60, 90]}
    command = json.loads((folder_of(outcome) / "run.json").read_text())["command"]
    assert shlex.split(command)[1:] == [*words, *given]
    assert {"toys", "toys+variations"} <= set(rows(outcome).calibration)


def test_a_control_region_with_little_is_left_out_with_a_warning(search: Any, succeed: Any, tmp_path: Path) -> None:
    words = [*search.words, f"observed={search.folder / 'null.csv'}", f"outputs={tmp_path}"]
    left_out = succeed(*words, "control={mass: [120,200]}")
    assert "warning: control region left out: mass in 120 to 200 holds" in left_out.err
    assert "control region:" not in left_out.out
    assert len(rows(left_out)) > 0

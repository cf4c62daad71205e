"""From events to a table of Z on real input: it rises with the signal, and the same seed gives the same bytes."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors import safe_open

from autoscidact.statistics.nplm.statistic import NPLM

RESULTS = ("z_scores.csv", "z_scores.md", "toys.parquet", "z_scores_nplm.png")


def z_scores(outputs: Path, dataset: str = "*") -> pd.DataFrame:
    (path,) = outputs.glob(f"discover/{dataset}/*/z_scores.csv")
    return pd.read_csv(path)


def z_of(table: pd.DataFrame, variant: str) -> list[float]:
    """Empirical Z of a variant, by rising f_s."""
    return table[table.variant == variant].sort_values("f_s").z_empirical.tolist()


def tensors(outputs: Path) -> dict[str, np.ndarray]:
    (path,) = outputs.glob("train/*/*/checkpoint.safetensors")
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_z_rises_on_real_images(discovered: Path) -> None:
    table = pd.read_csv(discovered / "z_scores.csv")
    small, large = z_of(table, "average_p")
    assert small < 1 < large
    best = table[table.variant == "best_width"].sort_values("f_s")
    assert best.z_asymptotic.iloc[0] < 1.5
    assert best.z_asymptotic.iloc[1] > 3
    # 100 null toys cannot say more than 2.33; what lies past them is marked, not invented.
    assert table.z_empirical.max() < 2.34
    assert best.z_empirical_is_bound.tolist() == [False, True]


def test_results_stand_on_their_own(discovered: Path, trained: Path) -> None:
    assert sorted(path.name for path in discovered.iterdir()) == sorted([*RESULTS, "config.yaml", "run.json"])
    record = json.loads((discovered / "run.json").read_text())
    assert record["seed"] == 0
    assert record["command"].startswith("autoscidact discover dataset=digits")
    assert record["versions"].keys() >= {"autoscidact", "torch", "numpy", "python"}
    config = yaml.safe_load((discovered / "config.yaml").read_text())
    assert config["f_s"] == [0.02, 0.5]
    assert (config["toys"]["n_ref"], config["toys"]["n_data"], config["toys"]["n_null"]) == (400, 80, 100)
    table = pd.read_csv(discovered / "z_scores.csv")
    assert (set(table.dataset), set(table.n_ref), set(table.n_data)) == ({"digits"}, {400}, {80})
    assert (set(table.n_null), set(table.n_toys)) == ({100}, {10})
    toys = pd.read_parquet(discovered / "toys.parquet")
    assert toys.groupby(["role", "variant"]).size().unique().tolist() == [100, 20]
    (training,) = (trained / "train" / "digits").iterdir()
    names = {path.name for path in training.iterdir()}
    assert {"checkpoint.safetensors", "embedding.parquet", "config.yaml", "run.json"} <= names


def test_splits_are_recorded_and_toys_use_the_test_split_alone(trained: Path, discovered: Path) -> None:
    (path,) = trained.glob("train/digits/*/embedding.parquet")
    embedding = pd.read_parquet(path)
    assert len(embedding) == embedding.id.nunique() == 1797
    share = embedding.split.value_counts(normalize=True)
    assert share["train"] == pytest.approx(0.5, abs=0.01)
    assert share["test"] == pytest.approx(0.4, abs=0.01)


def test_same_seed_same_bytes(tmp_path: Path, succeed, digits, toys, trained: Path, discovered: Path) -> None:
    succeed("train", *digits, f"outputs={tmp_path}")
    assert_same(tensors(tmp_path), tensors(trained))
    succeed("discover", *digits, *toys, "f_s=[0.02,0.5]", f"outputs={tmp_path}")
    (again,) = (tmp_path / "discover" / "digits").iterdir()
    assert again.name == discovered.name
    for name in RESULTS:
        assert (again / name).read_bytes() == (discovered / name).read_bytes(), name


def test_another_seed_other_numbers(tmp_path: Path, succeed, digits, toys, trained: Path, discovered: Path) -> None:
    succeed("train", *digits, "seed=1", f"outputs={tmp_path}")
    weights, others = tensors(trained), tensors(tmp_path)
    assert any(not np.array_equal(values, others[name]) for name, values in weights.items())
    succeed("discover", *digits, *toys, "seed=1", "f_s=[0.02,0.5]", f"outputs={tmp_path}")
    found, first = z_scores(tmp_path), pd.read_csv(discovered / "z_scores.csv")
    assert not (found.t_median.dropna().to_numpy() == first.t_median.dropna().to_numpy()).any()


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(self: NPLM, toys: object) -> None:
        raise AssertionError("a toy was computed again")

    monkeypatch.setattr(NPLM, "evaluate", evaluate)


def test_the_same_command_computes_nothing_again(
    succeed, digits, toys, trained: Path, discovered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (discovered / name).read_bytes() for name in RESULTS}
    files = {path: path.stat().st_mtime_ns for path in trained.glob("t*/**/*") if path.name != "lock"}
    forbid(monkeypatch)
    assert "finished already" in succeed("train", *digits, f"outputs={trained}").out
    outcome = succeed("discover", *digits, *toys, "f_s=[0.02,0.5]", f"outputs={trained}")
    assert "120 of 120 toys are done already" in outcome.out
    assert {name: (discovered / name).read_bytes() for name in RESULTS} == before
    after = {path: path.stat().st_mtime_ns for path in trained.glob("t*/**/*") if path.name != "lock"}
    assert {path for path in after if path.is_file()} == {path for path in files if path.is_file()}
    assert all(after[path] == time for path, time in files.items() if path.is_file())


def test_fewer_toys_and_fractions_are_a_part_of_more(
    succeed, digits, trained: Path, discovered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toy does not depend on how many there are: half the run needs no new toy and has the same t."""
    forbid(monkeypatch)
    succeed("discover", *digits, "toys.n_null=50", "toys.n_signal=5", "f_s=0.5", f"outputs={trained}")
    (path,) = (p for p in trained.glob("discover/digits/*/toys.parquet") if p.parent != discovered)
    part, whole = pd.read_parquet(path), pd.read_parquet(discovered / "toys.parquet")
    merged = part.merge(whole, on=["statistic", "variant", "f_s", "role", "toy"], suffixes=("", "_whole"))
    assert len(merged) == len(part) == 55 * 6
    assert (merged.t == merged.t_whole).all()
    shutil.rmtree(path.parent)


def test_a_scan_that_holds_zero_has_uniform_p_there(succeed, digits, tmp_path: Path, trained: Path) -> None:
    """Toys at f_s = 0 that are looked at are not those that calibrate."""
    (checkpoint,) = trained.glob("train/digits/*/checkpoint.safetensors")
    options = ["toys.n_null=60", "toys.n_signal=40", "kernel=fixed", "kernel.widths=[2.0]", "f_s=0"]
    succeed("discover", *digits, *options, f"checkpoint={checkpoint}", f"outputs={tmp_path}")
    toys = pd.read_parquet(next(tmp_path.glob("discover/digits/*/toys.parquet")))
    null, observed = (toys[toys.role == role].t for role in ("null", "signal"))
    assert (len(null), len(observed)) == (60, 40)
    assert not set(null) & set(observed)
    assert -1.5 < z_scores(tmp_path).z_empirical.iloc[0] < 1.5


def test_checkpoint_gives_the_numbers_of_its_training(
    tmp_path: Path, succeed, digits, toys, trained: Path, discovered: Path
) -> None:
    (path,) = trained.glob("train/digits/*/checkpoint.safetensors")
    copied = shutil.copy(path, tmp_path / "mine.safetensors")
    # Settings of the training do not matter then: the checkpoint is what it is.
    options = ["dataset=digits", f"checkpoint={copied}", *toys, "f_s=[0.02,0.5]", f"outputs={tmp_path / 'new'}"]
    succeed("discover", *options)
    (csv,) = tmp_path.glob("new/discover/digits/*/z_scores.csv")
    assert csv.read_bytes() == (discovered / "z_scores.csv").read_bytes()


def test_our_own_table_of_embedded_events_gives_the_numbers_of_its_training(
    tmp_path: Path, succeed, toys, trained: Path, discovered: Path
) -> None:
    (path,) = trained.glob("train/digits/*/embedding.parquet")
    options = ["dataset=digits", f"embedding={path}", *toys, "f_s=[0.02,0.5]", f"outputs={tmp_path}"]
    succeed("discover", *options)
    found, first = z_scores(tmp_path, "embedding"), pd.read_csv(discovered / "z_scores.csv")
    pd.testing.assert_frame_equal(found.drop(columns="dataset"), first.drop(columns="dataset"), check_exact=True)


def test_a_users_own_embedding(tmp_path: Path, succeed, toys) -> None:
    """A CSV with a column of classes and two axes, with neither a training nor a dataset's file."""
    rng = np.random.default_rng(0)
    background = pd.DataFrame(rng.normal(size=(3000, 2)), columns=["u", "v"]).assign(species="setosa")
    background.loc[1500:, "species"] = "virginica"
    background.loc[1500:, "u"] += 2
    signal = pd.DataFrame(rng.normal([1, 3], 0.3, size=(200, 2)), columns=["u", "v"]).assign(species="new")
    pd.concat([background, signal]).to_csv(tmp_path / "mine.csv", index=False)
    outcome = succeed(
        "discover",
        "dataset=custom",
        f"embedding={tmp_path / 'mine.csv'}",
        "dataset.label=species",
        "dataset.signal=new",
        *toys,
        "f_s=[0.005,0.1]",
        f"outputs={tmp_path / 'outputs'}",
    )
    table = z_scores(tmp_path / "outputs", "mine")
    assert set(table.dataset) == {"mine"}
    small, large = z_of(table, "average_p")
    assert small < large
    assert large > 1.5
    assert set(table.n_data) == {375}
    # The terminal says where everything lies.
    for name in RESULTS:
        (line,) = (line.strip() for line in outcome.out.splitlines() if line.endswith(name))
        assert Path(line).is_file()


def test_several_datasets_at_once(tmp_path: Path, succeed) -> None:
    succeed("train", "-m", "dataset=synthetic,digits", "debug=quick", "logger=none", f"outputs={tmp_path}")
    outcome = succeed(
        "discover", "-m", "dataset=synthetic,digits", "f_s=0.02", "debug=quick", "logger=none", f"outputs={tmp_path}"
    )
    assert set(z_scores(tmp_path, "synthetic").dataset) == {"synthetic"}
    assert set(z_scores(tmp_path, "digits").dataset) == {"digits"}
    assert "synthetic" in outcome.out
    assert "digits" in outcome.out


def test_one_of_several_datasets_has_no_training(tmp_path: Path, run, digits, trained: Path) -> None:
    shutil.copytree(trained / "train", tmp_path / "train")
    options = ["trainer.max_epochs=15", "toys.n_null=20", "toys.n_signal=2", f"outputs={tmp_path}"]
    outcome = run("discover", "-m", "dataset=synthetic,digits", "f_s=0.02", *options)
    assert outcome.status == 1
    assert "error: 1 job failed:" in outcome.err
    assert "autoscidact train dataset=synthetic" in outcome.err
    assert set(z_scores(tmp_path).dataset) == {"digits"}


def test_z_rises_on_a_users_own_table(tmp_path: Path, succeed) -> None:
    """UCI Letter Recognition: 20000 real events, 26 classes, 16 features; the letter Q is held out."""
    folder = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    file = folder / "letters" / "letters.csv.gz"
    if not file.is_file():
        pytest.skip(f"no {file}: set AUTOSCIDACT_TEST_DATA to the folder that holds letters/letters.csv.gz")
    letters = ["dataset=custom", f"dataset.path={file}", "dataset.label=lettr", "dataset.signal=Q"]
    settings = ["trainer.max_epochs=6", "logger=none", f"outputs={tmp_path}"]
    succeed("train", *letters, *settings)
    succeed("discover", *letters, *settings, "toys.n_null=100", "toys.n_signal=8", "f_s=[0.01,0.05,0.2]")
    table = z_scores(tmp_path, "custom")
    z = z_of(table, "average_p")
    assert z == sorted(z)
    assert z[0] < 1 < z[2]
    best = table[table.variant == "best_width"].sort_values("f_s").z_asymptotic
    assert best.is_monotonic_increasing
    assert best.iloc[2] > 3


def test_no_signal_event_reaches_training_or_standardisation(
    tmp_path: Path, succeed, custom, custom_trained: tuple[Path, Path], table: pd.DataFrame
) -> None:
    """The same file with the signal's features a thousand times as large, and in another order of magnitude still:
    not a bit of the checkpoint changes."""
    _, outputs = custom_trained
    features = ["mass", "charge", "spin"]
    table.loc[table.kind == "new", features] = 1e3 * table.loc[table.kind == "new", features] + 1e6
    table.to_csv(tmp_path / "poisoned.csv", index=False)
    succeed("train", *custom, f"dataset.path={tmp_path / 'poisoned.csv'}", f"outputs={tmp_path}")
    assert_same(tensors(tmp_path), tensors(outputs))


def test_the_check_for_signal_in_training_can_fail(
    tmp_path: Path, succeed, custom, custom_trained: tuple[Path, Path], table: pd.DataFrame
) -> None:
    """One background event that trains, moved a little, changes the weights."""
    _, outputs = custom_trained
    (embedding,) = outputs.glob("train/custom/*/embedding.parquet")
    splits = pd.read_parquet(embedding)
    chosen = splits[(splits.split == "train") & (splits.label != "new")].id.iloc[0]
    table.loc[chosen, "mass"] += 1
    table.to_csv(tmp_path / "moved.csv", index=False)
    succeed("train", *custom, f"dataset.path={tmp_path / 'moved.csv'}", f"outputs={tmp_path}")
    moved, first = tensors(tmp_path), tensors(outputs)
    assert any(not np.array_equal(values, moved[name]) for name, values in first.items())

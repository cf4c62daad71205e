"""Every test on the same toys: comparison tests beside NPLM, raw events, and an embedding that knows the signal."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

Run = Callable[..., Any]

TOYS = ("toys.n_null=60", "toys.n_signal=12", "f_s=[0.05,0.5]")


def table(outcome_text: str, outputs: Path) -> pd.DataFrame:
    """The z_scores.csv whose path the command printed."""
    path = next(line.strip() for line in outcome_text.splitlines() if line.strip().endswith("z_scores.csv"))
    assert Path(path).is_relative_to(outputs)
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def outputs(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of these tests' own with the finished training in them."""
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("outputs") / "trained"))


@pytest.fixture(scope="module")
def alone(outputs: Path, digits: tuple[str, ...], succeed: Run) -> pd.DataFrame:
    return table(succeed("discover", *digits, *TOYS, f"outputs={outputs}").out, outputs)


@pytest.fixture(scope="module")
def everything(outputs: Path, digits: tuple[str, ...], succeed: Run) -> tuple[str, pd.DataFrame]:
    """statistic=all, before there is a training with the signal in."""
    out = succeed("discover", *digits, *TOYS, "statistic=all", f"outputs={outputs}").out
    return out, table(out, outputs)


def test_all_tests_stand_in_one_table_and_change_nothing_for_nplm(
    alone: pd.DataFrame, everything: tuple[str, pd.DataFrame]
) -> None:
    out, found = everything
    names = ["nplm", "mahalanobis", "mmd", "frechet", "c2st", "one_class_svm", "supervised"]
    assert list(found.statistic.unique()) == names
    pd.testing.assert_frame_equal(found[found.statistic == "nplm"], alone)
    assert "all_tests_empirical.png" in out
    assert "all_tests_asymptotic.png" in out
    assert "ideal_supervised: left out" in out
    assert "dataset.ideal_supervised=true" in out
    assert not found.duplicated(["statistic", "variant", "f_s"]).any()
    # Half as many signal events as background: every test sees it but the one that looks for outliers only and the one
    # that halves its 80 events.
    strong = found[found.f_s == 0.5].groupby("statistic").z_empirical.max().drop(["one_class_svm", "c2st"])
    assert (strong > 0.5).all(), strong


def test_only_the_ideal_test_sees_the_embedding_that_knows_the_signal(
    outputs: Path, digits: tuple[str, ...], succeed: Run, run: Run, everything: tuple[str, pd.DataFrame]
) -> None:
    where = f"outputs={outputs}"
    named = run("discover", *digits, *TOYS, "statistic=[ideal_supervised]", where)
    assert named.status == 1
    assert "dataset.ideal_supervised=true" in named.err

    out = succeed("train", *digits, "dataset.ideal_supervised=true", where).out
    assert "IN THE TRAINING" in out
    checkpoint = next(line.strip() for line in out.splitlines() if line.strip().endswith("checkpoint.safetensors"))
    found = table(succeed("discover", *digits, *TOYS, "statistic=all", where).out, outputs)
    assert "ideal_supervised" in set(found.statistic)
    others = found[found.statistic != "ideal_supervised"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, everything[1])
    # Another training, another folder: the agnostic one is where it was.
    assert len(list((outputs / "train" / "digits").iterdir())) == 2

    for words in (
        ["dataset.ideal_supervised=true"],
        [f"checkpoint={checkpoint}"],
        [f"embedding={Path(checkpoint).parent / 'embedding.parquet'}"],
    ):
        refused = run("discover", *digits, *TOYS, *words, where)
        assert refused.status == 1, words
        assert "ideal_supervised" in refused.err


def test_raw_events_need_no_training(tmp_path: Path, digits: tuple[str, ...], succeed: Run) -> None:
    words = ("embedding=raw", "statistic=[frechet,supervised]", f"outputs={tmp_path}")
    outcome = succeed("discover", *digits, *TOYS, *words)
    assert "constant over the background" in outcome.err  # the corners of every image are empty
    found = table(outcome.out, tmp_path)
    assert set(found.statistic) == {"frechet", "supervised"}
    assert (found.dataset == "digits").all()


def test_permutation_rows_stand_beside_toys(outputs: Path, digits: tuple[str, ...], succeed: Run) -> None:
    words = ("statistic=[nplm,mmd]", "toys.n_permutations=99", "toys.resample_reference=true", f"outputs={outputs}")
    out = succeed("discover", *digits, *TOYS, *words).out
    found = table(out, outputs)
    folder = next(line.strip() for line in out.splitlines() if line.strip().endswith("z_scores.csv"))
    succeed("report", f"runs={Path(folder).parent}", f"outputs={outputs}")
    permuted = found[found.statistic == "mmd_permutation"]
    alike = found[(found.statistic == "mmd") & (found.variant != "best_width")]
    assert sorted(permuted.variant.unique()) == sorted(alike.variant.unique())
    assert (permuted.n_null == 99).all()
    assert np.isclose(permuted.p_empirical * 100, np.round(permuted.p_empirical * 100)).all()


def test_a_statistic_that_the_events_do_not_allow_says_what_they_lack(tmp_path: Path, run: Run) -> None:
    rng = np.random.default_rng(0)
    events = pd.DataFrame(rng.normal(size=(900, 2)), columns=["x", "y"])
    events["kind"] = np.where(np.arange(900) % 9 == 0, "new", "old")
    events.to_csv(tmp_path / "mine.csv", index=False)
    words = ("f_s=0.1", "toys.n_ref=200", "toys.n_data=50", "toys.n_null=20", "toys.n_signal=5")
    mine = (f"embedding={tmp_path / 'mine.csv'}", "dataset.label=kind", "dataset.signal=new", f"outputs={tmp_path}")
    refused = run("discover", *words, *mine, "statistic=[supervised]")
    assert refused.status == 1
    assert "supervised" in refused.err
    assert "split" in refused.err
    allowed = run("discover", *words, *mine, "statistic=all")
    assert allowed.status == 0, allowed.err
    assert "supervised: left out" in allowed.out


def test_wrong_labels_make_another_training(tmp_path: Path, digits: tuple[str, ...], succeed: Run, run: Run) -> None:
    few = (*digits, "trainer.max_epochs=1", f"outputs={tmp_path}")
    succeed("train", *few)
    succeed("train", *few, "dataset.label_noise=0.1")
    folders = list((tmp_path / "train" / "digits").iterdir())
    noise = {yaml.safe_load((folder / "config.yaml").read_text())["dataset"]["label_noise"] for folder in folders}
    assert noise == {0, 0.1}
    refused = run("train", *few, "dataset.label_noise=2")
    assert refused.status == 1
    assert "dataset.label_noise" in refused.err


def test_other_classes_are_another_run_and_never_stand_in_one_table(tmp_path: Path, run: Run, succeed: Run) -> None:
    """The same points with other labels draw the same toys; Mahalanobis sees others."""
    rng = np.random.default_rng(0)
    events = pd.DataFrame(rng.normal(size=(900, 2)) * [1, 3], columns=["x", "y"])
    signal = np.arange(900) % 9 == 0
    words = ("f_s=0.1", "toys.n_ref=300", "toys.n_data=50", "toys.n_null=20", "toys.n_signal=5")
    folders = []
    for name, one in (("first", events.x > 0), ("second", events.y > 0)):
        (tmp_path / name).mkdir()
        kind = np.where(signal, "new", np.where(one, "a", "b"))
        events.assign(kind=kind).to_csv(tmp_path / name / "mine.csv", index=False)
        mine = (f"embedding={tmp_path / name / 'mine.csv'}", "dataset.label=kind", "dataset.signal=new")
        out = succeed("discover", *words, *mine, "statistic=[mahalanobis]", f"outputs={tmp_path}").out
        folders.append(Path(next(line.strip() for line in out.splitlines() if "z_scores.csv" in line)).parent)
    assert folders[0] != folders[1]
    refused = run("report", f"runs=[{folders[0]},{folders[1]}]", f"outputs={tmp_path}")
    assert refused.status == 1
    assert "mahalanobis's classes" in refused.err
    # Without runs=... each has a table of its own.
    report = succeed("report", f"outputs={tmp_path}", f"to={tmp_path / 'report'}")
    assert folders[0].name in report.out
    assert folders[1].name in report.out

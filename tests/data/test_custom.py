import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from autoscidact.data import custom
from autoscidact.errors import UserError

SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}
DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def frame():
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "event": 1000 + random.permutation(40),
            "pt": random.exponential(size=40),
            "eta": random.normal(size=40),
            "charge": random.integers(0, 2, 40) * 2 - 1,
            "mass": random.normal(91, 2, 40),
            "w": random.uniform(0.5, 1, 40),
            "kind": np.tile(["Z", "W", "top", "Higgs"], 10),
        }
    )


@pytest.fixture
def load(tmp_path):
    def load(frame, **changes):
        path = tmp_path / "events.csv"
        frame.to_csv(path, index=False)
        settings = {"name": "mine", "signal": "Higgs", "split": SPLIT, "seed": 0, "path": str(path), "label": "kind"}
        return custom.load(**(settings | changes))

    return load


def test_every_other_numeric_column_is_a_feature(load, frame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load(frame, weight="w", id="event", observers=["mass"])
    events = dataset.events
    assert events.feature_names == ("pt", "eta", "charge")
    assert np.array_equal(events.features, frame[["pt", "eta", "charge"]].to_numpy(np.float32))
    assert events.classes == ("Higgs", "W", "Z", "top")
    assert [events.classes[k] for k in events.labels] == frame["kind"].tolist()
    assert events.ids.tolist() == frame["event"].tolist()
    assert events.weights.tolist() == frame["w"].tolist()
    assert events.observers["mass"].tolist() == frame["mass"].tolist()
    assert (events.features.dtype, events.labels.dtype, events.ids.dtype) == (np.float32, np.int64, np.int64)


def test_named_features_in_the_order_given(load, frame):
    assert load(frame, features=["eta", "pt"]).events.feature_names == ("eta", "pt")
    assert load(frame, features="eta").events.feature_names == ("eta",)


def test_hydra_lists_and_mappings(load, frame):
    cfg = OmegaConf.create({"features": ["eta", "pt"], "observers": ["kind"], "split": SPLIT})
    dataset = load(frame, **cfg)
    assert dataset.events.feature_names == ("eta", "pt")
    assert dataset.events.observers["kind"].tolist() == frame["kind"].tolist()


@pytest.mark.parametrize(("labels", "signal"), [([0, 1, 2, 3], 2), ([0.0, 1.0, 2.0, 3.0], "2"), ([0, 1, 2, 3], 2.0)])
def test_numbered_classes(load, frame, labels, signal):
    frame["kind"] = np.tile(labels, 10)
    dataset = load(frame, signal=signal)
    assert dataset.events.classes == ("0", "1", "2", "3")
    assert dataset.signal_label == 2


def test_npy_matrix_with_a_label_column_number(tmp_path, frame):
    frame["kind"] = np.tile([0, 1, 2, 3], 10)
    np.save(tmp_path / "m.npy", frame.to_numpy(np.float64))
    dataset = custom.load(name="m", signal=1, split=SPLIT, seed=0, path=str(tmp_path / "m.npy"), label=6, features=None)
    assert dataset.events.features.shape == (40, 6)
    assert dataset.events.classes == ("0", "1", "2", "3")


def test_relative_to_the_current_folder(load, frame, tmp_path, monkeypatch):
    expected = load(frame)
    monkeypatch.chdir(tmp_path)
    assert load(frame, path="events.csv").fingerprint == expected.fingerprint


def test_unused_text_is_named(load, frame):
    frame["comment"] = "x"
    with pytest.warns(UserWarning, match="not numeric, so not used as features: comment"):
        assert "comment" not in load(frame).events.feature_names


def test_a_row_counter_would_give_sorted_classes_away(load, frame):
    with pytest.warns(UserWarning, match="only counts the rows.*: Unnamed: 0"):
        dataset = load(frame.sort_values("kind").reset_index(drop=True).reset_index(names="Unnamed: 0"))
    assert "Unnamed: 0" not in dataset.events.feature_names


def test_missing_labels_are_counted(load, frame):
    frame.loc[[4, 9], "kind"] = [None, "  "]
    with pytest.raises(UserError, match=r"events\.csv: 2 rows without a label, the first is row 5"):
        load(frame)


def test_bad_features_are_named(load, frame):
    frame.loc[[2, 3], "eta"] = np.nan
    with pytest.raises(UserError, match=r"events\.csv: NaN or infinite values in eta \(2 rows\), the first in row 3"):
        load(frame)


def test_constant_feature(load, frame):
    frame["charge"] = 1
    with pytest.warns(UserWarning, match=r"events\.csv: constant over the background: charge"):
        assert "charge" in load(frame).events.feature_names


@pytest.mark.parametrize(
    ("change", "settings", "says"),
    [
        ({}, {"path": None}, r"give dataset\.path=FILE"),
        ({}, {"path": "???"}, r"give dataset\.path=FILE"),
        ({}, {"path": "absent.csv"}, r"absent\.csv: no such file.*dataset\.path=FILE"),
        ({}, {"label": None}, r"dataset\.label=COLUMN; there are event, pt, eta"),
        ({}, {"label": "Kin"}, r"no column 'Kin'; did you mean 'kind'\? there are event, pt"),
        ({}, {"label": "zzz"}, r"no column 'zzz'; there are event, pt"),
        ({}, {"signal": None}, r"dataset\.signal=CLASS; there are Higgs, W, Z, top"),
        ({}, {"signal": "higgs"}, r"signal class 'higgs' is not there; did you mean 'Higgs'"),
        ({}, {"features": ["pt", "etaa"]}, r"dataset\.features: there is no column 'etaa'; did you mean 'eta'"),
        ({}, {"features": ["pt", "kind"]}, "'kind' is the label"),
        ({}, {"features": []}, "no numeric column is left"),
        ({}, {"observers": ["masss"]}, r"dataset\.observers: there is no column 'masss'"),
        ({}, {"weight": "kind", "label": "charge", "signal": 1}, "'kind' is not numeric and cannot be a weight"),
        ({"comment": "x"}, {"features": ["comment"]}, "'comment' is not numeric and cannot be a feature"),
        ({"w": -1.0}, {"weight": "w"}, r"events\.csv: 40 rows with an event weight"),
        ({}, {"id": "pt"}, r"dataset\.id=pt: ids must be whole numbers"),
        ({}, {"id": "charge"}, "occurs more than once"),
        ({"pt": 1e39}, {}, "'pt' has values beyond 3.4e38"),
        ({"kind": ["Z"] * 20 + ["Higgs"] * 19 + ["W"]}, {}, r"W \(1\) have fewer than 2"),
        ({"kind": "Higgs"}, {}, "background is needed"),
    ],
)
def test_says_what_is_wrong(load, frame, change, settings, says):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(UserError, match=says) as caught:
            load(frame.assign(**change), **settings)
    assert "\n" not in str(caught.value)


def test_letters():
    """UCI Letter Recognition: real events through the same door."""
    path = DATA / "letters" / "letters.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set AUTOSCIDACT_TEST_DATA")
    dataset = custom.load(name="letters", signal="A", split=SPLIT, seed=0, path=str(path), label="lettr")
    assert dataset.events.features.shape == (20_000, 16)
    assert "".join(dataset.events.classes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert dataset.events.feature_names[0] == "x.box"
    assert len(dataset.subset("test", "signal")) == round(0.4 * 789)

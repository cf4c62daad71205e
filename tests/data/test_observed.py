"""Observed events: read as the dataset's own are, and refused where they cannot be tested."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.data.contract import Dataset, Events
from autoscidact.data.observed import (
    OBSERVED,
    check_new_ids,
    check_observed,
    observed_array,
    observed_events,
    observed_table,
)
from autoscidact.errors import UserError

NAMES = ("x", "y", "z")


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    events = pd.DataFrame(rng.normal(size=(30, 3)), columns=list(NAMES))
    return events.assign(mass=rng.random(30), channel="4mu", number=np.arange(30) + 7, kind="observed?", extra=1.0)


def dataset(features: np.ndarray, names: tuple[str, ...] = NAMES) -> Dataset:
    """Half train, half test; the last two events are signal."""
    n = len(features)
    labels = (np.arange(n) >= n - 2).astype(np.int64)
    events = Events(features.astype(np.float32), labels, ("known", "new"), np.arange(n), np.ones(n), names)
    return Dataset("mine", events, "new", np.where(np.arange(n) % 2, 2, 0).astype(np.int8))


def simulated(seed: int = 1, n: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3))


def observed(features: np.ndarray, ids: np.ndarray | None = None) -> Events:
    ids = np.arange(len(features)) if ids is None else ids
    return observed_events(features.astype(np.float32), ids, {}, NAMES)


@pytest.mark.parametrize("format", ["csv", "parquet", "tsv"])
def test_table_in_any_format(format: str, table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"data.{format}"
    if format == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="," if format == "csv" else "\t")
    events = observed_table(path, ("z", "x"), ("mass", "channel", "not there"), "number")
    np.testing.assert_allclose(events.features, table[["z", "x"]].to_numpy(np.float32), rtol=1e-6)
    assert events.feature_names == ("z", "x")
    assert events.classes == (OBSERVED,)
    assert set(events.observers) == {"mass", "channel"}
    np.testing.assert_array_equal(events.ids, table.number)
    np.testing.assert_array_equal(events.weights, np.ones(30))
    assert observed_table(path, NAMES).ids.tolist() == list(range(30))


def test_table_that_lacks_something(table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    table.to_csv(path, index=False)
    for names, id, said in (
        (("x", "w"), None, "columns w"),
        (("x", "channel"), None, "'channel' is not numeric"),
        (("x",), "nr", "columns nr"),
        (("x",), "mass", "dataset.id=mass"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            observed_table(path, names, (), id)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_arrays(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((5, 1, 8, 8))
    np.save(tmp_path / "images.npy", images)
    events = observed_array(tmp_path / "images.npy", (1, 8, 8))
    np.testing.assert_array_equal(events.features, images.astype(np.float32))
    assert events.ids.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(UserError, match=r"shape \(n, 8, 8\)"):
        observed_array(tmp_path / "images.npy", (8, 8))
    np.save(tmp_path / "complex.npy", images * 1j)
    with pytest.raises(UserError, match="complex"):
        observed_array(tmp_path / "complex.npy", (1, 8, 8))


def test_good_events_pass_unchanged() -> None:
    known, data = dataset(simulated()), observed(simulated(2, 50))
    assert check_observed(data, known, "data.csv") is data


def test_events_that_cannot_be_tested() -> None:
    known, good = dataset(simulated()), simulated(2, 50)
    broken = good.copy()
    broken[[3, 9], 1] = np.nan
    bad = {
        "no events": observed(good[:0]),
        "y, in 2 events, the first is event 4": observed(broken),
        "1 event with an id that is there already, the first is 5": observed(good[:3], np.array([5, 5, 6])),
        r"shape \(2,\)": observed(good[:, :2]),
    }
    for said, events in bad.items():
        with pytest.raises(UserError, match=said) as caught:
            check_observed(events, known, "data.csv")
        assert str(caught.value).startswith("data.csv: ")
        assert "\n" not in str(caught.value)


@given(factor=st.sampled_from([1e-6, 1e-3, 1e3, 1e6]), offset=st.floats(-5, 5), seed=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_other_units_are_noticed(factor: float, offset: float, seed: int) -> None:
    with pytest.raises(UserError, match=r"3 of 3 features.*other units"):
        check_observed(observed(factor * (simulated(seed + 2, 50) + offset)), dataset(simulated()), "data.csv")


@given(factor=st.floats(0.1, 10), offset=st.floats(-20, 20), seed=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_what_physics_may_do_is_not_refused(factor: float, offset: float, seed: int) -> None:
    """A novelty may be wider, narrower, or somewhere else."""
    check_observed(observed(factor * simulated(seed + 2, 50) + offset), dataset(simulated()), "data.csv")


def test_one_feature_in_other_units_is_warned_of() -> None:
    data = simulated(2, 50) * [1, 1000, 1]
    with pytest.warns(UserWarning, match=r"data.csv: y spreads .* times as wide.*units"):
        check_observed(observed(data), dataset(simulated()), "data.csv")


def test_events_that_are_known() -> None:
    features = simulated()
    seen = np.concatenate([simulated(2, 20), features[[1, 3, 5]]])
    with pytest.raises(UserError, match=r"3 of 23 observed events are in dataset mine, all in its test split"):
        check_observed(observed(seen), dataset(features), "data.csv")
    seen = np.concatenate([simulated(2, 20), features[[0, 3, 4]]])
    with pytest.raises(UserError, match=r"3 of 23 .* 2 of them in its training and validation splits"):
        check_observed(observed(seen), dataset(features), "data.csv")
    # Minus zero is zero.
    features[0], zero = 0.0, np.full((1, 3), -0.0)
    with pytest.raises(UserError, match=r"1 of 1 observed"):
        check_observed(observed(zero), dataset(features), "data.csv")


def test_events_that_are_known_by_their_ids() -> None:
    """Rounded, or calibrated anew: the features do not tell, but the ids do, and they say which split it is."""
    features = simulated()
    known = dataset(features)
    rounded = np.round(np.concatenate([features[:5], simulated(2, 20)]), 4)
    leaked = observed(rounded, np.concatenate([np.arange(5), np.arange(20) + 1000]))
    assert check_observed(leaked, known, "data.csv") is leaked
    with pytest.raises(
        UserError, match=r"data.csv: 5 of 25 observed .*, 3 in its train split, 2 in its test"
    ) as caught:
        check_new_ids(leaked, known, "data.csv")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"1 of 1 .* dataset mine, 1 in its test split, the first is 7;"):
        check_new_ids(observed(simulated(2, 1), np.array([7])), known, "data.csv")
    check_new_ids(observed(rounded, np.arange(25) + 1000), known, "data.csv")


def test_coincidences_on_a_grid_are_no_leak() -> None:
    """Few whole numbers in few columns: rows agree by chance, in the simulation as between it and the data."""
    rng = np.random.default_rng(0)
    grid = dataset(rng.integers(0, 6, (400, 3)))
    check_observed(observed(rng.integers(0, 6, (60, 3))), grid, "data.csv")


def test_repeated_features_without_ids_are_warned_of() -> None:
    data = simulated(2, 50)
    with pytest.warns(UserWarning, match="data.csv: 2 events with the features of another one"):
        check_observed(observed(np.concatenate([data, data[:2]])), dataset(simulated()), "data.csv")

import warnings
from dataclasses import replace

import numpy as np
import pytest

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import Dataset, Events
from autoscidact.errors import UserError


def make(signal="b", **changes):
    random = np.random.default_rng(0)
    features = random.normal(size=(12, 3)).astype(np.float32)
    events = Events(
        features=changes.pop("features", features),
        labels=changes.pop("labels", np.arange(12) % 3),
        classes=changes.pop("classes", ("a", "b", "c")),
        ids=changes.pop("ids", np.arange(12)),
        weights=changes.pop("weights", np.ones(12)),
        feature_names=changes.pop("feature_names", ("mass", "pt", "eta")),
    )
    assert not changes
    return Dataset("small", events, signal, np.zeros(12, dtype=np.int8))


def features_with(value, rows, column=1):
    features = make().events.features.copy()
    features[rows, column] = value
    return features


def test_good_dataset_passes_silently_and_unchanged():
    dataset = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_dataset(dataset) is dataset


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_names_the_feature_and_counts_its_rows(value):
    with pytest.raises(UserError, match=r"events\.csv: NaN or infinite values in pt \(2 rows\), the first in row 4;"):
        check_dataset(make(features=features_with(value, [3, 7])), "events.csv")


def test_opposite_infinities_do_not_cancel():
    features = features_with(np.inf, [3])
    features[5, 1] = -np.inf
    with pytest.raises(UserError, match=r"pt \(2 rows\)"):
        check_dataset(make(features=features))


def test_bad_pixel_in_images():
    features = np.random.default_rng(0).normal(size=(12, 1, 4, 4)).astype(np.float32)
    features[2, 0, 1, 1] = np.nan
    with pytest.raises(UserError, match=r"value 5 \(1 row\), the first in row 3"):
        check_dataset(make(features=features, feature_names=()))


def test_constant_feature_is_named_and_kept():
    with pytest.warns(UserWarning, match="dataset small: constant over the background: pt$"):
        dataset = check_dataset(make(features=features_with(4.0, slice(None))))
    assert dataset.events.features.shape == (12, 3)


def test_constant_over_the_background_only():
    features = features_with(4.0, slice(None))
    features[1::3, 1] = np.arange(4)
    with pytest.warns(UserWarning, match="pt"):
        check_dataset(make(features=features))
    with pytest.warns(UserWarning, match="pt"):
        check_dataset(make(features=features, signal="b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_dataset(make(features=features, signal="a"))


def test_constant_pixels_are_no_news_but_constant_images_are():
    features = np.random.default_rng(0).normal(size=(12, 1, 4, 4)).astype(np.float32)
    features[:, 0, 0, 0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_dataset(make(features=features, feature_names=()))
    with pytest.raises(UserError, match="every feature is constant"):
        check_dataset(make(features=0 * features, feature_names=()))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": np.ones((12, 3), np.float32)}, "every feature is constant"),
        ({"features": np.ones((12, 0), np.float32), "feature_names": ()}, "no features"),
        ({"labels": np.array([0, 1, -1, 2] * 3)}, r"3 rows without a label, the first is row 3"),
        ({"labels": np.array([0] * 6 + [1] * 5 + [2])}, r"of 3 classes, c \(1\) have fewer than 2 events"),
        ({"labels": np.array([0, 1] * 6)}, r"c \(0\) have fewer than 2"),
        ({"signal": "bb"}, r"signal class 'bb' is not there.*dataset\.signal from a, b, c"),
        ({"labels": np.zeros(12, int), "classes": ("b",)}, "background is needed"),
        ({"ids": np.array([*range(11), 5])}, "event id 5 occurs more than once"),
        ({"weights": np.array([1.0] * 11 + [-2])}, r"1 row with an event weight.*row 12 \(-2\)"),
        ({"weights": np.array([np.nan] * 2 + [1.0] * 10)}, r"2 rows with an event weight.*row 1 \(nan\)"),
        ({"weights": np.zeros(12)}, r"12 rows with an event weight"),
    ],
)
def test_says_what_is_wrong(changes, says):
    with pytest.raises(UserError, match=says) as caught:
        check_dataset(make(**changes))
    assert "\n" not in str(caught.value)


def test_no_events():
    with pytest.raises(UserError, match="no events"):
        check_dataset(replace(make(), events=make().events.take(np.array([], dtype=int)), split=np.array([], np.int8)))


def test_signal_near_miss_is_suggested():
    with pytest.raises(UserError, match="did you mean 'muons'"):
        check_dataset(make(signal="muon", classes=("electrons", "muons", "taus")))


def test_fingerprint_sees_everything_a_result_depends_on():
    base = make()
    random = np.random.default_rng(1)
    changed = [
        make(features=features_with(1.0, [0])),
        make(labels=np.arange(12)[::-1] % 3),
        make(classes=("a", "b", "d")),
        make(ids=np.arange(1, 13)),
        make(weights=random.uniform(size=12)),
        make(signal="a"),
        replace(base, split=np.ones(12, dtype=np.int8)),
    ]
    assert base.fingerprint == make().fingerprint
    assert len(base.fingerprint) == 16
    assert len({base.fingerprint, *(dataset.fingerprint for dataset in changed)}) == 1 + len(changed)


def test_fingerprint_does_not_depend_on_memory_layout():
    strided = np.asfortranarray(make().events.features)
    assert make(features=strided).fingerprint == make().fingerprint

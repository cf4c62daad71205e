"""What every dataset in configs/dataset promises. A new dataset adds one row to ROWS."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from histology_folders import write_tissues
from hydra.utils import instantiate
from image_folders import write_batches, write_challenge, write_class_folders
from omegaconf import OmegaConf

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import SPLITS

CONFIGS = Path(__file__).parents[2] / "configs" / "dataset"
# For each dataset: what to set so that it loads quickly.
ROWS = {
    "synthetic": {"n_per_class": 300},
    "digits": {},
    "shapes": {"n_background": 1500, "n_signal": 300, "split": {"train": 0.5, "val": 0.1, "test": 0.4}},
    "fourlepton": {"path": "FOURLEPTON", "copies": 5},
    "jetclass": {"path": "JETCLASS"},
    "ligo": {"path": "LIGO"},
    "custom": {"path": "TABLE", "label": "kind", "signal": "c"},
    "images": {"path": "IMAGES", "signal": "c", "size": 16},
    "cifar10": {"path": "CIFAR10", "split": {"train": 0.5, "val": 0.1, "test": 0.4}},
    "histology": {"path": "HISTOLOGY", "size": 32, "split": {"train": 0.5, "val": 0.1, "test": 0.4}},
    "butterflies": {"path": "BUTTERFLIES", "size": 16},
}
# Classes that the encoder is not trained on, in datasets that say so.
TEST_ONLY = {"reducible", "NAFLD", "hybrid"}
# Classes with test events of their own beside those that the shares give.
MORE_IN_TEST = {"mouse_liver"}
# Datasets that come split, so that no seed has a part in it.
SPLIT_ALREADY = {"jetclass", "ligo"}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(400, 3)), columns=["x", "y", "z"])
    path = tmp_path_factory.mktemp("custom") / "events.csv"
    frame.assign(kind=random.choice(list("abc"), 400)).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def image_folders(tmp_path_factory):
    """Prepares an image dataset in a small folder of its own; each once."""
    made = {}

    def folder(name):
        if name not in made:
            source, target = tmp_path_factory.mktemp(f"{name}_source"), tmp_path_factory.mktemp(name)
            size = {"size": ROWS[name]["size"]} if "size" in ROWS[name] else {}
            write = {
                "images": lambda: write_class_folders(source, "abc", 30),
                "cifar10": lambda: write_batches(source, 4),
                "histology": lambda: write_tissues(source),
                "butterflies": lambda: write_challenge(source),
            }
            write[name]()
            importlib.import_module(f"autoscidact.data.{name}").prepare(path=str(target), mirror=str(source), **size)
            made[name] = str(target)
        return made[name]

    return folder


@pytest.fixture(params=ROWS)
def load(request, table, image_folders):
    paths = {"TABLE": lambda: table}
    for name in ("images", "cifar10", "histology", "butterflies"):
        paths[name.upper()] = lambda name=name: image_folders(name)
    for name in ("fourlepton", "jetclass", "ligo"):
        paths[name.upper()] = lambda name=name: str(request.getfixturevalue(f"{name}_folder"))
    settings = {key: paths[value]() if key == "path" else value for key, value in ROWS[request.param].items()}
    cfg = OmegaConf.load(CONFIGS / f"{request.param}.yaml").dataset
    return lambda **changes: instantiate(OmegaConf.merge(cfg, settings, changes))


def test_every_configuration_has_a_row():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_configuration_brings_its_settings(name):
    cfg = OmegaConf.load(CONFIGS / f"{name}.yaml")
    assert cfg.dataset.name == name
    assert {"_target_", "name", "path", "label", "signal", "split", "seed"} <= set(cfg.dataset)
    assert {"override /encoder", "override /loss"} <= {key for entry in cfg.defaults for key in entry}
    assert {"temperature", "lambda_ce"} <= set(cfg.loss)
    assert {"max_epochs", "batch_size", "lr"} <= set(cfg.trainer)
    assert {"n_ref", "n_data"} <= set(cfg.toys)
    assert list(cfg.f_s) == sorted(cfg.f_s)
    assert (CONFIGS / f"{name}.yaml").read_text().startswith("# @package _global_\n# ")


def test_types_and_shapes(load):
    dataset = load()
    events = dataset.events
    n = len(events)
    assert events.features.dtype == np.float32
    assert events.features.shape[0] == n
    assert events.features.ndim >= 2
    assert np.isfinite(events.features[:]).all()
    assert (events.labels.dtype, events.labels.shape) == (np.int64, (n,))
    assert (events.ids.dtype, events.ids.shape) == (np.int64, (n,))
    assert (events.weights.dtype, events.weights.shape) == (np.float64, (n,))
    assert (dataset.split.dtype, dataset.split.shape) == (np.int8, (n,))
    assert all(isinstance(name, str) for name in events.classes)
    assert isinstance(dataset.signal, str)
    if events.feature_names:
        assert events.features.shape == (n, len(events.feature_names))
    assert check_dataset(dataset) is dataset


def test_splits_are_disjoint_and_stratified(load):
    dataset = load()
    parts = {split: dataset.subset(split) for split in SPLITS}
    everything = np.concatenate([part.ids for part in parts.values()])
    assert np.array_equal(np.sort(everything), np.sort(dataset.events.ids))
    size = np.bincount(dataset.events.labels)
    shared = [name not in TEST_ONLY | MORE_IN_TEST for name in dataset.events.classes]
    if dataset.name in SPLIT_ALREADY:
        assert all(len(part) for part in parts.values())
        return
    for split, share in {"train": 0.5, "val": 0.1, "test": 0.4}.items():
        found = np.bincount(parts[split].labels, minlength=len(size))
        assert (np.abs(found - share * size)[shared] <= 1).all()


def test_background_and_signal_are_told_apart(load):
    dataset = load()
    for split in SPLITS:
        background, signal = dataset.subset(split, "background"), dataset.subset(split, "signal")
        assert not (background.labels == dataset.signal_label).any()
        assert (signal.labels == dataset.signal_label).all()
        assert len(background) > 0
        assert len(signal) > 0 or (split != "test" and dataset.signal in TEST_ONLY)


def test_seed_reproduces(load):
    first, again, other = load(), load(), load(seed=1)
    assert first.fingerprint == again.fingerprint
    assert (first.fingerprint != other.fingerprint) == (first.name not in SPLIT_ALREADY)


def test_held_out_class_can_be_changed(load):
    first = load().events.classes[0]
    assert load(signal=first).signal_label == 0

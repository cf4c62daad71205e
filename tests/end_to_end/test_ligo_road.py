"""dataset=ligo as a user runs it: simulated and real noise, interruption, training, discovery, and what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from autoscidact.commands.strain_events import best_delay
from autoscidact.data.ligo.dataset import load
from autoscidact.data.ligo.event_strain import event_strain
from autoscidact.data.ligo.layout import CLASSES
from autoscidact.embedding.table import read_embedding

pytest.importorskip("lalsimulation", reason="lalsuite is missing: pip install 'autoscidact[gw]'")

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve()
SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}
SMALL = ("dataset=ligo", "encoder=resnet1d_small", "encoder.widths=[4,4,8,8]", "trainer.max_epochs=1", "logger=none")


@pytest.fixture
def dataset(tmp_path):
    return lambda name="data", **changes: load(
        **{"name": "ligo", "signal": "white_noise_burst", "split": SPLIT, "path": str(tmp_path / name), **changes}
    )


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "shards").glob("*.npy")}


def test_from_noise_to_a_table(ligo_folder, succeed, tmp_path):
    words = (*SMALL, f"dataset.path={ligo_folder}", f"outputs={tmp_path}", "threads=1")
    outcome = succeed("train", *words)
    assert (
        "270 training and 54 validation events of 9 background classes, signal white_noise_burst held out"
        in outcome.out
    )
    (path,) = tmp_path.glob("train/ligo/*/embedding.parquet")
    embedded = read_embedding(path)
    assert len(embedded.points) == 600
    snr = np.asarray(embedded.observers["snr"], dtype=float)
    assert np.isnan(snr[embedded.labels == "background"]).all()
    assert ((snr >= 8) & (snr <= 40))[embedded.labels == "cusp"].all()
    succeed("discover", *words, "toys.n_ref=120", "toys.n_data=30", "toys.n_null=50", "toys.n_signal=5", "f_s=[0.5]")
    assert len(list(tmp_path.glob("discover/ligo/*/z_scores.csv"))) == 1


def test_same_seed_same_bytes_on_any_number_of_processes_and_after_an_interruption(succeed, tmp_path):
    words = ("prepare", "dataset=ligo", "source=simulated", "n_per_class=12")
    succeed(*words, f"dataset.path={tmp_path / 'one'}", "threads=1")
    succeed(*words, f"dataset.path={tmp_path / 'two'}", "threads=2")
    one = files(tmp_path / "one")
    assert files(tmp_path / "two") == one
    assert len(one) == 2 * 3 * len(CLASSES)
    lost = sorted((tmp_path / "two/shards").glob("kink_train*.npy"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two/shards").glob("*.npy")}
    for path in lost:
        path.unlink()
    outcome = succeed(*words, f"dataset.path={tmp_path / 'two'}", "threads=1")
    assert "the folder" in outcome.out
    assert files(tmp_path / "two") == one
    kept = {path: time for path, time in before.items() if path not in lost}
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    succeed(*words, f"dataset.path={tmp_path / 'other'}", "threads=1", "seed=1")
    assert not set(files(tmp_path / "other")) & set(one)


@pytest.mark.skipif(not (DATA / "ligo").is_dir(), reason=f"no real strain in {DATA} (AUTOSCIDACT_TEST_DATA)")
def test_real_strain_and_real_glitches(succeed, run, dataset, tmp_path):
    words = ("prepare", "dataset=ligo", f"mirror={DATA / 'ligo'}", f"dataset.path={tmp_path / 'data'}", "threads=1")
    glitches = f"dataset.glitches={DATA / 'glitches/o3_glitches.npz'}"
    outcome = run(*words, "n_per_class=1000", glitches)
    assert outcome.status == 1
    assert "n_per_class=1000: 10 classes of so many need 501 s of good strain in both detectors" in outcome.err
    outcome = succeed(*words, "n_per_class=60", glitches)
    events = tmp_path / "data/events"
    assert {path.name[:8] for path in events.glob("*.png")} == {"GW150914", "GW151012", "GW151226", "GW170104"}
    assert "60 segments of each of 10 classes, 30 train, 6 val, 24 test" in outcome.out
    data = dataset()
    truths = data.events.stored_observers[:]
    # What is recorded is the time at the Earth's centre of a signal, or the first sample's: at most 21 + 49 ms apart.
    seconds = {k: set(np.floor(truths["gps"][(data.split == k) & background(data)]).astype(int)) for k in range(3)}
    assert not seconds[0] & seconds[2]
    assert not seconds[0] & seconds[1]
    assert not seconds[1] & seconds[2]
    known = [1126259462.4, 1128678900.4, 1135136350.6, 1167559936.6]
    assert min(np.abs(truths["gps"] - event).min() for event in known) > 3
    cases = [set(truths["case"][(data.split == k) & ~np.isnan(truths["case"])]) for k in range(3)]
    assert all(cases)
    assert not cases[0] & cases[2]


@pytest.mark.skipif(not (DATA / "ligo").is_dir(), reason=f"no real strain in {DATA} (AUTOSCIDACT_TEST_DATA)")
def test_the_first_wave_reached_livingston_first_and_upside_down():
    delay, inverted = best_delay(event_strain(DATA / "ligo", 1126259462.4).strain)
    assert 0.0065 <= delay <= 0.0075  # 6.9 +0.5 -0.4 ms, arXiv:1602.03837
    assert inverted


def background(data):
    return data.events.labels == data.events.classes.index("background")


def test_arrays_of_others_are_taken_as_they_are(succeed, run, dataset, tmp_path):
    random = np.random.default_rng(0)
    mirror = tmp_path / "challenge"
    mirror.mkdir()
    arrays = {name: random.normal(size=(50, 2, 200)) for name in ("background", "bbh", "sine_gaussian_low")}
    np.savez(mirror / "background.npz", data=arrays["background"])
    np.save(mirror / "bbh_for_challenge.npy", arrays["bbh"])
    np.save(mirror / "sglf_for_challenge.npy", arrays["sine_gaussian_low"])
    words = ("prepare", "dataset=ligo", "source=arrays", f"dataset.path={tmp_path / 'data'}")
    outcome = succeed(*words, f"mirror={mirror}", "dataset.signal=bbh")
    assert "segments as they are: 50 background (background.npz), 50 bbh (bbh_for_challenge.npy)" in outcome.out
    events = dataset(signal="bbh").events
    assert events.classes == ("background", "bbh", "sine_gaussian_low")
    for label, name in enumerate(events.classes):
        found = events.features[events.labels == label]
        expected = arrays[name].astype(np.float32)
        np.testing.assert_array_equal(np.sort(found[:, 0, 0]), np.sort(expected[:, 0, 0]))
    outcome = run(*words)
    assert (outcome.status, outcome.err.splitlines()[-1][:26]) == (1, "error: source=arrays: give")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "dataset=ligo: choose where noise comes from: mirror=FOLDER"),
        (("source=virgo",), "source=virgo: choose files, simulated, arrays"),
        (("source=simulated", "mirror=."), "source=simulated needs no files"),
        (("source=simulated", "dataset.snr=[40,8]"), "dataset.snr=[40, 8]: give the least and the largest"),
        (("source=simulated", "dataset.signal=supernova"), "dataset.signal=supernova: choose from background"),
        (("source=simulated", "n_per_class=2"), "n_per_class=2: too few for events in val"),
        (("source=simulated", "dataset.glitches=no.npz"), "no.npz: cannot be read"),
    ],
)
def test_settings_that_cannot_be(run, tmp_path, words, message):
    outcome = run("prepare", "dataset=ligo", f"dataset.path={tmp_path}", "threads=1", *words)
    assert outcome.status == 1
    assert message in outcome.err.splitlines()[-1], outcome.err


def test_what_was_not_prepared_so_is_refused(ligo_folder, run, tmp_path):
    words = (*SMALL, f"outputs={tmp_path}")
    outcome = run("train", *words, f"dataset.path={tmp_path / 'nothing'}")
    assert "index.json: no such file; make it with autoscidact prepare dataset=ligo" in outcome.err
    outcome = run("train", *words, f"dataset.path={ligo_folder}", "dataset.split.train=0.7")
    assert "prepared with dataset.split={'train': 0.5, 'val': 0.1, 'test': 0.4}, not" in outcome.err
    index = json.loads((ligo_folder / "shards/index.json").read_text())
    copy = tmp_path / "copy/shards"
    copy.mkdir(parents=True)
    (copy / "index.json").write_text(json.dumps(index))
    outcome = run("train", *words, f"dataset.path={tmp_path / 'copy'}")
    assert "missing or damaged; delete it and prepare the dataset again" in outcome.err

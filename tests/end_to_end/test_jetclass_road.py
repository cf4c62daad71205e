"""dataset=jetclass as a user runs it: shards to a training that streams them, its embedding, and a discovery."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from autoscidact.data.jetclass.dataset import load
from autoscidact.embedding.table import read_embedding

pytest.importorskip("weaver")

SMALL = (
    "dataset=jetclass",
    "encoder=part_tiny",
    "encoder.embed_dims=[16,16]",
    "encoder.pair_embed_dims=[8]",
    "encoder.n_layers=1",
    "trainer.max_epochs=2",
    "trainer.batch_size=64",
    "trainer.shuffle_buffer=128",
    "logger=none",
    "threads=1",
)
TOYS = ("toys.n_ref=80", "toys.n_data=20", "toys.n_null=50", "toys.n_signal=5", "f_s=[0.5]")
SPLIT = {"train": [0, 99], "val": [120, 124], "test": [100, 119]}


@pytest.fixture(scope="module")
def trained(jetclass_folder, tmp_path_factory, succeed):
    outputs = tmp_path_factory.mktemp("jets")
    words = (*SMALL, f"dataset.path={jetclass_folder}", f"outputs={outputs}")
    return outputs, words, succeed("train", *words)


def folder_of(outputs, command="train"):
    (folder,) = (outputs / command / "jetclass").iterdir()
    return folder


def test_train_streams_and_says_so(trained):
    outputs, _, outcome = trained
    assert "320 training and 160 validation events of 4 background classes, signal Hbb held out" in outcome.out
    assert "% of it waiting for events from disk" in outcome.out
    assert "Linear probe:" in outcome.out
    assert "[HYDRA]" not in outcome.out + outcome.err
    embedded = read_embedding(folder_of(outputs) / "embedding.parquet")
    assert len(embedded) == 800
    assert {*embedded.observers} == {"entry", *(f"jet_{n}" for n in ("pt", "eta", "phi", "energy", "nparticles"))} | {
        f"jet_{n}" for n in ("sdmass", "tau1", "tau2", "tau3", "tau4")
    }
    recorded = json.loads((folder_of(outputs) / "run.json").read_text())
    assert 0 <= recorded["linear_probe"]["accuracy"] <= 1
    assert recorded["dataset"]["events"] == {"train": 400, "val": 200, "test": 200}


def test_observers_are_those_of_the_jets(trained, jetclass_folder):
    outputs, _, _ = trained
    embedded = read_embedding(folder_of(outputs) / "embedding.parquet")
    dataset = load(name="jetclass", signal="Hbb", split=SPLIT, path=str(jetclass_folder))
    order = np.argsort(dataset.events.ids)
    rows = order[np.searchsorted(dataset.events.ids[order], embedded.ids)]
    assert np.array_equal(dataset.events.stored_observers[rows]["jet_sdmass"], embedded.observers["jet_sdmass"])
    assert np.array_equal(np.array(dataset.events.classes)[dataset.events.labels[rows]], embedded.labels)


def test_the_signal_reaches_no_training(trained, jetclass_folder, tmp_path, succeed):
    """Other Higgs bosons in the training files: the same weights."""
    from jetclass_files import random_table, write_table

    outputs, words, _ = trained
    other = shutil.copytree(jetclass_folder, tmp_path / "other", ignore=shutil.ignore_patterns("shards"))
    for number in (0, 1, 120):
        write_table(other / f"HToBB_{number:03d}.root", random_table(40, seed=77 + number, classes=("Hbb",)))
    words = [word for word in words if not word.startswith(("dataset.path", "outputs"))]
    succeed("prepare", "dataset=jetclass", f"dataset.path={other}")
    succeed("train", *words, f"dataset.path={other}", f"outputs={tmp_path / 'out'}")
    from autoscidact.embedding.checkpoint import load as load_checkpoint

    weights = [
        load_checkpoint(folder_of(place) / "checkpoint.safetensors").encoder.state_dict()
        for place in (outputs, tmp_path / "out")
    ]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_discover(trained, succeed):
    outputs, words, _ = trained
    succeed("discover", *words, *TOYS, "statistic=[nplm,mahalanobis,supervised]")
    table = pd.read_csv(folder_of(outputs, "discover") / "z_scores.csv")
    assert {"nplm", "mahalanobis", "supervised"} == set(table.statistic)


def test_embed_again_gives_the_same_and_fewer_on_request(trained, succeed):
    outputs, words, _ = trained
    first = read_embedding(folder_of(outputs) / "embedding.parquet")
    succeed("embed", *words)
    path = folder_of(outputs, "embed") / "embedding.parquet"
    again = read_embedding(path)
    assert np.array_equal(first.points, again.points)
    assert "embedded already" in succeed("embed", *words).out
    shutil.rmtree(outputs / "embed")
    few = succeed("embed", *words, "embed.splits=[test,train]", "embed.n_train=30")
    found = read_embedding(folder_of(outputs, "embed") / "embedding.parquet")
    assert pd.Series(found.splits).value_counts().to_dict() == {"test": 200, "train": 30}
    assert "next: autoscidact discover dataset=jetclass embedding=" in few.out
    places = np.searchsorted(first.ids[np.argsort(first.ids)], found.ids)
    np.testing.assert_allclose(first.points[np.argsort(first.ids)][places], found.points, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("dataset.n_particles=32", "prepared with dataset.n_particles=64, not 32"),
        ("dataset.split.val=[99,124]", "files of number 99 are in both"),
        ("dataset.split.train=[0]", "give the first and last file number"),
        ("dataset.classes=[QCD,Hbb,Hcc]", "no jets of Hcc"),
        ("dataset.classes=[QCD,Higgs]", "no class Higgs"),
        ("dataset.signal=Higgs", "choose dataset.signal from QCD, Hbb, Zqq, Wqq, Tbqq"),
        ("dataset.path=nowhere", "make it with autoscidact prepare dataset=jetclass"),
        ("trainer.shuffle_buffer=0", "trainer.shuffle_buffer must be a whole number of at least 1"),
        ("encoder.dim=0", "encoder.dim must be a whole number"),
        ("embed.splits=[testing]", "choose from train, val, test"),
        ("embed.splits=[train] embed.n_train=0", "has no events there to embed"),
    ],
)
def test_settings_that_cannot_be(trained, run, tmp_path, word, message):
    _, words, _ = trained
    command = "embed" if word.startswith("embed.") else "train"
    words = [w for w in words if not w.startswith("outputs")] if command == "train" else list(words)
    outcome = run(command, *words, *word.split(), *([f"outputs={tmp_path}"] if command == "train" else []))
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("error:") == 1


def test_raw_jets_are_not_tested(trained, run):
    outcome = run("discover", *trained[1], "embedding=raw")
    assert outcome.status == 1
    assert "embedding=raw: the events of dataset=jetclass lie on disk" in outcome.err


def test_experiments_compose(succeed):
    laptop = succeed("prepare", "experiment=jetclass_laptop", "--cfg", "job").out
    assert "source: pythia" in laptop
    assert "n_per_class: 20000" in laptop
    paper = succeed("train", "experiment=jetclass_paper", "--cfg", "job").out
    assert "max_epochs: 100" in paper
    assert "n_layers: 8" in paper
    assert "devices: 4" in paper


def test_two_processes_from_the_command_line(trained, tmp_path):
    """As torchrun starts them: one checkpoint and one embedding, the losses of a single process."""
    _, words, _ = trained
    words = [word for word in words if not word.startswith("outputs")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    local = ["--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    command = [*launcher, *local, "-m", "autoscidact.cli", "train", *words]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    options = [f"outputs={tmp_path}", "trainer.devices=2", "device=cpu", "logger=default"]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained in") == done.stdout.count("embedding.parquet") == 1
    folder = folder_of(tmp_path)
    shared = pd.read_csv(folder / "metrics.csv")
    assert len(read_embedding(folder / "embedding.parquet")) == 800
    subprocess.run(
        [sys.executable, "-m", "autoscidact.cli", "train", *words, f"outputs={tmp_path / 'one'}", "logger=default"],
        env=environment,
        check=True,
        capture_output=True,
    )
    alone = pd.read_csv(folder_of(tmp_path / "one") / "metrics.csv")
    np.testing.assert_allclose(shared["train_loss"], alone["train_loss"], rtol=1e-5)

"""`autoscidact prepare dataset=jetclass` as a user runs it: options, damage, and what other datasets say of them."""

import importlib
import json

import pytest
from jetclass_files import random_table, write_table

from autoscidact.data.jetclass.file_names import STEMS
from autoscidact.data.jetclass.shard_view import open_shards
from autoscidact.errors import UserError

pytest.importorskip("uproot")


@pytest.fixture
def mirror(tmp_path):
    """Files of three classes, for training and for toys, and one that was cut short."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    for k, name in enumerate(("QCD", "Hbb", "Tbqq")):
        for number in (1, 101, 121):
            path = folder / f"{STEMS[name]}_{number:03d}.root"
            write_table(path, random_table(12, seed=10 * number + k, max_particles=20, classes=(name,)))
    (folder / "TTBar_002.root").write_bytes(path.read_bytes()[:9000])
    return folder


@pytest.fixture
def command(tmp_path, mirror):
    words = ("dataset=jetclass", "dataset.classes=[QCD,Hbb,Tbqq]", f"dataset.path={tmp_path / 'data'}", "threads=1")
    return ("prepare", *words, f"mirror={mirror}")


def test_damage_is_refused_in_one_line_or_counted(command, run, succeed, tmp_path):
    outcome = run(*command)
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].count("TTBar_002.root: cut short, damaged, or no ROOT file") == 1
    assert "Traceback" not in outcome.err
    outcome = succeed(*command, "data.skip_bad_files=true")
    assert "left out: 0 bad jets, 1 files" in outcome.out
    assert "TTBar_002.root: cut short" in outcome.out
    assert f"the folder {tmp_path / 'data'} is ready; next: autoscidact train dataset=jetclass" in outcome.out
    assert len(open_shards(tmp_path / "data" / "shards", ("QCD", "Hbb", "Tbqq"))) == 9 * 12


def test_particles_and_splits_are_those_of_the_dataset(command, succeed, mirror, tmp_path):
    (mirror / "TTBar_002.root").unlink()
    outcome = succeed(
        *command, "dataset.n_particles=10", "dataset.split={train: [0,50], val: [60,70], test: [120,124]}"
    )
    assert "files 3 of no split" in outcome.out
    assert "note: no jets of QCD, Hbb, Tbqq in val" in outcome.out
    view = open_shards(tmp_path / "data" / "shards")
    assert view.particles.shape == (6 * 12, 22, 10)
    assert json.loads((tmp_path / "data" / "shards" / "index.json").read_text())["n_particles"] == 10


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("n_per_class=100", "n_per_class is for generated jets"),
        ("n_per_class=many", "n_per_class=many must be a whole number"),
        ("n_per_class=0.5", "n_per_class=0.5 must be a whole number"),
        ("source=zenodo", "source=zenodo: choose files or pythia"),
        ("data.skip_bad_files=1", "data.skip_bad_files=1: choose true or false"),
        ("n_events=100", "dataset=jetclass has no n_events to choose in its preparation"),
        ("data.skip_bad=true", "data.skip_bad"),
    ],
)
def test_wrong_options_are_named(command, run, word, message):
    outcome = run(*command, word)
    assert outcome.status != 0
    assert message in outcome.err


def test_options_that_another_dataset_does_not_know(run):
    outcome = run("prepare", "dataset=fourlepton", "n_per_class=100", "data.skip_bad_files=true")
    assert outcome.status == 1
    assert "dataset=fourlepton has no n_per_class, data.skip_bad_files to choose in its preparation" in outcome.err
    outcome = run("prepare", "dataset=fourlepton", "data.skip_bad_files=false", "mirror=nowhere")
    assert "mirror=nowhere: there is no such folder" in outcome.err


def test_generation_gets_the_seed_of_the_run(run, tmp_path, monkeypatch):
    given = []

    def generate(*arguments):
        given.append(arguments)
        raise UserError("stop here")

    monkeypatch.setattr(importlib.import_module("autoscidact.data.jetclass.prepare"), "generate_dataset", generate)
    words = ("dataset=jetclass", f"dataset.path={tmp_path / 'data'}", "source=pythia", "seed=7", "threads=2")
    assert run("prepare", *words, "n_per_class=1e3").err.splitlines()[-1].endswith("stop here")
    run("prepare", *words)
    assert given == [(tmp_path / "data" / "pythia", n, 7, 2) for n in (1000, 20_000)]

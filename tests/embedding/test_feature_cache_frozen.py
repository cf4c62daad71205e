"""Trainings on features of a frozen backbone: from images to a checkpoint that takes no other features."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stored_features import stored

from autoscidact.data.contract import Dataset, Events
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding import frozen
from autoscidact.embedding.checkpoint import check_matches, load
from autoscidact.embedding.embed import embed
from autoscidact.embedding.frozen import (
    check_backbone,
    frozen_backbone,
    frozen_dataset,
    frozen_events,
    frozen_variants,
    recorded,
    stored_views,
)
from autoscidact.embedding.image_views import ImageViews
from autoscidact.embedding.settings import LossSettings, TrainerSettings
from autoscidact.embedding.training import train
from autoscidact.embedding.views import JitterAndDrop
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.errors import UserError

N, F = 240, 1280
SPEC = EncoderSpec(
    "autoscidact.encoders.pretrained.encoder.PretrainedEncoder",
    2,
    {"source": "efficientnet_lite", "model": "efficientnet_lite0", "resolution": 32, "hidden": [16]},
)


def with_settings(**settings):
    return replace(SPEC, arguments={**SPEC.arguments, **settings})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two kinds of images, told apart by their stripes, on disk as bytes."""
    random, labels = np.random.default_rng(0), np.arange(N) % 3
    stripes = np.indices((32, 32))
    pixels = np.stack([128 + 90 * np.sin(stripes[k % 2] * (0.6 + 0.8 * (k == 2))) for k in labels])[:, None]
    pixels = np.clip(pixels + random.normal(0, 30, (N, 3, 32, 32)), 0, 255).astype(np.uint8)
    features = replace(stored(tmp_path_factory.mktemp("images"), pixels), dtype=np.dtype("<f4"))
    files = {"file": np.array([f"{k}.png" for k in range(N)])}
    events = Events(features, labels, ("a", "b", "c"), np.arange(N) * 7, np.ones(N), observers=files)
    return Dataset("pictures", events, "c", (np.arange(N) // 3 % 3).astype(np.int8))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def backbone():
    return frozen_backbone(SPEC)


def trained(train_events, val_events, folder, spec, views=None, max_epochs=3, **settings):
    name = "simclr" if views else "supcon"
    return train(
        train_events,
        val_events,
        encoder=spec,
        loss=LossSettings(name, 0.1, 0.0 if views else 0.5, views),
        trainer=TrainerSettings(max_epochs=max_epochs, batch_size=27, lr=3e-3, accelerator="cpu"),
        folder=folder,
        seed=0,
        signal="c",
        **settings,
    )


@pytest.fixture(scope="module")
def seen(dataset, backbone, cache):
    return frozen_dataset(dataset, backbone, cache)


@pytest.fixture(scope="module")
def finished(dataset, backbone, seen, tmp_path_factory):
    parts = [seen.subset(name, "background") for name in ("train", "val")]
    folder = tmp_path_factory.mktemp("training")
    known = {"dataset_name": dataset.name, "dataset_fingerprint": dataset.fingerprint}
    return trained(*parts, folder, recorded(SPEC, backbone), max_epochs=10, **known)


def test_everything_but_the_features_is_kept(dataset, seen):
    assert seen.events.features.shape == (N, F)
    for name in ("labels", "ids", "weights"):
        assert np.array_equal(getattr(seen.events, name), getattr(dataset.events, name))
    assert np.array_equal(seen.split, dataset.split)
    assert seen.events.observers is dataset.events.observers
    assert (seen.name, seen.signal, seen.events.classes) == (dataset.name, dataset.signal, dataset.events.classes)


def test_from_features_to_an_embedding(dataset, backbone, seen, cache, finished):
    assert finished.history[-1]["train_loss"] < finished.history[0]["train_loss"]
    checkpoint = check_backbone(load(finished.checkpoint), backbone)
    check_matches(checkpoint, dataset, 2)
    assert sum(p.numel() for p in checkpoint.encoder.parameters()) == F * 16 + 16 + 16 * 2 + 2
    assert checkpoint.metadata["encoder"]["features_of"] == backbone.identity()
    points = embed(checkpoint, seen.events.features)
    assert np.abs(checkpoint.standardisation.mean).max() > 0
    # Observed images come as an array in memory: other blocks, the same features up to rounding.
    test = dataset.subset("test")
    observed = replace(test, features=test.features[:])
    again = embed(checkpoint, frozen_events(observed, backbone, cache).features)
    np.testing.assert_allclose(again, points[dataset.split == 2], rtol=1e-3, atol=1e-3)


def test_features_of_another_backbone_are_refused(finished, tmp_path):
    checkpoint = load(finished.checkpoint)
    same = frozen_backbone(SPEC)
    assert check_backbone(checkpoint, same).path == checkpoint.path
    larger = frozen_backbone(with_settings(resolution=48))
    with pytest.raises(UserError, match=r"at 32 pixels with weights .* not on .* at 48 pixels"):
        check_backbone(checkpoint, larger)
    with torch.no_grad():
        same.network._conv_stem.weight[0, 0, 0, 0] += 1
    with pytest.raises(UserError, match=r"was trained on features of efficientnet_lite.*encoder\.weights"):
        check_backbone(checkpoint, same)
    with pytest.raises(UserError, match="not on events as they are"):
        check_backbone(checkpoint, None)
    with pytest.raises(UserError, match="on events as they are, not on features of"):
        check_backbone(replace(checkpoint, metadata={"encoder": SPEC.to_config()}), same)
    mlp = replace(checkpoint, metadata={"encoder": {"_target_": "mlp"}})
    assert check_backbone(mlp, None) is mlp


def test_many_features_stay_on_disk(dataset, backbone, cache, seen, monkeypatch):
    monkeypatch.setattr(frozen, "_IN_MEMORY", 1000)
    kept = frozen_dataset(dataset, backbone, cache).events.features
    assert isinstance(kept, ShardedArray)
    assert np.array_equal(kept[:], seen.events.features)


def test_training_on_stored_variants(dataset, backbone, cache, tmp_path):
    views = ImageViews()
    parts = [
        frozen_variants(dataset.subset(name, "background").take(np.arange(27)), backbone, views, 2, cache)
        for name in ("train", "val")
    ]
    assert parts[0].features.shape == (27, F, 3)
    result = trained(*parts, tmp_path, recorded(SPEC, backbone), stored_views(views), 2)
    checkpoint = check_backbone(load(result.checkpoint), backbone)
    assert "crop" in checkpoint.metadata["loss"]["views"]
    features = frozen_events(dataset.subset("test"), backbone, cache).features
    assert embed(checkpoint, features).shape == (len(features), 2)
    with pytest.raises(UserError, match="loss=simclr_images"):
        stored_views(JitterAndDrop())


def test_fine_tuning_on_views_of_images(dataset, tmp_path):
    spec = with_settings(frozen=False)
    assert frozen_backbone(spec) is None
    parts = [dataset.subset(name, "background").take(np.arange(27)) for name in ("train", "val")]
    result = trained(*parts, tmp_path, spec, ImageViews(), 1)
    checkpoint = check_backbone(load(result.checkpoint), None)
    assert checkpoint.standardisation.changes_nothing
    before = spec.build((3, 32, 32)).state_dict()["backbone.network._conv_stem.weight"]
    assert not torch.equal(checkpoint.encoder.state_dict()["backbone.network._conv_stem.weight"], before)
    assert np.isfinite(embed(checkpoint, parts[0].features)).all()


def test_encoders_that_see_events_as_they_are():
    assert frozen_backbone(EncoderSpec("autoscidact.encoders.mlp.MLP", 4)) is None
    assert frozen_backbone(with_settings(cache=False)) is None
    with pytest.raises(UserError, match=r"encoder\.model is missing"):
        frozen_backbone(replace(SPEC, arguments={"source": "timm"}))
    with pytest.raises(UserError, match="choose encoder=mlp"):
        frozen_events(
            Events(np.zeros((3, 5), np.float32), np.zeros(3, int), ("a",), np.arange(3), np.ones(3)), None, ""
        )

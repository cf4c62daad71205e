"""Events as an encoder with a frozen backbone sees them: features in the place of images."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from autoscidact.data.contract import Dataset, Events, Features
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding.checkpoint import Checkpoint
from autoscidact.embedding.feature_cache import cached_features, cached_variants
from autoscidact.embedding.image_views import ImageViews, StoredViews
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.pretrained.contract import Backbone
from autoscidact.encoders.pretrained.encoder import PretrainedEncoder
from autoscidact.encoders.pretrained.sources import PRETRAINED, load_backbone
from autoscidact.errors import UserError

_TARGET = f"{PretrainedEncoder.__module__}.{PretrainedEncoder.__qualname__}"
_IN_MEMORY = 1 << 30
"""Bytes of features up to which they are read at once."""


def frozen_backbone(spec: EncoderSpec) -> Backbone | None:
    """The backbone whose features the encoder is to see; None for an encoder that sees events as they are.

    That is a `PretrainedEncoder` with `frozen` and `cache`, both true by default.

    Raises:
        UserError: see `load_backbone`.
    """
    settings = spec.arguments
    if spec.target != _TARGET or not settings.get("frozen", True) or not settings.get("cache", True):
        return None
    for key in ("source", "model"):
        if key not in settings:
            raise UserError(f"encoder.{key} is missing: it names the pre-trained network")
    return load_backbone(
        str(settings["source"]),
        str(settings["model"]),
        str(settings.get("weights", PRETRAINED)),
        settings.get("resolution", 224),
    )


def recorded(spec: EncoderSpec, backbone: Backbone) -> EncoderSpec:
    """The encoder with what its features depend on, which a checkpoint then keeps: for a training on features."""
    return replace(spec, arguments={**spec.arguments, "features_of": backbone.identity()})


def frozen_events(events: Events, backbone: Backbone, folder: str | Path, device: str = "cpu") -> Events:
    """The same events, their images replaced by features (n, F).

    Args:
        events: images (3, height, width) from 0 to 255.
        backbone: see `frozen_backbone`.
        folder: of the cache, see `cached_features`.
        device: where to compute what is not there yet.

    Raises:
        UserError: events that are no images, or see `cached_features`.
    """
    _check_images(events.features)
    return replace(events, features=_read(cached_features(events.features, backbone, folder, device)))


def frozen_dataset(dataset: Dataset, backbone: Backbone, folder: str | Path, device: str = "cpu") -> Dataset:
    """The same dataset, its images replaced by features (n, F); see `frozen_events`.

    Its fingerprint is another one: whoever asks which events these are must ask the dataset of images.
    """
    return replace(dataset, events=frozen_events(dataset.events, backbone, folder, device))


def frozen_variants(
    events: Events, backbone: Backbone, views: ImageViews, n_views: int, folder: str | Path, device: str = "cpu"
) -> Events:
    """The same events, their images replaced by features of themselves and of augmented variants, (n, F, 1 + n_views).

    For training and validation; their `loss.views` are then `stored_views(views)`.

    Raises:
        UserError: see `frozen_events`.
    """
    _check_images(events.features)
    features = cached_variants(events.features, backbone, views, n_views, folder, device)
    return replace(events, features=_read(features))


def stored_views(views: Callable[[Tensor], Tensor] | None) -> StoredViews:
    """Views that draw from stored variants. Raises UserError unless `views` are of images: these make the variants."""
    if not isinstance(views, ImageViews):
        raise UserError(
            "encoder.cached_views keeps augmented variants of images, which loss.views must make: choose "
            "loss=simclr_images or loss=supcon_images, or encoder.cached_views=0"
        )
    return StoredViews(views)


def check_backbone(checkpoint: Checkpoint, backbone: Backbone | None) -> Checkpoint:
    """The checkpoint as one of features (n, F), or as it is where it is one of images.

    Args:
        backbone: that of the encoder that is configured now, see `frozen_backbone`.

    Raises:
        UserError: the checkpoint was trained on features of another backbone, other weights or another resolution.
    """
    made_of = checkpoint.metadata.get("encoder", {}).get("features_of")
    if made_of is None and backbone is None:
        return checkpoint
    prefix = f"checkpoint {checkpoint.path}"
    now = None if backbone is None else backbone.identity()
    if made_of != now:
        raise UserError(
            f"{prefix} was trained on {_in_words(made_of)}, not on {_in_words(now)}; give its encoder, "
            "encoder.resolution, encoder.weights, encoder.frozen and encoder.cache, or train again"
        )
    # Augmented variants are of the training alone.
    return replace(checkpoint, input_shape=checkpoint.input_shape[:1])


def _check_images(features: Features) -> None:
    if len(features.shape) != 4 or features.shape[1] != 3:
        raise UserError(
            f"this encoder takes images of shape (3, height, width), not {tuple(features.shape[1:])}; "
            "for events of other shapes, choose encoder=mlp"
        )


def _read(features: ShardedArray) -> Features:
    small = features.dtype.itemsize * math.prod(features.shape) <= _IN_MEMORY
    return features[:] if small else features


def _in_words(identity: Mapping[str, Any] | None) -> str:
    if identity is None:
        return "events as they are"
    edge = identity["preprocessing"]["resolution"]
    return f"features of {identity['name']} at {edge} pixels with weights {identity['weights_hash']}"

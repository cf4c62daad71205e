"""Events as the configured encoder sees them: images as features of its frozen backbone, all others as they are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from autoscidact.data.contract import Dataset, Events
from autoscidact.embedding.checkpoint import Checkpoint, load
from autoscidact.embedding.frozen import (
    check_backbone,
    frozen_backbone,
    frozen_dataset,
    frozen_events,
    frozen_variants,
    recorded,
    stored_views,
)
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.pretrained.contract import Backbone

Views = Callable[[Tensor], Tensor]

FEATURES = "features"
"""Of `outputs`: what frozen backbones have made of images, for all datasets and trainings."""


@dataclass(frozen=True)
class Sight:
    """What stands between events and an encoder.

    Attributes:
        spec: the encoder.
        backbone: whose features it sees; None where it sees events as they are.
        folder: where features are kept. device: where they are computed.
    """

    spec: EncoderSpec
    backbone: Backbone | None
    folder: Path
    device: str

    def of_dataset(self, dataset: Dataset) -> Dataset:
        """The dataset as the encoder sees it; its fingerprint is not that of the events."""
        if self.backbone is None:
            return dataset
        return frozen_dataset(dataset, self.backbone, self.folder, self.device)

    def of_events(self, events: Events) -> Events:
        """Further events, in the same way."""
        if self.backbone is None:
            return events
        return frozen_events(events, self.backbone, self.folder, self.device)

    def for_training(self, splits: Iterable[Events], views: Views | None) -> tuple[tuple[Events, ...], Views | None]:
        """Training and validation events as the encoder sees them, and views that fit them.

        With `encoder.cached_views`, features of augmented variants go along, and views draw among these.
        """
        n_views = int(self.spec.arguments.get("cached_views", 0))
        if self.backbone is None or n_views == 0:
            return tuple(self.of_events(events) for events in splits), views
        stored = stored_views(views)
        backbone, images = self.backbone, stored.of
        return tuple(
            frozen_variants(events, backbone, images, n_views, self.folder, self.device) for events in splits
        ), stored

    def load(self, path: Path) -> Checkpoint:
        """A finished training. Raises UserError if it is of another backbone's features."""
        return check_backbone(load(path, trusted=[self.spec.target]), self.backbone)


def sight(config: Mapping[str, Any], device: str) -> Sight:
    """What the configured encoder sees.

    Raises:
        UserError: a backbone's weights cannot be had; says how to provide them.
    """
    spec = EncoderSpec.from_config(config["encoder"])
    backbone = frozen_backbone(spec)
    if backbone is not None:
        spec = recorded(spec, backbone)
    return Sight(spec, backbone, Path(config["outputs"]) / FEATURES, device)

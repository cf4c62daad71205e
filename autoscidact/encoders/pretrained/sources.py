"""Pre-trained backbones by the names of their libraries and models."""

import warnings
from typing import Final

import torch

from autoscidact.encoders.pretrained.contract import Backbone, Source
from autoscidact.encoders.pretrained.efficientnet_lite import EfficientNetLite
from autoscidact.encoders.pretrained.open_clip_models import OpenClipModels
from autoscidact.encoders.pretrained.timm_models import TimmModels
from autoscidact.encoders.pretrained.torchvision_models import TorchvisionModels
from autoscidact.encoders.pretrained.weights_file import fill, read_weights
from autoscidact.errors import UserError

SOURCES: Final[dict[str, Source]] = {
    "torchvision": TorchvisionModels(),
    "timm": TimmModels(),
    "open_clip": OpenClipModels(),
    "efficientnet_lite": EfficientNetLite(),
}

PRETRAINED, RANDOM = "pretrained", "random"


def load_backbone(source: str, model: str, weights: str, resolution: int) -> Backbone:
    """A backbone with its weights, in `eval()` mode, on the CPU; torch's global generator stays as it was.

    Args:
        source: a library, see SOURCES.
        model: the library's name of the network.
        weights: "pretrained" for those that the library publishes, a file (see `read_weights`), or "random", which
            is announced in a warning; they are the same every time.
        resolution: edge in pixels of what the network sees.

    Raises:
        UserError: no such source or model, a library that is not installed, weights that cannot be downloaded, or a
            file that is not of this network.
    """
    backbone, chosen = empty_backbone(source, model, resolution), SOURCES[source]
    if weights == RANDOM:
        warnings.warn(
            f"encoder.weights=random: {backbone.name} has learnt nothing; its features say little of the images",
            UserWarning,
            stacklevel=2,
        )
        return backbone
    if weights == PRETRAINED:
        try:
            found = chosen.fetch(model, resolution)
        # Downloads fail in as many ways as there are libraries, and each means the same.
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise UserError(
                f"the weights of {backbone.name} cannot be fetched ({reason}): get {chosen.where(model)} on a machine "
                "with a connection, copy it here and give encoder.weights=FILE"
            ) from error
    else:
        found = read_weights(weights)
    fill(backbone.network, found, lambda name: chosen.own_name(model, name), f"encoder.weights={weights}")
    return backbone


def empty_backbone(source: str, model: str, resolution: int) -> Backbone:
    """A backbone whose weights are yet to come, as from a checkpoint. Raises UserError as `load_backbone` does."""
    if source not in SOURCES:
        raise UserError(f"encoder.source={source}: choose {', '.join(SOURCES)}")
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 32:
        raise UserError(f"encoder.resolution={resolution} must be a whole number of at least 32, in pixels")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SOURCES[source].build(model, resolution).eval()

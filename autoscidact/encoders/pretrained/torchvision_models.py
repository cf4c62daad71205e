"""ResNet and EfficientNet by torchvision."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from autoscidact.encoders.pretrained.contract import Backbone, Preprocessing
from autoscidact.errors import UserError

# Name of the classifier in torchvision's networks of a family.
_HEADS = {"resnet": "fc", "resnext": "fc", "efficientnet": "classifier", "convnext": "classifier.2"}


class TorchvisionModels:
    """A `Source`: every resnet, resnext, efficientnet and convnext, with torchvision's newest weights.

    References:
        The paper uses ResNet-50 (App. A.5) and EfficientNet-B0 (App. A.4), without saying which weights.
    """

    def build(self, model: str, resolution: int) -> Backbone:
        """See `Source.build`; 224 pixels are cut out of 232 for ResNet-50, out of 256 for EfficientNet-B0."""
        models = _torchvision()
        head = _head(model)
        if head is None or model not in models.list_models():
            raise UserError(f"encoder.model={model}: choose one of torchvision's {', '.join(_HEADS)}, such as resnet50")
        network = models.get_model(model, weights=None)
        parent, _, name = head.rpartition(".")
        last = network.get_submodule(head)
        n_features = next(layer.in_features for layer in last.modules() if isinstance(layer, nn.Linear))
        setattr(network.get_submodule(parent), name, nn.Identity())
        published = _weights(model).transforms()
        preprocessing = Preprocessing.scaled(
            resolution,
            published.crop_size[0],
            published.resize_size[0],
            mean=tuple(published.mean),
            std=tuple(published.std),
            interpolation=published.interpolation.value,
        )
        return Backbone(network, f"torchvision/{model}", n_features, preprocessing)

    def fetch(self, model: str, resolution: int) -> Mapping[str, Tensor]:
        """See `Source.fetch`; the download's checksum is verified."""
        weights: Mapping[str, Tensor] = _weights(model).get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
        return weights

    def own_name(self, model: str, name: str) -> str | None:
        """See `Source.own_name`."""
        return None if name.startswith(f"{_head(model)}.") else name

    def where(self, model: str) -> str:
        """See `Source.where`."""
        return str(_weights(model).url)


def _head(model: str) -> str | None:
    return next((head for family, head in _HEADS.items() if model.startswith(family)), None)


def _weights(model: str) -> Any:
    return _torchvision().get_model_weights(model).DEFAULT


def _torchvision() -> Any:
    try:
        from torchvision import models
    except ImportError as error:
        raise UserError("this encoder needs torchvision: pip install 'autoscidact[images]'") from error
    return models

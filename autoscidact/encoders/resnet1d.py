"""ResNet in one dimension: the encoder for time series of several channels."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autoscidact.errors import UserError


class BasicBlock(nn.Module):
    """Two convolutions with batch norm and a shortcut: (n, before, length) -> (n, after, ceil(length / stride))."""

    def __init__(self, before: int, after: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, kernel_size, stride)
        self.second = _convolution(after, after, kernel_size, 1)
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, length) -> (n, after, ceil(length / stride))."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


class ResNet1d(nn.Module):
    """f: (n, channels, length) -> (n, dim): ResNet-34's basic blocks in one dimension, the mean over time, a layer.

    References:
        He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
        AutoSciDACT paper, App. A.2 (the configuration for gravitational waves).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        dim: int,
        layers: Sequence[int] = (3, 4, 6, 3),
        widths: Sequence[int] = (64, 128, 256, 512),
        kernel_size: int = 3,
        stem_kernel: int = 7,
    ) -> None:
        """Builds the network.

        Args:
            input_shape: (channels, length).
            dim: d, the dimension of the embedding.
            layers: blocks of each stage; all stages but the first halve the length.
            widths: channels of each stage.
            kernel_size: of the blocks' convolutions, odd.
            stem_kernel: of the first convolution, odd; with the pooling after it, it divides the length by 4.

        Raises:
            UserError: events of another shape, or settings that do not fit together.
        """
        super().__init__()
        if len(input_shape) != 2:
            raise UserError(
                f"encoder resnet1d takes series of shape (channels, length), not {tuple(input_shape)}; "
                "for events of other shapes, choose encoder=mlp"
            )
        if not layers or len(layers) != len(widths) or min(*layers, *widths) < 1:
            raise UserError("encoder.layers and encoder.widths must be equally many whole numbers of at least 1")
        for name, size in (("kernel_size", kernel_size), ("stem_kernel", stem_kernel)):
            if size < 1 or size % 2 == 0:
                raise UserError(f"encoder.{name} must be odd and at least 1, not {size}")
        self.stem = nn.Sequential(
            _convolution(input_shape[0], widths[0], stem_kernel, 2), nn.ReLU(), nn.MaxPool1d(3, stride=2, padding=1)
        )
        blocks: list[nn.Module] = []
        for stage, (before, after) in enumerate(itertools.pairwise([widths[0], *widths])):
            blocks.append(BasicBlock(before, after, kernel_size, 2 if stage else 1))
            blocks += [BasicBlock(after, after, kernel_size, 1) for _ in range(layers[stage] - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(widths[-1], dim)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, length) -> (n, dim)."""
        h: Tensor = self.last(self.blocks(self.stem(x)).mean(dim=2))
        return h


def _convolution(before: int, after: int, kernel_size: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv1d(before, after, kernel_size, stride, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm1d(after))

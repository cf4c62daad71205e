"""Multilayer perceptron: the encoder for tables, and the heads' building block."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn


def layers(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given widths with ReLU between them and none after the last."""
    steps: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        steps += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*steps[:-1])


class MLP(nn.Module):
    """f: (n, *input_shape) -> (n, dim), the event flattened first.

    With 15 inputs, `dim` 4 and the default widths this and the two training heads have 12k parameters.

    References:
        AutoSciDACT paper, App. A.1 ("a simple 4-layer MLP", "a total of 12k trainable parameters").
    """

    def __init__(self, input_shape: Sequence[int], dim: int, hidden: Sequence[int] = (64, 64, 64, 32)) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = layers([math.prod(input_shape), *hidden, dim])

    def forward(self, x: Tensor) -> Tensor:
        """(n, *input_shape) -> (n, dim)."""
        h: Tensor = self.layers(self.flatten(x))
        return h

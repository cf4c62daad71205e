"""Augmented views: random changes of an event that keep its meaning."""

from dataclasses import dataclass

import torch
from torch import Tensor

from autoscidact.errors import UserError


@dataclass(frozen=True)
class JitterAndDrop:
    """Views of standardised tables: Gaussian noise on every feature, and some features replaced by their mean.

    Draws from torch's global generator, which a training seeds anew every epoch.

    Attributes:
        jitter: standard deviation of the noise, in units of each feature's own.
        drop: probability of each feature to be set to 0, its mean.
    """

    jitter: float = 0.1
    drop: float = 0.2

    def __post_init__(self) -> None:
        if not self.jitter >= 0 or not 0 <= self.drop < 1:
            raise UserError(
                f"loss.views: jitter must not be negative and drop must lie in [0, 1), not {self.jitter}, {self.drop}"
            )

    def __call__(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, ...)."""
        noisy = x + self.jitter * torch.randn_like(x)
        return noisy * (torch.rand_like(x) >= self.drop)

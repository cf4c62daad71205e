"""Augmented views of strain: changes that leave unchanged what kind of signal a segment holds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from autoscidact.data.ligo.layout import BAND, RATE
from autoscidact.errors import UserError


@dataclass(frozen=True)
class StrainViews:
    """Views of whitened strain, (detectors, samples) at 4096 Hz: shifted in time, flipped, with noise added.

    Draws from torch's global generator, which a training seeds anew every epoch. A strength of 0 switches its change
    off. What a shift leaves empty is filled with the mirror image of what is beside it: stationary Gaussian noise looks
    the same backwards, and there is no step.

    Attributes:
        shift: largest common shift of all detectors in seconds; their delays stay. By default the time that light
            takes from one of LIGO's detectors to the other.
        flip: probability to change the sign of all detectors, which the polarisation angle decides.
        noise: standard deviation of fresh noise of 30-1500 Hz, relative to each channel's own, which is kept. The
            noise that is there cannot be taken away, so the signal becomes weaker by 1 / sqrt(1 + noise^2).
    """

    shift: float = 0.01
    flip: float = 0.5
    noise: float = 0.3

    def __post_init__(self) -> None:
        for name, most in (("shift", 0.025), ("flip", 1.0), ("noise", 5.0)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"loss.views.{name} must lie between 0 and {most:.4g}, not at {getattr(self, name)}")

    def __call__(self, x: Tensor) -> Tensor:
        """(n, detectors, samples) -> the same. Raises UserError for other shapes."""
        if x.ndim != 3 or x.shape[2] < 2 * round(self.shift * RATE) + 1:
            raise UserError(
                f"loss.views: these views are of strain, (detectors, samples), and longer than twice their shift, not "
                f"{tuple(x.shape[1:])}; choose other views or loss.views.shift=0"
            )
        n, _, samples = x.shape
        if self.shift:
            most = round(self.shift * RATE)
            moved = torch.randint(-most, most + 1, (n, 1), device=x.device)
            index = (torch.arange(samples, device=x.device) - moved).abs()
            index = samples - 1 - (samples - 1 - index).abs()
            x = x.gather(2, index[:, None].expand_as(x))
        if self.flip:
            x = torch.where(torch.rand(n, 1, 1, device=x.device) < self.flip, -x, x)
        if self.noise:
            scale = x.std(dim=2, keepdim=True)
            noisy = x + self.noise * scale * _band_limited(x)
            # A channel without any values stays so.
            x = noisy * (scale / noisy.std(dim=2, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny))
        return x


def _band_limited(x: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(torch.randn_like(x), dim=2)
    frequency = torch.fft.rfftfreq(x.shape[2], 1 / RATE, device=x.device)
    spectrum = spectrum * ((frequency >= BAND[0]) & (frequency <= BAND[1]))
    noise = torch.fft.irfft(spectrum, n=x.shape[2], dim=2)
    unit: Tensor = noise / noise.std(dim=2, keepdim=True)
    return unit

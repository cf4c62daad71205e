"""Augmented views of jets: changes that leave unchanged what kind of jet it is."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from autoscidact.data.jetclass.features import FEATURE_NAMES
from autoscidact.data.jetclass.layout import MASK, N_CHANNELS, P4
from autoscidact.embedding.jet_kinematics import whole_jet, with_momenta
from autoscidact.errors import UserError

# The softest emission takes this fraction of its parent's momentum, the hardest one half.
_SOFTEST = 0.02
_OWN = slice(FEATURE_NAMES.index("charge"), FEATURE_NAMES.index("dz_error") + 1)
_PHOTON = FEATURE_NAMES.index("is_photon")


@dataclass(frozen=True)
class JetViews:
    """Views of jets: each one rotated, boosted, with some particles split, and every pT smeared, in this order.

    Takes and gives jets as `data.jetclass.layout` has them, not standardised. Draws from torch's global generator,
    which a training seeds anew every epoch. A strength of 0 switches its change off.

    Attributes:
        rotation: largest angle about the jet axis, in radians; pi is any angle.
        boost: largest change of rapidity along the beam.
        split: probability of each particle to emit a soft collinear photon.
        smear: standard deviation of ln pT's change.

    References:
        Rotations and collinear splittings as views: Dillon et al., "Symmetries, Safety, and Self-Supervision",
        arXiv:2108.04253.
    """

    rotation: float = math.pi
    boost: float = 0.5
    split: float = 0.05
    smear: float = 0.05

    def __post_init__(self) -> None:
        for name, most in (("rotation", math.pi + 1e-6), ("boost", 5.0), ("split", 1.0), ("smear", 1.0)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"loss.views.{name} must lie between 0 and {most:.4g}, not at {getattr(self, name)}")

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 22, particles) -> (n, 22, particles). Raises UserError for what are not jets."""
        if x.ndim != 3 or x.shape[1] != N_CHANNELS or not ((x[:, MASK] == 0) | (x[:, MASK] == 1)).all():
            raise UserError(
                f"loss.views: these views are of jets, ({N_CHANNELS}, particles) as dataset=jetclass gives them, for "
                "encoders that take them unstandardised: choose encoder=part or part_tiny, or other views"
            )
        n, _, particles = x.shape
        if self.rotation:
            x = rotate(x, self.rotation * _uniform(x, n))
        if self.boost:
            x = boost(x, self.boost * _uniform(x, n))
        if self.split:
            chosen = torch.rand(n, particles, device=x.device) < self.split
            logarithm = math.log(_SOFTEST) + math.log(0.5 / _SOFTEST) * torch.rand(n, particles, device=x.device)
            x = split(x, chosen, logarithm.exp().to(x))
        if self.smear:
            noise = torch.randn(n, particles, device=x.device).to(x)
            x = smear(x, torch.exp(self.smear * noise))
        return x


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turns each jet's particles about its axis: energies and all invariant masses stay, pT and angles follow.

    Track parameters stay as they are.

    Args:
        x: (n, 22, particles) jets.
        angle: (n,) radians.
    """
    jet = whole_jet(x)
    axis = torch.nn.functional.normalize(jet.momentum[:, :3], dim=1)[:, :, None]
    p, cos, sin = x[:, P4][:, :3], angle.cos()[:, None, None], angle.sin()[:, None, None]
    along = (p * axis).sum(dim=1, keepdim=True) * axis
    turned = along + cos * (p - along) + sin * torch.linalg.cross(axis.expand_as(p), p, dim=1)
    return with_momenta(x, torch.cat([turned, x[:, P4][:, 3:]], dim=1), jet, x.shape[2])


def boost(x: Tensor, rapidity: Tensor) -> Tensor:
    """Boosts each jet along the beam: pT and azimuths and all invariant masses stay.

    Args:
        x: (n, 22, particles) jets.
        rapidity: (n,) by which the jet's rapidity grows.
    """
    jet = whole_jet(x)
    cosh, sinh = rapidity.cosh()[:, None], rapidity.sinh()[:, None]

    def boosted(p: Tensor) -> Tensor:
        c, s = (cosh, sinh) if p.ndim == 2 else (cosh[:, :, None], sinh[:, :, None])
        pz, energy = p[:, 2:3], p[:, 3:4]
        return torch.cat([p[:, :2], c * pz + s * energy, c * energy + s * pz], dim=1)

    return with_momenta(x, boosted(x[:, P4]), jet.moved(boosted(jet.momentum)), x.shape[2])


def split(x: Tensor, chosen: Tensor, fraction: Tensor) -> Tensor:
    """Lets particles emit collinear photons, which leaves total momentum and charge as they are.

    A jet that then has more particles than the array holds loses its softest ones, as when it is read.

    Args:
        x: (n, 22, particles) jets.
        chosen: (n, particles) bool, the particles that emit; padding does not.
        fraction: (n, particles) of the momentum, for the photon.
    """
    share = torch.where(chosen & (x[:, MASK] > 0.5), fraction, torch.zeros_like(fraction))[:, None]
    photons = x.clone()
    photons[:, _OWN] = 0.0
    photons[:, _PHOTON] = 1.0
    photons[:, MASK] = (share[:, 0] > 0).to(x)
    momenta = torch.cat([(1 - share) * x[:, P4], share * x[:, P4]], dim=2)
    return with_momenta(torch.cat([x, photons], dim=2), momenta, whole_jet(x), x.shape[2])


def smear(x: Tensor, factor: Tensor) -> Tensor:
    """Scales each particle's four-momentum, its direction kept; the jet's momentum changes by the same amount.

    Args:
        x: (n, 22, particles) jets.
        factor: (n, particles) positive.
    """
    jet, momenta = whole_jet(x), x[:, P4] * factor[:, None]
    return with_momenta(x, momenta, jet.moved(jet.momentum + (momenta - x[:, P4]).sum(dim=2)), x.shape[2])


def _uniform(x: Tensor, n: int) -> Tensor:
    return (2 * torch.rand(n, device=x.device) - 1).to(x)

"""Jets with new momenta: what a jet array says of the whole jet, and the array that belongs to changed particles."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autoscidact.data.jetclass.features import FEATURE_NAMES, LIMIT, SCALING
from autoscidact.data.jetclass.layout import MASK, P4

_ROW = {name: row for row, name in enumerate(FEATURE_NAMES)}


@dataclass(frozen=True)
class WholeJet:
    """The jet that features are relative to; it also holds the particles beyond those that the array keeps.

    Attributes:
        momentum: (n, 4) px, py, pz, E in GeV.
        orientation: (n,) +1, or -1 where delta eta counts towards the beam's other end (JetClass flips jets of
            negative eta).
    """

    momentum: Tensor
    orientation: Tensor

    def moved(self, momentum: Tensor) -> "WholeJet":
        """The same jet at another momentum (n, 4). Its orientation stays, even if eta changes sign."""
        return replace(self, momentum=momentum)


def whole_jet(x: Tensor) -> WholeJet:
    """Reads the jet's momentum off (n, 22, particles) jets: the hardest particle and its features relative to it."""
    eta, phi = _eta(x[:, P4]), _phi(x[:, P4])
    mask, delta = x[:, MASK], x[:, _ROW["delta_eta"]]
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    spread = (eta - (eta * mask).sum(dim=1, keepdim=True) / count) * mask
    # eta rises or falls with delta eta; a jet of one particle leaves it open, and either sign fits its one number.
    orientation = torch.where((spread * delta).sum(dim=1) < 0, -1.0, 1.0).to(x)
    log_pt = _pt(x[:, P4])[:, 0].log() - _unscaled(x, "log_relative_pt")[:, 0]
    energy = torch.exp(x[:, P4.stop - 1, 0].log() - _unscaled(x, "log_relative_energy")[:, 0])
    jet_eta = eta[:, 0] - orientation * delta[:, 0]
    jet_phi = phi[:, 0] - x[:, _ROW["delta_phi"], 0]
    pt = log_pt.exp()
    momentum = torch.stack([pt * jet_phi.cos(), pt * jet_phi.sin(), pt * jet_eta.sinh(), energy], dim=1)
    return WholeJet(momentum, orientation)


def with_momenta(x: Tensor, momenta: Tensor, jet: WholeJet, n_particles: int) -> Tensor:
    """Gives particles new momenta and brings the jets into the shared form again.

    The kinematic features follow the momenta; charge, kind and track parameters stay. The particles are put in
    falling order of pT, the hardest `n_particles` are kept, and padding is 0.

    Args:
        x: (n, 22, particles) jets; of their kinematic features and momenta nothing is used.
        momenta: (n, 4, particles) px, py, pz, E in GeV.
        jet: the jet that they belong to now.

    Returns:
        (n, 22, n_particles).
    """
    mask = x[:, MASK] > 0.5
    # Padding gets numbers that have logarithms. They are cleared at the end.
    momenta = torch.where(mask[:, None], momenta, torch.ones_like(momenta))
    whole = jet.momentum[:, :, None]
    pt, energy = _pt(momenta), momenta[:, 3]
    delta_eta = jet.orientation[:, None] * (_eta(momenta) - _eta(whole))
    delta_phi = torch.remainder(_phi(momenta) - _phi(whole) + math.pi, 2 * math.pi) - math.pi
    values = {
        "log_pt": pt.log(),
        "log_energy": energy.log(),
        "log_relative_pt": (pt / _pt(whole)).log(),
        "log_relative_energy": (energy / whole[:, 3]).log(),
        "delta_r": torch.hypot(delta_eta, delta_phi),
        "delta_eta": delta_eta,
        "delta_phi": delta_phi,
    }
    out = x.clone()
    for name, value in values.items():
        _, subtract, multiply = SCALING[_ROW[name]]
        out[:, _ROW[name]] = ((value - subtract) * multiply).clamp(-LIMIT, LIMIT)
    out[:, P4] = momenta
    order = torch.where(mask, pt, -1.0).argsort(dim=1, descending=True, stable=True)[:, :n_particles]
    out = out.masked_fill(~mask[:, None], 0.0)
    return out.gather(2, order[:, None].expand(-1, out.shape[1], -1))


def _unscaled(x: Tensor, name: str) -> Tensor:
    _, subtract, multiply = SCALING[_ROW[name]]
    return x[:, _ROW[name]] / multiply + subtract


def _pt(momenta: Tensor) -> Tensor:
    return torch.hypot(momenta[:, 0], momenta[:, 1])


def _eta(momenta: Tensor) -> Tensor:
    # Padding has no direction; 0 is as good as any.
    pt = _pt(momenta)
    return torch.asinh(momenta[:, 2] / torch.where(pt > 0, pt, 1.0))


def _phi(momenta: Tensor) -> Tensor:
    return torch.atan2(momenta[:, 1], momenta[:, 0])

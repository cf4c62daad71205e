"""Particles of jets of varying length, into arrays of one length."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.features import FEATURE_NAMES, particle_features
from autoscidact.data.jetclass.layout import FEATURES, MASK, MOMENTUM, N_CHANNELS, P4

Array = NDArray[np.float32]


def padded_jets(
    branches: Mapping[str, Array], counts: NDArray[np.int64], jet_pt: Array, jet_energy: Array, n_particles: int
) -> tuple[Array, dict[int, str]]:
    """Orders each jet's particles by pT, keeps the first, and pads.

    Args:
        branches: `PARTICLE_BRANCHES` by name, (sum of counts,) each, jet after jet.
        counts: (n,) particles of each jet.
        jet_pt: (n,), GeV.
        jet_energy: (n,), GeV.
        n_particles: length to cut and pad to.

    Returns:
        (n, 22, n_particles) as `Jets.particles`, and for each jet that cannot be used, the reason. Particles of equal
        pT keep the order of the file.
    """
    kept, mask = _leading(np.hypot(branches["part_px"], branches["part_py"]), counts, n_particles)
    taken = branches if kept is None else {name: np.take(values, kept) for name, values in branches.items()}
    n_kept = mask.sum(axis=1)
    features = particle_features(taken, np.repeat(jet_pt, n_kept), np.repeat(jet_energy, n_kept))
    particles = np.zeros((len(counts), N_CHANNELS, n_particles), dtype=np.float32)
    for channel, values in enumerate(features, start=FEATURES.start):
        particles[:, channel][mask] = values
    for channel, name in enumerate(MOMENTUM, start=P4.start):
        particles[:, channel][mask] = taken[name]
    particles[:, MASK] = mask
    return particles, _bad_jets(particles, counts, jet_pt, jet_energy)


def _leading(
    pt: Array, counts: NDArray[np.int64], n_particles: int
) -> tuple[NDArray[np.int64] | None, NDArray[np.bool_]]:
    """Which particles stay, in order (None: all, as they are), and the (n, n_particles) places they take."""
    n_kept = np.minimum(counts, n_particles)
    mask = np.arange(n_particles) < n_kept[:, None]
    starts = np.cumsum(counts) - counts
    rises = np.flatnonzero(pt[1:] > pt[:-1]) + 1
    # From one jet to the next pT may rise.
    ordered = bool(np.isin(rises, starts).all())
    if ordered and len(mask) and counts.max() <= n_particles:
        return None, mask
    place = np.arange(len(pt)) - np.repeat(starts, counts)
    if ordered:
        return np.flatnonzero(place < n_particles), mask
    # Sorting moves no particle to another jet, so `place` is the place after sorting as well.
    order = np.lexsort((-pt, np.repeat(np.arange(len(counts)), counts)))
    return order[place < n_particles], mask


def _bad_jets(particles: Array, counts: NDArray[np.int64], jet_pt: Array, jet_energy: Array) -> dict[int, str]:
    bad = {int(jet): "has no particles" for jet in np.flatnonzero(counts == 0)}
    for name, values in (("jet_pt", jet_pt), ("jet_energy", jet_energy)):
        for jet in np.flatnonzero(~(np.isfinite(values) & (values > 0))):
            bad.setdefault(int(jet), f"has {name} {values[jet]}")
    # float32 may overflow in a sum of finite momenta; then nothing is found below and nothing is lost.
    with np.errstate(invalid="ignore", over="ignore"):
        whole = bool(np.isfinite(particles.sum()))
    if not whole:
        infinite = np.any(~np.isfinite(particles), axis=2)
        for jet in np.flatnonzero(infinite.any(axis=1)):
            name = (*FEATURE_NAMES, *MOMENTUM)[int(np.argmax(infinite[jet]))]
            bad.setdefault(int(jet), f"has NaN or infinity in {name}")
    return bad

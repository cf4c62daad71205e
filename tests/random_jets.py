"""Jets drawn at random, their arrays filled one particle at a time straight from the definition of the 17 features."""

import math

import numpy as np
import torch


def wrapped(angle):
    return math.atan2(math.sin(angle), math.cos(angle))


def jet_array(particles, jet, n_slots=64, flipped=True):
    """(22, n_slots) of particles (px, py, pz, E, charge, five kinds, d0, its error, dz, its error) in a jet (px..E).

    `flipped`: delta eta changes sign in jets of negative eta, as in JetClass.
    """
    out = np.zeros((22, n_slots), dtype=np.float64)
    jet_pt, jet_energy = math.hypot(jet[0], jet[1]), jet[3]
    jet_eta, jet_phi = math.asinh(jet[2] / jet_pt), math.atan2(jet[1], jet[0])
    ordered = sorted(particles, key=lambda p: -math.hypot(p[0], p[1]))
    for i, (px, py, pz, energy, charge, *kinds, d0, d0_error, dz, dz_error) in enumerate(ordered[:n_slots]):
        pt = math.hypot(px, py)
        delta_eta = (math.asinh(pz / pt) - jet_eta) * (-1 if flipped and jet_eta < 0 else 1)
        delta_phi = wrapped(math.atan2(py, px) - jet_phi)
        features = [
            (math.log(pt) - 1.7) * 0.7,
            (math.log(energy) - 2.0) * 0.7,
            (math.log(pt / jet_pt) + 4.7) * 0.7,
            (math.log(energy / jet_energy) + 4.7) * 0.7,
            (math.hypot(delta_eta, delta_phi) - 0.2) * 4.0,
            charge,
            *kinds,
            math.tanh(d0),
            min(max(d0_error, 0), 1),
            math.tanh(dz),
            min(max(dz_error, 0), 1),
            delta_eta,
            delta_phi,
        ]
        out[:, i] = [*np.clip(features, -5, 5), px, py, pz, energy, 1.0]
    return out


def random_particles(n, random, eta):
    """n particles about a random azimuth and the given eta."""
    phi = random.uniform(-np.pi, np.pi)
    particles = []
    for _ in range(n):
        kind = random.integers(5)
        mass = (0.13957, 0.49761, 0.0, 0.000511, 0.10566)[kind]
        charge = random.choice([-1, 1]) if kind in (0, 3, 4) else 0
        pt = 0.5 + random.pareto(0.8)
        pt = min(pt, 300.0)
        own_eta, own_phi = eta + random.normal(0, 0.2), phi + random.normal(0, 0.2)
        px, py, pz = pt * math.cos(own_phi), pt * math.sin(own_phi), pt * math.sinh(own_eta)
        energy = math.sqrt(px**2 + py**2 + pz**2 + mass**2)
        track = [random.normal(), 0.05, random.normal(), 0.1] if charge else [0.0] * 4
        particles.append([px, py, pz, energy, charge, *(float(k == kind) for k in range(5)), *track])
    return particles


def random_jets(n, seed=0, n_slots=64, flipped=True, most=90, dtype=torch.float32):
    """(n, 22, n_slots) jets of 2 to `most` particles; those beyond `n_slots` count in the jet's momentum only."""
    random = np.random.default_rng(seed)
    jets = []
    for _ in range(n):
        particles = random_particles(random.integers(2, most + 1), random, random.uniform(-2, 2))
        jets.append(jet_array(particles, np.sum([p[:4] for p in particles], axis=0), n_slots, flipped))
    return torch.from_numpy(np.stack(jets)).to(dtype)

"""Where charged particles pass in a magnetic field, and how well a tracker measures it.

All in mm, GeV and rad; the field is uniform along the beam, in which a particle of charge 1 turns clockwise.
"""

import numpy as np
from numpy.typing import NDArray

FIELD = 3.8
"""Tesla."""

RADIUS, HALF_LENGTH = 1290.0, 3000.0
"""Of the tracker, in mm; the calorimeter begins there."""

_GEV_PER_TESLA_MM = 2.99792458e-4

ETA_EDGES = (0.9, 1.4)
"""The tracker's resolution is given below, between and above them."""

D0_RESOLUTION = ((0.0102, 0.0787, 0.692), (0.0091, 0.0929, 0.715), (0.0135, 0.1517, 0.826))
DZ_RESOLUTION = ((0.0304, 0.1143, 0.732), (0.0333, 0.1905, 0.725), (0.0795, 0.6617, 0.881))
"""a, b, c of sqrt(a^2 + (b / pt^c)^2), pt in GeV, the result in mm, in each range of |eta|.

Fitted to the tables in the Delphes card that JetClass was made with, which are CMS's for muons
(JINST 9 (2014) P10009, arXiv:1405.6569); within 17 % of each entry above 0.5 GeV.
"""

Array = NDArray[np.float64]


def impact_parameters(p4: Array, vertex: Array, charge: NDArray[np.int64]) -> tuple[Array, Array]:
    """Where a track comes closest to the beam.

    Args:
        p4: (n, 4) px, py, pz, E in GeV at `vertex`.
        vertex: (n, 3) in mm, on the track.
        charge: (n,) not 0.

    Returns:
        (n,) d0 and (n,) dz in mm: d0 = (x py - y px) / pt and z, both at the point of the track's circle that is
        closest to the beam in the transverse plane. The sign of d0 is Delphes's.
    """
    px, py, pz = p4[:, 0], p4[:, 1], p4[:, 2]
    x, y, z = vertex.T
    pt = np.hypot(px, py)
    radius = charge * pt / (_GEV_PER_TESLA_MM * FIELD)  # negative where the particle turns anticlockwise
    # The circle's centre lies to the right of a particle that turns clockwise.
    to_centre_x, to_centre_y = x + radius * py / pt, y - radius * px / pt
    distance = np.hypot(to_centre_x, to_centre_y)
    # The same as distance - |radius|, without the loss of digits when a track hardly bends.
    cross = (x * py - y * px) / pt
    d0 = (x**2 + y**2 + 2 * radius * cross) / (distance + np.abs(radius)) * np.sign(radius)
    turn_x, turn_y = to_centre_x / radius, to_centre_y / radius  # unit vectors up to a common length
    direction_x, direction_y = -turn_y, turn_x
    angle = np.arctan2(px * direction_y - py * direction_x, px * direction_x + py * direction_y)
    # Turning on by `angle` anticlockwise from the vertex reaches the closest point.
    return d0, z - radius * angle * pz / pt


def resolution(pt: Array, eta: Array, table: tuple[tuple[float, float, float], ...]) -> Array:
    """(n,) standard deviation in mm of d0 (`D0_RESOLUTION`) or dz (`DZ_RESOLUTION`) for pt in GeV."""
    a, b, c = np.array(table)[np.searchsorted(ETA_EDGES, np.abs(eta))].T
    return np.asarray(np.hypot(a, b / pt**c))


def calorimeter_positions(p4: Array, charge: NDArray[np.int64]) -> tuple[Array, Array]:
    """Eta and phi, seen from the collision, of where particles that start there reach the calorimeter.

    Args:
        p4: (n, 4) px, py, pz, E in GeV.
        charge: (n,) any.
    """
    pt = np.hypot(p4[:, 0], p4[:, 1])
    slope = p4[:, 2] / pt
    eta, phi = np.arcsinh(slope), np.arctan2(p4[:, 1], p4[:, 0])
    bends = charge != 0
    diameter = 2 * pt[bends] / (_GEV_PER_TESLA_MM * FIELD * np.abs(charge[bends]))
    # Half the angle that the particle has turned by when it reaches the barrel, or else the end caps.
    barrel = np.where(diameter > RADIUS, np.arcsin(np.minimum(RADIUS / diameter, 1)), np.inf)
    half_turn = np.minimum(barrel, HALF_LENGTH / np.maximum(np.abs(slope[bends]), 1e-9) / diameter)
    chord = np.maximum(np.abs(diameter * np.sin(half_turn)), 1e-6)
    eta[bends] = np.arcsinh(slope[bends] * diameter * half_turn / chord)
    phi[bends] += -np.sign(charge[bends]) * half_turn + np.where(np.sin(half_turn) < 0, np.pi, 0)
    return eta, np.mod(phi + np.pi, 2 * np.pi) - np.pi


def in_tracker(vertex: Array) -> NDArray[np.bool_]:
    """(n,) whether particles start inside the tracker; later ones leave no track."""
    return np.asarray((np.hypot(vertex[:, 0], vertex[:, 1]) < RADIUS) & (np.abs(vertex[:, 2]) < HALF_LENGTH))

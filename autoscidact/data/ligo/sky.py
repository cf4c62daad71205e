"""Where a signal comes from, and what two detectors make of it: antenna responses and travel times."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.lal_packages import load_lal
from autoscidact.data.ligo.layout import DETECTORS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skies:
    """Directions and orientations of n sources.

    Attributes:
        ra, dec: (n,) right ascension and declination, rad.
        psi: (n,) polarisation angle, rad.
    """

    ra: Array
    dec: Array
    psi: Array


def draw_skies(n: int, random: np.random.Generator) -> Skies:
    """Sources in isotropic directions, with polarisation angles uniform between 0 and pi."""
    return Skies(
        ra=random.uniform(0.0, 2 * np.pi, n),
        dec=np.arcsin(random.uniform(-1.0, 1.0, n)),
        psi=random.uniform(0.0, np.pi, n),
    )


def antenna_responses(skies: Skies, gps: Array) -> Array:
    """Responses to the two polarisations.

    Args:
        gps: (n,) seconds: how far the Earth has turned.

    Returns:
        (n, 2, 2): detectors H1 and L1, responses F+ and Fx.

    Raises:
        UserError: lalsuite is not installed.

    References:
        Anderson et al., Phys. Rev. D 63 (2001) 042003, eq. B7 (lal.ComputeDetAMResponse).
    """
    lal, _ = load_lal()
    tensors = [lal.cached_detector_by_prefix[name].response for name in DETECTORS]
    responses = np.empty((len(gps), len(DETECTORS), 2))
    for row, ra, dec, psi, time in zip(responses, skies.ra, skies.dec, skies.psi, gps, strict=True):
        sidereal = lal.GreenwichMeanSiderealTime(lal.LIGOTimeGPS(float(time)))
        for of_detector, tensor in zip(row, tensors, strict=True):
            of_detector[:] = lal.ComputeDetAMResponse(tensor, ra, dec, psi, sidereal)
    return responses


def travel_times(skies: Skies, gps: Array) -> Array:
    """(n, 2) seconds by which a signal reaches H1 and L1 after the Earth's centre (lal.TimeDelayFromEarthCenter).

    Args:
        gps: (n,) seconds: how far the Earth has turned.

    Raises:
        UserError: lalsuite is not installed.
    """
    lal, _ = load_lal()
    places = [lal.cached_detector_by_prefix[name].location for name in DETECTORS]
    times = np.empty((len(gps), len(DETECTORS)))
    for row, ra, dec, time in zip(times, skies.ra, skies.dec, gps, strict=True):
        now = lal.LIGOTimeGPS(float(time))
        row[:] = [lal.TimeDelayFromEarthCenter(place, ra, dec, now) for place in places]
    return times

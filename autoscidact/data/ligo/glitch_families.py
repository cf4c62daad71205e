"""Glitches that look like LIGO's commonest short ones, as they are in whitened data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import RATE
from autoscidact.data.ligo.priors import Range
from autoscidact.data.ligo.truth import Truths, no_truths

HALF = RATE // 2
"""Samples on each side of a glitch's centre: four standard deviations of the longest."""

_NONE = Range(0.0, 0.0)


@dataclass(frozen=True)
class Family:
    """A cosine of changing frequency in a Gaussian envelope.

    Attributes:
        frequency: Hz at the centre.
        cycles: in one standard deviation of the envelope.
        slope: change of the frequency over one standard deviation, in parts of it.
        bend: the same of its square: positive where the frequency is least at the centre.
    """

    frequency: Range
    cycles: Range
    slope: Range = _NONE
    bend: Range = _NONE


FAMILIES: Mapping[str, Family] = {
    "blip": Family(Range(80.0, 400.0, logarithmic=True), Range(0.15, 0.6), slope=Range(0.0, 0.25)),
    "tomte": Family(Range(30.0, 70.0, logarithmic=True), Range(0.4, 1.0), slope=Range(-0.15, 0.0)),
    "whistle": Family(Range(350.0, 900.0, logarithmic=True), Range(4.0, 15.0), bend=Range(0.15, 0.35)),
    "scattered_light": Family(Range(28.0, 60.0, logarithmic=True), Range(1.0, 3.0), bend=Range(-0.1, -0.02)),
}
"""Shapes of M. Zevin et al. (Gravity Spy), Class. Quantum Grav. 34 (2017) 064003. The numbers are ours. Half of
the power in the band is below (medians, Hz; in parentheses the frequencies below which 5 and 95 % are)

    family            12 reconstructions from O3    simulated
    blip              194 (66, 552)                 167 (78, 260)
    tomte             41 (29, 84)                   46 (34, 59)
    whistle           799 (190, 1422)               586 (538, 810)
    scattered light   31 (26, 173)                  39 (34, 45)

Reconstructions are of less regular shape; those of whistles last longer than a window."""


def draw_glitches(n: int, random: np.random.Generator) -> tuple[NDArray[np.float64], Truths]:
    """Glitches of families chosen with equal chance.

    Returns:
        (n, 2 HALF) whitened series of largest value near 1, the centre at sample HALF; and (n,) records of
        `truth.TRUTH_TYPE` with family, frequency, duration (standard deviation of the envelope) and phase.
    """
    families = [*FAMILIES.values()]
    truths = no_truths(n)
    truths["family"] = random.integers(len(families), size=n)
    uniform = random.random((4, n))
    frequency, cycles, slope, bend = (np.empty(n) for _ in range(4))
    for number, family in enumerate(families):
        chosen = truths["family"] == number
        ranges = (family.frequency, family.cycles, family.slope, family.bend)
        for values, prior, part in zip((frequency, cycles, slope, bend), ranges, uniform, strict=True):
            values[chosen] = prior.at(part[chosen])
    truths["frequency"], truths["duration"] = frequency, cycles / frequency
    truths["phase"] = random.uniform(0.0, 2 * np.pi, n)
    time = np.arange(-HALF, HALF) / RATE / truths["duration"][:, None]
    turns = cycles[:, None] * time * (1 + time * (slope[:, None] / 2 + time * bend[:, None] / 3))
    return np.exp(-(time**2) / 2) * np.cos(2 * np.pi * turns + truths["phase"][:, None]), truths

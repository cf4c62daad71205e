"""Spectra of detector noise."""

import functools

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.lal_packages import load_lal
from autoscidact.data.ligo.layout import BAND, DETECTORS, FREQUENCIES


@functools.cache
def simulated_asd() -> NDArray[np.float64]:
    """(2, 8193) amplitude spectral density of both detectors in O3, strain per sqrt(Hz) (LIGO-T1800545).

    Raises:
        UserError: lalsuite is not installed.
    """
    lal, lalsimulation = load_lal()
    n = len(FREQUENCIES)
    series = lal.CreateREAL8FrequencySeries("", 0, 0.0, FREQUENCIES[1], lal.DimensionlessUnit, n)
    lalsimulation.SimNoisePSDaLIGOO3LowT1800545(series, BAND[0] / 2)
    psd = series.data.data.copy()
    psd[~(psd > 0)] = np.inf
    return np.repeat(np.sqrt(psd)[None], len(DETECTORS), axis=0)

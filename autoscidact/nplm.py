"""Public functional interface to NPLM: `autoscidact.nplm.fit(reference, data, width=..., centers=...)`."""

from autoscidact.statistics.nplm.fit import NPLMFit, fit
from autoscidact.statistics.nplm.kernel import gaussian_kernel, quantile_widths

__all__ = ["NPLMFit", "fit", "gaussian_kernel", "quantile_widths"]

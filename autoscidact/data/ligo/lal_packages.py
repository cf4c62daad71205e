"""The packages of lalsuite, which only an installation with the extra `gw` has."""

from typing import Any

from autoscidact.errors import UserError


def load_lal() -> tuple[Any, Any]:
    """The modules lal and lalsimulation.

    Raises:
        UserError: lalsuite is not installed.

    References:
        LIGO Scientific Collaboration, LVK Algorithm Library, doi:10.7935/GT1W-FZ16.
    """
    try:
        import lal
        import lalsimulation
    except ImportError as error:
        raise UserError("gravitational waveforms need the package lalsuite: pip install 'autoscidact[gw]'") from error
    return lal, lalsimulation

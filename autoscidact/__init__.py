"""AutoSciDACT: from labelled background and an observation to a calibrated statement of novelty."""

import importlib
from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    # Imported on first use: torch takes seconds, and `autoscidact --help` must not wait for it.
    if name == "nplm":
        return importlib.import_module("autoscidact.nplm")
    raise AttributeError(f"module 'autoscidact' has no attribute {name!r}")

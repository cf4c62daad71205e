"""What a result must carry so that somebody else can make it again."""

import platform
import sys
from importlib import metadata

import autoscidact

_PACKAGES = ("torch", "numpy", "scipy", "pytorch-lightning", "hydra-core", "scikit-learn", "pyarrow", "pandas")


def versions() -> dict[str, str]:
    """Version of Python, of this package and of the libraries a result depends on."""
    found = {"python": platform.python_version(), "autoscidact": autoscidact.__version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def command_line() -> str:
    """The command as it was typed, with the program's folder dropped."""
    return " ".join(["autoscidact", *sys.argv[1:]])

"""What a result must carry so that somebody else can make it again."""

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

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
    return shlex.join(["autoscidact", *sys.argv[1:]])


def record(config: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """A run's provenance as JSON: command, configuration, seed, versions, and what it stands on."""
    content = {
        "command": command_line(),
        "seed": config["seed"],
        "versions": versions(),
        "config": config,
        **results,
    }
    return json.dumps(content, indent=1, sort_keys=True, default=str) + "\n"

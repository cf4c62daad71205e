"""What a result must carry so that somebody else can make it again."""

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
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


@cache
def code_version() -> str:
    """The version, and a hash of the code that toys and their t depend on: equal for equal numbers.

    An editable checkout changes without its version.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for folder in ("toys", "statistics"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return f"{autoscidact.__version__}+{digest.hexdigest()[:8]}"


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

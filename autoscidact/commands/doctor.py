"""Check this installation: versions, devices, memory, optional backends, and one fit against a closed form.

Exits with status 1 when something that a run needs is missing or gives wrong numbers.

Examples:
    autoscidact doctor
    autoscidact doctor device=cuda outputs=/scratch/me
"""

import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoscidact.commands import selftest
from autoscidact.commands.compute import free_memory
from autoscidact.commands.configuration import plain
from autoscidact.errors import UserError
from autoscidact.provenance import versions
from autoscidact.statistics.nplm import falkon_solver

if TYPE_CHECKING:
    from omegaconf import DictConfig

FALKON = falkon_solver.INSTRUCTIONS


def run(cfg: "DictConfig") -> None:
    """Prints what it finds; raises UserError naming what a run would stumble over."""
    settings = plain(cfg)
    failed = []
    checks: dict[str, Callable[[], str]] = {
        "libraries": libraries,
        "device": lambda: device(settings["device"]),
        "outputs": lambda: outputs(Path(settings["outputs"])),
        "NPLM fit": lambda: selftest.closed_form(settings["seed"]),
        "NPLM backends": selftest.backends,
    }
    for name, version in versions().items():
        _line(name, version)
    _line("CPU", f"{os.cpu_count()} cores, {threads(settings['threads'])} threads for torch; BLAS: {blas()}")
    _line("memory", memory())
    _line(
        "falkon", optional("falkon", f"not installed (optional; statistic.nplm.solver=falkon needs it): see {FALKON}")
    )
    for name, check in checks.items():
        try:
            _line(name, check())
        except Exception as error:  # each check runs, whatever the others found
            failed.append(name)
            _line(name, f"FAILED: {error}")
    if failed:
        raise UserError(f"doctor: {', '.join(failed)} failed; see above")
    print("all is well")


def libraries() -> str:
    """Imports what the package depends on, which is what breaks when an environment was put together by hand."""
    required = {"torch": "torch", "numpy": "numpy", "pytorch-lightning": "pytorch_lightning", "pyarrow": "pyarrow"}
    start = time.monotonic()
    for name, module in required.items():
        try:
            importlib.import_module(module)
        except Exception as error:
            raise UserError(f"{name} does not import: {error}") from error
    return f"all import ({time.monotonic() - start:.1f} s)"


def device(name: str) -> str:
    """Names the devices there are, and multiplies two matrices on the one asked for."""
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found += [f"cuda ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    known = {entry.split()[0] for entry in found}
    if name not in ("auto", *known):
        raise UserError(f"device={name} is not here: choose one of auto, {', '.join(sorted(known))}")
    chosen = found[-1].split()[0] if name == "auto" else name
    ones = torch.ones(4, 4, device=chosen)
    if not bool((ones @ ones == 4).all()):
        raise UserError(f"{chosen} multiplies matrices wrongly")
    return f"{', '.join(found)}; device={name} uses {chosen}"


def outputs(folder: Path) -> str:
    """Writes and removes a file in the folder of outputs, or in the nearest parent that exists."""
    parent = folder.absolute()
    while not parent.exists():
        parent = parent.parent
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write in {parent}: {error.strerror}; choose another folder with outputs=DIR"
        ) from error
    return f"{folder}, {shutil.disk_usage(parent).free / 1e9:.0f} GB free"


def threads(wanted: int | None) -> int:
    """Threads that torch will use."""
    import torch

    return wanted or torch.get_num_threads()


def blas() -> str:
    """The linear-algebra libraries that are loaded."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    found = {f"{info['internal_api']} ({info['num_threads']})" for info in threadpool_info()}
    return ", ".join(sorted(found)) or "unknown"


def memory() -> str:
    """Free and total memory, where the system says."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = page * os.sysconf("SC_PHYS_PAGES")
        return f"{free_memory() / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    except (ValueError, OSError, AttributeError):
        return "unknown on this system"


def optional(module: str, missing: str) -> str:
    """Whether an optional library is there."""
    if importlib.util.find_spec(module) is None:
        return missing
    try:
        loaded: Any = importlib.import_module(module)
    except Exception as error:
        return f"installed, but does not import: {' '.join(str(error).split())}; see {FALKON}"
    return f"{getattr(loaded, '__version__', 'installed')}"


def _line(name: str, text: str) -> None:
    print(f"{name:18} {text}", flush=True)

"""Which device and how many workers a command uses: stated, never silently replaced."""

import re
from pathlib import Path

import torch

from autoscidact.errors import UserError
from autoscidact.statistics.resources import DEFAULT_MEMORY

AUTO_MEMORY = 8 * 1024**3


def choose_device(wanted: str) -> str:
    """`auto`, `cpu`, `cuda` or `mps` to the device to use.

    Raises:
        UserError: the device that was asked for is not there.
    """
    wanted = str(wanted)
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if wanted.partition(":")[0] not in there:
        raise UserError(f"device={wanted}: choose auto, cpu, cuda or mps")
    if not there[wanted.partition(":")[0]]:
        raise UserError(f"device={wanted} is not available on this machine; use device=cpu or device=auto")
    return wanted


def use_threads(threads: int | None) -> None:
    """Sets torch's CPU threads; None leaves the choice to torch (or OMP_NUM_THREADS).

    Raises:
        UserError: `threads` is no positive whole number.
    """
    if threads is None:
        return
    if not isinstance(threads, int) or threads < 1:
        raise UserError(f"threads={threads} must be a whole number of at least 1")
    torch.set_num_threads(threads)


def worker_count(threads: int | None, device: str) -> int:
    """Batches of toys at once: one a core on the CPU, one on an accelerator.

    Raises:
        UserError: `threads` is no positive whole number.
    """
    use_threads(threads)
    if device != "cpu":
        return 1
    return threads or torch.get_num_threads()


def memory_budget(value: str | float) -> int:
    """`toys.memory` to bytes: a number, a size such as 4GB, or `auto`: 8 GB, or half of what is free if that is less.

    `auto` does not follow free memory further up, because the size of a batch, and with it the
    last digits of t, follow the budget: the same command is to give the same bytes.

    Raises:
        UserError: neither.
    """
    if value == "auto":
        return min(AUTO_MEMORY, free_memory() // 2)
    found = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kMGT]?)i?B?\s*", str(value), re.IGNORECASE)
    try:
        powers = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
        size = float(found.group(1)) * 1024 ** powers[found.group(2).lower()] if found else 0.0
    except ValueError:
        size = 0.0
    if size < 1:
        raise UserError(f"toys.memory={value}: give auto, bytes, or a size such as 4GB")
    return int(size)


def free_memory() -> int:
    """Bytes that could be used without swapping; a cautious constant where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return DEFAULT_MEMORY

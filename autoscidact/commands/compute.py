"""Which device and how many workers a command uses: stated, never silently replaced."""

import torch

from autoscidact.errors import UserError


def choose_device(wanted: str) -> str:
    """`auto`, `cpu`, `cuda` or `mps` to the device to use.

    Raises:
        UserError: the device that was asked for is not there.
    """
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

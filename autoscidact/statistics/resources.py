"""What a statistic may use of the machine. Decides how fast it is; what it gives, only in the last digits."""

from dataclasses import dataclass

DEFAULT_MEMORY = 4 * 1024**3


@dataclass(frozen=True)
class Resources:
    """Limits that a statistic plans for.

    Attributes:
        device: torch device. workers: batches of toys evaluated at once.
        memory: bytes for everything that `prepare` keeps and the workers' batches need.
    """

    device: str = "cpu"
    workers: int = 1
    memory: int = DEFAULT_MEMORY

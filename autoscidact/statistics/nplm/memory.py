"""The memory plan of NPLM: what is stored, what is computed for each toy, what is streamed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from autoscidact.errors import UserError
from autoscidact.statistics.resources import Resources

Layout = Literal["stored", "computed", "streamed"]

MAX_BATCH = 64
"""Toys at once, at the most: more gain little, and the last batch, always a whole one, wastes more of them."""
STREAM_CHUNK_BYTES = 16 * 1024**2
FLOAT64 = 8


@dataclass(frozen=True)
class MemoryPlan:
    """How the events' features are held, width by width.

    Attributes:
        layouts: "stored": features of the whole pool are kept; "computed": features of a toy's own
            events are computed for it, those of a fixed R are kept; "streamed": nothing is kept,
            the kernel is computed anew in every pass.
        batch_size: toys at once. chunk: rows at a time when streaming.
        bytes: what all of it needs. budget: what it may need.
    """

    layouts: tuple[Layout, ...]
    batch_size: int
    chunk: int
    bytes: int
    budget: int

    def __str__(self) -> str:
        parts = [f"{self.layouts.count(kind)} {kind}" for kind in ("stored", "computed", "streamed")]
        held = ", ".join(part for part in parts if not part.startswith("0 "))
        return (
            f"memory: {_size(self.bytes)} of {_size(self.budget)}; features {held}; "
            f"{self.batch_size} toy{'s' if self.batch_size > 1 else ''} a batch"
        )


def plan_memory(
    n_pool: int,
    n_reference: int,
    n_own: int,
    n_centers: int,
    directions: Sequence[int],
    itemsize: int,
    resources: Resources,
    largest_batch: int = MAX_BATCH,
    n_shared: int = 0,
) -> MemoryPlan:
    """Chooses the fastest layout of each width that fits, and the largest batch that fits with it.

    Args:
        n_pool: events of all pools. n_reference: events of a fixed R, 0 where it is re-sampled.
        n_own: events whose features each toy has for itself.
        n_shared: further events whose features all toys share, but not their weights.
        n_centers: M. directions: k of each width. itemsize: bytes of a stored number.

    Raises:
        UserError: not even one toy fits; says how much would.
    """
    workers, budget = resources.workers, resources.memory
    batch = largest_batch
    stream_bytes = min(STREAM_CHUNK_BYTES, budget // (6 * workers))
    chunk = max(256, min(16384, stream_bytes // (n_centers * FLOAT64)))
    layouts: list[Layout] = ["stored"] * len(directions)
    order = sorted(range(len(directions)), key=lambda i: -directions[i])

    def needed(batch: int) -> int:
        kept = sum(
            n_pool * k * itemsize if layout == "stored" else n_reference * k * itemsize * (layout == "computed")
            for layout, k in zip(layouts, directions, strict=True)
        )
        # Logits, weights and their temporaries; the batch's own features and, while computed, the kernel.
        vectors = 6 * FLOAT64 * (n_reference + n_own + n_shared) * batch
        own = max((k * itemsize for k, kind in zip(directions, layouts, strict=True) if kind != "streamed"), default=0)
        computing = 2 * FLOAT64 * n_centers * n_own if "computed" in layouts else 0
        streaming = 3 * FLOAT64 * n_centers * chunk if "streamed" in layouts else 0
        return int(kept + workers * (vectors + batch * n_own * own * 2 + computing + streaming))

    for kind in ("computed", "streamed"):
        for i in order:
            if needed(1) <= budget:
                break
            layouts[i] = kind  # type: ignore[call-overload]
    if needed(1) > budget:
        raise UserError(
            f"toys.memory={_size(budget)} is too small for one toy on {workers} workers: at least "
            f"{_size(needed(1))} are needed; raise toys.memory, or lower threads, toys.n_ref or nplm.n_centers"
        )
    # Streamed toys are fitted one after the other: a larger batch would only put off the next shard.
    if "streamed" in layouts:
        batch = 1
    while batch > 1 and needed(batch) > budget:
        batch //= 2
    return MemoryPlan(tuple(layouts), batch, chunk, needed(batch), budget)


def _size(size: int) -> str:
    return f"{size / 1024**3:.2g} GB" if size >= 1024**3 else f"{size / 1024**2:.3g} MB"

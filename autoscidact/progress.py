"""Progress with rate and time left: a live bar on a terminal, plain lines in a log file."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """What a long loop reports to.

    Args:
        total: how many steps there are.
        done: steps that an earlier, interrupted run has already made; they do not count in the rate.
        show: called after each advance.
    """

    def __init__(self, total: int, done: int, show: Callable[["Progress"], None]) -> None:
        self.total, self.done = total, done
        self._first, self._start, self._show = done, time.monotonic(), show

    def advance(self, n: int = 1) -> None:
        """Counts `n` more steps as done."""
        self.done += n
        self._show(self)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def rate(self) -> float:
        """Steps per second of this run; 0 before the first."""
        return (self.done - self._first) / max(self.elapsed, 1e-9)

    def line(self) -> str:
        """Count, rate, time elapsed and time left, in words that are the same on a terminal and in a log."""
        left = (self.total - self.done) / self.rate if self.rate > 0 else None
        return (
            f"{self.done}/{self.total}  {_rate(self.rate)}  {clock(self.elapsed)} elapsed"
            f"  {'--' if left is None else clock(left)} left"
        )


@contextlib.contextmanager
def progress(description: str, total: int, *, done: int = 0) -> Iterator[Progress]:
    """Shows how far a loop is, on stderr.

        with progress("null toys", 500) as bar:
            for batch in batches:
                ...
                bar.advance(len(batch))

    Args:
        description: what is being counted.
        total: how many there are.
        done: how many an earlier run has already done.
    """
    if sys.stderr.isatty():
        with _bar(description, total, done) as bar:
            yield bar
        return

    printed = [time.monotonic()]

    def show(state: Progress) -> None:
        if time.monotonic() - printed[0] >= _SECONDS_BETWEEN_LINES:
            printed[0] = time.monotonic()
            print(f"{description}  {state.line()}", file=sys.stderr, flush=True)

    state = Progress(total, done, show)
    yield state
    print(f"{description}  {state.done}/{total} done in {clock(state.elapsed)}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar(description: str, total: int, done: int) -> Iterator[Progress]:
    # Imported here: a quarter of the time that --help may take.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}")
    with Bars(*columns, console=Console(stderr=True), refresh_per_second=4) as bars:
        task = bars.add_task(description, total=total, completed=done, line=f"{done}/{total}")
        state = Progress(total, done, lambda now: bars.update(task, completed=now.done, line=now.line()))
        yield state


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2g}/s"

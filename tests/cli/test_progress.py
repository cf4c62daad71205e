"""Progress says how fast and how long, on a terminal and in a log."""

import io
import re

import pytest

from autoscidact import progress as module
from autoscidact.progress import clock, progress


@pytest.fixture
def time_goes_by(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_ten_seconds(capsys, time_goes_by) -> None:
    with progress("null toys", 100) as bar:
        for _ in range(50):
            time_goes_by[0] += 1
            bar.advance(2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[0] == "null toys  20/100  2/s  0:10 elapsed  0:40 left"
    assert lines[-1] == "null toys  100/100 done in 0:50"


def test_a_resumed_run_does_not_count_what_was_there_in_its_rate(capsys, time_goes_by) -> None:
    with progress("toys", 100, done=80) as bar:
        time_goes_by[0] += 10
        bar.advance(10)
    assert "90/100  1/s  0:10 elapsed  0:10 left" in capsys.readouterr().err


def test_a_terminal_gets_a_live_bar(monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(module.sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("toys", 10) as bar:
        bar.advance(10)
    assert re.search(r"toys.*10/10.*/s.*elapsed.*left", screen.getvalue(), re.S)


def test_a_failure_inside_is_not_reported_as_done(capsys) -> None:
    def interrupted() -> None:
        with progress("toys", 10) as bar:
            bar.advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "done" not in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3661, "1:01:01")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text

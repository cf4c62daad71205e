"""A command whose body a test supplies, and its stdout and stderr."""

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autoscidact.cli import main


@dataclass
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTOSCIDACT_OUTPUTS", "AUTOSCIDACT_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = main(arguments)
        return Outcome(status, *capsys.readouterr())

    return run


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Any]], list[dict[str, Any]]]:
    """Replaces what train, discover and observe do; gives the list of configurations they were run with."""
    from omegaconf import OmegaConf

    def install(function: Callable[[Any], Any] = lambda cfg: None) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []

        def run(cfg: Any) -> Any:
            seen.append(OmegaConf.to_container(cfg, resolve=True))
            return function(cfg)

        for command in ("train", "discover", "observe"):
            module = types.ModuleType(f"autoscidact.commands.{command}")
            module.run = run
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return seen

    return install

"""The command line as a user runs it, in an empty folder, and one small finished training of real images."""

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoscidact.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, stdout and stderr."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs `autoscidact ARGUMENTS` in this process and in the current folder."""

    def command(*arguments: str) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(arguments)
        return Outcome(status, out.getvalue(), err.getvalue())

    return command


@pytest.fixture(scope="session")
def succeed(run: Run) -> Run:
    """Runs a command that must succeed."""

    def command(*arguments: str) -> Outcome:
        outcome = run(*arguments)
        assert outcome.status == 0, outcome.err
        return outcome

    return command


@pytest.fixture(scope="session", autouse=True)
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> object:
    """No test reads the repository's outputs, nor leaves anything in it."""
    here = os.getcwd()
    saved = {name: os.environ.pop(name, None) for name in ("AUTOSCIDACT_OUTPUTS", "AUTOSCIDACT_DEBUG")}
    os.chdir(tmp_path_factory.mktemp("current folder"))
    yield
    os.chdir(here)
    os.environ.update({name: value for name, value in saved.items() if value is not None})


DIGITS = ("dataset=digits", "trainer.max_epochs=15", "logger=none")
TOYS = ("toys.n_null=100", "toys.n_signal=10")


@pytest.fixture(scope="session")
def digits() -> tuple[str, ...]:
    """What names the small training of digits."""
    return DIGITS


@pytest.fixture(scope="session")
def toys() -> tuple[str, ...]:
    """Few toys."""
    return TOYS


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, succeed: Run) -> Path:
    """A folder of outputs with one finished training of digits."""
    outputs = tmp_path_factory.mktemp("trained")
    succeed("train", *DIGITS, f"outputs={outputs}")
    return outputs


@pytest.fixture(scope="session")
def discovered(trained: Path, succeed: Run) -> Path:
    """The folder of a finished discovery, made from `trained`."""
    succeed("discover", *DIGITS, *TOYS, "f_s=[0.02,0.5]", f"outputs={trained}")
    (folder,) = (trained / "discover" / "digits").iterdir()
    return folder


def events(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """Four classes in three features, the last of them apart in one; 600 events train in a second."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 4
    centre = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [1.5, 1.5, 3]], dtype=float)
    table = pd.DataFrame(centre[label] + rng.normal(size=(n, 3)), columns=["mass", "charge", "spin"])
    return table.assign(kind=np.array(["electron", "muon", "tau", "new"])[label])


@pytest.fixture
def table() -> pd.DataFrame:
    return events()


CUSTOM = ("dataset=custom", "dataset.label=kind", "dataset.signal=new", "trainer.max_epochs=3", "logger=none")


@pytest.fixture(scope="session")
def custom() -> tuple[str, ...]:
    """What names a short training of `table`, but for dataset.path."""
    return CUSTOM


@pytest.fixture(scope="session")
def custom_trained(tmp_path_factory: pytest.TempPathFactory, succeed: Run) -> tuple[Path, Path]:
    """The file of `table`, in a folder with a space in its name, and outputs with a training of it."""
    folder = tmp_path_factory.mktemp("my events")
    file = folder / "events.csv"
    events().to_csv(file, index=False)
    succeed("train", *CUSTOM, f"dataset.path='{file}'", f"outputs='{folder / 'outputs'}'")
    return file, folder / "outputs"

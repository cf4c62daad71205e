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


def collisions(n: int, seed: int, n_signal: int = 0) -> pd.DataFrame:
    """Two background classes, a and b, in the features x, y and z; new events lie close together, apart in y and z.

    Observers: mass follows z with a resolution of its own, tilt is the weight of an event that is likelier by up to
    20 % at large y and less likely at small y; number is the event's id, another one for every seed.
    """
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b"], n)
    known = rng.normal(size=(n, 3)) + 2.0 * (kind == "b")[:, None] * [1, 0, 0]
    new = rng.normal([1.0, 3.0, 3.0], 0.3, (n_signal, 3))
    table = pd.DataFrame(np.concatenate([known, new]).astype(np.float32), columns=["x", "y", "z"])
    return table.assign(
        kind=[*kind, *["new"] * n_signal],
        mass=100 + 10 * table.z + rng.normal(size=len(table)),
        tilt=1 + 0.2 * np.tanh(2 * table.y),
        number=seed * 1_000_000 + np.arange(len(table)),
    ).sample(frac=1, random_state=seed, ignore_index=True)


@dataclass(frozen=True)
class Search:
    """A simulation of `collisions`, files of observed events without labels, and the command that compares them.

    Attributes:
        folder: of the files. words: the command, but for observed and outputs.
        write: (name, table) to the words `observed=FILE`.
    """

    folder: Path
    words: tuple[str, ...]

    def write(self, name: str, table: pd.DataFrame) -> str:
        """Writes CSV and names it as observed events."""
        table.drop(columns="kind", errors="ignore").to_csv(self.folder / name, index=False)
        return f"observed={self.folder / name}"


SEARCH = (
    "dataset=custom",
    "dataset.label=kind",
    "dataset.signal=new",
    "dataset.observers=[mass,tilt]",
    "dataset.id=number",
    "dataset.split={train: 0.1, val: 0.1, test: 0.8}",
    "embedding=raw",
    "kernel=fixed",
    "kernel.widths=[0.7,2]",
    "toys.n_ref=1000",
    "toys.n_null=100",
    "toys.n_signal=20",
    "toys.n_permutations=100",
    "threads=1",
)


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """With `null.csv`, 200 observed background events, and `signal.csv`, which holds 30 new ones besides."""
    folder = tmp_path_factory.mktemp("search")
    collisions(4000, 1, 400).to_csv(folder / "simulated.csv", index=False)
    made = Search(folder, ("observe", *SEARCH, f"dataset.path={folder / 'simulated.csv'}"))
    made.write("null.csv", collisions(200, 2))
    made.write("signal.csv", collisions(200, 3, 30))
    return made


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observations are written without figures and page, which take ten times as long as a small test does."""
    report = "autoscidact.commands.observation_report"
    monkeypatch.setattr("autoscidact.commands.observation_drawings.draw_marginals", lambda *arguments: None)
    for name in ("draw_observation", "draw_score_against_observer"):
        monkeypatch.setattr(f"{report}.{name}", lambda *arguments, **options: None)
    monkeypatch.setattr(f"{report}.write_observation_page", lambda folder, *arguments: folder / "report.html")


@pytest.fixture(scope="session", name="collisions")
def collisions_fixture() -> Callable[..., pd.DataFrame]:
    """`collisions`: (n, seed, n_signal) to events."""
    return collisions

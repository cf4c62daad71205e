"""What tests of several folders share."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, Leptons, ordered
from autoscidact.data.fourlepton.samples import FINAL_SELECTION, REDUCIBLE
from autoscidact.data.fourlepton.selection import cuts
from autoscidact.data.fourlepton.shards import Sample, write_sample


def two_body(parent, mass, first, second, random):
    """Four-momenta of two particles that a parent decays to in all directions of its rest frame."""
    n = len(mass)
    cos, phi = random.uniform(-1, 1, n), random.uniform(-np.pi, np.pi, n)
    sin = np.sqrt(1 - cos**2)
    lam = (mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)
    p = (np.sqrt(lam) / (2 * mass))[:, None] * np.stack([sin * np.cos(phi), sin * np.sin(phi), cos], -1)
    velocity = parent[:, :3] / parent[:, 3:]
    gamma = parent[:, 3] / mass
    results = []
    for momentum, m in ((p, first), (-p, second)):
        energy = np.sqrt((momentum**2).sum(-1) + m**2)
        along = (momentum * velocity).sum(-1)
        factor = gamma**2 / (gamma + 1) * along + gamma * energy
        results.append(
            np.concatenate([momentum + factor[:, None] * velocity, (gamma * (energy + along))[:, None]], axis=1)
        )
    return results


def z_pairs(n: int, masses: tuple[float, float], seed: int, run: int = 1) -> Leptons:
    """`n` selected events of two pairs, with m4l uniform between two masses in GeV."""
    random = np.random.default_rng(seed)
    m4l = random.uniform(*masses, 40 * n)
    z1 = random.uniform(62, np.minimum(100, m4l - 20))
    z2 = random.uniform(13, m4l - z1 - 1)
    system = np.stack([random.normal(0, 15, 40 * n), random.normal(0, 15, 40 * n), random.normal(0, 90, 40 * n)], -1)
    system = np.concatenate([system, np.sqrt((system**2).sum(-1) + m4l**2)[:, None]], 1)
    first, second = two_body(system, m4l, z1, z2, random)
    kinds = np.array([[MUON] * 4, [ELECTRON] * 4, [MUON, MUON, ELECTRON, ELECTRON], [ELECTRON, ELECTRON, MUON, MUON]])
    kind = kinds[random.choice(4, len(m4l), p=[0.34, 0.18, 0.24, 0.24])]
    pairs = [*two_body(first, z1, 1e-3, 1e-3, random), *two_body(second, z2, 1e-3, 1e-3, random)]
    charge = np.tile([1, -1, 1, -1], (len(m4l), 1))
    leptons = ordered(np.stack(pairs, 1), kind, charge, np.full(len(m4l), run), np.arange(len(m4l)) + 1)
    passed = np.flatnonzero(np.all(list(cuts(leptons).values()), axis=0))
    assert len(passed) >= n
    return leptons.take(passed[:n])


def csv_table(leptons: Leptons) -> pd.DataFrame:
    """The columns of the open files."""
    columns = {"Run": leptons.run, "Event": leptons.event}
    for i in range(4):
        columns |= {f"PID{i + 1}": -leptons.charge[:, i] * leptons.kind[:, i], f"Q{i + 1}": leptons.charge[:, i]}
        columns |= {f"{name}{i + 1}": leptons.p4[:, i, k] for k, name in enumerate(("px", "py", "pz", "E"))}
    return pd.DataFrame(columns)


@pytest.fixture(scope="session")
def fourlepton_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder as `autoscidact prepare dataset=fourlepton` leaves it, and observed.csv with 60 events."""
    folder = tmp_path_factory.mktemp("fourlepton")
    write_sample(folder / "generated_zz.parquet", Sample(z_pairs(900, (111, 179), 1), 12_000, 0.0125, (110.0, 180.0)))
    write_sample(folder / "generated_higgs.parquet", Sample(z_pairs(300, (122, 128), 2), 2_000, 0.0013, (110.0, 180.0)))
    seed = 10
    for process in REDUCIBLE:
        for year in (2011, 2012):
            seed += 1
            csv_table(z_pairs(4, (111, 179), seed)).to_csv(folder / process.file(year), index=False)
    for file in FINAL_SELECTION:
        seed += 1
        csv_table(z_pairs(3, (111, 179), seed, run=seed + 195_000)).to_csv(folder / file.name, index=False)
    csv_table(z_pairs(60, (111, 179), 3, run=195_000)).to_csv(folder / "observed.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def jetclass_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder as `autoscidact prepare dataset=jetclass` leaves it: 40 jets of random numbers a file."""
    pytest.importorskip("uproot")
    from jetclass_files import random_table, write_table

    from autoscidact.data.jetclass.file_names import STEMS
    from autoscidact.data.jetclass.prepare import prepare

    folder = tmp_path_factory.mktemp("jetclass")
    for k, name in enumerate(("QCD", "Hbb", "Zqq", "Wqq", "Tbqq")):
        for number in (0, 1, 100, 120):
            table = random_table(40, seed=1000 * k + number, classes=(name,))
            write_table(folder / f"{STEMS[name]}_{number:03d}.root", table)
    prepare(path=str(folder))
    return folder


@pytest.fixture(scope="session")
def ligo_folder(tmp_path_factory) -> Path:
    """A small folder as `autoscidact prepare dataset=ligo source=simulated n_per_class=60` leaves it."""
    pytest.importorskip("lalsimulation", reason="lalsuite is missing: pip install 'autoscidact[gw]'")
    from autoscidact.data.ligo.prepare import prepare

    folder = tmp_path_factory.mktemp("ligo")
    split = {"train": 0.5, "val": 0.1, "test": 0.4}
    prepare(path=str(folder), split=split, signal="white_noise_burst", source="simulated", n_per_class=60)
    return folder


@pytest.fixture(scope="session")
def installed_wheel(tmp_path_factory) -> Path:
    """A folder with the package installed from its wheel, without its dependencies; nothing is compiled."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    build = [*pip, "wheel", "--no-deps", *isolation, "-w", str(folder), str(Path(__file__).parents[1])]
    subprocess.run(build, check=True, capture_output=True, text=True)
    wheel = next(folder.glob("autoscidact-*.whl"))
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-compile", "--target", str(folder / "site"), str(wheel)], check=True
    )
    return folder / "site"

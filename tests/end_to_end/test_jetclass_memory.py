"""Preparing, training on and embedding four times the jets takes the same memory: as much as is configured."""

import os
import subprocess
import sys

import pytest
from jetclass_files import random_table, write_table

pytest.importorskip("uproot")

FILES = {"ZJetsToNuNu": "QCD", "WToQQ": "Wqq", "HToBB": "Hbb"}
COMMON = ("dataset=jetclass", "dataset.classes=[QCD,Hbb,Wqq]", "threads=1")
TRAINING = (
    "encoder=mlp",
    "encoder.hidden=[8]",
    "trainer.max_epochs=1",
    "trainer.batch_size=256",
    "trainer.shuffle_buffer=1024",
    "logger=none",
)


def peak(command, *words):
    """Peak resident memory of a command in MB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "autoscidact.cli", command, *COMMON, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors
    return usage.ru_maxrss / 1024


@pytest.fixture(scope="module")
def peaks(tmp_path_factory):
    """Command to its peak with 7200 and 28800 training jets, which are 41 and 162 MB.

    The larger training file holds more than are read at once (`root_files.CHUNK`), at both sizes.
    """
    found = {"prepare": [], "train": []}
    for times in (1, 4):
        folder = tmp_path_factory.mktemp("jets")
        for k, (stem, name) in enumerate(FILES.items()):
            table = random_table(300, seed=k, classes=(name,), max_particles=60)
            for number, repeat in ((0, (18 if name == "QCD" else 6) * times), (120, 1), (100, 1)):
                write_table(folder / f"{stem}_{number:03d}.root", table, repeat=repeat)
        path = f"dataset.path={folder}"
        found["prepare"].append(peak("prepare", path))
        found["train"].append(peak("train", path, *TRAINING, f"outputs={folder / 'outputs'}"))
    return found


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell a child's peak memory")
@pytest.mark.parametrize("command", ["prepare", "train"])
def test_four_times_the_jets_in_the_same_memory(peaks, command):
    small, large = peaks[command]
    assert large == pytest.approx(small, rel=0.1)

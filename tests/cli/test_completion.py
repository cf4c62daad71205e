"""Tab completion, through bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
eval "$(autoscidact -sc install=bash)"
COMP_LINE=$1; COMP_POINT=${#1}; COMP_WORDS=($1); [[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete -p autoscidact | grep -q hydra_bash_completion && hydra_bash_completion
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "offered", "withheld"),
    [
        ("autoscidact ", {"train", "discover", "doctor"}, {"configuration"}),
        ("autoscidact tr", {"train"}, {"doctor"}),
        ("autoscidact train data", {"dataset="}, {"encoder="}),
        ("autoscidact train dataset=d", {"dataset=digits"}, {"dataset=synthetic"}),
        ("autoscidact discover -m dataset=digits toys.n_", {"toys.n_ref=", "toys.n_signal="}, {"toys.poisson="}),
        ("autoscidact discover --c", {"--cfg", "--config-dir"}, {"--debug"}),
        ("autoscidact discover 'toys.n_ref=3' kernel", {"kernel="}, set()),
        (
            "autoscidact observe dataset=fourlepton 'control={mZ1: [60,80]}' control.",
            {"control.mZ1."},
            {"control.m4l."},
        ),
        ("autoscidact discover 'f_s=[0.1, see", {"seed="}, set()),
        ("autoscidact nonsense da", set(), {"dataset="}),
    ],
)
def test_bash_offers(line: str, offered: set[str], withheld: set[str], tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", SCRIPT, "bash", line],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    found = set(done.stdout.split())
    assert offered <= found, done.stderr
    assert not withheld & found
    assert not list(tmp_path.iterdir())

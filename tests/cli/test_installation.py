"""The wheel brings its configurations; `python -m` works; scripts say what they miss."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_wheel_finds_its_own_configurations_from_any_folder(installed_wheel: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed_wheel)}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "check": True}
    where = "from autoscidact.console.catalogue import config_folder; print(config_folder())"
    assert (
        Path(subprocess.run([sys.executable, "-c", where], **run).stdout.strip())
        == installed_wheel / "autoscidact/configs"
    )
    shown = [sys.executable, "-m", "autoscidact", "train", "--cfg", "job", "dataset=digits"]
    assert "autoscidact.data.digits.load" in subprocess.run(shown, **run).stdout
    assert not list(tmp_path.iterdir())


def test_wheel_holds_every_configuration(installed_wheel: Path) -> None:
    def names(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}

    assert names(installed_wheel / "autoscidact/configs") == names(ROOT / "configs")


def test_reader_of_a_pipe_may_leave(tmp_path: Path) -> None:
    program = f"{sys.executable} -m autoscidact train --cfg job | head -c 1"
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "s"
    assert done.stderr == ""


def test_environment_says_that_python_is_missing() -> None:
    environment = {**os.environ, "PYTHON": "/nowhere/python"}
    done = subprocess.run([ROOT / "scripts/environment"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.11 or newer is needed")
    assert done.stderr.count("\n") == 1


def test_constraints_pin_every_requirement_and_nothing_local() -> None:
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    tested = ("hep", "gw", "images", "cluster")
    own = [f"autoscidact[{name}]" for name in tested]
    assert set(own) < set(extras["dev"])
    needed = [requirement for name in tested for requirement in extras[name]]
    needed += [requirement for requirement in extras["dev"] if requirement not in own]
    wanted = [*project["dependencies"], *needed]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
    assert not any("+" in version for version in pinned.values())

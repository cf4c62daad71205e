"""Help is complete, instant, and true."""

import subprocess
import sys
import time

import pytest

from autoscidact.commands.configuration import PUBLIC_KEYS
from autoscidact.console import catalogue

COMMANDS = sorted(catalogue.commands())


def test_every_command_has_its_configuration_and_a_line_of_help() -> None:
    assert {"train", "discover", "doctor"} <= set(COMMANDS)
    for command in catalogue.commands().values():
        assert (catalogue.config_folder() / f"{command.name}.yaml").is_file()
        assert command.summary.endswith(".")
        assert all(line.startswith(f"autoscidact {command.name}") for line in command.examples.splitlines())
        assert command.examples


def test_no_arguments_list_the_commands(cli) -> None:
    bare, asked = cli(), cli("--help")
    assert bare == asked
    assert bare.status == 0
    for command in catalogue.commands().values():
        assert f"{command.name:8}  {command.summary}" in bare.out


def test_version(cli) -> None:
    import autoscidact

    assert cli("--version").out == f"autoscidact {autoscidact.__version__}\n"
    assert cli("train", "--version").out == f"autoscidact {autoscidact.__version__}\n"


@pytest.mark.parametrize("command", ["train", "discover"])
def test_command_help_shows_groups_options_keys_and_examples(cli, command: str) -> None:
    text = cli(command, "--help").out
    options = catalogue.groups([catalogue.config_folder()])
    for group in ("dataset", "encoder", "loss", "toys", "kernel", "statistic"):
        assert f"\n  {group}\n" in text
        for option in options[group]:
            assert f" {option}" in text
    assert "* synthetic" in text
    assert "@package" not in text
    there = keys_of(cli, command, "kernel=fixed")
    for key in PUBLIC_KEYS:
        assert (f"\n  {key} " in text) == (key in there), key
    assert f"\n  autoscidact {command} " in text
    assert "-sc install=bash" in text


def test_help_after_overrides_and_with_the_users_own_folder(cli, tmp_path) -> None:
    (tmp_path / "mine" / "dataset").mkdir(parents=True)
    (tmp_path / "mine" / "dataset" / "penguins.yaml").write_text("# @package _global_\n# Birds of three islands.\n")
    outcome = cli("train", "dataset=digits", "--config-dir", "mine", "--help")
    assert outcome.status == 0
    assert "penguins" in outcome.out
    assert "Birds of three islands" in outcome.out


def keys_of(cli, command: str, *words: str) -> set[str]:
    """Every key of a command's configuration, dotted."""
    from omegaconf import OmegaConf

    from autoscidact.console.explain import dotted_keys

    return set(dotted_keys(OmegaConf.create(cli(command, *words, "--cfg", "job").out)))


def test_every_public_key_exists(cli) -> None:
    study, report = keys_of(cli, "study", "kernel=fixed", "study=penalty"), keys_of(cli, "report")
    others = keys_of(cli, "prepare", "dataset=digits") | keys_of(cli, "observe", "dataset=digits")
    others |= keys_of(cli, "status")
    assert set(PUBLIC_KEYS) <= study | report | others


@pytest.mark.parametrize("command", ["report", "doctor"])
def test_help_of_commands_without_groups_names_their_own_keys_only(cli, command: str) -> None:
    text, there = cli(command, "--help").out, keys_of(cli, command)
    shown = {key for key in PUBLIC_KEYS if f"\n  {key} " in text}
    assert shown == set(PUBLIC_KEYS) & there
    assert "seed" in shown


@pytest.mark.parametrize("arguments", [["--help"], ["discover", "--help"]])
def test_help_imports_nothing_heavy_and_takes_no_time(arguments: list[str]) -> None:
    code = (
        "import sys; from autoscidact.cli import main; main(sys.argv[1:]);"
        "print([m for m in ('torch', 'hydra', 'pandas', 'sklearn', 'rich') if m in sys.modules], file=sys.stderr)"
    )
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - start)
        assert done.stderr.strip() == "[]"
    assert min(seconds) < 0.5

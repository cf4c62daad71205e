"""The text of `autoscidact --help` and `autoscidact COMMAND --help`."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from autoscidact import __version__
from autoscidact.commands.configuration import PUBLIC_KEYS
from autoscidact.console import catalogue

COMPLETION = 'eval "$(autoscidact -sc install=bash)"'

FLAGS = {
    "-m, --multirun": "run once for each of several comma-separated values",
    "hydra/launcher=NAME": "with -m, what runs the jobs: slurm, slurm_gpu, joblib, local or ray; one by one otherwise",
    "--cfg job": "print the configuration instead of running; --resolve fills in references",
    "--detach": "go on in the background; autoscidact status shows what it does",
    "--config-dir DIR": "a folder of your own options, such as DIR/dataset/mine.yaml",
    "--debug": "show the traceback of an error (also AUTOSCIDACT_DEBUG=1)",
    "-h, --help": "this text",
}


def overview() -> str:
    """The commands, one line each."""
    commands = catalogue.commands().values()
    width = max(len(command.name) for command in commands)
    return "\n".join(
        [
            f"autoscidact {__version__}: find what nobody predicted, and say how sure you are.",
            "",
            "Usage: autoscidact COMMAND [group=option] [key=value] [flags]",
            "",
            "Commands",
            *(f"  {command.name:{width}}  {command.summary}" for command in commands),
            "",
            "autoscidact COMMAND --help shows what a command does, its options and examples.",
            f"Tab completion (bash): put this line into ~/.bashrc:  {COMPLETION}",
        ]
    )


def command_help(name: str, folders: Sequence[Path]) -> str:
    """What a command does, its groups with their options (* marks the default), public keys, flags and examples.

    Args:
        name: the verb.
        folders: folders of configurations, ours first.
    """
    command = catalogue.commands()[name]
    options = catalogue.groups(folders)
    choices = catalogue.default_choices(folders[0], name)
    sections = [
        f"Usage: autoscidact {name}{' [group=option]' if choices else ''} [key=value] [flags]",
        "",
        command.summary,
    ]
    if command.description:
        sections += ["", command.description]
    if choices:
        sections += ["", "Groups (group=option; * is the default)"]
        for group, chosen in choices.items():
            default = chosen if isinstance(chosen, list) else [chosen]
            sections += [f"  {group}"]
            for option in options.get(group, []):
                mark = "*" if option in default else " "
                sections += _row(f"  {mark} {option}", catalogue.option_summary(folders, group, option))
    own = catalogue.own_keys(folders[0], name)
    keys = {key: text for key, text in PUBLIC_KEYS.items() if _used(key, choices, own)}
    sections += ["", f"Keys (key=value; all of them: autoscidact {name} --cfg job)"]
    for key, text in keys.items():
        sections += _row(key, text)
    sections += ["", "Flags"]
    for flag, text in FLAGS.items():
        sections += _row(flag, text)
    if command.examples:
        sections += ["", "Examples", *(f"  {line}" for line in command.examples.splitlines())]
    sections += ["", f"Tab completion (bash): put this line into ~/.bashrc:  {COMPLETION}"]
    return "\n".join(sections)


def _row(left: str, right: str) -> list[str]:
    wrapped = textwrap.wrap(right, 92) or [""]
    return [f"  {left:20} {wrapped[0]}".rstrip(), *(f"  {'':20} {line}" for line in wrapped[1:])]


def _used(key: str, choices: dict[str, object], own: set[str]) -> bool:
    head, dot, _ = key.partition(".")
    if not dot:
        return key in own or (key == "f_s" and "dataset" in choices)  # every dataset brings its fractions
    # nplm's settings come with the statistic of that name.
    chosen = choices.get("statistic")
    return head in choices or head in own - {"nplm"} or chosen == "all" or (isinstance(chosen, list) and head in chosen)

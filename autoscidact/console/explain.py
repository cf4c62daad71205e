"""What Hydra says about a mistake on the command line, in one line that names the nearest thing that exists."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoscidact.commands.configuration import nearest
from autoscidact.console import catalogue


def explain(error: Exception, command: str, overrides: Sequence[str], folders: Sequence[Path]) -> str:
    """One line for an exception that Hydra raised while it composed the configuration.

    Args:
        error: what Hydra raised.
        command: the verb.
        overrides: the arguments after it, without flags.
        folders: folders of configurations, ours first.
    """
    from hydra.errors import MissingConfigException, OverrideParseException

    text = str(error)
    options = catalogue.groups(folders)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        return (
            f"no {group} '{option}': did you mean {group}={nearest(option, error.options)}? ({_listed(error.options)})"
        )
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override, text, options)
    if name := re.match(r"Could not (?:override|delete from config|delete)[.:]? '?~?([^'\n=@]+)", text):
        return _unknown(name.group(1), command, overrides, folders, options)
    if swept := re.match(r"Ambiguous value for argument '([^=]+)=(.+)'\n", text):
        key, values = swept.groups()
        return (
            f"{key}={values} holds several values: write '{key}=[{values}]' for a list, or add -m to run each in turn"
        )
    if merged := re.match(r"Error merging override (.+)", text):
        return f"{merged.group(1)}: {one_line(error.__cause__ or error)}"
    if isinstance(error.__cause__, OmegaConfBaseException):
        return f"{one_line(error)} {one_line(error.__cause__)}"
    return one_line(error)


def one_line(error: BaseException) -> str:
    """An exception's message with its line breaks taken out, without OmegaConf's trailing bookkeeping."""
    text = re.split(r"\n\s*(?:full_key|object_type|reference_type)[:=]", str(error))[0]
    return " ".join(text.split()) or type(error).__name__


def dotted_keys(cfg: DictConfig) -> Iterator[str]:
    """Every key of a configuration, dotted: `toys`, `toys.n_ref`, ..."""

    def walk(node: Any, prefix: str) -> Iterator[str]:
        if isinstance(node, Mapping):
            for key, value in node.items():
                yield f"{prefix}{key}"
                yield from walk(value, f"{prefix}{key}.")

    yield from walk(OmegaConf.to_container(cfg, resolve=False), "")


def _unreadable(override: str, message: str, options: Mapping[str, Sequence[str]]) -> str:
    if "=" not in override:
        choices = {f"{group}={option}" for group, names in options.items() for option in names}
        closest = nearest(override, {choice.partition("=")[2] for choice in choices} | set(options)) or ""
        example = next((c for c in sorted(choices) if closest in (c.partition("=")[2], c.partition("=")[0])), "seed=1")
        return f"cannot read '{override}': arguments are written key=value; did you mean {example}?"
    first = " ".join(message.splitlines()[0].split())
    return f"cannot read '{override}': {first}; quote values that hold spaces or special characters"


def _unknown(
    name: str, command: str, overrides: Sequence[str], folders: Sequence[Path], options: Mapping[str, Sequence[str]]
) -> str:
    name = name.strip().rstrip(".")
    keys = _existing_keys(command, overrides, folders, options, hydra=name.startswith("hydra"))
    known = {group for group in options if group in catalogue.default_choices(folders[0], command)}
    kind = "takes no group" if name in options else "has no key or group"
    return f"{command} {kind} '{name}': did you mean {nearest(name, keys | known)}? (autoscidact {command} --help)"


def _existing_keys(
    command: str, overrides: Sequence[str], folders: Sequence[Path], options: Mapping[str, Sequence[str]], hydra: bool
) -> set[str]:
    """Keys of the configuration that the valid choices of groups on the command line compose."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    # Any choice may bring keys of its own, so the first of several swept ones stands for all.
    pairs = [(key.lstrip("+"), value.split(",")[0]) for key, _, value in (text.partition("=") for text in overrides)]
    valid = [f"{group}={option}" for group, option in pairs if option in options.get(group, ())]
    search = [f"hydra.searchpath=[{','.join(f'file://{folder}' for folder in folders[1:])}]"] if folders[1:] else []
    for chosen in ([*valid, *search], search, []):
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(folders[0]), version_base="1.3"):
                cfg = compose(command, chosen, return_hydra_config=hydra)
            return set(dotted_keys(cfg))
        except (HydraException, OmegaConfBaseException):
            continue
    return set()


def _listed(options: Sequence[str]) -> str:
    return f"there {'is' if len(options) == 1 else 'are'} {', '.join(sorted(options))}"

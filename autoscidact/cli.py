"""`autoscidact COMMAND [overrides]`: finds the command, lets Hydra compose its configuration, and runs it.

Exit status: 0 done, 1 an error (one line on stderr), 130 interrupted.
"""

import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from autoscidact import __version__
from autoscidact.commands.configuration import nearest
from autoscidact.console import catalogue, completion, sharded, usage
from autoscidact.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the program's name; sys.argv by default.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    saved = sys.argv, dict(os.environ), warnings.showwarning
    if "--debug" in words:
        words.remove("--debug")
        os.environ["AUTOSCIDACT_DEBUG"] = "1"
    debug = os.environ.get("AUTOSCIDACT_DEBUG", "") not in ("", "0")
    warnings.showwarning = _show_warning
    # Threads that spin while they wait make training six times slower on a machine that does anything else.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        launchers = sys.modules.get("autoscidact.console.launchers")
        queued = launchers.left_in_queue() if launchers else ""
        print(
            f"interrupted: {queued + ' ' if queued else ''}the same command resumes where this one stopped",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        sys.argv = saved[0]
        os.environ.clear()
        os.environ.update(saved[1])
        warnings.showwarning = saved[2]


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(usage.overview())
        return 0
    if "--version" in words:
        print(f"autoscidact {__version__}")
        return 0
    commands = catalogue.commands()
    if words[0] in ("-sc", "--shell-completion"):
        return _complete(words, list(commands))
    command, *words = words
    if command not in commands:
        known = ", ".join(commands)
        raise UserError(f"no command '{command}': did you mean {nearest(command, commands)}? (there are {known})")
    if "--detach" in words:
        from autoscidact.console.background import detach

        detach([command, *(word for word in words if word != "--detach")], _unique_name())
        return 0
    if not words or words[0] not in ("-h", "--help"):
        # What starts a sweep again is the line as it was typed, whatever it stands for.
        os.environ["AUTOSCIDACT_COMMAND"] = shlex.join(["autoscidact", command, *words])
        return max(_run(command, part) for part in sharded.passes(command, words))
    print(usage.command_help(command, _folders(words)))
    return 0


def _complete(words: list[str], commands: list[str]) -> int:
    if not words[1:] or not words[1].startswith("query="):
        return _run(commands[0], words)
    word = completion.last_word()
    command = completion.split_command(os.environ)
    if command is None:
        print(completion.matching(word, [*commands, "--help", "--version"]))
    elif word.startswith("-"):
        flags = re.findall(r"--?[a-z-]+", " ".join(usage.FLAGS))
        print(completion.matching(word, flags))
    elif command in commands:
        return _run(command, words)
    return 0


def _run(command: str, words: list[str]) -> int:
    # Hydra takes 0.2 s to import, so only here.
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from autoscidact.console import jobs, launchers
    from autoscidact.console.explain import explain, one_line
    from autoscidact.console.mappings import replacing, typed

    overrides, flags = _separate(words)
    folders = _folders(words)
    if {"-h", "--help"} & set(flags):
        print(usage.command_help(command, folders))
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises to us instead of printing and exiting
    os.environ["AUTOSCIDACT_SWEEP"] = _unique_name()
    sys.argv = ["autoscidact", *launchers.sweep_folder(flags), *replacing(overrides), *flags]
    launchers.prefer_own_options()
    try:
        hydra.main(version_base="1.3", config_path=str(folders[0]), config_name=command)(jobs.run_job)()
    except jobs.Stopped as stopped:
        error = stopped.__cause__
        assert error is not None
        known = jobs.user_error(error)
        if known is None:
            raise error from None  # a bug: its traceback is what helps
        raise UserError(one_line(known)) from error
    except launchers.errors() as failure:
        raise UserError(launchers.what_failed(failure)) from None
    except (HydraException, OmegaConfBaseException) as error:
        # Adding a key that is there already can only mean setting it.
        there = re.match(r"Could not append to config. An item is already at '([^']+)'", str(error))
        if there and f"+{there.group(1)}" in {word.partition("=")[0] for word in words}:
            return _run(command, [re.sub(rf"^\+({re.escape(there.group(1))}=)", r"\1", word) for word in words])
        raise UserError(typed(explain(error, command, overrides, folders))) from error
    except (OSError, ValueError) as error:
        raise UserError(one_line(error)) from error
    return 0


def _separate(words: list[str]) -> tuple[list[str], list[str]]:
    """Overrides and flags, each in order: argparse by itself rejects `a=1 -m b=2`."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            names = [name for action in parser._actions for name in action.option_strings] + ["--debug", "--detach"]
            message = f"no flag '{unknown.group(1)}': did you mean {nearest(unknown.group(1), names)}?"
        raise UserError(message)

    parser.error = complain  # type: ignore[method-assign]
    overrides = parser.parse_intermixed_args(words).overrides
    flags, rest = [], list(overrides)
    for word in words:
        if rest and word == rest[0]:
            rest.pop(0)
        else:
            flags.append(word)
    return overrides, flags


def _folders(words: Sequence[str]) -> list[Path]:
    """Our folder of configurations and the user's own."""
    text = "\0".join(words)
    chosen = re.search(r"(?:^|\0)(?:--config-dir|-cd)[\0=]([^\0]+)", text)
    if chosen and not Path(chosen.group(1)).is_dir():
        raise UserError(f"--config-dir {chosen.group(1)}: there is no such folder")
    return [catalogue.config_folder(), *([Path(chosen.group(1)).resolve()] if chosen else [])]


def _unique_name() -> str:
    import secrets
    import time

    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if category is UserWarning:
        print(f"warning: {' '.join(str(message).split())}", file=file or sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

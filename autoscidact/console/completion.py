"""Tab completion of commands; Hydra completes what follows one."""

import os
import shlex
from collections.abc import Iterable, MutableMapping

from autoscidact.console.mappings import replacing


def split_command(environ: MutableMapping[str, str]) -> str | None:
    """Takes the command out of COMP_LINE, so that Hydra sees only the words it knows how to complete.

    Returns:
        The command's name, or None while the command itself is still being typed.
    """
    line = environ.get("COMP_LINE", "")
    program, *words = line.split(" ")
    words = [word for word in words[:-1] if word] + words[-1:]  # the last one is empty after a space
    if len(words) < 2:
        return None
    environ["COMP_LINE"] = " ".join([program, *_readable(" ".join(words[1:-1])), words[-1]])
    return words[0]


def _readable(finished: str) -> list[str]:
    """Words in the form that Hydra runs, without the quotes and spaces at which it would stop reading a line."""
    try:
        return ["".join(word.split()) for word in replacing(shlex.split(finished))]
    except ValueError:
        return []  # a quote is open still


def last_word(environ: MutableMapping[str, str] = os.environ) -> str:
    """The word under the cursor, possibly empty."""
    return environ.get("COMP_LINE", "").split(" ")[-1]


def matching(prefix: str, words: Iterable[str]) -> str:
    """The words that `prefix` may grow into, as bash's compgen wants them."""
    return " ".join(word for word in sorted(words) if word.startswith(prefix))

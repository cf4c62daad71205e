"""`toys.shards=K`: one discovery as K jobs that make toys, and then one run that finds them all made."""

import re
from collections.abc import Sequence

_SHARDS = re.compile(r"\+{0,2}toys\.shards=(\d+)")
_LOOKS_ONLY = ("--cfg", "-c", "--info", "-i", "--hydra-help", "--resolve")


def passes(command: str, words: Sequence[str]) -> list[list[str]]:
    """The command lines that one with `toys.shards=K` stands for; itself where there is nothing to divide.

    The first is a sweep over the shards, with the launcher that was named; the second makes the tables of what is in
    the toy store then, in this process unless the words are a sweep of their own.

    Args:
        command: the verb.
        words: what follows it.
    """
    found = [match for word in words if (match := _SHARDS.fullmatch(word))]
    own = any(re.match(r"\+{0,2}toys\.shard=", word) for word in words)
    looks = any(word.partition("=")[0] in _LOOKS_ONLY for word in words)
    if command != "discover" or not found or own or looks or int(found[-1].group(1)) < 2:
        return [list(words)]
    sweeps = any(word in ("-m", "--multirun") for word in words)
    n = int(found[-1].group(1))
    divided = [*words, f"toys.shard={','.join(map(str, range(n)))}", *([] if sweeps else ["-m"])]
    together = [word for word in words if not _SHARDS.fullmatch(word)]
    if not sweeps:
        together = [word for word in together if not re.match(r"\+{0,2}hydra([./]launcher)\b", word)]
    return [divided, together]

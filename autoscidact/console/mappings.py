"""Keys whose value is a mapping with names of the user's own: one given on the command line replaces a dataset's."""

import re
from collections.abc import Iterable

MAPPINGS = ("candidates_in", "control", "select", "systematics", "titles")

_GIVEN = re.compile(rf"({'|'.join(MAPPINGS)})=")
_FORCED = re.compile(rf"\+\+(?=(?:{'|'.join(MAPPINGS)})=)")


def replacing(overrides: Iterable[str]) -> list[str]:
    """Overrides with which Hydra replaces such a mapping, where it would merge the one given into the one there.

    `control={mZ1: [60,80]}` becomes `control=null ++control={mZ1: [60,80]}`: emptied, then set. (`control=null` fails
    where a command has no such key; `++` takes new names, and keeps the two apart in a multirun, where the later of
    two overrides with the same spelling is the only one.) Single entries (`systematics.rate.scale=0.3`) and additions
    (`+control=...`) stay what they are.
    """
    words = []
    for word in overrides:
        given = _GIVEN.match(word)
        words += [f"{given.group(1)}=null", f"++{word}"] if given else [word]
    return words


def as_typed(overrides: Iterable[str]) -> list[str]:
    """What `replacing` made these of."""
    words: list[str] = []
    for word in overrides:
        plain = typed(word)
        if plain != word and words[-1:] == [f"{plain.partition('=')[0]}=null"]:
            words[-1] = plain
        else:
            words.append(word)
    return words


def typed(text: str) -> str:
    """A message of Hydra's with such overrides as the user wrote them."""
    return _FORCED.sub("", text)

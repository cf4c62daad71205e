"""Which commands, configuration groups and options exist, found by looking at files, without importing any."""

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autoscidact
from autoscidact.errors import UserError

_PACKAGE = Path(autoscidact.__file__).parent


@dataclass(frozen=True)
class Command:
    """A verb and what its module's docstring says: one line, the text after it, and lines to copy."""

    name: str
    summary: str
    description: str
    examples: str


def commands() -> dict[str, Command]:
    """Every verb by name: the modules of autoscidact/commands that define `run` (read, not imported)."""
    found = {}
    for path in sorted((_PACKAGE / "commands").glob("[a-z]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body):
            text = ast.get_docstring(tree) or ""
            summary, _, rest = text.partition("\n")
            description, _, examples = rest.partition("Examples:")
            lines = "\n".join(line.strip() for line in examples.splitlines() if line.strip())
            found[path.stem] = Command(path.stem, summary, description.strip(), lines)
    return found


def config_folder() -> Path:
    """The folder of configurations: $AUTOSCIDACT_CONFIGS, else the installed package's, else the checkout's.

    Raises:
        UserError: none of them is there.
    """
    chosen = os.environ.get("AUTOSCIDACT_CONFIGS")
    if chosen:
        if not Path(chosen).is_dir():
            raise UserError(f"AUTOSCIDACT_CONFIGS={chosen} is not a folder: correct it or unset it")
        return Path(chosen).resolve()
    for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs"):
        if folder.is_dir():
            return folder
    raise UserError(f"no configurations beside {_PACKAGE}: reinstall, or set AUTOSCIDACT_CONFIGS to the folder")


def groups(folders: Sequence[Path]) -> dict[str, list[str]]:
    """Every configuration group and its options, over all `folders` (ours, then the user's --config-dir)."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.glob("*/**/*.yaml"):
            found.setdefault(path.parent.relative_to(folder).as_posix(), set()).add(path.stem)
    found.pop("hydra", None)  # not for users to choose: it is how we keep Hydra quiet
    return {group: sorted(options) for group, options in sorted(found.items())}


def option_summary(folders: Sequence[Path], group: str, option: str) -> str:
    """The first sentence of the first comment line of an option's file, or nothing."""
    for folder in folders:
        path = folder / group / f"{option}.yaml"
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                for line in file:
                    text = re.match(r"#\s*([^@\s].*)", line)
                    if text:
                        return re.split(r"\.(?:\s+(?=[A-Z])|$)", text.group(1).strip())[0]
                    if not line.startswith("#") and line.strip():
                        break
    return ""


def own_keys(folder: Path, name: str) -> set[str]:
    """The keys that configuration `name`, with those it builds on, sets itself and not by a group."""
    import yaml  # type: ignore[import-untyped]

    content = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) or {}
    keys = {str(key) for key in content if key != "defaults"}
    for entry in content.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            keys |= own_keys(folder, entry)
    return keys


def default_choices(folder: Path, name: str) -> dict[str, Any]:
    """The groups that configuration `name` composes, in order, each with the option(s) chosen by default."""
    return dict(_choices(folder, name))


def _choices(folder: Path, name: str) -> Iterator[tuple[str, Any]]:
    import yaml  # type: ignore[import-untyped]

    for entry in (yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) or {}).get("defaults", []):
        if isinstance(entry, str):
            if entry != "_self_":
                yield from _choices(folder, entry)
        else:
            for group, option in entry.items():
                name = group.removeprefix("optional ").removeprefix("override ").strip()
                if not name.startswith("hydra"):
                    yield name, option

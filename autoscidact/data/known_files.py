"""Checksums of files that are too large to read again whenever a run goes on."""

import json
from pathlib import Path
from typing import Any

from autoscidact.files import write_text

RECORD_NAME = "checksums.json"


def file_key(path: Path) -> str:
    """Name, size in bytes and time of the last change of a file: another content has another key."""
    stat = path.stat()
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns}"


class KnownFiles:
    """Facts about files, kept in `checksums.json` of a folder; a damaged record only costs reading files again.

    Args:
        folder: of the record.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORD_NAME
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        self._facts: dict[str, dict[str, Any]] = found if isinstance(found, dict) else {}

    def get(self, key: str, *names: str) -> tuple[Any, ...] | None:
        """The facts of these names about the file of `key` (see `file_key`); None unless all are known."""
        facts = self._facts.get(key) if key else None
        if not isinstance(facts, dict) or any(name not in facts for name in names):
            return None
        return tuple(facts[name] for name in names)

    def put(self, key: str, **facts: Any) -> None:
        """Keeps facts at once: the next file may be interrupted."""
        self._facts[key] = facts
        write_text(self._path, json.dumps(self._facts, indent=1, sort_keys=True) + "\n")

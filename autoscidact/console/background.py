"""`--detach`: the same command in the background, so that one may log out while a sweep waits for its jobs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autoscidact.console.sweep_record import LOG
from autoscidact.files import make_folder


def detach(words: Sequence[str], name: str) -> Path:
    """Starts `autoscidact WORDS` in a session of its own, says how to follow it, and returns its log.

    Jobs of a cluster go on without it; it waits for them, and makes what is to be made of them in the end. If it is
    stopped, the same command goes on.

    Args:
        words: what was typed, without --detach.
        name: of the log.
    """
    given = [word.partition("=")[2] for word in words if word.startswith("outputs=")]
    outputs = Path(given[-1] if given else os.environ.get("AUTOSCIDACT_OUTPUTS") or "outputs").expanduser()
    log = make_folder(outputs / "detached") / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "autoscidact.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {LOG: str(log)},
        )
    where = f" outputs={given[-1]}" if given else ""
    print(f"in the background as process {process.pid}; `autoscidact status{where}` shows its jobs\n  log {log}")
    return log

"""Open files from the network or a local copy: checked by their hash, kept where they are right, never half written."""

import shutil
import sys
from pathlib import Path

from autoscidact.errors import UserError
from autoscidact.files import atomic_path, sha256_of

_CONNECT_SECONDS, _READ_SECONDS = 10, 60


class Unreachable(UserError):
    """The file could not be fetched; it may be had later or elsewhere."""


def fetch(url: str, sha256: str, target: str | Path) -> Path:
    """Downloads a file, or keeps the one that is there already.

    Args:
        url: http or https address.
        sha256: of the content.
        target: where to put it.

    Returns:
        `target`.

    Raises:
        Unreachable: the transfer failed.
        UserError: names the file: another one stands at `target`, or what came is not the file that was published.
            Nothing is written or overwritten then.
    """
    import pooch
    import requests

    target = Path(target)
    if is_there(target, sha256):
        return target
    with atomic_path(target) as temporary:
        try:
            # A bar of its own only where somebody watches it.
            limits = (_CONNECT_SECONDS, _READ_SECONDS)
            pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=limits)(url, str(temporary), None)
        except (requests.RequestException, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Unreachable(
                f"{target.name}: downloading {url} failed ({reason}); try again, or give a folder that holds the "
                "file with mirror=FOLDER"
            ) from error
        _check(temporary, sha256, target.name, url)
    return target


def copy(source: str | Path, sha256: str, target: str | Path) -> Path:
    """Copies a file from a local mirror, or keeps the one that is there already; otherwise as `fetch`."""
    source, target = Path(source), Path(target)
    if is_there(target, sha256):
        return target
    try:
        _check(source, sha256, source.name, str(source.parent))
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from error
    return target


def is_there(target: str | Path, sha256: str) -> bool:
    """Whether the file is at `target`. Raises UserError if another one is: it may be the user's own."""
    target = Path(target)
    if not target.exists():
        return False
    found = sha256_of(target)
    if found != sha256:
        raise UserError(
            f"{target}: this is not the published file (sha256 {found}, expected {sha256}); move it away, then run "
            "the command again"
        )
    return True


def _check(path: Path, sha256: str, name: str, source: str) -> None:
    found = sha256_of(path)
    if found != sha256:
        raise UserError(
            f"{name} from {source} is not the published file: sha256 {found}, expected {sha256}; it was changed or "
            "cut short, and nothing was written"
        )

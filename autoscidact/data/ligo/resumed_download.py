"""A large download that goes on where it was cut."""

from pathlib import Path

from autoscidact.data.downloads import Unreachable
from autoscidact.files import make_folder
from autoscidact.progress import progress

# Of a block that is cut nothing is kept.
_BLOCK = 1 << 16
_MB = 1 << 20
_LIMITS = (10, 60)
_TRIES = 5


def download(url: str, target: Path, label: str) -> Path:
    """Downloads to `target`.part, and goes on with what an earlier, interrupted run left there.

    Connections that are cut are taken up again, up to four times; a server that cannot send a part sends all of it.

    Args:
        label: what the progress calls it.

    Returns:
        The path of the .part file, which is as long as the server said; whoever calls checks and renames it.

    Raises:
        Unreachable: names the file; what came so far stays for the next time.
    """
    import requests

    make_folder(target.parent)
    part = target.with_name(target.name + ".part")
    reason = ""
    for _ in range(_TRIES):
        try:
            if _go_on(url, part, label):
                return part
            reason = "the connection was cut"
        except requests.RequestException as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            status = error.response.status_code if error.response is not None else 500
            if 400 <= status < 500:
                break
        except OSError as error:
            raise Unreachable(f"{part}: cannot be written ({error.strerror}); free some room there") from error
    raise Unreachable(
        f"{target.name}: downloading {url} failed ({reason}); what came so far is kept: run the same command again "
        "to go on, or give a folder that holds the file with mirror=FOLDER"
    )


def _go_on(url: str, part: Path, label: str) -> bool:
    """One connection; whether the file is whole after it."""
    import requests

    there = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with requests.get(url, headers=headers, stream=True, timeout=_LIMITS) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable and there:
            # All of it is there already, or it is another file's.
            if response.headers.get("Content-Range", "") == f"bytes */{there}":
                return True
            part.unlink()
            return False
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            part.unlink()
            return False
        done = there if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length is not None else None
        with (
            part.open("ab" if resumed else "wb") as file,
            progress(f"{label} (MB)", (total or 0) // _MB, done=done // _MB) as bar,
        ):
            for block in response.iter_content(_BLOCK):
                file.write(block)
                bar.advance((done + len(block)) // _MB - done // _MB)
                done += len(block)
    return total is None or done == total

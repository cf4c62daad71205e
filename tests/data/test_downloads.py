"""Downloads from a server on this machine: what is right is kept, what is wrong leaves no trace."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from autoscidact.data.downloads import copy, fetch, is_there
from autoscidact.errors import UserError

CONTENT = b"Run,Event\n" + b"1,2\n" * 5000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/good, /changed, /interrupted (half of what the header promises), anything else 404."""

    requests: ClassVar[list[str]] = []

    def do_GET(self):
        self.requests.append(self.path)
        body = {"/good": CONTENT, "/changed": CONTENT + b"1,3\n", "/interrupted": CONTENT}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/interrupted" else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_download_gives_the_file(server, tmp_path):
    assert fetch(f"{server}/good", SHA, tmp_path / "deep" / "a.csv").read_bytes() == CONTENT
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.csv"]


def test_file_that_is_there_is_not_asked_for(server, tmp_path):
    (tmp_path / "a.csv").write_bytes(CONTENT)
    before = len(Handler.requests)
    fetch(f"{server}/good", SHA, tmp_path / "a.csv")
    assert len(Handler.requests) == before


@pytest.mark.parametrize(("page", "message"), [("changed", SHA), ("interrupted", "a.csv"), ("absent", "404")])
def test_failed_download_leaves_nothing(server, tmp_path, page, message):
    with pytest.raises(UserError, match=message) as error:
        fetch(f"{server}/{page}", SHA, tmp_path / "a.csv")
    assert "\n" not in str(error.value)
    assert "a.csv" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server(tmp_path):
    with pytest.raises(UserError, match="mirror=FOLDER"):
        fetch("http://127.0.0.1:9/a.csv", SHA, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_other_file_in_the_place_is_refused(server, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"mine")
    for get in (lambda: fetch(f"{server}/good", SHA, tmp_path / "a.csv"), lambda: is_there(tmp_path / "a.csv", SHA)):
        with pytest.raises(UserError, match="move it away"):
            get()
    assert (tmp_path / "a.csv").read_bytes() == b"mine"


def test_mirror_is_checked_too(tmp_path):
    (tmp_path / "mirror.csv").write_bytes(CONTENT)
    assert copy(tmp_path / "mirror.csv", SHA, tmp_path / "a.csv").read_bytes() == CONTENT
    (tmp_path / "mirror.csv").write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=SHA):
        copy(tmp_path / "mirror.csv", SHA, tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()

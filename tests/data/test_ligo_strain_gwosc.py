"""Downloads from a copy of GWOSC's archive on this machine, which at times cuts connections."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ligo_strain_file import START, write_pair, write_strain

from autoscidact.data.downloads import Unreachable
from autoscidact.data.ligo.gwosc import RECORD, fetch_strain, run_of
from autoscidact.errors import UserError


class Archive(ThreadingHTTPServer):
    """Lists and serves the files of a folder.

    Attributes:
        ranges: whether parts can be asked for.
        cut: how many answers are to stop half-way.
        asked: (path, Range) of all requests for files.
    """

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.ranges, self.cut, self.asked = folder, True, 0, []
        self.host = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        listing = re.fullmatch(r"/archive/links/O3b_4KHZ_R1/(H1|L1)/\d+/\d+/json/", self.path)
        path = self.server.folder / self.path.rpartition("/")[2]
        if listing:
            names = sorted(file.name for file in self.server.folder.iterdir() if f"-{listing[1]}_" in file.name)
            entries = [{"url": f"{self.server.host}/data/{n}", "format": n.rpartition(".")[2]} for n in names]
            self._send(200, json.dumps({"strain": entries}).encode())
        elif not path.is_file():
            self.send_error(404)
        else:
            asked = self.headers.get("Range")
            self.server.asked.append((path.name, asked))
            body = path.read_bytes()
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
            if first >= len(body):
                self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            elif first:
                self._send(206, body[first:], {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"})
            else:
                self._send(200, body)

    def _send(self, status, body, headers=()):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.cut and status in (200, 206) and len(body) > 10_000:
            self.server.cut -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    for start in (START, START + 8):
        write_pair(folder, start, 8)
    with Archive(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_both_detectors_arrive_whole_and_stay(archive, tmp_path):
    write_strain(archive.folder, "L1", START + 16, 8)
    (archive.folder / f"H-H1_GWOSC_O3b_4KHZ_R1-{START}-8.gwf").write_bytes(b"a frame")
    paths = fetch_strain(START + 4, START + 20, tmp_path / "here", host=archive.host)
    assert [path.name[:4] + path.name[-17:-7] for path in paths] == [
        f"{detector}{start}" for start in (START, START + 8) for detector in ("H-H1", "L-L1")
    ]
    for path in paths:
        assert path.read_bytes() == (archive.folder / path.name).read_bytes()
    assert len(json.loads((tmp_path / "here" / RECORD).read_text())) == 4
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted([RECORD, *(p.name for p in paths)])
    asked = len(archive.asked)
    assert fetch_strain(START + 4, START + 20, tmp_path / "here", host=archive.host) == paths
    assert len(archive.asked) == asked


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_is_cut_is_taken_up_again(archive, tmp_path, ranges):
    archive.cut, archive.ranges = 2, ranges
    paths = fetch_strain(START, START + 8, tmp_path / "here", host=archive.host)
    for path in paths:
        assert path.read_bytes() == (archive.folder / path.name).read_bytes()
    half = paths[0].stat().st_size // 2
    assert half - 65536 < int(archive.asked[1][1].removeprefix("bytes=").rstrip("-")) <= half


def test_a_later_run_goes_on_where_an_earlier_one_stopped(archive, tmp_path):
    archive.cut, archive.ranges = 100, False
    with pytest.raises(Unreachable, match="run the same command again"):
        fetch_strain(START, START + 8, tmp_path / "here", host=archive.host)
    (part,) = (tmp_path / "here").glob("*.part")
    there = part.stat().st_size
    assert there > 0
    archive.cut, archive.ranges = 0, True
    archive.asked.clear()
    paths = fetch_strain(START, START + 8, tmp_path / "here", host=archive.host)
    assert archive.asked[0][1] == f"bytes={there}-"
    assert paths[0].read_bytes() == (archive.folder / paths[0].name).read_bytes()


def test_what_is_left_whole_or_from_another_file_is_noticed(archive, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    whole, longer = sorted(path for path in archive.folder.iterdir() if str(START) in path.name)[:2]
    (here / f"{whole.name}.part").write_bytes(whole.read_bytes())
    (here / f"{longer.name}.part").write_bytes(longer.read_bytes() + b"more")
    for path in fetch_strain(START, START + 8, here, host=archive.host):
        assert path.read_bytes() == (archive.folder / path.name).read_bytes()


def test_files_that_are_not_right_are_refused(archive, tmp_path):
    here = tmp_path / "here"
    first = fetch_strain(START, START + 8, here, host=archive.host)[0]
    first.write_bytes((archive.folder / first.name.replace(str(START), str(START + 8))).read_bytes())
    with pytest.raises(UserError, match=f"{first.name}: its content has changed"):
        fetch_strain(START, START + 8, here, host=archive.host)
    (here / RECORD).unlink()
    with pytest.raises(UserError, match=f"{first.name}: holds 8 s of H1 from GPS {START + 8}"):
        fetch_strain(START, START + 8, here, host=archive.host)


def test_a_damaged_file_of_the_archive_leaves_nothing(archive, tmp_path):
    first = min(archive.folder.iterdir())
    first.write_bytes(b"sorry, maintenance")
    with pytest.raises(UserError, match="no HDF5 file"):
        fetch_strain(START, START + 8, tmp_path / "here", host=archive.host)
    assert not list((tmp_path / "here").glob("*"))


def test_ranges_and_archives_that_cannot_be(archive, tmp_path):
    assert run_of(1238166018, 1238166020) == "O3a"
    with pytest.raises(UserError, match="O3a 1238166018 to 1253977218"):
        run_of(1253977200, 1256655700)
    with pytest.raises(UserError, match="run O4: choose from O1, O2, O3a, O3b"):
        run_of(1, 2, "O4")
    with pytest.raises(UserError, match="no time with data of both detectors"):
        fetch_strain(START + 1000, START + 1010, tmp_path, host=archive.host)
    with pytest.raises(Unreachable, match="no list of files"):
        fetch_strain(1126051300, 1126051400, tmp_path, host=archive.host)

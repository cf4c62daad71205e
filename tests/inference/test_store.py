"""The toy store: it remembers, resumes, extends and merges, and one process at a time writes to it."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from autoscidact.errors import UserError
from autoscidact.inference.store import ToyStore

DEFINITION: dict[str, object] = {"toys": "abc", "statistic": "fake", "widths": {"a": 1.0, "b": 2.5}}
VARIANTS = ("a", "b")


def value(index: int, f_s: float = 0.0) -> list[float]:
    return [index + f_s, float("nan") if index % 7 == 3 else np.sqrt(index + 2.0)]


def fill(store: ToyStore, indices: range, f_s: float = 0.0) -> None:
    store.add(f_s, np.array(indices, dtype=np.int64), np.array([value(i, f_s) for i in indices]))


def expected(n: int, f_s: float = 0.0) -> np.ndarray:
    return np.array([value(i, f_s) for i in range(n)])


def store_in(folder: Path, **change: object) -> ToyStore:
    return ToyStore(folder, {**DEFINITION, **change}, VARIANTS)


def test_round_trip_with_nan(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(16))
        fill(store, range(16), 0.05)
        np.testing.assert_array_equal(store.values(0.0, 16), expected(16))
    again = store_in(tmp_path)
    np.testing.assert_array_equal(again.values(0.0, 16), expected(16))
    np.testing.assert_array_equal(again.values(0.05, 10), expected(10, 0.05))
    assert again.values(0.0, 0).shape == (0, 2)


def test_missing_is_what_is_left_to_do(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(4, 8))
        assert store.missing(0.0, range(10)) == [0, 1, 2, 3, 8, 9]
        assert store.missing(0.1, range(3)) == [0, 1, 2]
        with pytest.raises(KeyError):
            store.values(0.0, 8)
    assert store_in(tmp_path).missing(0.0, range(10)) == [0, 1, 2, 3, 8, 9]


def test_extension_keeps_what_is_there_byte_by_byte(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(8))
    before = {path: path.read_bytes() for path in store.folder.glob("*.parquet")}
    with store_in(tmp_path) as store:
        assert store.missing(0.0, range(20)) == list(range(8, 20))
        fill(store, range(8, 24))
        np.testing.assert_array_equal(store.values(0.0, 20), expected(20))
    assert all(path.read_bytes() == content for path, content in before.items())


def test_copying_shards_merges(tmp_path: Path) -> None:
    with store_in(tmp_path / "here") as here:
        fill(here, range(8))
    with store_in(tmp_path / "there") as there:
        fill(there, range(4, 16))
        fill(there, range(4), 0.1)
    for path in there.folder.glob("*.parquet"):
        shutil.copy(path, here.folder)
    merged = store_in(tmp_path / "here")
    np.testing.assert_array_equal(merged.values(0.0, 16), expected(16))
    np.testing.assert_array_equal(merged.values(0.1, 4), expected(4, 0.1))


def test_shards_that_arrive_before_the_lock_count(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    with store_in(tmp_path) as other:
        fill(other, range(8))
    with store:
        assert store.missing(0.0, range(8)) == []


def test_whatever_t_depends_on_has_its_own_store(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(4))
    assert store_in(tmp_path, toys="abd").missing(0.0, range(2)) == [0, 1]
    assert store_in(tmp_path, widths={"a": 1.0, "b": 2.5000001}).missing(0.0, range(2)) == [0, 1]
    assert ToyStore(tmp_path, DEFINITION, ("b", "a")).missing(0.0, range(2)) == [0, 1]
    assert store_in(tmp_path).missing(0.0, range(4)) == []


def test_foreign_shard_is_refused_by_name(tmp_path: Path) -> None:
    with store_in(tmp_path, toys="foreign") as foreign:
        fill(foreign, range(4))
    (shard,) = foreign.folder.glob("*.parquet")
    here = store_in(tmp_path)
    copied = Path(shutil.copy(shard, here.folder))
    with pytest.raises(UserError, match="belongs to another configuration") as caught:
        store_in(tmp_path)
    assert str(copied) in str(caught.value)
    with pytest.raises(UserError, match="belongs to another configuration"), here:
        pass


def test_truncated_shard_is_refused_by_name(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(4))
    (shard,) = store.folder.glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(UserError, match="truncated") as caught:
        store_in(tmp_path)
    assert str(shard) in str(caught.value)
    shard.unlink()
    assert store_in(tmp_path).missing(0.0, range(4)) == [0, 1, 2, 3]


HOLDER = """
import sys, time
from pathlib import Path
from autoscidact.inference.store import ToyStore
with ToyStore(sys.argv[1], {"toys": "abc"}, ("a",)):
    print("locked", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a store."""
    command = [sys.executable, "-c", HOLDER, str(folder), "toys.n_null=77"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


def test_the_second_run_is_told_who_is_first_and_a_killed_one_frees_the_store(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with (
            pytest.raises(UserError, match="is in use by process") as caught,
            ToyStore(tmp_path, {"toys": "abc"}, ("a",)),
        ):
            pass
        # Who holds it, where, and with what command: enough to decide whether to wait.
        for named in (f"process {process.pid} ", os.uname().nodename, "toys.n_null=77"):
            assert named in str(caught.value)
        assert "\n" not in str(caught.value)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with ToyStore(tmp_path, {"toys": "abc"}, ("a",)) as store:
            store.add(0.0, np.array([0]), np.array([[1.0]]))


def test_leaving_frees_the_store_even_by_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), store_in(tmp_path):
        raise ZeroDivisionError
    with store_in(tmp_path) as store:
        fill(store, range(2))
        with pytest.raises(UserError, match="in use"), store_in(tmp_path):
            pass
        fill(store, range(2, 4))
    with store_in(tmp_path):
        pass


def test_stores_of_other_definitions_are_not_locked(tmp_path: Path) -> None:
    with store_in(tmp_path), store_in(tmp_path, toys="other") as other:
        fill(other, range(2))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.folder.chmod(0o555)
    try:
        with pytest.raises(UserError, match="cannot write the toy store") as caught, store:
            pass
        assert str(store.folder) in str(caught.value)
    finally:
        store.folder.chmod(0o755)


def test_folder_that_refuses_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system, for root too."""
    store = store_in(tmp_path)

    def refuse(*arguments: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UserError, match=r"cannot write the toy store .*: Read-only file system") as caught, store:
        pass
    assert str(store.folder) in str(caught.value)


def test_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make folder"):
        store_in(tmp_path / "file")


def test_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_in(tmp_path) as store:
        fill(store, range(8))

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(pq, "write_table", full)
            with pytest.raises(UserError, match="No space left on device"):
                fill(store, range(8, 16))
        # Values that are not on disk do not count as done.
        assert store.missing(0.0, range(16)) == list(range(8, 16))
        fill(store, range(8, 16))
    np.testing.assert_array_equal(store_in(tmp_path).values(0.0, 16), expected(16))
    assert not [path for path in store.folder.iterdir() if path.suffix == ".part"]


def part_of(folder: Path, i: int, n: int) -> ToyStore:
    return ToyStore(folder, DEFINITION, VARIANTS, (i, n))


def test_runs_with_parts_of_their_own_share_a_store(tmp_path: Path) -> None:
    with part_of(tmp_path, 0, 2) as first, part_of(tmp_path, 1, 2) as second:
        half_written = second.folder / ".half.part"
        half_written.touch()
        fill(first, range(4))
        fill(second, range(4, 8))
        with pytest.raises(UserError, match="is in use by process"), part_of(tmp_path, 1, 2):
            pass
        with pytest.raises(UserError, match="is in use by process"), store_in(tmp_path):
            pass
        with part_of(tmp_path, 0, 3):  # another division
            assert half_written.exists()
    with store_in(tmp_path) as store:
        np.testing.assert_array_equal(store.values(0.0, 8), expected(8))
        with pytest.raises(UserError, match="is in use by process"), part_of(tmp_path, 0, 2):
            pass


def test_toys_of_two_versions_of_the_code_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autoscidact.inference import store as module

    waiting = store_in(tmp_path)
    with store_in(tmp_path) as here:
        fill(here, range(4))
    monkeypatch.setattr(module, "code_version", lambda: "0.2.0+12345678")
    with pytest.raises(UserError) as caught:
        store_in(tmp_path)
    assert "0.2.0+12345678" in str(caught.value)
    assert "autoscidact 0.1" in str(caught.value)
    # Toys of another job arrived between opening and locking.
    with pytest.raises(UserError, match="two versions"), waiting:
        pass

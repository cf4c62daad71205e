"""Shards: what is written is what is read, and whatever happened to the file is said, not read over."""

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autoscidact.errors import UserError
from autoscidact.inference.shard import Shard, read_shard, write_shard


def shard(key: str = "k" * 24, n: int = 16) -> Shard:
    rng = np.random.default_rng(0)
    t = rng.chisquare(20, size=(n, 2))
    t[1, 1] = np.nan
    t[2, 0] = np.nextafter(1.0, 2.0)
    return Shard(key, 0.1 + 0.2, ("q25", "sigma=1.5"), np.arange(n, dtype=np.int64) + 32, t)


def same(one: Shard, other: Shard) -> bool:
    return (
        (one.key, one.f_s, one.variants) == (other.key, other.f_s, other.variants)
        and np.array_equal(one.index, other.index)
        and np.array_equal(one.t, other.t, equal_nan=True)
    )


def test_round_trip_to_the_last_bit(tmp_path: Path) -> None:
    path = write_shard(tmp_path, shard())
    found = read_shard(path, shard().key)
    assert same(found, shard())
    assert found.checksum == shard().checksum
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_equal_toys_share_a_name_and_others_never_do(tmp_path: Path) -> None:
    one = write_shard(tmp_path, shard())
    assert write_shard(tmp_path, shard()) == one
    other = shard()
    other.t[0, 0] += 1e-12
    assert write_shard(tmp_path, other) != one


def test_truncated_anywhere_names_the_file(tmp_path: Path) -> None:
    path = write_shard(tmp_path, shard())
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="truncated or damaged") as caught:
            read_shard(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_either_harmless_or_one_line_that_names_the_file(tmp_path: Path) -> None:
    """Every third byte, its lowest or highest bit: never other values, never an exception of another kind."""
    path = write_shard(tmp_path, shard(n=4))
    whole = path.read_bytes()
    caught = 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x80 if place % 2 else 0x01
        path.write_bytes(bytes(damaged))
        said = None
        try:
            assert same(read_shard(path, shard().key), shard(n=4))
        except UserError as error:
            said = str(error)
        if said is not None:
            assert str(path) in said
            assert "\n" not in said
            caught += 1
    assert caught > 50


def edited(path: Path, change: object) -> Path:
    table = pq.read_table(path)
    pq.write_table(change(table), path)  # type: ignore[operator]
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.set_column(2, "t:q25", pa.array(np.zeros(16))),
        lambda table: table.set_column(1, "toy", pa.array(np.arange(16))),
        lambda table: table.set_column(0, "f_s", pa.array(np.full(16, 0.4))),
        lambda table: table.slice(0, 15),
        lambda table: table.slice(0, 0),
        lambda table: table.drop_columns(["t:q25"]),
        lambda table: table.drop_columns(["t:q25", "t:sigma=1.5"]),
        lambda table: table.drop_columns(["toy"]),
        lambda table: table.rename_columns(["f_s", "toy", "t:q50", "t:sigma=1.5"]).replace_schema_metadata(
            table.schema.metadata
        ),
        lambda table: table.set_column(2, "t:q25", pa.array(["a"] * 16)),
        lambda table: table.replace_schema_metadata({**table.schema.metadata, b"checksum": b"0" * 64}),
    ],
)
def test_edited(tmp_path: Path, change: object) -> None:
    path = edited(write_shard(tmp_path, shard()), change)
    with pytest.raises(UserError, match="was edited") as caught:
        read_shard(path, shard().key)
    assert str(path) in str(caught.value)


def without(table: pa.Table, key: bytes) -> pa.Table:
    return table.replace_schema_metadata({k: v for k, v in table.schema.metadata.items() if k != key})


@pytest.mark.parametrize("key", [b"key", b"checksum", b"autoscidact"])
def test_metadata_taken_out(tmp_path: Path, key: bytes) -> None:
    path = edited(write_shard(tmp_path, shard()), lambda table: without(table, key))
    for expected in (None, shard().key):
        with pytest.raises(UserError) as caught:
            read_shard(path, expected)
        assert str(path) in str(caught.value)


def test_another_parquet_file_is_no_shard(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"x": [1, 2]}), path)
    with pytest.raises(UserError, match=r"mine\.parquet is not a toy shard"):
        read_shard(path)


def test_foreign_key_names_file_and_both_keys(tmp_path: Path) -> None:
    path = write_shard(tmp_path, shard(key="a" * 24))
    with pytest.raises(UserError, match="belongs to another configuration") as caught:
        read_shard(path, "b" * 24)
    for named in (str(path), "a" * 24, "b" * 24):
        assert named in str(caught.value)
    assert same(read_shard(path), shard(key="a" * 24))


def test_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_shard(tmp_path, shard())

    def full(table: object, where: Path) -> None:
        Path(where).write_bytes(b"PAR1 and then the disk was full")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_shard(tmp_path, shard(n=8))
    assert list(tmp_path.iterdir()) == [before]
    assert same(read_shard(before), shard())


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "f_s=0.7" / "toy=3"
    folder.mkdir(parents=True)
    assert same(read_shard(write_shard(folder, shard())), shard())

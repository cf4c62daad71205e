"""A discovery divided into jobs gives the byte-identical table of one run, whatever was killed or done before."""

import shutil

import pytest

TOYS = ("toys.n_null=400", "toys.n_signal=70", "f_s=[0.1,0.5]", "statistic=[nplm,mahalanobis,mmd]")


def table(outputs):
    (folder,) = (outputs / "discover" / "digits").iterdir()
    return (folder / "z_scores.csv").read_bytes()


@pytest.fixture
def outputs(trained, tmp_path):
    """A folder with the finished training of digits."""
    shutil.copytree(trained / "train", tmp_path / "train")
    return tmp_path


@pytest.fixture(scope="module")
def expected(trained, digits, succeed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(trained / "train", folder / "train")
    succeed("discover", *digits, *TOYS, f"outputs={folder}")
    return table(folder)


def toys_in(outputs):
    return {path.name: path.stat().st_mtime_ns for path in (outputs / "toys").rglob("*.parquet")}


def test_shards_add_up(outputs, digits, succeed, expected):
    outcome = succeed("discover", *digits, *TOYS, f"outputs={outputs}", "toys.shards=3")
    assert table(outputs) == expected
    assert "part 3 of 3" in outcome.err
    before = toys_in(outputs)
    succeed("discover", *digits, *TOYS, f"outputs={outputs}", "toys.shards=3")
    assert toys_in(outputs) == before


def test_shards_go_on_where_some_of_them_stopped(outputs, digits, succeed, expected):
    words = (*digits, *TOYS, f"outputs={outputs}")
    succeed("discover", *words, "toys.shards=4", "toys.shard=2")
    assert not (outputs / "discover").exists()
    before = toys_in(outputs)
    assert before
    succeed("discover", *words, "toys.shards=4")
    after = toys_in(outputs)
    assert before.items() <= after.items()
    assert len(after) > 2 * len(before)
    assert table(outputs) == expected


def test_another_division_and_a_whole_run_take_what_is_there(outputs, digits, succeed, expected):
    words = (*digits, *TOYS, f"outputs={outputs}")
    succeed("discover", *words, "toys.shards=2", "toys.shard=1")
    succeed("discover", *words, "toys.shards=3", "toys.shard=0")
    outcome = succeed("discover", *words)
    assert "are done already" in outcome.out
    assert table(outputs) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("toys.shards=2", "toys.shard=2"), "toys.shard=2: there are toys.shards=2, counted from 0"),
        (("toys.shards=0",), "toys.shards=0 must be a whole number of at least 1"),
        (("toys.shard=x",), "toys.shard=x must be a whole number"),
    ],
)
def test_shards_that_cannot_be(outputs, digits, run, words, message):
    outcome = run("discover", *digits, *TOYS, f"outputs={outputs}", *words)
    assert outcome.status == 1
    assert message in outcome.err

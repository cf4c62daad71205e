"""Which command lines a sharded discovery stands for."""

import pytest

from autoscidact.console.sharded import passes


def test_a_sweep_over_the_shards_and_then_the_tables():
    words = ["dataset=digits", "toys.shards=3", "hydra/launcher=slurm", "hydra.launcher.partition=long", "f_s=0.1"]
    divided, together = passes("discover", words)
    assert divided == [*words, "toys.shard=0,1,2", "-m"]
    assert together == ["dataset=digits", "f_s=0.1"]


def test_a_sweep_of_its_own_keeps_its_launcher():
    divided, together = passes("discover", ["-m", "seed=0,1", "toys.shards=2", "hydra/launcher=joblib"])
    assert divided == ["-m", "seed=0,1", "toys.shards=2", "hydra/launcher=joblib", "toys.shard=0,1"]
    assert together == ["-m", "seed=0,1", "hydra/launcher=joblib"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["toys.shards=1"],
        ["toys.shards=4", "toys.shard=2"],
        ["toys.shards=4", "--cfg", "job"],
        ["toys.n_null=500"],
    ],
)
def test_nothing_to_divide(words):
    assert passes("discover", words) == [words]


def test_only_discoveries_are_divided():
    assert passes("train", ["toys.shards=4"]) == [["toys.shards=4"]]

"""Mappings with names of the user's own, given on the command line: they replace what a dataset's YAML says."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from autoscidact.console import catalogue
from autoscidact.console.mappings import MAPPINGS, as_typed, replacing

FOURLEPTON = ("observe", "dataset=fourlepton", "observed=data.csv")
EXAMPLES = [line for command in catalogue.commands().values() for line in command.examples.splitlines()]


@pytest.fixture
def shown(cli):
    def compose(*arguments: str) -> DictConfig:
        outcome = cli(*arguments, "--cfg", "job")
        assert outcome.status == 0, outcome.err
        return OmegaConf.create(outcome.out)

    return compose


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_composes(cli, line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    assert program == "autoscidact"
    if "-m" in words:  # of several values the first; a configuration is shown of a single run only
        words = [word if "[" in word else word.split(",")[0] for word in words if word != "-m"]
    outcome = cli(*words, "--cfg", "job")
    assert outcome.status == 0, outcome.err


GIVEN = {
    "candidates_in": {"mZ2": [12, 60]},
    "control": {"mZ1": [60, 80]},
    "select": {"mZ1": [[60, 80], [100, 120]]},
    "systematics": {"rate": {"scale": 0.2}},
    "titles": {"mZ1": "mass"},
}


def test_mappings_replace_the_datasets(shown) -> None:
    assert set(GIVEN) == set(MAPPINGS)
    words = [f"{key}={value}".replace("'", "") for key, value in GIVEN.items()]
    none = [f"{key}=null" for key in GIVEN]
    for dataset in (FOURLEPTON, ("observe", "dataset=synthetic", "observed=data.npy")):
        cfg = shown(*dataset, *words)
        assert {key: cfg[key] for key in GIVEN} == GIVEN
    # The last one counts.
    cfg = shown(*FOURLEPTON, *(f"{key}={{first: [1,2]}}" for key in GIVEN), *none, *words)
    assert {key: cfg[key] for key in GIVEN} == GIVEN
    for given_before in ([], words):
        cfg = shown(*FOURLEPTON, *given_before, *none)
        assert {key: cfg[key] for key in GIVEN} == dict.fromkeys(GIVEN)


def test_nothing_else_is_replaced(shown) -> None:
    nominal, cfg = shown(*FOURLEPTON), shown(*FOURLEPTON, "systematics={rate: {scale: 0.2}}")
    assert {key for key in nominal if nominal[key] != cfg[key]} == {"systematics"}
    assert shown("discover", "titles={mass: mass in GeV}").titles == {"mass": "mass in GeV"}


def test_entries_are_changed_and_added_one_by_one(shown) -> None:
    cfg = shown(*FOURLEPTON, "systematics.zz_rate.scale=0.3", "+systematics.jes.scale=0.1")
    assert cfg.systematics.zz_rate.scale == 0.3
    assert len(cfg.systematics.zz_rate.classes) == 3
    assert set(cfg.systematics) == {"zz_rate", "reducible_rate", "jes"}
    assert set(shown(*FOURLEPTON, "+systematics={jes: {scale: 0.1}}").systematics) == set(cfg.systematics)
    own = shown(*FOURLEPTON, "systematics={rate: {scale: 0.2}}", "systematics.rate.scale=0.4", "+control.mZ1=[1,2]")
    assert own.systematics == {"rate": {"scale": 0.4}}
    assert set(own.control) == {"m4l", "mZ1"}
    assert shown(*FOURLEPTON, "+control=null").control is None


def test_a_multirun_takes_several(cli, body) -> None:
    from autoscidact.provenance import command_line

    lines: list[str] = []
    seen = body(lambda cfg: lines.append(command_line()))
    outcome = cli(*FOURLEPTON, "-m", "control={mZ1: [60,80]},null", "systematics={rate: {scale: 0.2}}", "seed=1,2")
    assert outcome.status == 0, outcome.err
    assert [cfg["control"] for cfg in seen] == [{"mZ1": [60, 80]}] * 2 + [None] * 2
    assert all(cfg["systematics"] == {"rate": {"scale": 0.2}} for cfg in seen)
    # Each job again by itself, from the command that it records.
    configs = list(seen)
    for line in lines[:4]:
        assert cli(*shlex.split(line)[1:]).status == 0
    assert seen[4:] == configs
    assert "null" not in lines[0]
    assert lines[4:] == lines[:4]


def test_mistakes_are_named_as_typed(cli) -> None:
    assert "train has no key or group 'systematics'" in cli("train", "systematics={a: {scale: 1}}").err
    for word in ("control={m4l: [1,2},", "control={m4l: [1,2]},null"):
        error = cli(*FOURLEPTON, word).err
        assert word in error
        assert "+" not in error


WORDS = st.sampled_from(
    ["seed=1", "control.m4l=[1,2]", "+control={a: 1}", "~control", "dataset=digits", "control=null", "titles={a: b}"]
)


@given(st.lists(WORDS))
def test_what_is_recorded_is_what_was_typed(words: list[str]) -> None:
    assert as_typed(replacing(words)) == words
    assert as_typed(words) == words

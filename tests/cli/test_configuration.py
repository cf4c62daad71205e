"""The helpers that commands read their configuration with."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from autoscidact.commands.configuration import as_list, nearest, plain, run_folder
from autoscidact.errors import UserError


def test_plain_resolves() -> None:
    cfg = OmegaConf.create({"a": [1, {"b": "${c}"}], "c": 0.5})
    assert plain(cfg) == {"a": [1, {"b": 0.5}], "c": 0.5}


def test_plain_names_what_is_missing() -> None:
    with pytest.raises(UserError, match=r"dataset\.path, dataset\.signal are missing.*file that holds your events"):
        plain(OmegaConf.create({"dataset": {"path": "???", "signal": "???"}}))
    with pytest.raises(UserError, match="NOT_SET_ANYWHERE"):
        plain(OmegaConf.create({"outputs": "${oc.env:NOT_SET_ANYWHERE}"}))


def test_run_folder_depends_on_content_alone() -> None:
    one = run_folder("outputs", "train", "digits", {"a": 1, "b": [0.1]})
    assert one == run_folder(Path("outputs"), "train", "digits", {"b": [0.1], "a": 1})
    assert one.parent == Path("outputs/train/digits")
    assert one != run_folder("outputs", "train", "digits", {"a": 2, "b": [0.1]})


def test_as_list() -> None:
    assert as_list(0.01) == as_list([0.01]) == [0.01]


@given(st.text(), st.sets(st.text(min_size=1), min_size=1))
def test_nearest_is_one_of_them_and_itself_when_there(word: str, candidates: set[str]) -> None:
    assert nearest(word, candidates) in candidates
    for candidate in candidates:
        assert nearest(candidate, candidates).lower() == candidate.lower()

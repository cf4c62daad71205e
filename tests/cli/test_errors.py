"""Every mistake ends in one line that says what to do, and a status that a script can see."""

import pickle
from pathlib import Path

import pytest

from autoscidact.commands.configuration import plain
from autoscidact.console import jobs
from autoscidact.errors import UserError


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("trian", "train?"),
        ("train dataset=digit", "dataset=digits"),
        ("train datset=digits", "did you mean dataset?"),
        ("train encodr=mlp", "did you mean encoder?"),
        ("train toys.nref=1", "toys.n_ref"),
        ("train n_ref=1", "toys.n_ref"),
        ("discover npml.penalty=1", "nplm.penalty"),
        ("discover fs=0.1", "f_s"),
        ("discover -m dataset=synthetic,digit", "dataset=digits"),
        ("discover -m toys.nref=1,2", "toys.n_ref"),
        ("train toys.n_ref.x=1", "toys.n_ref"),
        ("train ~sed", "seed"),
        ("doctor dataset=digits", "doctor takes no group 'dataset'"),
        ("train digits", "dataset=digits"),
        ("train f_s=0.1,0.2", "f_s=[0.1,0.2]"),
        ("train f_s=[0.1", "cannot read 'f_s=[0.1'"),
        ("train --mutirun", "--multirun"),
        ("train --cfg jib", "job"),
        ("train --config-dir nowhere", "nowhere"),
        ("train dataset=custom", "dataset.path"),
        ("train dataset=custom dataset.path=x.csv dataset.label=y", "dataset.signal is missing"),
        ("discover kernel=fixed", "kernel.widths"),
        ("train outputs=${oc.env:NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
    ],
)
def test_one_line_names_the_cause(cli, tmp_path, typed: str, named: str) -> None:
    outcome = cli(*typed.split())
    assert outcome.status == 1
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert named in outcome.err
    assert not list(tmp_path.glob("outputs/[!m]*"))


def test_nearest_key_counts_keys_that_the_dataset_brings(cli) -> None:
    assert "dataset.n_noise" in cli("train", "dataset=synthetic", "dataset.n_nois=3").err


def test_nearest_option_counts_the_users_own(cli, tmp_path) -> None:
    (tmp_path / "mine" / "dataset").mkdir(parents=True)
    (tmp_path / "mine" / "dataset" / "penguins.yaml").write_text("# @package _global_\ndataset:\n  island: 1\nf_s: 1\n")
    assert "dataset=penguins" in cli("train", "--config-dir", "mine", "dataset=pengins").err
    assert "dataset.island" in cli("train", "--config-dir", "mine", "dataset=penguins", "dataset.ilsand=2").err


def test_embedding_needs_no_dataset_file(cli, body) -> None:
    body(lambda cfg: print(plain(cfg)["dataset"]["path"]))
    outcome = cli("discover", "dataset=custom", "embedding=mine.csv", "dataset.signal=z")
    assert (outcome.status, outcome.out) == (0, "None\n")


def fail_with(error: BaseException):
    def run(cfg: object) -> None:
        raise error

    return run


def test_user_error_is_one_line_and_traceback_only_on_demand(cli, body, monkeypatch) -> None:
    body(fail_with(UserError("events.csv: column 'x' holds NaN")))
    outcome = cli("train")
    assert (outcome.status, outcome.err) == (1, "error: events.csv: column 'x' holds NaN\n")
    debugged = cli("train", "--debug")
    assert debugged.status == 1
    assert "Traceback" in debugged.err
    assert debugged.err.endswith(outcome.err)
    monkeypatch.setenv("AUTOSCIDACT_DEBUG", "1")
    assert "Traceback" in cli("train").err


def test_user_error_inside_instantiate_keeps_its_message(cli, body, monkeypatch) -> None:
    from hydra.utils import instantiate

    body(lambda cfg: instantiate({"_target_": f"{__name__}.broken_constructor"}))
    assert cli("train").err == "error: class '9' is not in the file\n"
    body(lambda cfg: instantiate({"_target_": "autoscidact.files.content_hash", "valeu": 1}))
    outcome = cli("train")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "valeu" in outcome.err


def broken_constructor() -> None:
    raise UserError("class '9' is not in the file")


def test_a_bug_shows_its_traceback(cli, body) -> None:
    body(fail_with(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli("train")


def test_interruption_says_how_to_go_on(cli, body) -> None:
    body(fail_with(KeyboardInterrupt()))
    for arguments in (["train"], ["train", "-m", "seed=1,2"]):
        outcome = cli(*arguments)
        assert outcome.status == 130
        assert outcome.err == "interrupted: the same command resumes where this one stopped\n"


def test_a_failing_job_of_several_names_its_cause_and_the_others_run(cli, body) -> None:
    ran = []

    def run(cfg) -> None:
        ran.append(cfg.seed)
        if cfg.seed != 2:
            raise UserError(f"no events for seed {cfg.seed}") if cfg.seed == 1 else ZeroDivisionError("a bug")

    body(run)
    outcome = cli("train", "-m", "seed=1,2,3")
    assert ran == [1, 2, 3]
    assert outcome.status == 1
    summary = outcome.err[outcome.err.index("error: 2 jobs failed:") :]
    assert "autoscidact train seed=1: no events for seed 1" in summary
    assert "autoscidact train seed=3: ZeroDivisionError: a bug" in summary
    files = sorted(Path("outputs/multirun").glob("*/*/error.txt"))
    assert [path.parent.name for path in files] == ["0", "2"]
    assert "Traceback" in files[1].read_text()


def test_launchers_can_pickle_the_task_and_its_failure() -> None:
    assert pickle.loads(pickle.dumps(jobs.run_job)) is jobs.run_job
    failure = pickle.loads(pickle.dumps(jobs.JobFailed("seed=1", "no events", "/folder")))
    assert (failure.job, failure.message, failure.folder) == ("seed=1", "no events", "/folder")


def test_unwritable_outputs(cli, body) -> None:
    body()
    outcome = cli("train", "-m", "seed=1,2", "outputs=/proc/nowhere")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "/proc/nowhere" in outcome.err


def test_warnings_are_one_line(cli, body) -> None:
    import warnings

    def run(cfg: object) -> None:
        warnings.warn("feature 'y' is constant", UserWarning, stacklevel=1)

    body(run)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert "warning: feature 'y' is constant\n" in cli("train").err

"""What the command line composes, and in which order things win."""

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from autoscidact.console import catalogue


@pytest.fixture
def shown(cli):
    def compose(*arguments: str) -> DictConfig:
        outcome = cli(*arguments, "--cfg", "job")
        assert outcome.status == 0, outcome.err
        return OmegaConf.create(outcome.out)

    return compose


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A user's own folder: an encoder, and a dataset that chooses it."""
    for name, text in {
        "encoder/tall.yaml": "_target_: mine.Tall\ndim: 7\n",
        "dataset/penguins.yaml": "# @package _global_\ndefaults:\n  - override /encoder: tall\n"
        "dataset:\n  name: penguins\nloss:\n  temperature: 0.33\ntoys:\n  n_ref: 77\nf_s: [0.2]\n",
        "experiment/study.yaml": "# @package _global_\ndefaults:\n  - override /dataset: penguins\n"
        "  - override /encoder: mlp\n  - override /kernel: paper\ntoys:\n  n_ref: 55\n",
    }.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    return tmp_path / "mine"


@pytest.mark.parametrize("command", ["train", "discover"])
def test_dataset_brings_its_settings(shown, mine, command: str) -> None:
    cfg = shown(command, "dataset=penguins", "--config-dir", str(mine))
    assert (cfg.encoder._target_, cfg.encoder.dim) == ("mine.Tall", 7)
    assert (cfg.loss.temperature, cfg.toys.n_ref, cfg.f_s) == (0.33, 77, [0.2])


@pytest.mark.parametrize("order", [["dataset=penguins", "encoder=mlp"], ["encoder=mlp", "dataset=penguins"]])
def test_explicit_encoder_wins_in_either_order_and_loses_nothing_else(shown, mine, order: list[str]) -> None:
    cfg = shown("train", *order, "--config-dir", str(mine))
    assert cfg.encoder._target_.endswith("MLP")
    assert (cfg.loss.temperature, cfg.toys.n_ref) == (0.33, 77)


@pytest.mark.parametrize("order", [["dataset=penguins", "toys.n_ref=5"], ["toys.n_ref=5", "dataset=penguins"]])
def test_explicit_value_wins_in_either_order(shown, mine, order: list[str]) -> None:
    assert shown("train", *order, "--config-dir", str(mine)).toys.n_ref == 5


def test_experiment_wins_over_its_dataset(shown, mine) -> None:
    cfg = shown("train", "experiment=study", f"--config-dir={mine}")
    assert (cfg.dataset.name, cfg.toys.n_ref, cfg.f_s) == ("penguins", 55, [0.2])
    assert cfg.encoder._target_.endswith("MLP")
    assert "widths" in cfg.kernel


def test_every_option_of_every_group_composes(cli) -> None:
    folder = catalogue.config_folder()
    for command in ("train", "discover", "study"):
        for group in catalogue.default_choices(folder, command):
            for option in catalogue.groups([folder])[group]:
                chosen = [] if group == "study" or command != "study" else ["study=all"]
                outcome = cli(command, f"{group}={option}", *chosen, "--cfg", "job")
                assert outcome.status == 0, f"{group}={option}: {outcome.err}"


@pytest.mark.parametrize(("text", "value"), [("0.01", 0.01), ("[0.005,0.01,0.02]", [0.005, 0.01, 0.02])])
def test_signal_fractions(shown, text: str, value: object) -> None:
    assert shown("discover", f"f_s={text}").f_s == value


def test_small_numbers_are_numbers(shown) -> None:
    cfg = shown("discover", "nplm.penalty=1e-7")
    assert (cfg.nplm.penalty, cfg.nplm.jitter) == (1e-7, 1e-13)


def test_multirun_runs_each(cli, body) -> None:
    seen = body()
    assert cli("discover", "-m", "dataset=synthetic,digits", "f_s=0.02").status == 0
    assert cli("discover", "dataset=digits", "-m", "seed=1,2").status == 0
    assert [cfg["dataset"]["name"] for cfg in seen] == ["synthetic", "digits", "digits", "digits"]
    assert [cfg["seed"] for cfg in seen] == [0, 0, 1, 2]
    assert seen[0]["f_s"] == seen[1]["f_s"] == 0.02
    assert len(list(Path("outputs/multirun").iterdir())) == 2


def test_a_run_leaves_no_file_of_hydras(cli, body, tmp_path) -> None:
    body()
    assert cli("train", "dataset=digits").status == 0
    assert not list(tmp_path.iterdir())


def test_configurations_from_elsewhere(cli, tmp_path, monkeypatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "train.yaml").write_text("seed: 41\n")
    monkeypatch.setenv("AUTOSCIDACT_CONFIGS", str(tmp_path / "other"))
    assert cli("train", "--cfg", "job").out == "seed: 41\n"
    monkeypatch.setenv("AUTOSCIDACT_CONFIGS", str(tmp_path / "nowhere"))
    outcome = cli("train", "--cfg", "job")
    assert outcome.status == 1
    assert "AUTOSCIDACT_CONFIGS" in outcome.err


def test_outputs_from_the_environment(shown, monkeypatch) -> None:
    monkeypatch.setenv("AUTOSCIDACT_OUTPUTS", "/scratch")
    assert shown("train", "--resolve").outputs == "/scratch"


def test_the_job_records_the_command_that_repeats_it(cli, body, mine) -> None:
    from autoscidact.provenance import command_line

    lines: list[str] = []
    body(lambda cfg: lines.append(command_line()))
    cli("train", "seed=3")
    cli("discover", "-m", "--config-dir", str(mine), "dataset=penguins", "seed=1,2")
    assert lines[0] == "autoscidact train seed=3"
    assert lines[2] == f"autoscidact discover --config-dir {mine} dataset=penguins seed=2"


def test_a_plus_before_a_key_that_is_there_sets_it(shown, cli) -> None:
    assert shown("study", "study=penalty", "+smoke=true").smoke is True
    assert shown("discover", "+toys.n_null=7", "toys.n_signal=3").toys.n_null == 7
    assert "toys.n_nul" in cli("discover", "toys.n_nul=7", "--cfg", "job").err


def test_study_runs_every_test_by_default(shown) -> None:
    assert {"nplm", "supervised", "c2st"} <= set(shown("study", "study=penalty").statistic)
    assert list(shown("discover").statistic) == ["nplm"]

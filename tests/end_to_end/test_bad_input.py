"""Bad input: one `error:` line that names the file, key or class, status 1, and nothing overwritten."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def contents(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Every file with its time and bytes; a store's lock says who had it last and is no result."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def refused(outcome: object, *named: str) -> str:
    """Checks that a command failed in one line that holds all of `named`; gives the line."""
    assert outcome.status == 1, outcome.out
    errors = [line for line in outcome.err.splitlines() if not line.startswith("warning: ")]
    assert len(errors) == 1, outcome.err
    assert errors[0].startswith("error: ")
    for part in named:
        assert part in errors[0]
    return errors[0]


def put(column: str, value: object, rows: slice = slice(7, 8)) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[table.index[rows], column] = value
        return table

    return change


def only(label: str, n: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Leaves `n` events of a class."""
    return lambda table: table.drop(index=table.index[table.kind == label][n:])


FILES = {
    "NaN": (put("charge", np.nan), [], ["charge (1 row)", "row 8"]),
    "infinite": (put("spin", np.inf, slice(4, 7)), [], ["spin (3 rows)", "row 5"]),
    "too large for float32": (put("spin", 1e39), [], ["'spin'", "3.4e38"]),
    "all constant": (lambda t: t.assign(mass=1.0, charge=0.0, spin=-3.5), [], ["every feature is constant"]),
    "no label column": (lambda t: t, ["dataset.label=knid"], ["dataset.label", "'knid'", "did you mean 'kind'?"]),
    "label missing": (put("kind", None, slice(20, 22)), [], ["2 rows without a label", "row 21"]),
    "no such signal": (lambda t: t, ["dataset.signal=nwe"], ["'nwe'", "did you mean 'new'?", "electron"]),
    "class of one event": (only("tau", 1), [], ["tau", "fewer than 2 events"]),
    "signal of one event": (only("new", 1), [], ["new", "fewer than 2 events"]),
    "only signal": (lambda t: t[t.kind == "new"], [], ["background"]),
    "no feature": (lambda t: t[["kind"]], [], ["numeric"]),
    "label as feature": (lambda t: t, ["dataset.features=[mass,kind]"], ["'kind'", "dataset.features"]),
    "feature not there": (lambda t: t, ["dataset.features=[mass,chrage]"], ["'chrage'", "'charge'"]),
    "no rows": (lambda t: t[:0], [], []),
}


@pytest.mark.parametrize(
    ("command", "case"),
    [("train", case) for case in FILES]
    + [("discover", case) for case in ("NaN", "label missing", "no such signal", "class of one event")],
)
def test_file_of_events(
    command: str, case: str, tmp_path: Path, run, custom, custom_trained: tuple[Path, Path], table: pd.DataFrame
) -> None:
    """A file that was good when it was trained on is now a bad one; `discover` meets it through a checkpoint."""
    change, options, named = FILES[case]
    _, outputs = custom_trained
    shutil.copytree(outputs, tmp_path / "outputs")
    file = tmp_path / "bad events.csv"
    change(table).to_csv(file, index=False)
    if command == "discover":
        (checkpoint,) = outputs.glob("train/*/*/checkpoint.safetensors")
        options = [*options, f"checkpoint='{checkpoint}'"]
    before = contents(tmp_path)
    outcome = run(command, *custom, f"dataset.path='{file}'", *options, f"outputs={tmp_path / 'outputs'}")
    refused(outcome, *named, *([] if case == "no such signal" else [str(file)]))
    assert contents(tmp_path) == before


def test_file_that_is_not_there(run, custom, tmp_path: Path) -> None:
    refused(run("train", *custom, f"dataset.path={tmp_path}/none.csv", f"outputs={tmp_path}"), f"{tmp_path}/none.csv")


def test_file_of_another_kind(run, custom, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "events.parquet").write_bytes(b"PAR1 not really PAR1")
    (tmp_path / "events.xyz").write_bytes(b"1 2 3")
    for name in ("events.csv", "events.parquet", "events.xyz"):
        path = str(tmp_path / name)
        refused(run("train", *custom, f"dataset.path={path}", f"outputs={tmp_path / 'outputs'}"), path)


def test_a_constant_feature_is_a_warning_that_names_it(run, custom, tmp_path: Path, table: pd.DataFrame) -> None:
    """It does not divide by zero: the run ends, with finite numbers."""
    file = tmp_path / "events.csv"
    table.assign(detector=3.25).to_csv(file, index=False)
    options = [*custom, f"dataset.path={file}", f"outputs={tmp_path / 'outputs'}"]
    outcome = run("train", *options)
    assert outcome.status == 0, outcome.err
    (warning,) = (line for line in outcome.err.splitlines() if line.startswith("warning: "))
    assert str(file) in warning
    assert warning.endswith("detector")
    (path,) = tmp_path.glob("outputs/train/custom/*/embedding.parquet")
    assert np.isfinite(pd.read_parquet(path).filter(regex=r"^h\d").to_numpy()).all()
    assert run("discover", *options, "f_s=0.1", "toys.n_null=20", "toys.n_signal=3").status == 0


TOYS = {
    "|R|+|D| too large": (["toys.n_ref=600", "toys.n_data=80"], ["600+80", "649", "toys.n_ref=405 toys.n_data=81"]),
    "|R| far too large": (["toys.n_ref=100000"], ["100000+80", "649", "toys.n_ref=405 toys.n_data=81"]),
    "|D| = 0": (["toys.n_data=0"], ["toys.n_data=0"]),
    "|D| no number": (["toys.n_data=many"], ["toys.n_data", "many"]),
    "|R| a fraction": (["toys.n_ref=100.5"], ["toys.n_ref", "100.5"]),
    "f_s < 0": (["f_s=-0.1"], ["f_s=-0.1", "0 to 1"]),
    "f_s > 1": (["f_s=[0.1,1.5]"], ["f_s=1.5", "0 to 1"]),
    "f_s NaN": (["f_s=nan"], ["f_s=nan"]),
    "f_s no number": (["f_s=much"], ["f_s=much"]),
    "f_s empty": (["f_s=[]"], ["f_s", "empty"]),
    "more signal than there is": (["f_s=[0.1,0.95]"], ["f_s=0.95", "76 signal events", "has 70", "at most 0.875"]),
    "more signal than there is, Poisson": (["f_s=0.95", "toys.poisson=true"], ["f_s=0.95", "has 70"]),
    "too many centres": (["nplm.n_centers=100000"], ["nplm.n_centers=100000", "400"]),
    "too many centres of each toy": (
        ["nplm.n_centers=100000", "nplm.centers=toy"],
        ["nplm.n_centers=100000", "480"],
    ),
    "no centres": (["nplm.n_centers=0"], ["nplm.n_centers=0"]),
    "centres no number": (["nplm.n_centers=lots"], ["nplm.n_centers", "lots"]),
    "penalty": (["nplm.penalty=-1"], ["nplm.penalty=-1"]),
    "penalty no number": (["nplm.penalty=strong"], ["nplm.penalty", "strong"]),
    "newton steps": (["nplm.newton_steps=0"], ["nplm.newton_steps=0"]),
    "width": (["kernel=fixed", "kernel.widths=[1,-2]"], ["kernel.widths", "-2"]),
    "widths empty": (["kernel=fixed", "kernel.widths=[]"], ["kernel.widths"]),
    "quantile": (["kernel.quantiles=[0.5,1.5]"], ["kernel.quantiles", "1.5"]),
    "null toys": (["toys.n_null=1"], ["toys.n_null=1"]),
    "signal toys": (["toys.n_signal=0"], ["toys.n_signal=0"]),
    "threads": (["threads=0"], ["threads=0"]),
    "device": (["device=abacus"], ["device=abacus", "cpu"]),
    "device a number": (["device=7"], ["device=7", "cpu"]),
    "seed": (["seed=-1"], ["seed=-1"]),
    "seed no number": (["seed=lucky"], ["seed=lucky"]),
    "seed too large": (["seed=1e20"], ["seed=1e+20"]),
    "poisson": (["toys.poisson=maybe"], ["toys.poisson=maybe"]),
    "resampling": (["toys.resample_reference=1"], ["toys.resample_reference=1"]),
    "no outputs": (["outputs=null"], ["outputs"]),
}


@pytest.mark.parametrize("case", TOYS)
def test_toys_and_statistic(case: str, run, digits, toys, trained: Path, discovered: Path) -> None:
    options, named = TOYS[case]
    before = contents(trained)
    (embedding,) = trained.glob("train/digits/*/embedding.parquet")
    refused(run("discover", *digits, *toys, f"embedding={embedding}", f"outputs={trained}", *options), *named)
    assert contents(trained) == before


EMBEDDINGS = {
    "no such file": (None, [], []),
    "NaN": (lambda t: t.assign(x=t.x.where(t.index != 3)), [], ["1 row", "x"]),
    "infinite": (lambda t: t.assign(y=t.y.replace(t.y[5], np.inf)), [], ["1 row", "y"]),
    "no label column": (lambda t: t.drop(columns="kind"), [], ["'kind'"]),
    "label missing": (lambda t: t.assign(kind=t.kind.where(t.index != 3)), [], ["1 row", "kind"]),
    "no such signal": (lambda t: t, ["dataset.signal=nwe"], ["'nwe'", "new"]),
    "no signal given": (lambda t: t, ["dataset.signal=null"], ["dataset.signal", "new"]),
    "no axis": (lambda t: t[["kind"]], [], ["numeric"]),
    "ids repeat": (lambda t: t.assign(id=t.index // 2), [], ["'id'"]),
    "weights": (lambda t: t.assign(weight=-1.0), [], ["'weight'"]),
    "splits": (lambda t: t.assign(split="tset"), [], ["'split'", "tset"]),
    "no test events": (lambda t: t.assign(split="train"), [], ["test"]),
    "constant": (lambda t: t.assign(x=1.0, y=2.0), [], ["constant"]),
    "only background": (lambda t: t[t.kind != "new"], ["f_s=0.1"], ["'new'"]),
    "only signal": (lambda t: t[t.kind == "new"], [], ["background"]),
    "no rows": (lambda t: t[:0], [], []),
}


@pytest.mark.parametrize("case", EMBEDDINGS)
def test_file_of_embedded_events(case: str, tmp_path: Path, run, toys) -> None:
    change, options, named = EMBEDDINGS[case]
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(900, 2)), columns=["x", "y"])
    table = table.assign(kind=np.array(["a", "b", "new"])[np.arange(900) % 3])
    file = tmp_path / "embedded.csv"
    if change is not None:
        change(table).to_csv(file, index=False)
    command = ["discover", "dataset=custom", "dataset.label=kind", "dataset.signal=new", f"embedding={file}", *toys]
    outcome = run(*command, *options, f"outputs={tmp_path / 'outputs'}")
    line = refused(outcome, *named)
    assert str(file) in line or case in ("constant",)
    assert not contents(tmp_path / "outputs")


def checkpoint_of(outputs: Path) -> Path:
    (path,) = outputs.glob("train/*/*/checkpoint.safetensors")
    return path


def test_checkpoint_that_is_truncated(tmp_path: Path, run, digits, toys, trained: Path) -> None:
    whole = checkpoint_of(trained).read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        outcome = run("discover", *digits, *toys, f"checkpoint={path}", f"outputs={tmp_path / 'outputs'}")
        refused(outcome, f"checkpoint {path}")
    assert not contents(tmp_path / "outputs")


def test_checkpoint_that_is_none(tmp_path: Path, run, digits, toys) -> None:
    (tmp_path / "text.safetensors").write_text("weights " * 100)
    for name in ("text.safetensors", "missing.safetensors"):
        outcome = run("discover", *digits, *toys, f"checkpoint={tmp_path / name}", f"outputs={tmp_path}")
        refused(outcome, f"checkpoint {tmp_path / name}")


def test_checkpoint_of_something_else(
    tmp_path: Path, run, digits, toys, custom, trained: Path, custom_trained: tuple[Path, Path], table: pd.DataFrame
) -> None:
    file, outputs = custom_trained
    other, mine = checkpoint_of(outputs), checkpoint_of(trained)
    new = f"outputs={tmp_path}"
    refused(
        run("discover", *digits, *toys, f"checkpoint='{other}'", new), f"checkpoint {other}", "'custom'", "'digits'"
    )
    dimension = run("discover", *digits, *toys, f"checkpoint={mine}", "encoder.dim=7", new)
    refused(dimension, f"checkpoint {mine}", "dimension 4", "encoder.dim is 7")
    held_out = run("discover", *digits, *toys, f"checkpoint={mine}", "dataset.signal='3'", new)
    refused(held_out, f"checkpoint {mine}", "'8'", "'3'")
    split = run("discover", *digits, *toys, f"checkpoint={mine}", "dataset.seed=1", new)
    refused(split, f"checkpoint {mine}", "split")
    table.assign(mass=table.mass * 2).to_csv(tmp_path / "others.csv", index=False)
    others = run("discover", *custom, f"dataset.path={tmp_path / 'others.csv'}", f"checkpoint='{other}'", new)
    refused(others, f"checkpoint {other}", "other events")
    assert not list(tmp_path.glob("discover/*"))
    assert file.is_file()


def test_training_whose_file_has_changed_since(tmp_path: Path, run, succeed, custom, toys, table: pd.DataFrame) -> None:
    """The same command, but the events are others: neither the old embedding nor the old checkpoint is of them."""
    file = tmp_path / "events.csv"
    table.to_csv(file, index=False)
    options = [*custom, f"dataset.path={file}", f"outputs={tmp_path / 'outputs'}"]
    succeed("train", *options)
    table.assign(mass=table.mass * 2).to_csv(file, index=False)
    before = contents(tmp_path)
    refused(run("train", *options), "checkpoint", "other events")
    refused(run("discover", *options, *toys), str(file), "changed", "other events")
    assert contents(tmp_path) == before
    # Without its file a finished training is still there to be used.
    file.unlink()
    succeed("discover", *options, "toys.n_null=20", "toys.n_signal=3")


@pytest.mark.parametrize("value", ["-1", "lucky", "0.5", "[1,2]"])
def test_seed_of_a_training(value: str, tmp_path: Path, run, digits) -> None:
    refused(run("train", *digits, f"seed={value}", f"outputs={tmp_path}"), f"seed={value.replace(',', ', ')}")
    assert not contents(tmp_path)


def test_a_fraction_that_rounds_to_no_event_is_a_warning(tmp_path: Path, run, digits, trained: Path) -> None:
    (embedding,) = trained.glob("train/digits/*/embedding.parquet")
    few = ["f_s=0.005", "toys.n_null=20", "toys.n_signal=3", f"embedding={embedding}", f"outputs={tmp_path}"]
    outcome = run("discover", *digits, *few)
    assert outcome.status == 0
    assert "warning: f_s=0.005 of |D|=80 rounds to no signal event" in outcome.err


@pytest.mark.parametrize("named", ["digits", "custom"])
def test_no_checkpoint_yet_says_the_command_that_makes_one(
    named: str, tmp_path: Path, run, succeed, digits, custom, custom_trained: tuple[Path, Path]
) -> None:
    """The command, as it stands in the message, through a shell's eyes."""
    file, _ = custom_trained
    dataset = digits if named == "digits" else (*custom, f"dataset.path='{file}'")
    # Quotes within a word are Hydra's and must survive the shell: '3' is a word, 3 a number.
    options = [*dataset, "dataset.signal='3'"] if named == "digits" else [*dataset]
    options += ["encoder.dim=3", "loss.temperature=0.3", "seed=5", f"outputs='{tmp_path}/my outputs'"]
    few = ["f_s=0.1", "toys.n_null=20", "toys.n_signal=3", "threads=1"]
    line = refused(run("discover", *options, *few), "no finished training", str(tmp_path))
    (command,) = re.findall("`(.*?)`", line)
    words = shlex.split(command)
    assert words[:2] == ["autoscidact", "train"]
    assert not any("toys" in word or "f_s" in word for word in words)
    succeed(*words[1:])
    succeed("discover", *options, *few)


@pytest.mark.parametrize("command", ["train", "discover"])
def test_outputs_that_cannot_be_written(command: str, tmp_path: Path, run, digits, toys, trained: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (embedding,) = trained.glob("train/digits/*/embedding.parquet")
    source = [f"embedding={embedding}"] if command == "discover" else []
    for outputs in ("/proc/nowhere", str(tmp_path / "file"), str(tmp_path / "file" / "below")):
        refused(run(command, *digits, *toys, *source, f"outputs={outputs}"), outputs, "outputs=DIR")
    assert (tmp_path / "file").read_text() == "mine"


def test_damaged_toys_of_an_earlier_run(tmp_path: Path, run, succeed, digits, trained: Path) -> None:
    (embedding,) = trained.glob("train/digits/*/embedding.parquet")
    options = [*digits, f"embedding={embedding}", "f_s=0.1", "toys.n_null=20", "toys.n_signal=3", f"outputs={tmp_path}"]
    succeed("discover", *options)
    shard = sorted(tmp_path.glob("toys/*/*.parquet"))[0]
    shard.write_bytes(shard.read_bytes()[:-20])
    before = contents(tmp_path)
    refused(run("discover", *options), str(shard), "truncated")
    assert contents(tmp_path) == before

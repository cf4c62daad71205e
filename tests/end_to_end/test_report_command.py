"""`autoscidact report` on a real discovery: its files, their bytes, and what it refuses."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

KINDS = ("empirical", "asymptotic")
FIGURES = [f"digits_{name}" for name in ("embedding", "t_nplm", "z_asymptotic", "z_empirical")]


@pytest.fixture(scope="module")
def reported(trained: Path, discovered: Path, succeed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a report of the discovery, and what the command printed."""
    folder = tmp_path_factory.mktemp("a report") / "new"
    outcome = succeed("report", f"runs={discovered}", f"to='{folder}'", f"outputs={trained}")
    return folder, outcome.out


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but run.json, which holds the command as it was typed."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_everything_is_there(reported: tuple[Path, str]) -> None:
    folder, printed = reported
    files = {f"figures/{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf", "svg")}
    # The small training keeps no losses, and the report says so.
    assert "no training curves" in (folder / "report.md").read_text()
    own = {"report.md", "report.tex", "report.html", "f_s_needed.csv", "power.csv"}
    assert set(contents(folder)) == files | own
    needed = pd.read_csv(folder / "f_s_needed.csv")
    assert needed.kind.tolist() == ["asymptotic", "empirical"]
    assert list(pd.read_csv(folder / "power.csv").columns) == [
        "dataset",
        "limit",
        "f_s",
        "kind",
        "z",
        "z_limit",
        "ratio",
    ]
    for name in ("report.html", "report.md", "report.tex", "figures"):
        assert str(folder / name) in printed
    assert re.search(r"digits +NPLM +\S", printed)
    assert len(printed.splitlines()) < 25


def test_numbers_are_those_of_the_run(reported: tuple[Path, str], discovered: Path) -> None:
    table = pd.read_csv(discovered / "z_scores.csv")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (reported[0] / "report.md").open()]
    for variant, kind in (("min_p", "empirical"), ("best_width", "asymptotic")):
        rows = table[table.variant == variant].sort_values("f_s")
        (line,) = (line for line in lines if len(line) in (4, 5) and line[1].split(" ")[0] == variant)
        assert [float(cell.strip("\\>")) for cell in line[-2:]] == rows[f"z_{kind}"].round(2).tolist()
    every = [line for line in lines if line[:1] == ["NPLM"] and len(line) == 8]
    assert [line[1] for line in every] == table.variant.drop_duplicates().tolist()


def test_provenance_is_complete(reported: tuple[Path, str], discovered: Path, trained: Path) -> None:
    record = json.loads((discovered / "run.json").read_text())
    (training,) = (trained / "train" / "digits").iterdir()
    for name in ("report.md", "report.html"):
        text = (reported[0] / name).read_text()
        text = text.replace("<wbr>", "").replace("&#39;", "'")
        for said in (str(discovered), record["command"], record["pools"], str(training), record["versions"]["torch"]):
            assert said in text, (name, said)
    own = json.loads((reported[0] / "run.json").read_text())
    assert list(own["runs"]) == [str(discovered)]
    assert own["runs"][str(discovered)].keys() == {"z_scores.csv", "toys.parquet", "run.json"}


def test_the_page_needs_no_network(reported: tuple[Path, str]) -> None:
    found: list[str] = []

    class Page(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "link")
            found.extend(value or "" for name, value in attrs if name in ("src", "href", "srcset"))

    Page().feed((reported[0] / "report.html").read_text())
    assert sum(value.startswith("data:image/") for value in found) == len(FIGURES)
    assert all(value.startswith(("#", "data:image/")) for value in found)


def test_same_runs_same_bytes_wherever_they_are_named(
    reported: tuple[Path, str], trained: Path, discovered: Path, succeed
) -> None:
    outcome = succeed("report", f"outputs={trained}", "datasets=digits")
    (again,) = (trained / "report").iterdir()
    assert str(again) in outcome.out
    assert contents(again) == contents(reported[0])
    shutil.rmtree(again.parent)


def test_a_run_without_its_training_is_reported_without_its_embedding(
    tmp_path: Path, discovered: Path, succeed
) -> None:
    folder = tmp_path / "alone"
    shutil.copytree(discovered, folder)
    record = json.loads((folder / "run.json").read_text())
    record["embedding"]["checkpoint"] = str(tmp_path / "gone" / "checkpoint.safetensors")
    record["config"]["outputs"] = str(tmp_path / "gone")
    (folder / "run.json").write_text(json.dumps(record))
    succeed("report", f"runs={folder}", f"to={tmp_path / 'report'}")
    assert (
        "The embedding is not shown: there is no embedding.parquet" in (tmp_path / "report" / "report.md").read_text()
    )
    assert not list((tmp_path / "report").glob("figures/*embedding*"))


def test_another_number_of_null_toys_is_refused_or_given_a_table_of_its_own(
    tmp_path: Path, discovered: Path, trained: Path, run, succeed, digits
) -> None:
    outputs = shutil.copytree(trained, tmp_path / "outputs")
    succeed("discover", *digits, "toys.n_null=50", "toys.n_signal=10", "f_s=0.5", f"outputs={outputs}")
    outcome = run("report", f"runs={outputs / 'discover'}", f"outputs={outputs}", f"to={tmp_path / 'report'}")
    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: runs ")
    assert re.search(r"of dataset digits differ in toys\.n_null: (100 and 50|50 and 100);", line)
    assert not (tmp_path / "report").exists()
    # Nobody asked for these two together: each has its own.
    succeed("report", f"outputs={outputs}", f"to={tmp_path / 'report'}")
    text = (tmp_path / "report" / "report.md").read_text()
    for run_folder in (outputs / "discover" / "digits").iterdir():
        assert f"digits ({run_folder.name})" in text


SWEEP = ("dataset=digits", "seed=range(3)", "encoder.dim=2,4", "trainer.max_epochs=2", "logger=none", "threads=1")


@pytest.fixture(scope="module")
def swept(succeed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs with a sweep of three seeds and two dimensions, each with a training of its own."""
    outputs = tmp_path_factory.mktemp("swept")
    succeed("train", "-m", *SWEEP, f"outputs={outputs}")
    succeed("discover", "-m", *SWEEP, "toys.n_null=50", "toys.n_signal=5", "f_s=[0.1,0.5]", f"outputs={outputs}")
    return outputs


def settings_of(outputs: Path) -> pd.DataFrame:
    """Every row of the sweep's tables, with the dimension and the seed of its run."""
    parts = []
    for folder in (outputs / "discover" / "digits").iterdir():
        config = json.loads((folder / "run.json").read_text())["config"]
        table = pd.read_csv(folder / "z_scores.csv")
        parts.append(table.assign(x=config["encoder"]["dim"], seed=config["seed"]))
    return pd.concat(parts)


def test_a_sweep_against_a_key_over_its_seeds(swept: Path, succeed, tmp_path: Path) -> None:
    printed = succeed("report", f"outputs={swept}", "x=encoder.dim", f"to={tmp_path / 'new'}").out
    found = pd.read_csv(tmp_path / "new" / "sweep.csv")
    assert set(found.key) == {"encoder.dim"}
    assert set(found.n_seeds[found.kind == "empirical"]) == {3}
    every = settings_of(swept)
    for kind in ("empirical", "asymptotic"):
        truth = every.dropna(subset=f"z_{kind}").groupby(["x", "f_s", "variant"])[f"z_{kind}"]
        mine = found[found.kind == kind].set_index(["x", "f_s", "variant"]).sort_index()
        for name, theirs in (("z", truth.median()), ("low", truth.min()), ("high", truth.max())):
            assert mine[name].to_dict() == pytest.approx(theirs.to_dict())
    assert re.search(r"NPLM +best_width +4 +3 ", printed)
    files = {f"figures/digits-sweep_{kind}.{suffix}" for kind in KINDS for suffix in ("png", "pdf", "svg")}
    assert set(contents(tmp_path / "new")) == files | {"report.md", "report.tex", "report.html", "sweep.csv"}
    assert "Dataset digits against encoder.dim" in (tmp_path / "new" / "report.html").read_text()
    assert len(json.loads((tmp_path / "new" / "run.json").read_text())["runs"]) == 6
    again = succeed("report", f"runs={swept / 'discover'}", f"outputs={swept}", "x=encoder.dim")
    (folder,) = (swept / "report").iterdir()
    assert str(folder) in again.out
    assert contents(folder) == contents(tmp_path / "new")
    shutil.rmtree(folder.parent)


def test_seeds_alone_are_aggregated_beside_the_report_of_the_first(swept: Path, succeed, tmp_path: Path) -> None:
    only = "only={encoder.dim: 4}"
    succeed("report", f"runs={swept / 'discover'}", f"outputs={swept}", only, f"to={tmp_path / 'one'}")
    text = (tmp_path / "one" / "report.md").read_text()
    assert "## Seeds: digits\n" in text
    assert "## Dataset digits (seed 0)\n" in text
    found = pd.read_csv(tmp_path / "one" / "sweep.csv")
    assert (found.x == found.f_s).all()
    assert set(found.n_seeds[found.kind == "empirical"]) == {3}
    assert set(pd.read_csv(tmp_path / "one" / "f_s_needed.csv").dataset) == {"digits (seed 0)"}
    # Without a choice each dimension has its own seeds.
    succeed("report", f"outputs={swept}", f"to={tmp_path / 'both'}")
    text = (tmp_path / "both" / "report.md").read_text()
    assert len(re.findall(r"^## Seeds: digits \(\w{12}\)$", text, re.MULTILINE)) == 2
    assert len(pd.read_csv(tmp_path / "both" / "sweep.csv")) == 2 * len(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["runs=DISCOVER"],
            r"differ in encoder\.dim: \d and \d, not in seed alone; report against it, with x=encoder\.dim",
        ),
        (["x=trainer.lr"], r"differ in encoder\.dim: \d and \d, not in trainer\.lr and seed alone"),
        (
            ["x=encoder.dim", "over=null"],
            r"differ in seed: \d and \d, not in encoder\.dim alone; aggregate .* over=\[seed\]",
        ),
        (["x=encodr.dim"], r"x=encodr\.dim: no run has this key; did you mean encoder\.dim\?"),
        (["x=encoder.dim", "over=[seed,dataset.sed]"], r"over=dataset\.sed: no run .* did you mean dataset\.seed\?"),
        (["x=encoder.dim", "only={sed: 1}"], r"only=sed: no run .* did you mean seed\?"),
        (["x=encoder.dim", "only={seed: 7}"], r"only={seed: 7} leaves no run; there are 0, 1, 2"),
        (["x=encoder.dim", "only=4"], r"only=4: write it as only={KEY: VALUE}"),
        (["x=encoder.dim", "over=f_s"], "over=f_s: Z at different f_S have no common median"),
    ],
)
def test_mistakes_with_a_sweep_are_one_line(swept: Path, run, options: list[str], said: str) -> None:
    options = [option.replace("DISCOVER", str(swept / "discover")) for option in options]
    outcome = run("report", f"outputs={swept}", *options)
    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert re.search(said, line), line
    assert not (swept / "report").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["runs=nowhere"], "runs: nowhere is not a folder"),
        (["outputs=nothing_here"], "no finished discovery under nothing_here/discover"),
        (["datasets=[digits,letters]"], "datasets=letters"),
        (["seed=x"], "seed=x"),
        (["datset=digits"], "did you mean datasets?"),
    ],
)
def test_mistakes_are_one_line(options: list[str], said: str, trained: Path, run) -> None:
    defaults = [] if options[0].startswith("outputs") else [f"outputs={trained}"]
    outcome = run("report", *options, *defaults)
    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert said in line

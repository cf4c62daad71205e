import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from autoscidact.data.contract import Dataset, Events
from autoscidact.embedding.checkpoint import check_matches, load, save
from autoscidact.embedding.embed import embed, embed_dataset
from autoscidact.embedding.standardise import Standardisation
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.errors import UserError

SPEC = EncoderSpec("autoscidact.encoders.mlp.MLP", 2, {"hidden": [8]})


def dataset(seed=0, **changes):
    rng = np.random.default_rng(seed)
    n = 30
    events = Events(
        rng.normal(5, 3, (n, 4)).astype(np.float32),
        np.arange(n) % 3,
        tuple("abc"),
        np.arange(n) + 7,
        rng.uniform(1, 2, n),
    )
    data = Dataset("toy", events, "c", (np.arange(n) % 3).astype(np.int8))
    return dataclasses.replace(data, **changes)


def metadata(**changes):
    plain = {
        "dataset": {"name": "toy", "fingerprint": dataset().fingerprint},
        "encoder": SPEC.to_config(),
        "input_shape": [4],
        "classes": ["a", "b"],
        "signal": "c",
    }
    return {**plain, **changes}


@pytest.fixture
def path(tmp_path):
    fit = Standardisation(np.full(4, 5.0), np.full(4, 3.0))
    return save(tmp_path / "checkpoint.safetensors", SPEC.build((4,), seed=1).state_dict(), fit, metadata())


def test_round_trip(path):
    found = load(path)
    assert (found.dim, found.input_shape, found.classes, found.signal) == (2, (4,), ("a", "b"), "c")
    x = dataset().events.features
    with torch.no_grad():
        expected = SPEC.build((4,), seed=1)(torch.from_numpy((x - 5) / 3)).numpy()
    np.testing.assert_allclose(embed(found, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 7, 8, 100, 500, -1])
def test_truncated(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"checkpoint\.safetensors"):
        load(path)


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 64, b"\xff" * 64, b"PK\x03\x04" + b"x" * 100])
def test_garbage(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint\.safetensors"):
        load(path)


def test_missing(tmp_path):
    with pytest.raises(UserError, match="autoscidact train"):
        load(tmp_path / "none.safetensors")


def rewrite(path, header):
    encoder = {f"encoder.{name}": value for name, value in SPEC.build((4,)).state_dict().items()}
    constant = {f"standardisation.{name}": torch.ones(4, dtype=torch.float64) for name in ("mean", "scale")}
    save_file({**encoder, **constant}, path, metadata=header)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "not written by autoscidact"),
        ({"autoscidact": "{"}, "damaged"),
        ({"autoscidact": "[]"}, "damaged"),
        ({"autoscidact": json.dumps({"format": 99})}, "format 99"),
        ({"autoscidact": json.dumps({"format": 1})}, "incomplete"),
        ({"autoscidact": json.dumps({"format": 1, **metadata(encoder={"dim": 2})})}, "incomplete"),
        ({"autoscidact": json.dumps({"format": 1, **metadata(encoder="MLP")})}, "incomplete"),
        ({"autoscidact": json.dumps({"format": 1, **metadata(input_shape=[5])})}, "does not fit"),
        ({"autoscidact": json.dumps({"format": 1, **metadata(encoder={"_target_": "os.system", "dim": 2})})}, "system"),
    ],
)
def test_other_headers(path, header, message):
    rewrite(path, header)
    with pytest.raises(UserError, match=message):
        load(path)


def test_code_outside_the_package_runs_only_when_trusted(path, tmp_path, monkeypatch):
    (tmp_path / "own_encoders.py").write_text(
        "from autoscidact.encoders.mlp import MLP\nclass Own(MLP): pass\nopen(__file__ + '.ran', 'w').close()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = dataclasses.replace(SPEC, target="own_encoders.Own")
    rewrite(path, {"autoscidact": json.dumps({"format": 1, **metadata(encoder=spec.to_config())})})
    with pytest.raises(UserError, match=r"encoder\._target_"):
        load(path)
    assert not (tmp_path / "own_encoders.py.ran").exists()
    assert type(load(path, trusted=["own_encoders.Own"]).encoder).__name__ == "Own"


def test_it_must_be_of_the_same_dataset_signal_and_dimension(path):
    found = load(path)
    check_matches(found, dataset())
    check_matches(found, dataset(), dim=2)
    for data, dim, message in (
        (dataset(name="digits"), 2, "of dataset 'toy', not 'digits'"),
        (dataset(signal="b"), 2, "dataset.signal=c"),
        (dataset(), 4, "encoder.dim=2"),
        (dataset(seed=1), 2, "other events"),
        (dataset(split=np.zeros(30, np.int8)), 2, "other events or another split"),
    ):
        with pytest.raises(UserError, match=message):
            check_matches(found, data, dim)


def test_embedding_does_not_depend_on_the_batches(path):
    found, x = load(path), dataset().events.features
    np.testing.assert_allclose(embed(found, x, batch_size=7), embed(found, x), rtol=1e-5, atol=1e-6)
    assert embed(found, x[:0]).shape == (0, 2)


def test_events_that_do_not_fit(path):
    found, x = load(path), dataset().events.features
    with pytest.raises(UserError, match=r"shape \(3,\)"):
        embed(found, x[:, :3])
    x[4, 2] = np.nan
    with pytest.raises(UserError, match="1 of 30"):
        embed(found, x)


def test_embedding_a_dataset_keeps_its_bookkeeping(path):
    found, data = load(path), dataset()
    table = embed_dataset(found, data)
    np.testing.assert_array_equal(table.points, embed(found, data.events.features))
    np.testing.assert_array_equal(table.ids, data.events.ids)
    np.testing.assert_array_equal(table.weights, data.events.weights)
    assert table.labels.tolist() == ["a", "b", "c"] * 10
    assert table.splits.tolist() == ["train", "val", "test"] * 10
    assert (table.signal, table.axes) == ("c", ("h0", "h1"))
    assert table.provenance["standardisation"] == {"mean": [5.0] * 4, "scale": [3.0] * 4}


def test_reading_an_embedding_does_not_wait_for_lightning():
    code = (
        "import sys, autoscidact.embedding.checkpoint, autoscidact.embedding.embed, autoscidact.embedding.table, "
        "autoscidact.embedding.settings; sys.exit('pytorch_lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

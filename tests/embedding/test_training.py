import json
import signal as signals

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from autoscidact.data.contract import Dataset, Events
from autoscidact.embedding import checkpoint
from autoscidact.embedding.module import ContrastiveModule
from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings
from autoscidact.embedding.training import train
from autoscidact.embedding.views import JitterAndDrop
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.errors import UserError

ENCODER = EncoderSpec("autoscidact.encoders.mlp.MLP", 2, {"hidden": [8]})
LOSS = LossSettings("supcon", 0.1, 0.5)
QUICK = TrainerSettings(max_epochs=3, batch_size=50, accelerator="cpu")


def dataset(n=400, signal="c", seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    features = (np.eye(4)[labels] * 3 + rng.normal(size=(n, 4))).astype(np.float32)
    events = Events(features, labels, tuple("abcd"), np.arange(n), np.ones(n), ("w", "x", "y", "z"))
    return Dataset("toy", events, signal, (np.arange(n) % 4 == 3).astype(np.int8))


def run(folder, data=None, **changes):
    data = data or dataset()
    options = {"encoder": ENCODER, "loss": LOSS, "trainer": QUICK, "seed": 0, "signal": data.signal, **changes}
    options.setdefault("logger", LoggerSettings(csv=True, tensorboard=False))
    return train(data.subset("train", "background"), data.subset("val", "background"), folder=folder, **options)


def weights(path):
    return {name: value.clone() for name, value in checkpoint.load(path).encoder.state_dict().items()}


def same_bytes(a, b):
    return a.checkpoint.read_bytes() == b.checkpoint.read_bytes()


def test_what_a_training_leaves(tmp_path):
    result = run(tmp_path, logger=LoggerSettings(), dataset_name="toy", dataset_fingerprint="abc")
    assert result.checkpoint == tmp_path / "checkpoint.safetensors"
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert table["epoch"].tolist() == [1, 2, 3]
    assert {"train_loss", "val_loss", "train_anchors", "train_contrastive", "train_cross_entropy", "lr"} <= {*table}
    assert result.best_epoch == table["epoch"][table["val_loss"].idxmin()]
    np.testing.assert_allclose(table["train_loss"], table["train_contrastive"] + 0.5 * table["train_cross_entropy"])
    assert list((tmp_path / "tensorboard").glob("events*"))
    assert not (tmp_path / "last.ckpt").exists()
    loaded = checkpoint.load(result.checkpoint)
    assert (loaded.classes, loaded.signal, loaded.dim, loaded.input_shape) == (("a", "b", "d"), "c", 2, (4,))
    assert loaded.metadata["dataset"] == {"name": "toy", "fingerprint": "abc"}
    with safe_open(result.checkpoint, "pt") as file:
        assert {name.split(".")[0] for name in file.keys()} == {"encoder", "standardisation"}  # noqa: SIM118


def test_it_learns(tmp_path):
    result = run(tmp_path, trainer=TrainerSettings(max_epochs=30, batch_size=50, lr=1e-2, accelerator="cpu"))
    losses = [row["val_loss"] for row in result.history]
    assert min(losses) < losses[0] - 0.5
    assert result.history[-1]["val_cross_entropy"] < 0.7  # chance is log 3 = 1.1


def test_same_seed_same_bytes(tmp_path):
    first = run(tmp_path / "1")
    torch.rand(7)  # what happened before must not matter
    assert same_bytes(first, run(tmp_path / "2"))
    other = run(tmp_path / "3", seed=1)
    assert not torch.equal(*(weights(r.checkpoint)["layers.0.weight"] for r in (first, other)))


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_no_signal_event_reaches_training_or_standardisation(tmp_path, poison):
    clean, poisoned = dataset(), dataset()
    poisoned.events.features[poisoned.events.labels == poisoned.signal_label] = poison
    first, second = run(tmp_path / "1", clean), run(tmp_path / "2", poisoned)
    assert same_bytes(first, second)


def test_signal_events_are_refused(tmp_path):
    data = dataset()
    options = {"encoder": ENCODER, "loss": LOSS, "trainer": QUICK, "folder": tmp_path, "seed": 0}
    for parts in (("all", "background"), ("background", "all")):
        events = [data.subset(split, kind) for split, kind in zip(("train", "val"), parts, strict=True)]
        with pytest.raises(ValueError, match="signal class 'c'"):
            train(*events, signal="c", **options)
    with pytest.raises(UserError, match="'q' is not there"):
        train(*events, signal="q", **options)
    result = train(data.subset("train"), data.subset("val"), signal="c", ideal_supervised=True, **options)
    assert checkpoint.load(result.checkpoint).classes == tuple("abcd")


def test_shared_events_are_refused(tmp_path):
    events = dataset().subset("train", "background")
    with pytest.raises(ValueError, match="in both training and validation"):
        train(events, events, encoder=ENCODER, loss=LOSS, trainer=QUICK, folder=tmp_path, seed=0, signal="c")


class InterruptedViews:
    """Ctrl-C at the `at`-th batch."""

    def __init__(self, at):
        self.left, self.views = at, JitterAndDrop()

    def __call__(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.views(x)

    def __repr__(self):
        return "views"


def test_interrupted_training_is_not_finished_and_resumes_to_the_same_bytes(tmp_path, capsys):
    handler = signals.getsignal(signals.SIGINT)
    settings = TrainerSettings(max_epochs=4, batch_size=50, accelerator="cpu", patience=3)
    straight = run(tmp_path / "1", loss=LossSettings("supcon", 0.1, 0.5, InterruptedViews(0)), trainer=settings)
    n_calls = 4 * (5 + 2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "2", loss=LossSettings("supcon", 0.1, 0.5, InterruptedViews(n_calls // 2 + 2)), trainer=settings)
    assert signals.getsignal(signals.SIGINT) is handler
    assert not (tmp_path / "2" / "checkpoint.safetensors").exists()
    assert len(pd.read_csv(tmp_path / "2" / "metrics.csv")) == 2
    torch.load(tmp_path / "2" / "last.ckpt", weights_only=True)
    capsys.readouterr()
    resumed = run(tmp_path / "2", loss=LossSettings("supcon", 0.1, 0.5, InterruptedViews(0)), trainer=settings)
    assert "continuing" in capsys.readouterr().err
    assert same_bytes(straight, resumed)
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3, 4]
    assert (tmp_path / "1" / "metrics.csv").read_text() == (tmp_path / "2" / "metrics.csv").read_text()


@pytest.mark.parametrize("damage", ["other training", "truncated"])
def test_a_state_of_another_training_is_not_continued(tmp_path, damage):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, loss=LossSettings("supcon", 0.1, 0.5, InterruptedViews(16)))
    if damage == "truncated":
        state = tmp_path / "last.ckpt"
        state.write_bytes(state.read_bytes()[:1000])
    result = run(tmp_path, seed=0 if damage == "truncated" else 1)
    assert len(result.history) == 3


def test_early_stopping(tmp_path):
    # With this rate the loss cannot improve for long.
    settings = TrainerSettings(max_epochs=40, batch_size=300, lr=0.3, patience=2, accelerator="cpu")
    result = run(tmp_path, trainer=settings)
    assert len(result.history) == result.best_epoch + 2 < 40


def test_simclr_needs_no_classes(tmp_path):
    data = dataset()
    one = Events(data.events.features, np.zeros(400, np.int64), ("events",), data.events.ids, data.events.weights)
    parts = [one.take(data.split == i) for i in (0, 1)]
    options = {"encoder": ENCODER, "trainer": QUICK, "folder": tmp_path, "seed": 0, "signal": None}
    result = train(*parts, loss=LossSettings("simclr", 0.5, 0.0, JitterAndDrop()), **options)
    assert result.history[0]["train_anchors"] == 2 * len(parts[0])
    with pytest.raises(UserError, match="use loss=simclr"):
        train(*parts, loss=LOSS, **options)


def few(counts, ids_from=0):
    labels = np.repeat(np.arange(len(counts)), counts)
    features = np.random.default_rng(ids_from).normal(size=(len(labels), 3)).astype(np.float32)
    names = tuple(f"k{i}" for i in range(len(counts)))
    return Events(features, labels, names, np.arange(len(labels)) + ids_from, np.ones(len(labels)))


@pytest.mark.parametrize("lambda_ce", [0.0, 0.5])
def test_an_epoch_without_any_pair_is_an_error(tmp_path, lambda_ce):
    options = {"encoder": ENCODER, "trainer": QUICK, "folder": tmp_path, "seed": 0, "signal": None}
    with pytest.raises(UserError, match="nothing to contrast"):
        train(few([1] * 20), few([2] * 20, 100), loss=LossSettings("supcon", 0.01, lambda_ce), **options)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_singletons_beside_pairs_train_without_nan(tmp_path):
    options = {"encoder": ENCODER, "trainer": QUICK, "folder": tmp_path, "seed": 0, "signal": None}
    result = train(few([1, 1, 1, 9, 8]), few([2] * 5, 100), loss=LossSettings("supcon", 0.01, 0.5), **options)
    assert all(np.isfinite(list(row.values())).all() for row in result.history)
    assert result.history[0]["train_anchors"] == 17


@pytest.mark.parametrize(("lambda_ce", "steps"), [(0.0, False), (0.5, True)])
def test_a_batch_without_a_pair_learns_by_cross_entropy_or_not_at_all(lambda_ce, steps):
    module = ContrastiveModule(ENCODER.build((3,)), 2, 4, LossSettings("supcon", 0.01, lambda_ce), QUICK, 0)
    module._train_sums = type("Sums", (), {"add": lambda *_: None})()
    loss = module.training_step((torch.randn(4, 3), torch.arange(4)), 0)
    assert (loss is not None) == steps
    if loss is not None:
        assert float(loss.detach()) > 0


def test_a_class_without_training_events_leaves_the_validation(tmp_path):
    options = {"encoder": ENCODER, "loss": LOSS, "trainer": QUICK, "folder": tmp_path, "seed": 0, "signal": None}
    with pytest.warns(UserWarning, match="no training event is of k1"):
        result = train(few([5, 0, 5]), few([5, 5, 5], 100), **options)
    assert result.history[0]["val_anchors"] == 10
    assert checkpoint.load(result.checkpoint).classes == ("k0", "k2")


def test_divergence_is_said(tmp_path):
    with pytest.raises(UserError, match="diverged"):
        run(tmp_path, trainer=TrainerSettings(max_epochs=20, batch_size=50, lr=1e30, accelerator="cpu"))
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_no_such_device(tmp_path):
    with pytest.raises(UserError, match=r"trainer\.accelerator=tpu"):
        run(tmp_path, trainer=TrainerSettings(accelerator="tpu"))


def test_torch_is_left_as_it_was(tmp_path):
    before = torch.get_rng_state()
    run(tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()
    assert float(torch.tensor(1e-38) * 0.01) > 0  # denormals are back


def test_quiet_but_for_device_and_progress(tmp_path, recwarn, capfd):
    run(tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["training", "epoch", "epoch", "epoch"]
    assert not [w for w in recwarn if "lightning" in str(w.filename)]


def test_metadata_are_json(tmp_path):
    result = run(tmp_path, loss=LossSettings("supcon", 0.1, 0.5, JitterAndDrop()))
    with safe_open(result.checkpoint, "pt") as file:
        header = json.loads(file.metadata()["autoscidact"])
    assert header["loss"]["views"] == "JitterAndDrop(jitter=0.1, drop=0.2)"
    assert header["versions"]["torch"] in torch.__version__


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LossSettings("triplet"), r"loss\.name"),
        (lambda: LossSettings(temperature=0), r"loss\.temperature"),
        (lambda: LossSettings(lambda_ce=-1), r"loss\.lambda_ce"),
        (lambda: LossSettings("simclr"), r"loss\.views"),
        (lambda: TrainerSettings(max_epochs=0), r"trainer\.max_epochs"),
        (lambda: TrainerSettings(batch_size=1), r"trainer\.batch_size"),
        (lambda: TrainerSettings(patience=0), r"trainer\.patience"),
        (lambda: TrainerSettings(lr=float("nan")), r"trainer\.lr"),
        (lambda: TrainerSettings(lr_min=1), r"trainer\.lr_min"),
    ],
)
def test_bad_settings_name_their_key(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_freed_memory_can_be_kept_and_given_back():
    """On glibc; elsewhere it does nothing and says so."""
    import ctypes
    import sys

    from autoscidact.embedding.allocator import keep_freed_memory, release_freed_memory

    is_glibc = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
    assert keep_freed_memory() == release_freed_memory() == is_glibc

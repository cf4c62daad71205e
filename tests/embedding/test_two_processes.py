"""A training over two processes: the loss curve of one process with the same batches, each event seen once an epoch."""

import json
import os
import socket

import numpy as np
import pytest
import torch
from random_jets import random_jets
from stored_features import stored
from torch import multiprocessing as mp

from autoscidact.data.contract import Events
from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings
from autoscidact.embedding.streamed_batches import StreamedBatches
from autoscidact.embedding.training import train
from autoscidact.encoders.contract import EncoderSpec

pytest.importorskip("weaver")

N_TRAIN, N_VAL = 320, 64
TINY = {"embed_dims": [16, 16], "pair_embed_dims": [8], "n_heads": 2, "n_layers": 1, "n_class_layers": 1}
ENCODER = EncoderSpec("autoscidact.encoders.part.ParticleTransformer", 3, {**TINY, "dropout": 0.0})


def jets(folder):
    """Training and validation events on disk: two classes that differ in the charges of their particles."""
    values = random_jets(N_TRAIN + N_VAL, n_slots=16, most=16).numpy()
    labels = np.arange(len(values)) % 2
    values[labels == 1, 5] = np.abs(values[labels == 1, 5])
    parts = []
    for name, rows in (("train", slice(0, N_TRAIN)), ("val", slice(N_TRAIN, None))):
        features, ids = stored(folder / name, values[rows]), np.arange(len(values))[rows]
        parts.append(Events(features, labels[rows].astype(np.int64), ("a", "b"), ids, np.ones(len(ids))))
    return parts


def run(folder, devices):
    """Trains, and writes the losses of every epoch and the events seen in each, known by the momentum of a particle."""
    torch.set_num_threads(1)
    seen = {}
    read = StreamedBatches._read

    def watched(self, windows):
        found = read(self, windows)
        for x, _ in found or []:
            # Validation has the same epoch, 0, all the time.
            key = f"train {self.epoch}" if self.reshuffle else "val"
            seen.setdefault(key, []).extend(x[:, 17:21, 0].sum(1).tolist())
        return found

    StreamedBatches._read = watched
    result = train(
        *jets(folder / "jets"),
        encoder=ENCODER,
        loss=LossSettings("supcon", 0.1, 0.5),
        trainer=TrainerSettings(
            max_epochs=3, batch_size=64, lr=3e-3, accelerator="cpu", devices=devices, shuffle_buffer=128
        ),
        folder=folder / "run",
        seed=0,
        signal=None,
        logger=LoggerSettings(csv=False, tensorboard=False),
    )
    rank = os.environ.get("LOCAL_RANK", "0")
    (folder / f"{rank}.json").write_text(json.dumps([result.history, seen]))


def worker(rank, folder, port):
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    run(folder, 2)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_two_processes_learn_what_one_learns(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    whole.mkdir()
    shared.mkdir()
    jets(shared / "jets")
    monkeypatch.setattr(StreamedBatches, "_read", StreamedBatches._read)  # put back what `run` replaces
    run(whole, 1)
    mp.spawn(worker, args=(shared, free_port()), nprocs=2)
    (one, seen), *parts = (
        json.loads((folder / f"{rank}.json").read_text()) for folder, rank in ((whole, 0), (shared, 0), (shared, 1))
    )
    for history, _ in parts:
        for row, expected in zip(history, one, strict=True):
            # float32 sums in another order. A validation of hardly trained weights magnifies it.
            for name, value in row.items():
                assert value == pytest.approx(expected[name], rel=1e-5 if "train" in name else 1e-3), name
    assert one[-1]["train_loss"] < one[0]["train_loss"] - 0.1
    assert set(seen) == {"train 0", "train 1", "train 2", "val"}
    for key, events in seen.items():
        if key != "val":
            assert len(events) == len(set(events)) == N_TRAIN
        assert sorted(parts[0][1][key] + parts[1][1][key]) == sorted(events)

"""Two processes with half a batch each must learn what one process with the whole batch learns."""

import torch
from torch import distributed as dist
from torch import multiprocessing as mp

from autoscidact.embedding.gather import gather
from autoscidact.embedding.losses import simclr, supcon


def problem():
    random = torch.Generator().manual_seed(0)
    x, view = (torch.randn(12, 5, dtype=torch.float64, generator=random) for _ in range(2))
    weights = torch.randn(5, 3, dtype=torch.float64, generator=random)
    return x, view, torch.arange(12) % 3, weights


def losses(x, view, labels, weights):
    z, z_view = gather(x @ weights), gather(view @ weights)
    return supcon(z, gather(labels), 0.1)[0], simclr(z, z_view, 0.1)[0]


def gradient(loss, weights):
    return torch.autograd.grad(loss, weights, retain_graph=True)[0]


def worker(rank, store, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    x, view, labels, weights = problem()
    mine = slice(6 * rank, 6 * rank + 6)
    weights.requires_grad_()
    found = []
    for loss in losses(x[mine], view[mine], labels[mine], weights):
        mean = gradient(loss, weights)
        dist.all_reduce(mean)  # what DDP does: the mean over ranks
        found.append((loss.detach(), mean / 2))
    torch.save(found, f"{results}{rank}")
    dist.destroy_process_group()


def test_gradients_over_two_processes_equal_those_of_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(worker, args=(tmp_path / "store", tmp_path / "rank"), nprocs=2)
    x, view, labels, weights = problem()
    weights.requires_grad_()
    for rank in (0, 1):
        found = torch.load(tmp_path / f"rank{rank}", weights_only=True)
        for (loss, mean), whole in zip(found, losses(x, view, labels, weights), strict=True):
            torch.testing.assert_close(loss, whole.detach(), rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(mean, gradient(whole, weights), rtol=1e-10, atol=1e-12)


def test_a_single_process_gathers_nothing():
    x = torch.ones(3)
    assert gather(x) is x

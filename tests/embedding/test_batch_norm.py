"""Batch normalisation over two processes is that of one with the whole batch: values, gradients, running statistics."""

import copy

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing as mp
from torch import nn

from autoscidact.embedding.batch_norm import SharedBatchNorm, share_batch_norm

SHAPES = ((12, 5), (12, 5, 7), (12, 5, 3, 2))


def problem():
    """For each shape: a normalisation with weights of its own, an input, and what its output is multiplied with."""
    random = torch.Generator().manual_seed(0)
    made = []
    for shape in SHAPES:
        norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](5).double()
        norm.weight.data = torch.rand(5, dtype=torch.float64, generator=random)
        norm.bias.data = torch.rand(5, dtype=torch.float64, generator=random)
        x, factor = (torch.randn(shape, dtype=torch.float64, generator=random) for _ in range(2))
        made.append((norm, 3 + x * torch.rand(1, 5, *[1] * (len(shape) - 2), generator=random).double(), factor))
    return made


def results(norm, x, factor):
    """Output, gradients of the input and the weights, of a loss that is not linear in the output; then the buffers."""
    x = x.clone().requires_grad_()
    y = norm(x)
    gradients = torch.autograd.grad((y**3 * factor).sum(), [x, norm.weight, norm.bias])
    return [y.detach(), *gradients, norm.running_mean, norm.running_var, norm.num_batches_tracked]


def worker(rank, store, path):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    mine = slice(6 * rank, 6 * rank + 6)
    found = [results(share_batch_norm(norm), x[mine], factor[mine]) for norm, x, factor in problem()]
    for one in found:
        for gradient in one[2:4]:
            dist.all_reduce(gradient)
    torch.save(found, f"{path}{rank}")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(worker, args=(tmp_path / "store", tmp_path / "rank"), nprocs=2)
    shares = [torch.load(tmp_path / f"rank{rank}", weights_only=True) for rank in (0, 1)]
    for (norm, x, factor), *parts in zip(problem(), *shares, strict=True):
        whole = results(norm, x, factor)
        for k in (0, 1):
            torch.testing.assert_close(torch.cat([part[k] for part in parts]), whole[k], rtol=1e-10, atol=1e-12)
        for part in parts:
            for found, expected in zip(part[2:], whole[2:], strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_alone_it_is_torchs_own(training):
    for norm, x, _ in problem():
        shared = share_batch_norm(copy.deepcopy(norm).train(training))
        assert isinstance(shared, SharedBatchNorm)
        assert shared.training is training
        assert torch.equal(shared(x), norm.train(training)(x))
        assert torch.equal(shared.running_var, norm.running_var)


def test_every_one_in_a_module_is_replaced_and_names_stay():
    module = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.BatchNorm1d(5), nn.ReLU()), nn.BatchNorm2d(2))
    names = list(module.state_dict())
    shared = share_batch_norm(module)
    assert list(shared.state_dict()) == names
    assert sum(isinstance(one, SharedBatchNorm) for one in shared.modules()) == 2
    assert not any(type(one) in (nn.BatchNorm1d, nn.BatchNorm2d) for one in shared.modules())

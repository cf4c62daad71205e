"""Batch normalisation over several processes: statistics of the whole batch, not of each process's share."""

import torch
from torch import Tensor, nn
from torch import distributed as dist

from autoscidact.embedding.gather import gather


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation of (n, c, ...) whose n are spread over processes; equal to one process with all of them.

    In `eval()` mode and in a single process it is torch's own. Torch's `SyncBatchNorm` does the same, on
    accelerators only.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, ...) -> (n, c, ...)."""
        if not (self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            y: Tensor = super().forward(x)
            return y
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = x.new_full((1, x.shape[1]), x.numel() / x.shape[1])
        own_var, own_mean = torch.var_mean(x, axes, correction=0)
        # One row a process. Means and variances instead of sums of squares, whose difference would lose digits.
        counts, means, variances = gather(torch.stack([count[0], own_mean, own_var])[None]).unbind(1)
        share = counts / counts.sum(dim=0)
        mean = (share * means).sum(dim=0)
        var = (share * (variances + (means - mean) ** 2)).sum(dim=0)
        self._remember(mean.detach(), var.detach(), counts.sum(dim=0))
        shape = [1, -1, *[1] * (x.ndim - 2)]
        y = (x - mean.view(shape)) * torch.rsqrt(var.view(shape) + self.eps)
        return y * self.weight.view(shape) + self.bias.view(shape) if self.affine else y

    def _remember(self, mean: Tensor, var: Tensor, n: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(var * n / (n - 1), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected (n, channels, ...), got {input.ndim} axes")


def share_batch_norm(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation in it replaced by one over all processes, weights and names kept."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not isinstance(module, SharedBatchNorm):
        shared = SharedBatchNorm(
            module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
        )
        # Not copies: types and devices stay, and an optimiser that knows the weights goes on knowing them.
        shared._parameters, shared._buffers = module._parameters, module._buffers
        return shared.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, share_batch_norm(child))
    return module

"""Contrastive losses: SupCon and SimCLR."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# exp of less than this, beside a largest term of 1, changes neither a float32 nor a float64 sum over any batch that
# fits in memory. Below about -87 float32 exponentials are denormal, and a matrix of those takes 3 to 20 times longer.
_FLOOR = -60.0


class _LogSumExpOfOthers(torch.autograd.Function):
    """log sum_{j != i} exp(z_i z_j / tau) for every i.

    With the gradient written out, one n x n matrix is filled in place where automatic differentiation keeps five:
    three times faster at n = 1000, and a third of the memory for large batches.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, temperature: float) -> Tensor:
        logits = z @ (z.T / temperature)
        logits.fill_diagonal_(-torch.inf)
        largest = logits.amax(dim=1, keepdim=True)
        softmax = logits.sub_(largest).clamp_(min=_FLOOR).exp_().fill_diagonal_(0.0)
        total = softmax.sum(dim=1, keepdim=True)
        ctx.save_for_backward(z, softmax.div_(total))
        ctx.temperature = temperature
        return (total.log() + largest)[:, 0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        z, softmax = ctx.saved_tensors
        outer = gradients[0][:, None]
        return (outer * (softmax @ z) + softmax.T @ (outer * z)) / ctx.temperature, None


def supcon(z: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Supervised contrastive loss, the mean over anchors.

    For an anchor i with positives P(i), the other events of its class in the batch,

        l_i = -1/|P(i)| sum_{p in P(i)} log[ exp(s_ip / tau) / sum_{j != i} exp(s_ij / tau) ],

    s being the cosine similarity. The equation sums l_i over the batch; this is the mean, so that the learning rate
    and lambda_ce do not depend on the batch size. An event without a positive is no anchor: it is left out of the
    mean and still stands in the denominators of the others.

    Args:
        z: (n, k) projections, of any length; half precision is raised to float32.
        labels: (n,) integers.
        temperature: tau > 0.

    Returns:
        The loss, and the number of anchors, both scalar tensors. Without any anchor the loss is 0 with zero
        gradients, and it is for the caller to act on the count.

    References:
        AutoSciDACT paper, Eq. 2; Khosla et al., "Supervised Contrastive Learning", arXiv:2004.11362, Eq. 2.
    """
    if z.dtype in (torch.float16, torch.bfloat16):
        z = z.float()
    # Autocast would take the product in half precision, whose error tau = 0.01 magnifies a hundredfold.
    with torch.autocast(z.device.type, enabled=False):
        z = F.normalize(z, dim=1, eps=1e-8)
        _, code, n_members = torch.unique(labels, return_inverse=True, return_counts=True)
        n_positives = n_members[code] - 1
        is_anchor = n_positives > 0
        n_anchors = is_anchor.sum()
        if len(z) < 2:
            return z.sum() * 0.0, n_anchors
        # The mean over positives of s_ip is z_i times the positives' mean: no n x n mask is needed.
        members = z.new_zeros(len(n_members), z.shape[1]).index_add(0, code, z)
        positives = (members[code] - z) / n_positives.clamp(min=1)[:, None]
        attraction = (z * positives).sum(dim=1) / temperature
        repulsion: Tensor = _LogSumExpOfOthers.apply(z, temperature)  # type: ignore[no-untyped-call]
        loss = ((repulsion - attraction) * is_anchor).sum() / n_anchors.clamp(min=1)
    return loss, n_anchors


def simclr(z: Tensor, z_view: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """SimCLR's loss, the mean over both views of every event.

    The batch of Eq. 1 holds both views of every event, so that the positive pair is one of the pairings in the
    denominator; each view's one positive is the other view. That is `supcon` with the event's number as its label.

    Args:
        z, z_view: (n, k) projections of two views of the same n events.
        temperature: tau > 0.

    Returns:
        The loss, and the number of anchors (2n), both scalar tensors.

    References:
        AutoSciDACT paper, Eq. 1; Chen et al., "A Simple Framework for Contrastive Learning", arXiv:2002.05709, Eq. 1.
    """
    number = torch.arange(len(z), device=z.device)
    return supcon(torch.cat([z, z_view]), torch.cat([number, number]), temperature)

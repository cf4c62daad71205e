"""Particle Transformer: the encoder for jets, which are sets of particles."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autoscidact.data.jetclass.layout import FEATURES, MASK, N_CHANNELS, N_FEATURES, P4
from autoscidact.errors import UserError

_ACTIVATIONS = ("gelu", "relu", "swiglu")
# The pair features of 4096 jets, the batch in which events are embedded, would take some 9 GB at the paper's widths.
_JETS_AT_ONCE = 512


class ParticleTransformer(nn.Module):
    """f: (n, 22, particles) -> (n, dim): the class token of a Particle Transformer and one linear layer.

    Jets come in the form of `data.jetclass.layout`, with one particle at least. In `eval()` mode the order of the
    particles does not matter, nor how much padding there is (up to rounding, about 1e-6 in float32); what stands where
    the mask is 0 is never read. In training, batch normalisation counts the padding of the 17 features as zeros, as
    the original does.

    The paper's configuration, the defaults here, has 2,142,712 parameters at `dim` 4. Mixed precision comes from
    Lightning (`trainer.precision=bf16-mixed`); attention runs through torch's fused kernels.

    Weaver's trimming of padding is left out: in training it also drops random particles of the longest jets, by a
    counter that a resumed training would start again.

    References:
        Qu, Li, Qian, "Particle Transformer for Jet Tagging", arXiv:2202.03772, by its authors' library weaver-core.
        AutoSciDACT paper, App. A.3 (the configuration).
    """

    standardises_itself = True
    """Its features come scaled, its momenta must stay physical and its mask 0 or 1: inputs are used as they are."""

    def __init__(
        self,
        input_shape: Sequence[int],
        dim: int,
        embed_dims: Sequence[int] = (128, 512, 128),
        pair_embed_dims: Sequence[int] = (64, 64, 64),
        n_heads: int = 8,
        n_layers: int = 8,
        n_class_layers: int = 2,
        dropout: float = 0.1,
        activation: str = "gelu",
    ) -> None:
        """Builds the transformer.

        Args:
            input_shape: (22, particles).
            dim: d, the dimension of the embedding.
            embed_dims: widths of the particles' embedding; the last is the transformer's, a multiple of `n_heads`.
            pair_embed_dims: widths of the embedding of pairs (ln kT, ln z, ln Delta R, ln m^2), which is added to the
                attention's logits.
            n_heads: attention heads.
            n_layers: self-attention blocks of particles.
            n_class_layers: blocks in which the class token attends to the particles.
            dropout: rate in the self-attention blocks.
            activation: gelu, relu, or swiglu (gated feed-forward layers, and relu elsewhere).

        Raises:
            UserError: events of another shape, settings that do not fit together, or no weaver-core.
        """
        super().__init__()
        check_jets(input_shape, "part")
        if activation not in _ACTIVATIONS:
            raise UserError(f"encoder.activation is {activation!r}; choose {', '.join(_ACTIVATIONS)}")
        if not 0 <= dropout < 1:
            raise UserError(f"encoder.dropout must lie in [0, 1), not at {dropout}")
        if min(n_heads, n_layers, n_class_layers, *embed_dims, *pair_embed_dims) < 1 or not embed_dims:
            raise UserError("encoder: widths, heads and layers must be whole numbers of at least 1")
        if embed_dims[-1] % n_heads:
            raise UserError(f"encoder.embed_dims ends in {embed_dims[-1]}, no multiple of encoder.n_heads={n_heads}")
        try:
            from weaver.nn.model.ParticleTransformer import ParticleTransformer as Transformer
        except ImportError as error:
            raise UserError("encoder part needs weaver-core: pip install 'autoscidact[hep]'") from error
        self.transformer = Transformer(
            input_dim=N_FEATURES,
            num_classes=dim,
            embed_dims=list(embed_dims),
            pair_embed_dims=list(pair_embed_dims),
            num_heads=n_heads,
            num_layers=n_layers,
            num_cls_layers=n_class_layers,
            block_params={"dropout": dropout, "attn_dropout": dropout, "activation_dropout": dropout},
            fc_params=[],
            activation=activation,
            trim=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 22, particles) -> (n, dim). Raises UserError for a jet without particles."""
        # Batch statistics belong to whole batches; without them jets may come in portions.
        portions = [x] if self.training else torch.split(x, _JETS_AT_ONCE)
        return torch.cat([self._embed(portion) for portion in portions])

    def _embed(self, x: Tensor) -> Tensor:
        mask = read_mask(x)
        # Whatever lies in the padding, even NaN, must not reach a sum.
        features, momenta = (x[:, part].masked_fill(~mask, 0.0) for part in (FEATURES, P4))
        h: Tensor = self.transformer(features, v=momenta, mask=mask)
        return h


def check_jets(input_shape: Sequence[int], encoder: str) -> None:
    """Raises UserError unless events of this shape may be jets."""
    if len(input_shape) != 2 or input_shape[0] != N_CHANNELS:
        raise UserError(
            f"encoder {encoder} takes jets of shape ({N_CHANNELS}, particles), not {tuple(input_shape)}; "
            "for tables, choose encoder=mlp"
        )


def read_mask(x: Tensor) -> Tensor:
    """(n, 22, particles) -> (n, 1, particles), where particles are. Raises UserError for a jet without particles."""
    mask = x[:, MASK : MASK + 1] > 0.5
    empty = int((~mask.any(dim=-1)).sum())
    if empty:
        raise UserError(f"{empty} of {len(x)} jets hold no particle (channel {MASK} marks them); remove these jets")
    return mask

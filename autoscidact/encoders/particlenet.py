"""ParticleNet: the other encoder for jets, a graph of each particle and its nearest ones."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autoscidact.data.jetclass.features import FEATURE_NAMES
from autoscidact.data.jetclass.layout import FEATURES, N_FEATURES
from autoscidact.encoders.part import check_jets, read_mask
from autoscidact.errors import UserError

_DIRECTION = slice(FEATURE_NAMES.index("delta_eta"), FEATURE_NAMES.index("delta_phi") + 1)
# The edges of 4096 jets, the batch in which events are embedded, would take some 9 GB.
_JETS_AT_ONCE = 512


class ParticleNet(nn.Module):
    """f: (n, 22, particles) -> (n, dim): edge convolutions among nearest particles, the mean over particles, a layer.

    Jets come in the form of `data.jetclass.layout`, with one particle at least. In `eval()` mode the order of the
    particles does not matter, nor how much padding there is, as long as more slots than `neighbours` are there; what
    stands where the mask is 0 is never read. A jet of fewer particles has empty neighbours, whose features are 0.

    The authors' configuration, the defaults here, has 574,182 parameters at `dim` 4.

    References:
        Qu, Gouskos, "ParticleNet: Jet Tagging via Particle Clouds", arXiv:1902.08570, by its authors' library
        weaver-core.
    """

    standardises_itself = True
    """Its features come scaled, and its mask must stay 0 or 1: inputs are used as they are."""

    def __init__(
        self,
        input_shape: Sequence[int],
        dim: int,
        channels: Sequence[Sequence[int]] = ((64, 64, 64), (128, 128, 128), (256, 256, 256)),
        neighbours: int = 16,
        hidden: int = 256,
        dropout: float = 0.1,
    ) -> None:
        """Builds the network.

        Args:
            input_shape: (22, particles).
            dim: d, the dimension of the embedding.
            channels: widths of the layers of each edge convolution.
            neighbours: nearest particles that each one is compared with: by angles in the first convolution, by
                features in the others.
            hidden: width of the layer before the embedding.
            dropout: rate in that layer.

        Raises:
            UserError: events of another shape, fewer slots than neighbours, or no weaver-core.
        """
        super().__init__()
        check_jets(input_shape, "particlenet")
        if not 1 <= neighbours < input_shape[1]:
            raise UserError(f"encoder.neighbours={neighbours} must lie between 1 and {input_shape[1] - 1}")
        if not 0 <= dropout < 1:
            raise UserError(f"encoder.dropout must lie in [0, 1), not at {dropout}")
        try:
            from weaver.nn.model.ParticleNet import ParticleNet as Network
        except ImportError as error:
            raise UserError("encoder particlenet needs weaver-core: pip install 'autoscidact[hep]'") from error
        self.network = Network(
            input_dims=N_FEATURES,
            num_classes=dim,
            conv_params=[(neighbours, tuple(widths)) for widths in channels],
            fc_params=[(hidden, dropout)],
            use_fusion=True,
            trim=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 22, particles) -> (n, dim). Raises UserError for a jet without particles."""
        portions = [x] if self.training else torch.split(x, _JETS_AT_ONCE)
        return torch.cat([self._embed(portion) for portion in portions])

    def _embed(self, x: Tensor) -> Tensor:
        mask = read_mask(x)
        features = x[:, FEATURES].masked_fill(~mask, 0.0)
        h: Tensor = self.network(features[:, _DIRECTION], features, mask=mask)
        return h

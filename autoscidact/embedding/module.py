"""The network under training: encoder, projection head, classifier head, and their loss."""

import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autoscidact.embedding.gather import gather
from autoscidact.embedding.losses import simclr, supcon
from autoscidact.embedding.settings import LossSettings, TrainerSettings
from autoscidact.encoders.mlp import layers
from autoscidact.errors import UserError


class _Sums:
    """Running sums over an epoch's batches, so that its means weigh anchors and events alike, not batches."""

    def __init__(self, device: torch.device) -> None:
        # contrastive loss x anchors, anchors, cross entropy x events, events. MPS has no double precision.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.values = torch.zeros(4, dtype=dtype, device=device)

    def add(self, contrastive: Tensor, n_anchors: Tensor, cross_entropy: Tensor, n_events: int) -> None:
        with torch.no_grad():
            terms = (contrastive * n_anchors, n_anchors, cross_entropy * n_events, torch.full_like(n_anchors, n_events))
            self.values += torch.stack([term.to(self.values) for term in terms])


class ContrastiveModule(pl.LightningModule):
    """h = f(x), z = g(h): the contrastive loss acts on z, the cross entropy on a classifier of h.

    The projection head g is a small MLP (d -> d -> d) that is dropped after training; the classifier head has two
    hidden layers of 16.

    Logged once an epoch, for train and val: `loss`, `contrastive` (mean over anchors), `cross_entropy`, `anchors`
    (events that had a positive in their batch).

    References:
        AutoSciDACT paper, Sec. 3.1, Eq. 1-3.
    """

    def __init__(
        self,
        encoder: nn.Module,
        dim: int,
        n_classes: int,
        loss: LossSettings,
        settings: TrainerSettings,
        seed: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = layers([dim, dim, dim])
        self.classifier = layers([dim, 16, 16, n_classes])
        self.loss, self.settings, self.seed = loss, settings, seed

    def losses(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(contrastive loss, number of anchors, cross entropy) of a batch.

        With several processes the contrastive loss is that of the whole batch, over all of them.
        """
        views = self.loss.views
        # SimCLR contrasts two views; SupCon has positives anyway, and a view is one more of them.
        h = self.encoder(views(x) if views and self.loss.name == "simclr" else x)
        z = gather(self.projector(h))
        z_view = gather(self.projector(self.encoder(views(x)))) if views else None
        if self.loss.name == "simclr" and z_view is not None:
            contrastive, n_anchors = simclr(z, z_view, self.loss.temperature)
        else:
            whole = gather(labels)
            if z_view is not None:
                z, whole = torch.cat([z, z_view]), torch.cat([whole, whole])
            contrastive, n_anchors = supcon(z, whole, self.loss.temperature)
        cross_entropy = F.cross_entropy(self.classifier(h), labels) if self.loss.lambda_ce else h.sum() * 0.0
        return contrastive, n_anchors, cross_entropy

    def on_train_epoch_start(self) -> None:
        # Views and dropout draw from the global generator. Seeding it by the epoch makes a resumed training equal to
        # one that was never interrupted.
        self._seed(self.current_epoch)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        data.train.epoch = self.current_epoch
        self._train_sums = _Sums(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor | None:
        contrastive, n_anchors, cross_entropy = self.losses(*batch)
        self._train_sums.add(contrastive, n_anchors, cross_entropy, len(batch[1]))
        # A batch without a positive pair has no contrastive gradient. Stepping on it all the same would let
        # momentum and weight decay act alone.
        if not self.loss.lambda_ce and not n_anchors:
            return None
        return contrastive + self.loss.lambda_ce * cross_entropy

    def on_train_epoch_end(self) -> None:
        self._log_epoch("train", self._train_sums)
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])

    def on_validation_epoch_start(self) -> None:
        # The same views every epoch: the losses that choose the best one must be comparable.
        self._seed(0, stream=1)
        self._val_sums = _Sums(self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        self._val_sums.add(*self.losses(*batch), len(batch[1]))

    def on_validation_epoch_end(self) -> None:
        self._log_epoch("val", self._val_sums)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.settings.lr, weight_decay=self.settings.weight_decay, foreach=True
        )
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, T_max=int(self.trainer.estimated_stepping_batches), eta_min=self.settings.lr_min
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _seed(self, epoch: int, stream: int = 0) -> None:
        words = np.random.SeedSequence([self.seed, stream, epoch, self.global_rank]).generate_state(1, np.uint64)
        torch.manual_seed(int(words[0]))

    def _log_epoch(self, stage: str, sums: _Sums) -> None:
        contrastive, anchors, cross_entropy, events = sums.values.tolist()
        if not anchors:
            raise UserError(
                f"not one {stage} batch of epoch {self.current_epoch + 1} holds two events of one class, so there is "
                "nothing to contrast; raise trainer.batch_size, or use loss=simclr"
            )
        cross_entropy /= events
        loss = contrastive / anchors + self.loss.lambda_ce * cross_entropy
        if not math.isfinite(loss):
            raise UserError(
                f"the {stage} loss is {loss} in epoch {self.current_epoch + 1}: the training diverged; "
                "lower trainer.lr or raise loss.temperature"
            )
        values = {"loss": loss, "contrastive": contrastive / anchors, "anchors": anchors}
        if self.loss.lambda_ce:
            values["cross_entropy"] = cross_entropy
        for name, value in values.items():
            self.log(f"{stage}/{name}", value, prog_bar=name == "loss", sync_dist=True)

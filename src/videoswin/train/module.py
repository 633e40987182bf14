"""The model under Lightning: loss, metrics, optimizer. Files, progress and bad videos are callbacks.

B videos (those of the batch that could be read), V clips of each, K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric

from videoswin.data.dataset import Batch
from videoswin.evaluate.metrics import label_ranks
from videoswin.train.groups import parameter_groups
from videoswin.train.optimizer_config import OptimizerConfig


class TrainModule(LightningModule):
    """Trains `model` with cross entropy on the batches of videoswin.data.

    Logs train/loss, learning_rate (the head's), val/loss, val/top1, val/top5 (all classes if fewer than 5). A
    video that could not be read counts as wrong in val/top1 and val/top5.

    Args:
        model: Clips (B V, 3, T, H, W) uint8 -> logits (B V, K). Learns in place.
        optimizer: AdamW and its groups.
        factor: Number of an update, from 0 -> its learning rate, as a factor of the highest.
        batch_size: Clips of a full batch. In a smaller one each clip weighs the same.
        label_smoothing: Share of the training target spread over all classes, also of the shares of mixed
            clips: s / K for each class, and 1 - s of what it had.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        optimizer: OptimizerConfig,
        factor: Callable[[int], float],
        batch_size: int,
        label_smoothing: float,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config = optimizer
        self.factor = factor
        self.batch_size = batch_size
        self.label_smoothing = label_smoothing
        self.num_clips = 0  # since the last update
        self.val_loss = MeanMetric(nan_strategy="disable")  # a NaN must show
        self.val_top1 = MeanMetric()
        self.val_top5 = MeanMetric()

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (B V, K), float32 at any precision, and labels (B V), of mixed clips (B V, K)."""
        logits = self.model(batch.clips.flatten(0, 1)).float()  # (B V, K)
        return logits, batch.labels.repeat_interleave(batch.clips.shape[1], dim=0)

    def training_step(self, batch: Batch) -> Tensor | None:
        if len(batch.labels) == 0:
            return None  # Lightning makes no step then: every video of the batch was unreadable
        logits, labels = self(batch)
        losses = cross_entropy(logits, labels, label_smoothing=self.label_smoothing, reduction="none")
        self.log("train/loss", losses.mean(), on_step=True, on_epoch=True, batch_size=len(losses))
        rates = [group["lr"] for group in self.trainer.optimizers[0].param_groups]
        self.log("learning_rate", max(rates), batch_size=1)  # the head's
        self.num_clips += len(losses)
        return losses.sum() / self.batch_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the gradient the mean over the clips of the update; so far every batch was taken for full."""
        num_full = self.batch_size * self.trainer.accumulate_grad_batches
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        if gradients and self.num_clips != num_full:
            torch._foreach_mul_(gradients, num_full / self.num_clips)
        self.num_clips = 0

    def validation_step(self, batch: Batch) -> None:
        unread = torch.zeros(len(batch.bad), device=self.device)
        self.val_top1.update(unread)
        self.val_top5.update(unread)
        if len(batch.labels):
            logits, labels = self(batch)
            ranks = label_ranks(logits, labels)
            self.val_loss.update(cross_entropy(logits, labels, reduction="none"))
            self.val_top1.update((ranks < 1).float())
            self.val_top5.update((ranks < 5).float())
        self.log_dict({"val/loss": self.val_loss, "val/top1": self.val_top1, "val/top5": self.val_top5})

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        config = self.optimizer_config
        groups = parameter_groups(
            self.model,
            preset=config.preset,
            learning_rate=config.learning_rate,
            backbone_multiplier=config.backbone_multiplier,
            weight_decay=config.weight_decay,
        )
        optimizer = torch.optim.AdamW([dict(group) for group in groups], betas=config.betas)
        schedule = LambdaLR(optimizer, self.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

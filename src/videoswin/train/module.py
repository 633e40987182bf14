"""The model under Lightning: loss, metrics, optimizer. Files, progress and bad videos are callbacks.

B videos (those of the batch that could be read), V clips of each, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from videoswin import ranks
from videoswin.data.dataset import Batch
from videoswin.train import gradients
from videoswin.train.ema import AverageWeights
from videoswin.train.groups import parameter_groups
from videoswin.train.losses import Loss, SeveralClasses
from videoswin.train.multi_label import AllScores
from videoswin.train.nonfinite import NonFiniteGuard
from videoswin.train.optimizer_config import OptimizerConfig
from videoswin.train.scores import Sums, share_of_predicted, sums_of
from videoswin.train.strategy import mesh_of, reshard, shard
from videoswin.values import ClipSpec


class Scores(NamedTuple):
    """What one validation batch gave, on the CPU; unread videos are missing."""

    indices: Tensor
    """(B,) int64, positions in the validation set."""
    labels: Tensor
    """(B,) int64; multi-label (B, K) bool."""
    probabilities: Tensor
    """(B, K) float32; rows sum to 1, multi-label each class by itself."""


class TrainModule(LightningModule):
    """Trains `model` on the batches of videoswin.data, over any number of processes.

    Logs for each update train/loss_step, train/top1_step, learning_rate (the head's) and gradient_norm
    (before it is limited); with each validation val/loss, val/top1, val/top5 (all classes if fewer than 5),
    multi-label val/map, and train/loss_epoch and train/top1_epoch of the epoch it ends. A video that could
    not be read counts as wrong in validation.

    Args:
        model: Clips (B V, 3, T, H, W) uint8 -> logits (B V, K). Learns in place.
        optimizer: AdamW, its groups and the limit of the gradient.
        factor: Number of an update, from 0 -> its learning rate, as a factor of the highest.
        micro_batch: Clips of a full batch of one process. In a smaller one each clip weighs the same.
        clip: Of the batches. A process whose batch has no readable video computes one of zeros.
        loss: Of training. Validation has the same without smoothing and weights.
        ema_decay: Of the running mean of the weights that is validated and kept, see ema.py. 0: none.
        guard: Ends the run before a NaN gets into the weights.

    `ema` is there once the optimizer is. During validation, until after its last callback, the model holds
    the mean.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        optimizer: OptimizerConfig,
        factor: Callable[[int], float],
        micro_batch: int,
        clip: ClipSpec,
        loss: Loss,
        guard: NonFiniteGuard,
        ema_decay: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config = optimizer
        self.factor = factor
        self.micro_batch = micro_batch
        self.clip = clip
        self.loss = loss
        self.val_loss = type(loss)()
        self.guard = guard
        self.ema_decay = ema_decay
        self.ema: AverageWeights | None = None
        self.epoch_sums = Sums()  # of the epoch so far, over all processes
        self._update_sums: list[Tensor] = []  # (clips, loss, top1) of each batch since the last update
        self._val_sums = Sums()
        self._val_scores = AllScores()  # multi-label only

    @property
    def is_multi_label(self) -> bool:
        return isinstance(self.loss, SeveralClasses)

    def counters(self) -> dict[str, float]:
        """What must survive a stop, the same on all processes. Complete right after an update."""
        return {**self.epoch_sums.as_counters(), **self.guard.counters()}

    def load_counters(self, counters: Mapping[str, float]) -> None:
        """Go on from `counters`; call it on all processes."""
        self.epoch_sums = Sums(**{name: counters[name] for name in Sums().as_counters()})
        self.guard.load_counters(counters)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (B V, K), float32 at any precision, and labels (B V) or (B V, K)."""
        logits = self.model(batch.clips.flatten(0, 1)).float()  # (B V, K)
        return logits, batch.labels.repeat_interleave(batch.clips.shape[1], dim=0)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        self.guard.saw(batch, batch_idx)
        if len(batch.labels) == 0:
            # Every video of the batch was unreadable. Alone, Lightning makes no step then; among others,
            # all must take part in what the gradient is summed by.
            return self._logits_of_nothing().sum() * 0 if ranks.world_size() > 1 else None
        logits, labels = self(batch)
        losses = self.loss(logits, labels)
        right = share_of_predicted(logits.detach(), labels)
        clips = losses.new_tensor(len(losses))
        self._update_sums.append(torch.stack([clips, losses.detach().sum(), right.sum()]))
        loss: Tensor = losses.sum() / self.micro_batch
        return loss

    def _logits_of_nothing(self) -> Tensor:
        side = self.clip.size
        shape = (1, 3, self.clip.num_frames, side, side)
        logits: Tensor = self.model(torch.zeros(shape, dtype=torch.uint8, device=self.device))
        return logits.float()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the gradient the mean over the clips of the update, look at it and limit it.

        So far every batch was taken for full, and processes and batches were averaged.
        """
        num_clips, loss, right = self._sums_of_update()
        found = gradients.gradients_of(self.model.parameters())
        num_full = self.micro_batch * self.trainer.accumulate_grad_batches * ranks.world_size()
        if num_clips not in (0, num_full):
            gradients.scale(found, num_full / num_clips)
        norms = {
            group["name"]: gradients.norm(gradients.gradients_of(group["params"]))
            for group in optimizer.param_groups
        }
        total = math.hypot(*norms.values())
        mean = loss / max(num_clips, 1.0)
        is_allowed = self.guard.allows(
            update=self.trainer.global_step, epoch=self.trainer.current_epoch, loss=mean, norms=norms
        )
        if is_allowed and num_clips:
            highest = self.optimizer_config.max_gradient_norm
            if highest:
                gradients.limit(found, total=total, highest=highest)
            self.epoch_sums.add(Sums(num_listed=num_clips, num_read=num_clips, loss=loss, top1=right))
        else:
            optimizer.zero_grad(set_to_none=True)  # then AdamW leaves weights and moments as they are
        self._log_update(optimizer, num_clips=num_clips, mean=mean, right=right, norm=total)

    def _sums_of_update(self) -> tuple[float, float, float]:
        """Clips, loss and top-1 since the last update, over all processes."""
        parts = torch.stack(self._update_sums).tolist() if self._update_sums else []
        self._update_sums = []
        columns = zip(*parts, strict=True) if parts else [(), (), ()]
        num_clips, loss, right = ranks.total([sum(column) for column in columns])
        return num_clips, loss, right

    def _log_update(
        self, optimizer: torch.optim.Optimizer, *, num_clips: float, mean: float, right: float, norm: float
    ) -> None:
        rate = max(group["lr"] for group in optimizer.param_groups)  # the head's
        numbers = {"learning_rate": rate, "gradient_norm": norm}
        if num_clips:
            numbers |= {"train/loss_step": mean, "train/top1_step": right / num_clips}
        self.log_dict(numbers, batch_size=1)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], object] | None = None,
    ) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.ema is not None:
            self.ema.update()

    def on_train_epoch_end(self) -> None:
        # Not at an epoch's start: a run that goes on in its middle has loaded its part of it.
        self.epoch_sums = Sums()

    def on_validation_start(self) -> None:
        self._val_sums, self._val_scores = Sums(), AllScores()
        if self.ema is not None:
            self.ema.exchange()

    def on_validation_end(self) -> None:
        # Callbacks were called first: what they kept is the mean.
        if self.ema is not None:
            self.ema.exchange()

    def validation_step(self, batch: Batch) -> Scores | None:  # type: ignore[override] # passed to callbacks
        """None if no video of the batch could be read."""
        self._val_sums.add(Sums(num_listed=len(batch.bad)))
        for video in batch.bad:
            self._val_scores.add_unread(video.labels or (video.label,))
        if len(batch.labels) == 0:
            if ranks.world_size() > 1:
                self._logits_of_nothing()  # sharded weights are collected by all processes or none
            return None
        logits, labels = self(batch)
        self._val_sums.add(sums_of(self.val_loss(logits, labels), logits, labels))
        probabilities = logits.sigmoid() if self.is_multi_label else logits.softmax(dim=1)
        scores = Scores(
            indices=batch.indices.cpu(),
            labels=(batch.labels > 0).cpu() if self.is_multi_label else batch.labels.cpu(),
            probabilities=probabilities.unflatten(0, batch.clips.shape[:2]).mean(dim=1).cpu(),
        )
        if self.is_multi_label:
            self._val_scores.add(scores.probabilities, scores.labels)
        return scores

    def on_validation_epoch_end(self) -> None:
        reshard(self.model)
        sums = self._val_sums.over_ranks()
        self.guard.check_validation(sums.mean_loss, update=self.trainer.global_step)
        numbers = {"val/loss": sums.mean_loss, "val/top1": sums.mean_top1, "val/top5": sums.mean_top5}
        if self.is_multi_label:
            numbers["val/map"] = self._val_scores.mean_average_precision()
        if self.epoch_sums.num_read:
            numbers["train/loss_epoch"] = self.epoch_sums.mean_loss
            numbers["train/top1_epoch"] = self.epoch_sums.mean_top1
        self.log_dict(numbers, batch_size=1)

    def configure_model(self) -> None:
        """Share the weights among the processes, where the strategy does (FSDP2)."""
        mesh = mesh_of(self.trainer.strategy)
        if mesh is not None:
            shard(self.model, mesh)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Also makes `ema`: from here on the parameters are where they stay, on their device and sharded."""
        config = self.optimizer_config
        groups = parameter_groups(
            self.model,
            preset=config.preset,
            learning_rate=config.learning_rate,
            backbone_multiplier=config.backbone_multiplier,
            weight_decay=config.weight_decay,
            layer_decay=config.layer_decay,
        )
        # One pass over the weights. At fp16 it would hide from us what the loss scaler does.
        fused = not self.guard.has_scaler
        optimizer = torch.optim.AdamW([dict(group) for group in groups], betas=config.betas, fused=fused)
        if self.ema_decay:
            self.ema = AverageWeights(self.model, decay=self.ema_decay)
        schedule = LambdaLR(optimizer, self.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from tests.train.material import MICRO
from videoswin.data.dataset import BadVideo, Batch, Mix
from videoswin.data.mix import mix_batch
from videoswin.model import VideoSwin
from videoswin.train.datamodule import VideoData
from videoswin.train.module import TrainModule
from videoswin.train.optimizer_config import OptimizerConfig
from videoswin.train.trainer import quiet_lightning

NUM_CLASSES = 7


def batch_of(*labels: int, num_bad: int = 0) -> Batch:
    """One clip a label, each made of its label, and videos that could not be read."""
    clips = [
        torch.randint(0, 256, (1, 3, 4, 32, 32), generator=torch.Generator().manual_seed(label))
        for label in labels
    ]
    bad = [BadVideo(index=i, path=f"bad{i}.mp4", label=0, code="V01", reason="bad") for i in range(num_bad)]
    return Batch(
        clips=torch.stack(clips).byte() if clips else torch.empty((0,) * 6, dtype=torch.uint8),
        labels=torch.tensor(labels, dtype=torch.int64),
        indices=torch.arange(len(labels)),
        bad=tuple(bad),
    )


def module_of(*, batch_size: int = 4, label_smoothing: float = 0.0) -> TrainModule:
    torch.manual_seed(0)
    return TrainModule(
        VideoSwin(replace(MICRO, num_classes=NUM_CLASSES)),
        optimizer=OptimizerConfig(learning_rate=1e-2, backbone_multiplier=0.5, preset="official"),
        factor=lambda update: 1 / (update + 1),
        batch_size=batch_size,
        label_smoothing=label_smoothing,
    )


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet_lightning():
        yield


class Batches(VideoData):
    """Given batches in place of loaders."""

    def __init__(self, train: list[Batch], val: list[Batch]) -> None:
        LightningDataModule.__init__(self)
        self.train, self.val = train, val
        self.num_classes = NUM_CLASSES

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train, batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.val, batch_size=None)  # type: ignore[arg-type]


def run(module: TrainModule, train: list[Batch], val: list[Batch], *, accumulate: int = 1) -> Trainer:
    """One epoch of the real Trainer over given batches."""
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        accumulate_grad_batches=accumulate,
        limit_val_batches=len(val),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=Batches(train, val))
    return trainer


def gradient_of(train: list[Batch], *, batch_size: int, accumulate: int) -> dict[str, Tensor]:
    """What the optimizer got for the only update of the epoch."""
    module = module_of(batch_size=batch_size)
    run(module, train, [], accumulate=accumulate)
    return {name: p.grad for name, p in module.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("parts", "batch_size", "accumulate"),
    [
        ([batch_of(0, 1, 2), batch_of(3)], 3, 2),  # the last batch is smaller
        ([batch_of(0, 1), batch_of(2, 3)], 2, 3),  # the epoch ends inside an update
        ([batch_of(0, 1), batch_of(num_bad=2), batch_of(2, 3)], 2, 3),  # one batch is unreadable
        ([batch_of(0, 1, 2, 3)], 8, 1),  # half a batch
    ],
)
def test_an_update_is_the_mean_over_its_clips_however_they_are_batched(
    parts: list[Batch], batch_size: int, accumulate: int
) -> None:
    whole = gradient_of([batch_of(0, 1, 2, 3)], batch_size=4, accumulate=1)
    split = gradient_of(parts, batch_size=batch_size, accumulate=accumulate)
    assert split.keys() == whole.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(split[name], gradient, rtol=1e-3, atol=1e-7)


def test_training_changes_the_weights_and_logs_loss_and_rate() -> None:
    module = module_of()
    before = module.model.head.weight.detach().clone()
    trainer = run(module, [batch_of(0, 1)], [batch_of(0)])
    assert not torch.equal(module.model.head.weight, before)
    assert trainer.callback_metrics["learning_rate"] == pytest.approx(1e-2)  # the head's
    assert trainer.callback_metrics["train/loss_epoch"] == pytest.approx(1.9459, abs=0.3)  # near log 7


def test_epoch_loss_weighs_clips_not_batches() -> None:
    module = module_of(batch_size=3)
    module.model.requires_grad_(False)
    module.model.head.weight.requires_grad_(True)
    module.factor = lambda update: 0.0  # nothing learns, so every batch meets the same model
    trainer = run(module, [batch_of(0, 1, 2), batch_of(3)], [])
    whole = batch_of(0, 1, 2, 3)
    with torch.no_grad():
        logits, labels = module(whole)
        expected = torch.nn.functional.cross_entropy(logits, labels)
    assert trainer.callback_metrics["train/loss_epoch"] == pytest.approx(float(expected), abs=1e-5)


def test_a_batch_without_a_readable_video_changes_nothing() -> None:
    module = module_of()
    before = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    run(module, [batch_of(num_bad=2)], [])
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.model.state_dict().items())


def test_a_bad_video_counts_as_wrong_in_validation() -> None:
    module = module_of()
    with torch.no_grad():
        module.model.head.weight.zero_()
        module.model.head.bias.copy_(torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]))
    module.factor = lambda update: 0.0
    # Ranks are 0, 4, 5, 6 and one video is missing: one of 5 in the first place, two in the first five.
    trainer = run(module, [batch_of(0)], [batch_of(0, 4, 5), batch_of(6, num_bad=1)])
    assert trainer.callback_metrics["val/top1"] == pytest.approx(1 / 5)
    assert trainer.callback_metrics["val/top5"] == pytest.approx(2 / 5)


def test_validation_loss_is_not_smoothed_and_weighs_clips() -> None:
    module = module_of(label_smoothing=0.5)
    module.factor = lambda update: 0.0
    trainer = run(module, [batch_of(0)], [batch_of(0, 1, 2), batch_of(3)])
    module.eval()
    with torch.no_grad():
        logits, labels = module(batch_of(0, 1, 2, 3))
        expected = torch.nn.functional.cross_entropy(logits, labels)
    assert trainer.callback_metrics["val/loss"] == pytest.approx(float(expected), abs=1e-5)


def test_label_smoothing_is_the_papers() -> None:
    # Soft labels: off = 0.1 / K, on = 0.9 + 0.1 / K.
    module = module_of(label_smoothing=0.1)
    module.factor = lambda update: 0.0
    trainer = run(module, [batch_of(2)], [])
    with torch.no_grad():
        logits, _ = module(batch_of(2))
        target = torch.full((1, NUM_CLASSES), 0.1 / NUM_CLASSES)
        target[0, 2] += 0.9
        expected = -(target * logits.log_softmax(1)).sum()
    assert trainer.callback_metrics["train/loss_step"] == pytest.approx(float(expected), abs=1e-5)


def test_soft_labels_are_smoothed_as_published() -> None:
    """Of mixed clips: off = s / K and on = 1 - s + s / K of each of the two labels, then their mixture."""
    module = module_of(label_smoothing=0.1)
    module.factor = lambda update: 0.0
    mix = Mix(first=0, second=1, share=0.75, box=None)
    batch = mix_batch(replace(batch_of(2, 5), mixes=(mix,)), num_classes=NUM_CLASSES)
    trainer = run(module, [batch], [])
    with torch.no_grad():
        logits, labels = module(batch)
        one, other = (torch.full((NUM_CLASSES,), 0.1 / NUM_CLASSES) for _ in range(2))
        one[2] = other[5] = 1 - 0.1 + 0.1 / NUM_CLASSES
        target = torch.stack([0.75 * one + 0.25 * other, 0.75 * other + 0.25 * one])
        expected = -(target * logits.log_softmax(1)).sum(1).mean()
    assert labels.shape == (2, NUM_CLASSES)
    assert trainer.callback_metrics["train/loss_step"] == pytest.approx(float(expected), abs=1e-5)


def test_labels_that_are_one_class_each_lose_as_numbers_do() -> None:
    hard = batch_of(2, 5)
    soft = replace(hard, labels=torch.nn.functional.one_hot(hard.labels, NUM_CLASSES).float())
    losses = []
    for batch in (hard, soft):
        module = module_of(label_smoothing=0.1)
        losses.append(float(run(module, [batch], []).callback_metrics["train/loss_step"]))
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_views_are_flattened_beside_their_label() -> None:
    batch = batch_of(0, 1)
    two_views = replace(batch, clips=batch.clips.repeat(1, 2, 1, 1, 1, 1))
    logits, labels = module_of()(two_views)
    assert logits.shape == (4, NUM_CLASSES)
    assert labels.tolist() == [0, 0, 1, 1]
    soft = replace(two_views, labels=torch.eye(NUM_CLASSES)[:2])
    assert torch.equal(module_of()(soft)[1], torch.eye(NUM_CLASSES)[[0, 0, 1, 1]])


def test_groups_and_schedule_reach_the_optimizer() -> None:
    module = module_of()
    chosen = module.configure_optimizers()
    groups = {group["name"]: group for group in chosen["optimizer"].param_groups}
    assert groups["backbone"]["lr"] == pytest.approx(0.5e-2)
    assert groups["tables"]["lr"] == pytest.approx(1e-2)  # official
    assert groups["tables"]["weight_decay"] == 0
    assert groups["head"]["weight_decay"] == 0.05
    assert groups["head"]["betas"] == (0.9, 0.999)
    scheduler = chosen["lr_scheduler"]["scheduler"]  # type: ignore[index]
    chosen["optimizer"].step()
    scheduler.step()
    assert groups["head"]["lr"] == pytest.approx(0.5e-2)

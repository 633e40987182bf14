from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from torch import Tensor
from torch.utils.data import DataLoader

from tests.train.material import MICRO
from videoswin.data.annotations import Sample
from videoswin.data.dataset import BadVideo, Batch, Mix, several_hot
from videoswin.data.mix import mix_batch
from videoswin.errors import NonFiniteLossError
from videoswin.model import VideoSwin
from videoswin.train.datamodule import VideoData
from videoswin.train.losses import OneClass, SeveralClasses
from videoswin.train.module import Scores, TrainModule
from videoswin.train.nonfinite import NonFiniteGuard
from videoswin.train.optimizer_config import OptimizerConfig
from videoswin.train.trainer import quiet_lightning
from videoswin.values import ClipSpec

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


CLIP = ClipSpec(num_frames=4, size=32)
ONE_CLASS = OneClass()
SAMPLES = [Sample(path=f"{i}.mp4", file=Path(f"{i}.mp4"), label=i % NUM_CLASSES) for i in range(20)]


def module_of(
    *,
    micro_batch: int = 4,
    loss: OneClass | SeveralClasses = ONE_CLASS,
    ema_decay: float = 0.0,
    max_gradient_norm: float = 0.0,
    guard: NonFiniteGuard | None = None,
) -> TrainModule:
    torch.manual_seed(0)
    return TrainModule(
        VideoSwin(replace(MICRO, num_classes=NUM_CLASSES)),
        optimizer=OptimizerConfig(
            learning_rate=1e-2,
            backbone_multiplier=0.5,
            preset="official",
            max_gradient_norm=max_gradient_norm,
        ),
        factor=lambda update: 1 / (update + 1),
        micro_batch=micro_batch,
        clip=CLIP,
        loss=loss,
        ema_decay=ema_decay,
        guard=guard or NonFiniteGuard(SAMPLES, folder=Path(), seed=0, policy="stop", max_skipped=0),
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


def run(
    module: TrainModule,
    train: list[Batch],
    val: list[Batch],
    *,
    accumulate: int = 1,
    callbacks: Sequence[Callback] = (),
    plugins: Sequence[Precision] = (),
) -> Trainer:
    """One epoch of the real Trainer over given batches."""
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        accumulate_grad_batches=accumulate,
        limit_val_batches=len(val),
        callbacks=list(callbacks),
        plugins=list(plugins),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=Batches(train, val))
    return trainer


def gradient_of(train: list[Batch], *, micro_batch: int, accumulate: int) -> dict[str, Tensor]:
    """What the optimizer got for the only update of the epoch."""
    module = module_of(micro_batch=micro_batch)
    run(module, train, [], accumulate=accumulate)
    return {name: p.grad for name, p in module.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("parts", "micro_batch", "accumulate"),
    [
        ([batch_of(0, 1, 2), batch_of(3)], 3, 2),  # the last batch is smaller
        ([batch_of(0, 1), batch_of(2, 3)], 2, 3),  # the epoch ends inside an update
        ([batch_of(0, 1), batch_of(num_bad=2), batch_of(2, 3)], 2, 3),  # one batch is unreadable
        ([batch_of(0, 1, 2, 3)], 8, 1),  # half a batch
    ],
)
def test_an_update_is_the_mean_over_its_clips_however_they_are_batched(
    parts: list[Batch], micro_batch: int, accumulate: int
) -> None:
    whole = gradient_of([batch_of(0, 1, 2, 3)], micro_batch=4, accumulate=1)
    split = gradient_of(parts, micro_batch=micro_batch, accumulate=accumulate)
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
    module = module_of(micro_batch=3)
    module.model.requires_grad_(False)
    module.model.head.weight.requires_grad_(True)
    module.factor = lambda update: 0.0  # nothing learns, so every batch meets the same model
    trainer = run(module, [batch_of(0, 1, 2), batch_of(3)], [batch_of(0)])
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
    module = module_of(loss=OneClass(label_smoothing=0.5))
    module.factor = lambda update: 0.0
    trainer = run(module, [batch_of(0)], [batch_of(0, 1, 2), batch_of(3)])
    module.eval()
    with torch.no_grad():
        logits, labels = module(batch_of(0, 1, 2, 3))
        expected = torch.nn.functional.cross_entropy(logits, labels)
    assert trainer.callback_metrics["val/loss"] == pytest.approx(float(expected), abs=1e-5)


def test_label_smoothing_is_the_papers() -> None:
    # Soft labels: off = 0.1 / K, on = 0.9 + 0.1 / K.
    module = module_of(loss=OneClass(label_smoothing=0.1))
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
    module = module_of(loss=OneClass(label_smoothing=0.1))
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
        module = module_of(loss=OneClass(label_smoothing=0.1))
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


def test_a_mixed_clip_counts_with_the_share_of_the_predicted_class() -> None:
    module = module_of()
    with torch.no_grad():
        module.model.head.weight.zero_()
        module.model.head.bias.copy_(torch.tensor([9.0, 0, 0, 0, 0, 0, 0]))
    module.factor = lambda update: 0.0
    mix = Mix(first=0, second=1, share=0.75, box=None)
    mixed = mix_batch(replace(batch_of(0, 5), mixes=(mix,)), num_classes=NUM_CLASSES)
    trainer = run(module, [mixed, batch_of(0)], [batch_of(0)], accumulate=2)
    assert trainer.callback_metrics["train/top1_step"] == pytest.approx((0.75 + 0.25 + 1) / 3)
    assert trainer.callback_metrics["train/top1_epoch"] == pytest.approx((0.75 + 0.25 + 1) / 3)


@pytest.mark.parametrize("limit", [0.0, 1e-3])
def test_a_larger_gradient_is_limited_and_its_norm_logged(limit: float) -> None:
    module = module_of(max_gradient_norm=limit)
    trainer = run(module, [batch_of(0, 1)], [])
    gradients = [p.grad for p in module.model.parameters() if p.grad is not None]
    norm, logged = torch.nn.utils.get_total_norm(gradients), trainer.callback_metrics["gradient_norm"]
    assert float(norm) == pytest.approx(limit or float(logged), rel=1e-4)
    assert float(logged) > 0.01


def test_a_nan_stops_before_the_update(tmp_path: Path) -> None:
    guard = NonFiniteGuard(SAMPLES, folder=tmp_path, seed=0, policy="stop", max_skipped=0)
    module = module_of(guard=guard)
    with torch.no_grad():
        module.model.head.bias[3] = torch.nan
    before = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    with pytest.raises(NonFiniteLossError, match=r"loss is nan at update 0 \(epoch 1, batch 1, 2\)"):
        run(module, [batch_of(0), batch_of(1)], [], accumulate=2)
    after = module.model.state_dict()
    assert all(torch.equal(after[name].nan_to_num(), before[name].nan_to_num()) for name in before)


def test_a_nan_is_left_out_and_training_goes_on(tmp_path: Path) -> None:
    """Weights and moments after it are those of a run that never saw it."""
    guard = NonFiniteGuard(SAMPLES, folder=tmp_path, seed=0, policy="skip", max_skipped=1)
    module, same = module_of(guard=guard), module_of()
    for each in (module, same):
        each.factor = lambda update: 1.0
    broken = replace(batch_of(1), labels=torch.full((1, NUM_CLASSES), torch.nan))
    trainer = run(module, [batch_of(0, 1), broken, batch_of(2, 3)], [batch_of(0)])
    run(same, [batch_of(0, 1), batch_of(2, 3)], [batch_of(0)])
    for name, tensor in same.model.state_dict().items():
        torch.testing.assert_close(module.model.state_dict()[name], tensor, rtol=0, atol=0)
    assert guard.num_skipped == 1
    assert trainer.callback_metrics["train/loss_epoch"].isfinite()


def test_the_mean_of_the_weights_is_validated_and_the_weights_learn_on() -> None:
    seen = []

    class Look(Callback):
        def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append(weight_of(pl_module))

        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append(weight_of(pl_module))

    def weight_of(module: LightningModule) -> Tensor:
        assert isinstance(module, TrainModule)
        return module.model.head.weight.detach().clone()

    module, plain = module_of(ema_decay=0.5), module_of()
    before = weight_of(module)
    run(plain, [batch_of(0, 1)], [batch_of(0)])
    run(module, [batch_of(0, 1)], [batch_of(0)], callbacks=[Look()])
    learnt, mean = seen
    assert torch.equal(weight_of(module), weight_of(plain))
    assert torch.equal(learnt, weight_of(plain))
    torch.testing.assert_close(mean, (before + learnt) / 2)


def test_counters_continue_an_epoch_in_its_middle() -> None:
    whole, first, second = (module_of() for _ in range(3))
    for module in (whole, first, second):
        module.factor = lambda update: 0.0
    expected = run(whole, [batch_of(0, 1, 2), batch_of(3)], [batch_of(0)]).callback_metrics
    kept: list[dict[str, float]] = []

    class Keep(Callback):
        def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            kept.append(first.counters())

    run(first, [batch_of(0, 1, 2)], [batch_of(0)], callbacks=[Keep()])
    assert first.counters()["num_read"] == 0  # of the next epoch
    second.load_counters(kept[0])
    resumed = run(second, [batch_of(3)], [batch_of(0)]).callback_metrics
    for name in ("train/loss_epoch", "train/top1_epoch"):
        assert float(resumed[name]) == pytest.approx(float(expected[name]), abs=1e-6)


def several(*classes: tuple[int, ...], num_bad: int = 0) -> Batch:
    """One clip for each tuple of classes."""
    batch = batch_of(*(own[0] for own in classes), num_bad=num_bad)
    return replace(batch, labels=torch.stack([several_hot(own, NUM_CLASSES) for own in classes]))


def test_several_classes_a_video_are_learnt_and_measured() -> None:
    module = module_of(loss=SeveralClasses())
    with torch.no_grad():
        module.model.head.weight.zero_()
        module.model.head.bias.copy_(torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]))
    module.factor = lambda update: 0.0
    keep: list[object] = []

    class Outputs(Callback):
        def on_validation_batch_end(  # type: ignore[override]
            self, trainer: Trainer, pl_module: LightningModule, outputs: object, *rest: object
        ) -> None:
            keep.append(outputs)

    val = [several((0, 3), (4,)), several((5, 6), num_bad=1)]
    metrics = run(module, [several((0, 1))], val, callbacks=[Outputs()]).callback_metrics
    assert metrics["val/top1"] == pytest.approx(1 / 4)  # (0, 3); the bad one has class 0
    assert metrics["val/top5"] == pytest.approx(2 / 4)
    # All score alike in each class, so a class is found with the share of the videos read that have it: 0
    # has 1 / 3, for one of its two videos; 3, 4, 5 and 6 have 1 / 3.
    assert metrics["val/map"] == pytest.approx((1 / 6 + 4 / 3) / 5)
    scores = keep[0]
    assert isinstance(scores, Scores)
    assert scores.labels.dtype == torch.bool
    assert scores.labels.nonzero().tolist() == [[0, 0], [0, 3], [1, 4]]
    torch.testing.assert_close(scores.probabilities[0], torch.sigmoid(module.model.head.bias.detach()))


def test_validation_scores_are_handed_to_callbacks() -> None:
    module = module_of()
    scores = module.eval().validation_step(batch_of(2, 5))
    assert scores is not None
    assert (scores.indices.tolist(), scores.labels.tolist()) == ([0, 1], [2, 5])
    torch.testing.assert_close(scores.probabilities.sum(1), torch.ones(2))
    assert module.validation_step(batch_of(num_bad=1)) is None


def test_t10_an_update_whose_scaled_gradient_overflows_is_left_out_so_often_only(tmp_path: Path) -> None:
    """With torch's own scaler, which fp16 needs, started too high for four updates."""
    guard = NonFiniteGuard(SAMPLES, folder=tmp_path, seed=0, policy="stop", max_skipped=3, has_scaler=True)
    module = module_of(guard=guard)
    before = module.model.head.weight.detach().clone()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    precision = MixedPrecision("16-mixed", "cpu", scaler)
    with pytest.raises(NonFiniteLossError, match=r"the gradient of .* number 4 in a row \(max_skipped 3\)"):
        run(module, [batch_of(0)] * 5, [], plugins=[precision])
    assert torch.equal(module.model.head.weight, before)
    assert scaler.get_scale() == 2.0**97  # halved by each of the three


@pytest.mark.parametrize("has_scaler", [False, True])
def test_the_optimizer_is_one_pass_unless_gradients_are_scaled(has_scaler: bool) -> None:
    guard = NonFiniteGuard(
        SAMPLES, folder=Path(), seed=0, policy="stop", max_skipped=0, has_scaler=has_scaler
    )
    chosen = module_of(guard=guard).configure_optimizers()
    assert {group["fused"] for group in chosen["optimizer"].param_groups} == {not has_scaler}

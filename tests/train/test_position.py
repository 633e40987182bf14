"""Where an update is, in numbers written out; and the real Trainer's loops placed there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.train.material import CLIP
from tests.train.test_module import module_of
from videoswin.data.augment import Augment
from videoswin.data.dataset import Batch
from videoswin.train.data_config import DataConfig
from videoswin.train.datamodule import VideoData, read_splits
from videoswin.train.module import TrainModule
from videoswin.train.position import Position, place_loops
from videoswin.train.trainer import quiet_lightning

EPOCHS, UPDATES = 3, 2
"""Six videos in updates of four: two micro-batches, then one."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet_lightning():
        yield


@pytest.mark.parametrize(
    ("updates", "epoch", "in_epoch", "ends"),
    [
        # three updates an epoch
        (1, 0, 1, False),
        (2, 0, 2, False),
        (3, 0, 3, True),  # still of its epoch: the validation is to come
        (4, 1, 1, False),
        (6, 1, 3, True),
        (7, 2, 1, False),
    ],
)
def test_the_place_of_an_update(updates: int, epoch: int, in_epoch: int, ends: bool) -> None:
    position = Position(updates=updates, updates_per_epoch=3)
    assert (position.epoch, position.updates_in_epoch, position.ends_epoch) == (epoch, in_epoch, ends)


def test_an_epoch_of_one_update_ends_with_each() -> None:
    found = [Position(updates=updates, updates_per_epoch=1) for updates in (1, 2)]
    assert [(position.epoch, position.ends_epoch) for position in found] == [(0, True), (1, True)]


class Diary(Callback):
    """What the Trainer does, a word each: epoch, micro-batch, updates made, the number by which loggers call
    the next row, and who is read."""

    def __init__(self, place: Position | None = None) -> None:
        self.place = place
        self.words: list[tuple[object, ...]] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.place is not None:
            data = trainer.datamodule  # type: ignore[attr-defined]
            place_loops(trainer, self.place, batches=data.batches)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.words.append(("epoch", trainer.current_epoch))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        row = trainer.fit_loop.epoch_loop._batches_that_stepped
        place = (trainer.current_epoch, batch_idx, trainer.global_step, row)
        self.words.append(("batch", *place, *batch.indices.tolist()))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        row = trainer.fit_loop.epoch_loop._batches_that_stepped
        self.words.append(("validation", trainer.current_epoch, trainer.global_step, row))


def fit(videos: Path, diary: Diary, *, updates_done: int = 0) -> Trainer:
    splits = read_splits(DataConfig(train=str(videos), val_fraction=0.25), known_labels=(), seed=0)
    data = VideoData(
        splits,
        clip=CLIP,
        augment=Augment(),
        global_batch=4,
        micro_batch=2,
        num_workers=0,
        seed=0,
        updates_done=updates_done,
    )
    module: TrainModule = module_of(micro_batch=2)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        accumulate_grad_batches=data.batches.accumulate,
        callbacks=[diary],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=data)
    return trainer


@pytest.fixture(scope="module")
def whole(videos: Path) -> list[tuple[object, ...]]:
    """The diary of a run from its beginning."""
    torch.manual_seed(0)
    diary = Diary()
    with quiet_lightning():
        fit(videos, diary)
    return diary.words


def after(words: Sequence[tuple[object, ...]], updates: int) -> list[tuple[object, ...]]:
    """What a run does once it has made so many updates, without the start of an epoch it is inside of."""
    batches = [index for index, word in enumerate(words) if word[0] == "batch"]
    per_epoch = len(batches) // EPOCHS
    epoch, in_epoch = divmod(updates - 1, UPDATES)
    last = batches[epoch * per_epoch + (1 if in_epoch == 0 else 2)]
    return list(words[last + 1 :])


def test_the_diary_of_a_whole_run_is_as_expected(whole: list[tuple[object, ...]]) -> None:
    assert [word[:5] for word in whole[:5]] == [
        ("epoch", 0),
        ("batch", 0, 0, 0, 0),
        ("batch", 0, 1, 0, 0),
        ("batch", 0, 2, 1, 1),
        ("validation", 0, 2, 1),  # its rows are called 1: the update that ended the epoch is counted after it
    ]
    assert len(whole) == EPOCHS * 5


@pytest.mark.parametrize("updates", range(1, EPOCHS * UPDATES + 1))
def test_a_placed_run_does_what_the_whole_one_still_did(
    updates: int, whole: list[tuple[object, ...]], videos: Path
) -> None:
    diary = Diary(Position(updates=updates, updates_per_epoch=UPDATES))
    trainer = fit(videos, diary, updates_done=updates)
    assert diary.words == after(whole, updates)
    assert trainer.global_step == EPOCHS * UPDATES
    assert trainer.current_epoch == EPOCHS

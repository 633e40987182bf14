from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tests.train.report.material import some_validation
from videoswin.data.dataset import Batch, Clip, collate
from videoswin.errors import StorageError
from videoswin.train.module import Scores
from videoswin.train.report.keep import KeepScores
from videoswin.train.report.validation import NAME, Validation, read_validation


class Knows(LightningModule):
    """Gives every video the probabilities that a validation has for it."""

    def __init__(self, validation: Validation) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)  # Lightning wants something to train
        self.probabilities, _ = validation.of_all()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch

    def validation_step(self, batch: Batch) -> Scores | None:
        if len(batch) == 0:
            return None
        return Scores(batch.indices, batch.labels, self.probabilities[batch.indices])


class Batches(Dataset[Batch]):
    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return self.batches[index]


def batches_of(validation: Validation, indices: Sequence[Sequence[int]]) -> list[Batch]:
    """Of these videos each; the unreadable one is a bad video."""
    pixels = torch.zeros((1, 3, 1, 1, 1), dtype=torch.uint8)
    bad = {video.index: video for video in validation.bad}
    return [
        collate([bad.get(i) or Clip(index=i, label=validation.samples[i].label, pixels=pixels) for i in some])
        for some in indices
    ]


def keep(validation: Validation, output: Path, indices: Sequence[Sequence[int]]) -> None:
    """Validate the videos in batches, as often as `Trainer.validate` does: once."""
    kept = KeepScores(output, samples=validation.samples, labels=validation.labels, clip=validation.clip)
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[kept],
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        default_root_dir=output,
    )
    batches = Batches(batches_of(validation, indices))
    trainer.validate(Knows(validation), DataLoader(batches, batch_size=None), verbose=False)


@pytest.mark.parametrize("indices", [[[0, 1, 2, 3]], [[3], [2], [1], [0]], [[1, 3], [0, 2]]])
def test_every_video_is_kept_whatever_the_batches(tmp_path: Path, indices: list[list[int]]) -> None:
    validation = some_validation(tmp_path)
    keep(validation, tmp_path, indices)
    found = read_validation(tmp_path / NAME)
    assert (found.epoch, found.samples, found.bad) == (1, validation.samples, validation.bad)
    assert torch.equal(found.indices, validation.indices)
    assert torch.equal(found.probabilities, validation.probabilities)


def test_the_newest_validation_replaces_the_one_before(tmp_path: Path) -> None:
    validation = some_validation(tmp_path)
    keep(validation, tmp_path, [[0, 1, 2, 3]])
    first = (tmp_path / NAME).read_bytes()
    keep(replace(validation, probabilities=validation.probabilities.flip(1)), tmp_path, [[0, 1, 2, 3]])
    assert (tmp_path / NAME).read_bytes() != first
    keep(validation, tmp_path, [[2, 3], [0, 1]])
    assert (tmp_path / NAME).read_bytes() == first


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*gone/validation\.safetensors"):
        keep(some_validation(tmp_path), tmp_path / "gone", [[0, 1, 2, 3]])


OF_TWO = """
import sys
from pathlib import Path
from types import SimpleNamespace

import torch.distributed as dist

from tests.train.report.material import some_validation
from tests.train.report.test_keep import Knows, batches_of
from videoswin.train.report.keep import KeepScores

rank, folder = int(sys.argv[1]), Path(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
validation = some_validation(folder)
kept = KeepScores(folder, samples=validation.samples, labels=validation.labels, clip=validation.clip)
module, trainer = Knows(validation), SimpleNamespace(current_epoch=0)
kept.on_validation_start(trainer, module)
for batch in batches_of(validation, [[1], [3]] if rank == 0 else [[0], [2]]):
    kept.on_validation_batch_end(trainer, module, module.validation_step(batch), batch, 0)
kept.on_validation_end(trainer, module)
dist.destroy_process_group()
"""


def test_two_processes_keep_what_one_does(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    validation = some_validation(two)
    keep(validation, one, [[0, 1, 2, 3]])
    processes = [
        subprocess.Popen([sys.executable, "-c", OF_TWO, str(rank), str(two)], cwd=Path(__file__).parents[3])
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert (two / NAME).read_bytes() == (one / NAME).read_bytes()

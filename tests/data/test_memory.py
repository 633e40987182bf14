"""Twenty epochs of real videos, augmented and mixed, take no more memory than three."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from videoswin.data.annotations import Sample, read_annotations
from videoswin.data.augment import Augment
from videoswin.data.clips import train_look
from videoswin.data.dataset import ClipDataset, Look
from videoswin.data.loader import train_loader
from videoswin.data.mix import mix_batch
from videoswin.values import ClipSpec

CLIP = ClipSpec(num_frames=16, size=112, sampling="uniform")
AUGMENT = Augment(
    jitter_brightness=0.4, jitter_hue=0.1, randaugment_ops=2, erase_probability=0.25, mixup_alpha=0.8
)
NUM_EPOCHS = 20
WARM_UP = 3


def look(sample: Sample, random: np.random.Generator) -> Look:
    return train_look(sample.file, CLIP, AUGMENT, random)


def private_mib(process: int) -> float:
    """Memory that is the process's own, in MiB: what workers share with it, they did not take."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_is_flat_over_twenty_epochs(shared: Path) -> None:
    folder = shared / "data" / "actions" / "ceiling"
    annotations = read_annotations(folder / "train.csv")
    loader = train_loader(
        ClipDataset(annotations.samples, look, seed=0),
        global_batch=8,
        num_workers=2,
        seed=0,
        augment=AUGMENT,
    )
    taken = []
    for epoch in range(NUM_EPOCHS):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        batches = iter(loader)
        num_clips = sum(len(mix_batch(batch, num_classes=4)) for batch in batches)
        assert num_clips == len(annotations.samples)
        workers = [worker.pid for worker in batches._workers]  # type: ignore[attr-defined]
        taken.append([round(private_mib(process), 1) for process in (os.getpid(), *workers)])
    report = "\n".join(f"epoch {epoch}: {' '.join(map(str, sizes))} MiB" for epoch, sizes in enumerate(taken))
    print(report)  # for -s
    # The median of the later epochs: the allocator may keep one large block at any time, a leak grows on.
    warm, late = np.max(taken[:WARM_UP], axis=0), np.median(taken[WARM_UP:], axis=0)
    assert (late - warm).max() < 20, report

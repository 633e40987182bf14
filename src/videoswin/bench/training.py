"""How fast a model trains, and how many cores it takes to feed it: clips that are there already beside clips
that the training loader reads, over numbers of workers.

A step is that of training: transfer, mixing, forward, loss, backward, the gradient's norm, fused AdamW. On a
GPU waiting is the time in which it had nothing to do between two steps: the processor may run ahead of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from videoswin.bench.device import Mark, find_device, mark, seconds_between
from videoswin.bench.limit import TimeLimit
from videoswin.bench.machine import Machine, machine
from videoswin.bench.precisions import Precision, eager
from videoswin.bench.steps import num_sets
from videoswin.data.dataset import Batch
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, VideoSwin
from videoswin.threads import cores_shared_with
from videoswin.train import gradients
from videoswin.train.assemble import assemble
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.datamodule import Splits, VideoData, read_splits
from videoswin.values import ClipSpec

FED = 0.05
"""A device that waits for a smaller share of its time counts as fed."""


@dataclass(frozen=True, kw_only=True)
class TrainingBenchConfig:
    """What is measured."""

    data: str
    """Videos to train on, in any form that `videoswin train` takes."""
    variant: str = "swin_t"
    """A published size."""
    clip: ClipSpec = field(default_factory=ClipSpec)
    """How a clip is cut from a video."""
    batch_size: int = 8
    """Clips of a step."""
    workers: tuple[int, ...] = (1, 2, 4, 8)
    """Processes of the loader; 0 reads between the steps."""
    precision: Precision = "fp32"
    """fp32 or bf16."""
    compile_blocks: bool = False
    """Compile the blocks, as training does."""
    batches: int = 20
    """Timed steps of each."""
    warm_up: int = 3
    """Steps before them: the first compile, and find batches that were read while nothing was computed."""
    device: str = "cpu"
    """auto, cpu or cuda."""
    time_limit: float = 0.0
    """Seconds after which nothing new is begun; 0: none."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant is {self.variant!r}; allowed: {', '.join(VARIANTS)}")
        if self.precision not in ("fp32", "bf16"):
            raise ConfigError(f"precision is {self.precision!r}; allowed: fp32, bf16")
        for name in ("batch_size", "batches", "warm_up"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: 1 or more")
        if any(each < 0 for each in self.workers):
            raise ConfigError(f"workers are {list(self.workers)}; allowed: 0 or more each")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fed:
    """One feed. workers: None of clips that were on the device before. clips: what was trained on in the
    timed steps. waiting: the share of the time in which the device had no batch."""

    workers: int | None
    clips: int
    seconds: float
    waiting: float

    @property
    def clips_per_second(self) -> float:
        return self.clips / self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingBench:
    """feeds: the synthetic one, then the loader's by the number of workers."""

    machine: Machine
    device: str
    feeds: list[Fed]
    left_out: list[str]

    @property
    def enough_workers(self) -> int | None:
        """The fewest of those tried with which the device is fed; None if it is with none of them."""
        fed = [each.workers for each in self.feeds if each.workers is not None and each.waiting < FED]
        return min(fed, default=None)

    @property
    def expected_workers(self) -> int | None:
        """How many it would take if each made as many clips as one of the most that were tried did."""
        loaders = [each for each in self.feeds if each.workers]
        if not loaders:
            return None
        most = max(loaders, key=lambda each: each.workers or 0)
        assert most.workers
        return math.ceil(self.feeds[0].clips_per_second / (most.clips_per_second / most.workers))


def run(config: TrainingBenchConfig) -> Iterator[tuple[str, TrainingBench | None]]:
    """Measure; yields (what is done now, None), at last with the results. Raises ConfigError,
    AnnotationError."""
    limit, device = TimeLimit(config.time_limit), find_device(config.device)
    before = machine(device)
    yield "read the list of videos", None
    splits = read_splits(DataConfig(train=config.data), known_labels=(), seed=0)
    training = _Training(config, splits, device)
    feeds = []
    for workers in (None, *sorted(config.workers)):
        name = "synthetic clips" if workers is None else f"{workers} workers"
        if limit.allows(name):
            yield name, None
            with cores_shared_with(workers or 0, processes=1):
                feeds.append(training.fed(workers, limit))
    yield (
        "done",
        TrainingBench(machine=before, device=device.type, feeds=feeds, left_out=limit.left_out),
    )


class _Training:
    """A model in training on whatever it is fed."""

    def __init__(self, config: TrainingBenchConfig, splits: Splits, device: torch.device) -> None:
        self._config, self._splits, self._device = config, splits, device
        self._autocast = eager(device)[config.precision].autocast
        num_classes = len(splits.labels)
        plan = TrainConfig(data=DataConfig(train=config.data), compile_blocks=config.compile_blocks)
        model = VideoSwin(
            replace(VARIANTS[config.variant], num_classes=num_classes),
            drop_path_rate=plan.drop_path_rate,
            head_dropout=plan.head_dropout,
        )
        self._module = assemble(
            plan,
            model.to(device),
            samples=splits.train,
            num_classes=num_classes,
            is_multi_label=splits.is_multi_label,
            clip=config.clip,
            factor=lambda update: 1.0,
            micro_batch=config.batch_size,
            folder=Path(),  # written to only for a loss that is not finite, which nobody looks at here
        ).train()
        self._highest_norm = plan.optimizer.max_gradient_norm
        self._augment = plan.augment
        self._optimizer = self._module.configure_optimizers()["optimizer"]

    def fed(self, workers: int | None, limit: TimeLimit) -> Fed:
        """workers: of the loader; None feeds random clips."""
        data = self._data(workers or 0)
        batches = iter(data.train_dataloader()) if workers is not None else self._synthetic()
        spans: list[tuple[Mark, Mark]] = []
        clips = 0
        for number in range(self._config.warm_up + self._config.batches):
            if number > self._config.warm_up and limit.seconds_left <= 0:
                limit.leave_out(f"steps from {number + 1} on, {workers} workers", "no time left")
                break
            batch = next(batches)
            begin = mark(self._device)
            self._step(data, batch)
            spans.append((begin, mark(self._device)))
            clips += len(batch) if number >= self._config.warm_up else 0
        timed = spans[self._config.warm_up - 1 :]  # from the end of the last step of the warm-up
        waits = (seconds_between(end, begin) for (_, end), (begin, _) in itertools.pairwise(timed))
        seconds = seconds_between(timed[0][1], timed[-1][1])
        return Fed(workers=workers, clips=clips, seconds=seconds, waiting=sum(waits) / seconds)

    def _data(self, workers: int) -> VideoData:
        """The data of training, with its videos as often as one epoch of all steps needs them."""
        needed = self._config.batch_size * (self._config.warm_up + self._config.batches)
        train = list(itertools.islice(itertools.cycle(self._splits.train), needed))
        return VideoData(
            replace(self._splits, train=train),
            clip=self._config.clip,
            augment=self._augment,
            global_batch=self._config.batch_size,
            micro_batch=self._config.batch_size,
            num_workers=workers,
            seed=0,
        )

    def _synthetic(self) -> Iterator[Batch]:
        """Random clips on the device, uint8 as the loader's, several batches in turn."""
        size, clip = self._config.batch_size, self._config.clip
        shape = (size, 1, 3, clip.num_frames, clip.size, clip.size)
        labels = torch.arange(size) % len(self._splits.labels)
        if self._splits.is_multi_label:
            labels = torch.nn.functional.one_hot(labels, len(self._splits.labels)).float()
        indices = torch.arange(size) % len(self._splits.train)
        batches = [
            Batch(
                clips=torch.randint(0, 256, shape, dtype=torch.uint8, device=self._device),
                labels=labels.to(self._device),
                indices=indices,
                bad=(),
            )
            for _ in range(num_sets(math.prod(shape)))
        ]
        return itertools.cycle(batches)

    def _step(self, data: VideoData, batch: Batch) -> None:
        assert self._autocast is not None
        batch = data.transfer_batch_to_device(batch, self._device, 0)
        batch = data.on_after_batch_transfer(batch, 0)
        with self._autocast():
            loss = self._module.training_step(batch, 0)
        if loss is None:
            return  # not one of its videos could be read
        loss.backward()
        found = gradients.gradients_of(self._module.parameters())
        total = gradients.norm(found)
        if self._highest_norm:
            gradients.limit(found, total=total, highest=self._highest_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

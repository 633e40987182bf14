"""Loaders whose clips and order depend on (seed, epoch, index) alone, for any number of workers and ranks."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from videoswin.data.augment import Augment
from videoswin.data.dataset import BadVideo, Clip, ClipDataset, collate
from videoswin.data.mix import PAIR, collate_mixed
from videoswin.errors import ConfigError

PLAIN = Augment()
"""Nothing is mixed."""

Key = tuple[int, int]
"""(epoch, index in the data set)."""


def shuffled(num_samples: int, *, seed: int, epoch: int) -> list[int]:
    """The order of an epoch: every index once."""
    # The fourth number keeps it apart from the (seed, epoch, index) of the clips; a missing one counts as 0.
    order: list[int] = np.random.default_rng((seed, epoch, 0, 1)).permutation(num_samples).tolist()
    return order


class UpdateSampler(Sampler[list[Key]]):
    """Yields the micro-batches of one rank: the clips of each update, dealt to the ranks, in portions that
    fit into memory.

    An update takes the next `global_batch` samples of the epoch's order, the last of an epoch what is left:
    no sample is dropped or repeated. They are dealt to the ranks in turns of `group` samples, so that
    neighbours which are mixed stay together. All ranks take as many micro-batches; where the samples of an
    update don't divide, the last of a rank may be smaller, even empty.

    `updates_done` since training began is all it takes to go on, with any number of ranks and any
    micro-batch.
    """

    def __init__(
        self,
        num_samples: int,
        *,
        global_batch: int,
        micro_batch: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        group: int = 1,
        updates_done: int = 0,
    ) -> None:
        assert 0 <= rank < world_size, (rank, world_size)
        for name, size in (("global_batch", global_batch), ("micro_batch", micro_batch)):
            if size % group:
                raise ConfigError(f"{name} is {size}; allowed with mixup or CutMix: an even number")
        self._num_samples = num_samples
        self._global_batch = global_batch
        self._micro_batch = micro_batch
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._group = group
        self._first_epoch, self._skipped = divmod(updates_done, max(self.updates_per_epoch, 1))
        self.epoch = self._first_epoch
        self.sampler = self  # where Lightning looks for set_epoch

    @property
    def updates_per_epoch(self) -> int:
        return math.ceil(self._num_samples / self._global_batch)

    @property
    def accumulate(self) -> int:
        """Micro-batches of a full update."""
        return self._num_portions(self._global_batch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is of."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        order = shuffled(self._num_samples, seed=self._seed, epoch=self.epoch)
        first = self._skipped if self.epoch == self._first_epoch else 0
        for start in range(first * self._global_batch, self._num_samples, self._global_batch):
            yield from self._portions(order[start : start + self._global_batch])

    def __len__(self) -> int:
        """Micro-batches of a whole epoch, also when the first one is entered in its middle."""
        full, rest = divmod(self._num_samples, self._global_batch)
        return full * self.accumulate + (self._num_portions(rest) if rest else 0)

    def _portions(self, samples: list[int]) -> Iterator[list[Key]]:
        """This rank's micro-batches of an update."""
        turn = self._group * self._world_size
        first = self._group * self._rank
        own = [i for start in range(first, len(samples), turn) for i in samples[start : start + self._group]]
        for portion in range(self._num_portions(len(samples))):
            start = portion * self._micro_batch
            yield [(self.epoch, index) for index in own[start : start + self._micro_batch]]

    def _num_portions(self, num_samples: int) -> int:
        """What the rank with the most samples, the first, needs."""
        turns, rest = divmod(num_samples, self._group * self._world_size)
        most = turns * self._group + min(rest, self._group)
        return math.ceil(most / self._micro_batch)


class EverySampleOnce(Sampler[list[Key]]):
    """Yields the batches of one rank in order, epoch 0: every sample once over all ranks, dealt in turns,
    none padded or repeated. All ranks have as many batches, since they may have to meet in each; the last of
    a rank may be smaller, even empty."""

    def __init__(self, num_samples: int, *, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        assert 0 <= rank < world_size, (rank, world_size)
        self._own = range(rank, num_samples, world_size)
        self._batch_size = batch_size
        self._num_batches = math.ceil(math.ceil(num_samples / world_size) / batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        for start in range(0, self._num_batches * self._batch_size, self._batch_size):
            yield [(0, index) for index in self._own[start : start + self._batch_size]]

    def __len__(self) -> int:
        return self._num_batches


def train_loader(
    dataset: ClipDataset,
    *,
    global_batch: int,
    num_workers: int,
    seed: int,
    micro_batch: int | None = None,
    augment: Augment = PLAIN,
    rank: int = 0,
    world_size: int = 1,
    updates_done: int = 0,
    prefetch: int = 2,
    pin_memory: bool = False,
) -> DataLoader[Clip | BadVideo]:
    """Yields `Batch` in a new order each epoch; call `loader.batch_sampler.set_epoch` before each.

    The sizes are UpdateSampler's; micro_batch None: all samples of an update that are this rank's. augment:
    whether and how clips are mixed in pairs; `mix_batch` does it, and the sizes must be even. prefetch:
    batches that each worker reads ahead, see prefetch.py. Raises ConfigError for an odd size.
    """
    sampler = UpdateSampler(
        len(dataset),
        global_batch=global_batch,
        micro_batch=global_batch if micro_batch is None else micro_batch,
        seed=seed,
        rank=rank,
        world_size=world_size,
        group=PAIR if augment.has_mix else 1,
        updates_done=updates_done,
    )
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=num_workers,
        collate_fn=partial(collate_mixed, augment=augment, seed=seed) if augment.has_mix else collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
        prefetch_factor=prefetch if num_workers else None,
    )


def eval_loader(
    dataset: ClipDataset,
    *,
    batch_size: int,
    num_workers: int,
    rank: int = 0,
    world_size: int = 1,
    prefetch: int = 2,
    pin_memory: bool = False,
) -> DataLoader[Clip | BadVideo]:
    """Yields `Batch` with every sample once, in order, over several ranks each on one of them (see
    EverySampleOnce)."""
    return DataLoader(
        dataset,
        batch_sampler=EverySampleOnce(len(dataset), batch_size=batch_size, rank=rank, world_size=world_size),
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
        prefetch_factor=prefetch if num_workers else None,
    )


def _start_worker(worker: int) -> None:
    """Leave stopping to the main process, which saves first: a signal to the whole group must not take
    workers away under it. One thread each, since the workers themselves fill the cores."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)

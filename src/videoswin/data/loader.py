"""Loaders whose clips and order depend on (seed, epoch, index) alone, for any number of workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from videoswin.data.dataset import BadVideo, Clip, ClipDataset, collate


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for one rank.

    Shuffled: a new order each epoch, from (seed, epoch); where the samples don't divide among the ranks, the
    last few of that epoch's order are left out, so that all ranks take as many steps. Not shuffled: every
    sample exactly once over all ranks, none padded or repeated; ranks may differ by one sample.
    """

    def __init__(
        self, num_samples: int, *, seed: int, shuffle: bool, rank: int = 0, world_size: int = 1
    ) -> None:
        assert 0 <= rank < world_size, (rank, world_size)
        self._num_samples = num_samples
        self._seed = seed
        self._shuffle = shuffle
        self._rank = rank
        self._world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is of."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self._num_samples)
        if self._shuffle:
            # The fourth number keeps it apart from the (seed, epoch, index) of the clips; a missing one
            # counts as 0.
            order = np.random.default_rng((self._seed, self.epoch, 0, 1)).permutation(order)
            order = order[: self._num_samples - self._num_samples % self._world_size]
        for index in order[self._rank :: self._world_size].tolist():
            yield self.epoch, index

    def __len__(self) -> int:
        if self._shuffle:
            return self._num_samples // self._world_size
        return len(range(self._rank, self._num_samples, self._world_size))


def train_loader(
    dataset: ClipDataset,
    *,
    batch_size: int,
    num_workers: int,
    seed: int,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader[Clip | BadVideo]:
    """Yields `Batch` in a new order each epoch; call `loader.sampler.set_epoch` before each. The last may be
    smaller."""
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=True, rank=rank, world_size=world_size)
    return _loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers, pin_memory=pin_memory)


def eval_loader(
    dataset: ClipDataset,
    *,
    batch_size: int,
    num_workers: int,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader[Clip | BadVideo]:
    """Yields `Batch` with every sample once, in order; over several ranks each sample on one of them."""
    sampler = EpochSampler(len(dataset), seed=0, shuffle=False, rank=rank, world_size=world_size)
    return _loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers, pin_memory=pin_memory)


def _loader(
    dataset: ClipDataset, sampler: EpochSampler, *, batch_size: int, num_workers: int, pin_memory: bool
) -> DataLoader[Clip | BadVideo]:
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
    )


def _start_worker(worker: int) -> None:
    """Leave stopping to the main process, which saves first: a signal to the whole group must not take
    workers away under it. One thread each, since the workers themselves fill the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)

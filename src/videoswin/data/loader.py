"""Loaders whose clips and order depend on (seed, epoch, index) alone, for any number of workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from videoswin.data.augment import Augment
from videoswin.data.dataset import BadVideo, Clip, ClipDataset, collate
from videoswin.data.mix import PAIR, collate_mixed
from videoswin.data.sampling import IntArray
from videoswin.errors import ConfigError

PLAIN = Augment()
"""Nothing is mixed."""


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for one rank.

    Shuffled: a new order each epoch, from (seed, epoch); where the samples don't divide among the ranks, the
    last few of that epoch's order are left out, so that all ranks take as many steps. Not shuffled: every
    sample exactly once over all ranks, none padded or repeated; ranks may differ by one sample.

    The order is dealt to the ranks in turns of `group` samples, so that neighbours which are mixed stay
    together. `num_done` is all it takes to go on: the samples of all ranks since training began.
    """

    def __init__(
        self,
        num_samples: int,
        *,
        seed: int,
        shuffle: bool,
        rank: int = 0,
        world_size: int = 1,
        group: int = 1,
        num_done: int = 0,
    ) -> None:
        assert 0 <= rank < world_size, (rank, world_size)
        self._num_samples = num_samples
        self._seed = seed
        self._shuffle = shuffle
        self._rank = rank
        self._world_size = world_size
        self._group = group
        self._num_done = num_done
        self.epoch = num_done // max(self.samples_per_epoch, 1)
        turn = world_size * group
        if self._start() % turn:
            raise ConfigError(
                f"{num_done} samples are done, {self._start()} of them in epoch {self.epoch}, which "
                f"{world_size} ranks can't have shared; allowed: a multiple of {turn} in an epoch"
            )

    @property
    def samples_per_epoch(self) -> int:
        """Of all ranks together."""
        turn = self._world_size * self._group
        is_cut = self._shuffle and self._world_size > 1
        return self._num_samples - self._num_samples % turn if is_cut else self._num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is of."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self._num_samples)
        if self._shuffle:
            # The fourth number keeps it apart from the (seed, epoch, index) of the clips; a missing one
            # counts as 0.
            order = np.random.default_rng((self._seed, self.epoch, 0, 1)).permutation(order)
        for index in order[self._places()].tolist():
            yield self.epoch, index

    def __len__(self) -> int:
        """Of the epoch that is chosen."""
        return len(self._places())

    def _places(self) -> IntArray:
        """Of this rank in the order of the epoch."""
        places = np.arange(self._start(), self.samples_per_epoch)
        own: IntArray = places[places // self._group % self._world_size == self._rank]
        return own

    def _start(self) -> int:
        """Samples of all ranks that are done of the chosen epoch."""
        first, start = divmod(self._num_done, max(self.samples_per_epoch, 1))
        return start if self.epoch == first else 0


def train_loader(
    dataset: ClipDataset,
    *,
    batch_size: int,
    num_workers: int,
    seed: int,
    augment: Augment = PLAIN,
    rank: int = 0,
    world_size: int = 1,
    num_done: int = 0,
    prefetch: int = 2,
    pin_memory: bool = False,
) -> DataLoader[Clip | BadVideo]:
    """Yields `Batch` in a new order each epoch; call `loader.sampler.set_epoch` before each. The last may be
    smaller.

    augment: whether and how clips are mixed in pairs; `mix_batch` does it. Then batch_size must be even.
    num_done: samples of all ranks since training began, to go on in the middle of an epoch. prefetch: batches
    that each worker reads ahead, see prefetch.py. Raises ConfigError for an odd batch_size or num_done.
    """
    if augment.has_mix and batch_size % PAIR:
        raise ConfigError(f"batch_size is {batch_size}; allowed with mixup or CutMix: an even number")
    sampler = EpochSampler(
        len(dataset),
        seed=seed,
        shuffle=True,
        rank=rank,
        world_size=world_size,
        group=PAIR if augment.has_mix else 1,
        num_done=num_done,
    )
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
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
    """Yields `Batch` with every sample once, in order; over several ranks each sample on one of them."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=EpochSampler(len(dataset), seed=0, shuffle=False, rank=rank, world_size=world_size),
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)

"""No process of a job waits for ever for one that is dead or stuck: every one counts its progress where all
can see it, and when one no longer moves the others say which and end with exit code 8.

A killed process closes its connections, so the others' next exchange fails at once, and what it has counted
tells whose it was. A stopped or stuck one keeps the others waiting in an exchange that would end after the
backend's own, longer, timeout; a thread beside each training looks for it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store, _get_default_store

from videoswin.data.dataset import Batch
from videoswin.errors import RankLostError, VideoSwinError

BEAT_SECONDS = 0.5
_STORE_SECONDS = 5.0
SETTLE_SECONDS = 4.0
"""After a failed exchange: until it is clear which process beats no more."""

logger = logging.getLogger(__name__)


class RankWatch(Callback):
    """Beats for this process and listens to the others, from the start of the training to its end.

    timeout_seconds: a process that makes no progress for so long, while the others wait, is stuck.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.progress = 0
        self.pulse: _Pulse | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size > 1:
            store = _get_default_store()
            self.pulse = _Pulse(
                store, rank=trainer.global_rank, world_size=trainer.world_size, progress=lambda: self.progress
            )
            self.pulse.start(timeout_seconds=self.timeout_seconds)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.progress += 1

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self.progress += 1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self.progress += 1

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.progress += 1

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress += 1

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Raises RankLostError in place of what an exchange with a lost process raised."""
        if self.pulse is None:
            return
        if isinstance(exception, VideoSwinError | KeyboardInterrupt):
            self.pulse.say(str(exception))
        elif isinstance(exception, RuntimeError):
            lost = self.pulse.find_lost()
            self.pulse.end()
            if lost:
                raise RankLostError(lost) from exception
        self.pulse.end()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.pulse is not None:
            self.pulse.end()


class _Pulse:
    """The threads' side. Every process writes `beat/RANK` = beats, progress; and reads all the others'."""

    def __init__(self, store: Store, *, rank: int, world_size: int, progress: Callable[[], int]) -> None:
        # Threads must not share a connection: a request that waits would hold up the training's own.
        self._writing, self._reading = (_own_connection(store) for _ in range(2))
        self._rank, self._world_size, self._progress = rank, world_size, progress
        self._ended = threading.Event()
        self._writing.set(f"who/{rank}", f"{socket.gethostname()} {os.getpid()}")

    def start(self, *, timeout_seconds: float) -> None:
        for work in (self._beat, lambda: self._listen(timeout_seconds)):
            threading.Thread(target=work, daemon=True).start()

    def end(self) -> None:
        self._ended.set()

    def say(self, message: str) -> None:
        """Leave the reason of this process's end for the others."""
        self._writing.set(f"said/{self._rank}", message)

    def find_lost(self) -> str:
        """After a failed exchange: which process is gone, in one line; empty if all still beat."""
        before = self._beats()
        time.sleep(SETTLE_SECONDS)
        after = self._beats()
        for rank in range(self._world_size):
            if rank != self._rank and (rank not in after or after[rank][0] == before.get(rank, (-1, 0))[0]):
                return self._describe(rank, "is gone")
        return ""

    def _beat(self) -> None:
        count = 0
        while not self._ended.wait(BEAT_SECONDS):
            count += 1
            try:
                self._writing.set(f"beat/{self._rank}", f"{count} {self._progress()}")
            except (RuntimeError, OSError):
                return  # process 0, which keeps the store, has ended; the training's own exchange will tell

    def _listen(self, timeout_seconds: float) -> None:
        """Ends this process, whatever it is in, when another has not moved for the timeout."""
        newest: dict[int, int] = {}
        moved = dict.fromkeys(range(self._world_size), time.monotonic())
        answered = time.monotonic()
        while not self._ended.wait(BEAT_SECONDS):
            beats = self._beats()
            if beats:
                answered = time.monotonic()
            elif time.monotonic() - answered > timeout_seconds:
                self._give_up(self._describe(0, f"is stuck: no answer for {timeout_seconds:g} s"))
            for rank, (_, progress) in beats.items():
                if newest.get(rank) != progress:
                    newest[rank], moved[rank] = progress, time.monotonic()
            slowest = min(newest, key=lambda rank: newest[rank], default=self._rank)
            is_behind = newest.get(slowest, 0) < newest.get(self._rank, 0)
            if slowest != self._rank and is_behind and time.monotonic() - moved[slowest] > timeout_seconds:
                self._give_up(self._describe(slowest, f"is stuck: no progress for {timeout_seconds:g} s"))

    def _give_up(self, message: str) -> None:
        """The training waits inside an exchange that no exception can reach: say why, and leave."""
        logger.error(f"error: {message}")
        faulthandler.dump_traceback(file=sys.stderr)
        sys.stderr.flush()
        os._exit(RankLostError.exit_code)

    def _beats(self) -> dict[int, tuple[int, int]]:
        """(beats, progress) of every process that has begun; nothing when process 0 is gone."""
        found = {}
        try:
            for rank in range(self._world_size):
                if self._reading.check([f"beat/{rank}"]):
                    count, progress = self._reading.get(f"beat/{rank}").split()
                    found[rank] = (int(count), int(progress))
        except (RuntimeError, OSError):
            return {}
        return found

    def _describe(self, rank: int, what: str) -> str:
        who = f"rank {rank}"
        try:
            host, pid = self._reading.get(f"who/{rank}").decode().split()
            who = f"rank {rank} (pid {pid} on {host})"
            if self._reading.check([f"said/{rank}"]):
                return f"{who} has ended: {self._reading.get(f'said/{rank}').decode()}"
        except (RuntimeError, OSError):
            pass  # the store went with rank 0: its number is all there is to say
        return f"{who} {what}; continue with the same command from the newest checkpoint"


def _own_connection(store: Store) -> Store:
    """Of a thread, to where the job's processes met (process 0), with short patience."""
    connection: Store = store.clone()  # type: ignore[attr-defined] # newer than its stubs
    connection.set_timeout(timedelta(seconds=_STORE_SECONDS))
    return PrefixStore("videoswin", connection)

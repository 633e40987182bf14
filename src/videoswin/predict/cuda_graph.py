"""Small batches on a GPU: what the model launches is recorded once for each shape and replayed as one launch.

A clip or a few of them keep a GPU busy for less time than a processor takes to launch their hundreds of
kernels one by one. A large batch hides that; it runs as usual.

B clips, T H W frames and pixels, K classes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

LARGEST_BATCH = 8
"""Clips. Above it launching is hidden by computing [estimated, not measured]."""
KEPT_SHAPES = 4
"""Recordings that are kept: each holds the memory of its shape's activations."""
WARM_UPS = 2
"""Passes before the recording, in which libraries choose kernels and take their workspaces."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """clips (B, 3, T, H, W) and logits (B, K): the memory that it always reads and writes. replay: computes
    logits from clips."""

    clips: Tensor
    logits: Tensor
    replay: Callable[[], None]

    def __call__(self, clips: Tensor) -> Tensor:
        """The logits of other clips of this shape, in memory of their own."""
        self.clips.copy_(clips, non_blocking=True)
        self.replay()
        return self.logits.clone()


Record = Callable[[nn.Module, Tensor], Recording]


class Replayed(nn.Module):
    """`model` in inference. A shape is recorded when it comes the second time, so that one which comes once,
    as a last smaller batch may, costs nothing; of more than KEPT_SHAPES the one that was used longest ago is
    forgotten. Larger batches than LARGEST_BATCH, and whatever needs gradients, run as usual.

    The weights must stay in place: a recording reads them where they were.
    """

    def __init__(self, model: nn.Module, *, record: Record | None = None) -> None:
        """record: of a model and clips, on CUDA `RecordOnCuda`."""
        super().__init__()
        self.model = model
        self._record = RecordOnCuda() if record is None else record
        self._seen: OrderedDict[tuple[torch.Size, torch.dtype], Recording | None] = OrderedDict()

    def forward(self, clips: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> logits (B, K)."""
        if len(clips) > LARGEST_BATCH or torch.is_grad_enabled():
            return self.model(clips)  # type: ignore[no-any-return]
        key = (clips.shape, clips.dtype)
        is_new = key not in self._seen
        recording = self._seen.pop(key, None)
        if recording is None and not is_new:
            recording = self._record(self.model, clips)
        self._seen[key] = recording  # the last one used
        while len(self._seen) > KEPT_SHAPES:
            self._seen.popitem(last=False)
        return self.model(clips) if recording is None else recording(clips)


class RecordOnCuda:
    """Records CUDA graphs that share their memory: they never run at the same time, and what one leaves is
    copied before the next begins."""

    def __init__(self) -> None:
        self._pool: Any = None  # torch has no public name for the type of a pool

    def __call__(self, model: nn.Module, clips: Tensor) -> Recording:
        """clips: on the GPU of the model."""
        own = clips.clone()
        with torch.cuda.device(clips.device):
            self._warm_up(model, own)
            graph = torch.cuda.CUDAGraph()
            # thread_local: what other threads do meanwhile, as a loader that pins memory, is no part of this.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                logits = model(own)
            self._pool = graph.pool()
        return Recording(clips=own, logits=logits, replay=graph.replay)

    def _warm_up(self, model: nn.Module, clips: Tensor) -> None:
        """On another stream, as recording does."""
        stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                model(clips)
        current.wait_stream(stream)

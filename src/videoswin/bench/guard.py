"""The regression guard: `boxes` must stay faster than `reference`, by a ratio that any machine has.

One thread and CPU time: what else the machine does then hardly moves the ratio.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from videoswin.bench.arms import ArmsConfig, arms, build
from videoswin.bench.steps import STEPS, Mode, Step, random_clips
from videoswin.errors import VideoSwinError

SIZE = (16, 112, 112)
LEAST_TIMES_FASTER: dict[Mode, float] = {"inference": 1.3, "training": 1.1}
"""Far below what was measured (docs/results.md)."""


class SlowerError(VideoSwinError):
    """The fast attention is not clearly faster than the reference, or does not compute the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One mode. times_faster: CPU time of `reference` over that of `boxes`, of the fastest rounds of each."""

    mode: Mode
    times_faster: float
    is_same: bool

    @property
    def is_good(self) -> bool:
        return self.is_same and self.times_faster >= LEAST_TIMES_FASTER[self.mode]

    def __str__(self) -> str:
        result = "" if self.is_same else ", but with another result"
        return (
            f"{self.mode}: boxes is {self.times_faster:.2f} times faster than reference{result}; "
            f"allowed: at least {LEAST_TIMES_FASTER[self.mode]}"
        )


def guard(*, rounds: int) -> list[Checked]:
    """Swin-T on one clip of 16x112x112, in every mode."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    checked = [_measure(mode, rounds) for mode in LEAST_TIMES_FASTER]
    torch.set_num_threads(threads)
    return checked


def check(checked: Sequence[Checked]) -> None:
    """Raise SlowerError, naming what is wrong, unless all are good."""
    bad = [str(each) for each in checked if not each.is_good]
    if bad:
        raise SlowerError("; ".join(bad))


def _measure(mode: Mode, rounds: int) -> Checked:
    config = ArmsConfig(ours=("reference", "boxes"))
    clips = random_clips(1, SIZE)
    both = arms(config, mode)
    reference, boxes = (STEPS[mode](build(config, arm), arm.arithmetic) for arm in both)
    expected, found = reference(clips), boxes(clips)
    tolerance = both[0].arithmetic.tolerance * float(expected.abs().max())
    pairs = [(_cpu_seconds(reference, clips), _cpu_seconds(boxes, clips)) for _ in range(rounds)]
    # The fastest of the rounds: other work on the machine only ever makes a round slower.
    slow, fast = (min(seconds) for seconds in zip(*pairs, strict=True))
    return Checked(
        mode=mode,
        times_faster=slow / fast,
        is_same=float((found - expected).abs().max()) <= tolerance,
    )


def _cpu_seconds(step: Step, clips: Tensor) -> float:
    start = time.process_time()
    step(clips)
    return time.process_time() - start
